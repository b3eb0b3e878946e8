"""From findings to one status an option, whatever the order in which a case says things."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg_builder.derivation.answer import Answer
from kg_builder.derivation.case import read_case

EXCLUDES: dict[str, Any] = {"comorbidities": ["frail"]}
FULL: dict[str, Any] = {"susceptibility": {"beta": "R"}}
PARTIAL: dict[str, Any] = {"susceptibility": {"beta": "I"}}


def test_excluded_goes_before_all(world: Any) -> None:
    assert world.status("beta", **EXCLUDES, **FULL) == "excluded"
    parts = {"comorbidities": ["frail"], "alterations": ["GEN:M4V"], "failed": ["alpha"], "mode": "acquired loss"}
    assert ("fitness-cost", "retains", None) in world.said("alpha", **parts)
    assert world.status("alpha", **parts) == "excluded"


def test_full_goes_before_partial(world: Any) -> None:
    # beta: partial by score with M4V, full by the result
    assert world.status("beta", alterations=["GEN:M4V"], **FULL) == "not-active"
    assert world.status("beta", alterations=["GEN:M4V"]) == world.status("beta", **PARTIAL) == "partial"


def test_retained_needs_full_inactivity(world: Any) -> None:
    weak = {"comorbidities": ["second infection"]}
    assert world.status("betatwo", susceptibility={"betatwo": "R"}, **weak) == "retained"
    assert world.status("betatwo", susceptibility={"betatwo": "I"}, **weak) == "partial"
    assert world.status("betatwo", **weak) == "active"


def test_a_result_s_never_overrides_resistance(world: Any) -> None:
    assert world.status("alpha", alterations=["GEN:M4I"], susceptibility={"alpha": "S"}) == "not-active"
    assert world.status("alpha", alterations=["GEN:K2R"], susceptibility={"alpha": "S"}) == "partial"
    assert world.status("epsilon", alterations=["GEN:S8F"], susceptibility={"epsilon": "S"}) == "not-active"


def test_favours_never_override(world: Any) -> None:
    directed = {"alterations": ["GENC:A100H"]}
    assert ("marker-directed", "favours", None) in world.said("mu", **directed, susceptibility={"mu": "R"})
    assert world.status("mu", **directed, susceptibility={"mu": "R"}) == "not-active"
    assert world.status("mu", **directed, failed=["mu"]) == "excluded"
    assert world.status("alphatwo", susceptibility={"alphatwo": "R"}) == "not-active"
    assert ("genetic-barrier", "favours", None) in world.said("alphatwo", susceptibility={"alphatwo": "R"})


def test_only_active_options_have_a_rank_and_ranks_are_dense(world: Any) -> None:
    for parts in ({}, FULL, EXCLUDES, {"failed": ["alpha", "gamma"], "alterations": ["GEN:M4V"]}):
        answer = world.answer(**parts)
        for options in (answer.agents, answer.modalities):
            assert [o.rank for o in options if o.status == "active"] == list(
                range(1, sum(o.rank is not None for o in options) + 1)
            )
            assert all((o.rank is not None) == (o.status == "active") for o in options)


def test_options_stand_in_the_order_of_their_status(world: Any) -> None:
    parts = {"failed": ["alpha"], "mode": "acquired loss", "alterations": ["GEN:M4V", "GEN:T9A"]}
    order = {"active": 0, "partial": 1, "retained": 2, "not-active": 3, "excluded": 4}
    statuses = [order[o.status] for o in world.answer(**parts).agents]
    assert statuses == sorted(statuses)
    assert set(statuses) == {0, 1, 2, 3, 4} - ({1} if 1 not in statuses else set())


def test_every_candidate_has_one_status(world: Any) -> None:
    parts = {"failed": ["alpha/booster", "stranger"], "alterations": ["GEN:M4V"], "eGFR": 20, "sequenced": ["GENC"]}
    triples = world.graph(**parts)
    candidates = set(world.values(triples, "candidateIn"))
    concluded = world.values(triples, "concludedIn")
    agents = [world.values(triples, "aboutAgent")[node][0] for node in concluded]
    assert sorted(agents) == sorted(candidates)
    assert all(len(words) == 1 for node, words in world.values(triples, "hasStatus").items() if node in concluded)


# --- what must not matter ------------------------------------------------------------------------


def gist(answer: Answer) -> dict[str, Any]:
    """Return all of an answer that no pointer goes into: hashes and places of facts left out."""
    return {
        "goal": answer.goal,
        "options": [
            (o.name, o.status, o.rank, o.rank_keys,
             sorted((f.code, f.effect, f.degree or "", f.rule, f.sources) for f in o.findings))
            for o in (*answer.agents, *answer.modalities)
        ],
        "actions": [a.name for a in answer.actions],
        "warnings": [(w.name, w.agents) for w in answer.warnings],
        "missing": [(m.test, m.would_change) for m in answer.missing],
    }  # fmt: skip


RICH: dict[str, Any] = {
    "id": "rich",
    "disease": "testitis",
    "failure": {"mode": "acquired loss", "line": 2, "failed_regimens": [["alpha", "soother"], ["gamma", "alpha/beta"]]},
    "findings": {
        "alterations": ["GEN:M4V", "GEN:L3P", "GEN:K2KR", "GENB:A3T", "GENC:A5V"],
        "sequenced": ["GEN", "GENB", "GEND"],
        "susceptibility": {"epsilon": "I", "gammatwo": "S", "pi": "R"},
        "site": "chest site",
        "imaging": ["shadow"],
    },
    "patient": {
        "comorbidities": ["arm weakness", "frail"],
        "comedications": ["inda mix", "indb", "alpha/booster"],
        "eGFR": 25,
    },
}


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_order_of_the_input_does_not_matter(world: Any, data: st.DataObject) -> None:
    def shuffle(value: Any) -> Any:
        if isinstance(value, list):
            return [shuffle(v) for v in data.draw(st.permutations(value))]
        if isinstance(value, dict):
            return {k: shuffle(v) for k, v in data.draw(st.permutations(list(value.items())))}
        return value

    expected = gist(world.kg.options(read_case(RICH, path="case")))
    assert gist(world.kg.options(read_case(shuffle(RICH), path="case"))) == expected


def test_the_same_case_gives_the_same_bytes(world: Any) -> None:
    _, other = world.fresh()
    case = read_case(RICH, path="case")
    first = world.kg.options(case).model_dump_json()
    assert world.kg.options(case).model_dump_json() == first
    assert other.options(case).model_dump_json() == first
    assert world.kg.options_graph(case) == other.options_graph(case)


@pytest.mark.parametrize(
    "base", [{}, {"failed": ["alpha"], "mode": "acquired loss", "alterations": ["GEN:M4V"]}, EXCLUDES]
)
def test_an_alteration_that_nothing_is_known_of_changes_nothing(world: Any, base: dict[str, Any]) -> None:
    more = {**base, "alterations": [*base.get("alterations", []), "GENB:D5E"]}
    assert gist(world.answer(**more)) == gist(world.answer(**base))


@pytest.mark.parametrize(
    "base", [{}, {"failed": ["alpha"], "mode": "acquired loss", "alterations": ["GEN:M4V"]}, {"eGFR": 20}]
)
@pytest.mark.parametrize(
    "extra", [{"comedications": ["stranger"]}, {"comorbidities": ["bystander complaint"]}], ids=["drug", "disease"]
)
def test_an_unrelated_comedication_or_comorbidity_changes_no_status(
    world: Any, base: dict[str, Any], extra: dict[str, Any]
) -> None:
    assert gist(world.answer(**base, **extra)) == gist(world.answer(**base))


def test_resistance_added_never_makes_an_option_better(world: Any) -> None:
    better = {"active": 0, "partial": 1, "retained": 2, "not-active": 2, "excluded": 3}
    before = world.options(sequenced=["GEN"])
    for change in ("GEN:M4V", "GEN:M4I", "GEN:K2R", "GEN:T9A", "GEN:S8F"):
        after = world.options(sequenced=["GEN"], alterations=[change])
        assert all(better[after[name].status] >= better[option.status] for name, option in before.items()), change


def test_an_answer_names_its_knowledge_and_its_limits(world: Any) -> None:
    answer = world.answer()
    assert answer.knowledge.version == world.manifest.version
    assert "not medical advice" in answer.notice
    assert json.loads(answer.model_dump_json())["case"] == "one"
