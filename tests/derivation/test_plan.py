"""A line ahead: what is left after failure, equal to answering each case that follows by hand."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest

from kg_builder.derivation.case import read_case
from kg_builder.derivation.plan import ASSUMPTIONS, Plan, Planner, find_active
from kg_builder.derivation.prepare import prepare_case
from kg_builder.graph.release import assemble
from kg_builder.issues import CaseError
from kg_builder.vocabulary import compact, expand

HERE = Path(__file__).parent
SELECTIONS = [
    ("alpha", "GEN:M4V", "common", ""),
    ("alphatwo", "GEN:K2R", "occasional", ""),
    ("alphatwo", "GEN:T9A", "rare", ""),
    ("beta", "GENB:A3T", "", ""),
    ("delta", "GEN:L3P", "common", "not comorbidity weakness"),
    ("muthree", "X-negative", "common", ""),
    ("sigma", "GEND:Q1K", "common", ""),
]
USES = [("first pair", "alpha|delta"), ("plain sigma", "sigma"), ("second pair", "alphatwo|pi")]


@pytest.fixture(scope="module")
def selecting(world: Any, core: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The made-up world with more selections, and with a mode of failure that plans assume."""
    tables = tmp_path_factory.mktemp("selecting") / "knowledge"
    shutil.copytree(HERE / "knowledge", tables)
    table = tables / "testitis" / "selections.tsv"
    head = table.read_text(encoding="utf-8").splitlines()[0]
    lines = [
        "\t".join([f"claim:select-{i}", drug, alteration, often, conditions, "", "", "source:made-up-study", "", "test",
                   "2026-01-31"])
        for i, (drug, alteration, often, conditions) in enumerate(SELECTIONS)
    ]  # fmt: skip
    table.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    terms = tables / "common" / "terms.tsv"
    text = terms.read_text(encoding="utf-8")
    changed = "\n".join(
        line.replace("test-overrides-history", "test-overrides-history|acquires-resistance")
        if line.startswith("mode:acquired\t")
        else line
        for line in text.split("\n")
    )
    assert changed != text
    terms.write_text(changed, encoding="utf-8")
    return type(world)(assemble(tables, core).quads, world.manifest)


def active(world: Any, data: dict[str, Any]) -> set[str]:
    answer = world.kg.options(read_case(data, path="case"))
    support = {"soother"}
    return {o.name for o in (*answer.agents, *answer.modalities) if o.status == "active"} - support


#: What failure of a drug adds to a case, written by hand: alterations that it brings.
BRINGS = {
    "alpha": ["GEN:M4V"],
    "alphatwo": ["GEN:K2R"],
    "beta": ["GENB:A3T"],
    "delta": ["GEN:L3P"],
    "sigma": ["GEND:Q1K"],
}
#: Products, by what they hold: a result S for one says nothing of what has failed in the other.
HOLDS = {"alpha/beta": {"alpha", "beta"}, "alpha/booster": {"alpha"}}

CASES: list[dict[str, Any]] = [
    {"mode": "acquired loss"},
    {"failed": ["gamma"], "mode": "refractory course", "line": 1, "months_to_relapse": 3},
    {"failed": ["beta"], "mode": "acquired loss", "alterations": ["GENB:A3T"], "susceptibility": {"alpha": "S"}},
]


def follow(data: dict[str, Any], drugs: tuple[str, ...]) -> dict[str, Any]:
    """Return the case after failure of these drugs, put together by hand."""
    after = copy.deepcopy(data)
    failure = after.setdefault("failure", {})
    failure.pop("months_to_relapse", None)
    failure["failed_regimens"] = [*failure.get("failed_regimens", []), list(drugs)]
    failure["mode"] = "acquired loss"
    if "line" in failure:
        failure["line"] += 1
    findings = after.setdefault("findings", {})
    brought = [alteration for drug in drugs for alteration in BRINGS.get(drug, [])]
    findings["alterations"] = list(dict.fromkeys([*findings.get("alterations", []), *brought]))
    exposed = {part for drug in drugs for part in (drug, *HOLDS.get(drug, ()))}
    kept = findings.get("susceptibility", {}).items()
    findings["susceptibility"] = {d: r for d, r in kept if d not in exposed and not HOLDS.get(d, set()) & exposed}
    return after


@pytest.mark.parametrize("parts", CASES, ids=range(len(CASES)))
def test_what_is_left_is_what_each_case_that_follows_leaves(selecting: Any, parts: dict[str, Any]) -> None:
    data = selecting.raw(**parts)
    plan = selecting.kg.plan(read_case(data, path="case"))
    now = active(selecting, data)
    assert set(plan.usable) == now
    assert len(plan.choices) == plan.looked_at <= plan.of
    assert plan.choices
    for choice in plan.choices:
        own = set(choice.components)
        then = active(selecting, follow(data, choice.components))
        assert set(choice.left) == then - own, choice.name
        assert set(choice.lost) == now - then - own
        assert set(choice.gained) == then - now - own
        assert set(choice.cleared) == then & own
    counts = [len(choice.left) for choice in plan.choices]
    assert counts == sorted(counts, reverse=True)


def test_a_regimen_fails_as_a_whole(selecting: Any) -> None:
    """Regimens that the answer names are looked at by their components."""
    case = selecting.case(mode="acquired loss")
    kg = selecting.kg
    answer = kg.options(case)
    names = {o.name: o.iri for o in answer.agents}

    class Answers:
        """Answers with regimens, whatever the knowledge says of them."""

        def __call__(self, asked: Any) -> Any:
            found = kg.options(asked)
            regimens = [
                type("R", (), {"name": n, "components": tuple(c.split("|")), "status": "active", "rank": i})()
                for i, (n, c) in enumerate(USES, 1)
            ]
            return type(
                "A", (), {"agents": found.agents, "modalities": found.modalities, "regimens": tuple(regimens)}
            )()

    plan = Planner(kg._engine(case), kg._context, Answers()).plan(case, kg.version)
    assert [c.name for c in sorted(plan.choices, key=lambda c: c.rank or 0)] == [name for name, _ in USES]
    pair = next(c for c in plan.choices if c.name == "first pair")
    assert pair.selects == ("GEN:L3P", "GEN:M4V")
    follow = selecting.raw(mode="acquired loss", failed=["alpha", "delta"], alterations=["GEN:L3P", "GEN:M4V"])
    assert set(pair.left) == active(selecting, follow) - {"alpha", "delta"}
    assert not set(pair.left) & set(pair.components)
    assert set(names) >= set(pair.components)


def test_the_most_frequent_on_record_is_selected_and_a_condition_counts(selecting: Any) -> None:
    kg = selecting.kg

    def selected(drug: str, **parts: Any) -> tuple[str, ...]:
        case = selecting.case(mode="acquired loss", **parts)
        planner = Planner(kg._engine(case), kg._context, kg.options)
        graph = planner._derive([case])[0]
        return tuple(map(graph.knowledge.label, planner.select((expand(f"drug:{drug}"),), graph)))

    assert selected("alphatwo") == ("GEN:K2R",)
    assert selected("pi") == ()
    assert selected("delta") == ("GEN:L3P",)
    assert selected("delta", comorbidities=["weakness"]) == ()


def test_what_is_selected_replaces_what_it_rules_out(selecting: Any) -> None:
    case = selecting.case(alterations=["X-positive", "GEN wild type"])
    kg = selecting.kg
    planner = Planner(kg._engine(case), kg._context, kg.options)
    graph = planner._derive([case])[0]
    for drug, left, brought in (("muthree", ["GEN wild type"], "X-negative"), ("alpha", ["X-positive"], "GEN:M4V")):
        components = (expand(f"drug:{drug}"),)
        after = planner.follow_up(case, graph, components, planner.select(components, graph), name="~after")
        assert after.findings.alterations == [*left, brought]
        assert find_active(planner._derive([after])[0])


def test_three_lines_are_what_failing_twice_by_hand_leaves(selecting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kg_builder.derivation.plan.MOST_NOW", 2)
    monkeypatch.setattr("kg_builder.derivation.plan.MOST_LATER", 2)
    data = selecting.raw(mode="acquired loss", comorbidities=["second infection"])
    kg = selecting.kg
    plan = kg.plan(read_case(data, path="case"), 3)
    assert (plan.lines, plan.looked_at) == (3, 2)
    assert plan.of > 2
    for choice in plan.choices:
        after = follow(data, choice.components)
        case = read_case(after, path="case")
        planner = Planner(kg._engine(case), kg._context, kg.options)
        expected = []
        for regimen in planner.regimens(case)[:2]:
            second = tuple(kg._context.names.label(compact(c)) for c in regimen.components)
            left = active(selecting, follow(after, second)) - {*choice.components, *second}
            expected.append((regimen.name, len(left)))
        assert sorted((n.name, n.left) for n in choice.then) == sorted(expected)
        assert [n.left for n in choice.then] == sorted((n.left for n in choice.then), reverse=True)
    best = [c.then[0].left for c in plan.choices]
    assert best == sorted(best, reverse=True)


def test_one_line_is_what_can_be_given_now(selecting: Any) -> None:
    plan = selecting.kg.plan(selecting.case(failed=["delta"]), 1)
    for choice in plan.choices:
        assert (choice.lost, choice.selects, choice.then) == ((), (), ())
        assert set(choice.left) == set(plan.usable) - set(choice.components)


@pytest.mark.parametrize("lines", [-1, 0, 4, 1000])
def test_other_numbers_of_lines_are_refused(selecting: Any, lines: int) -> None:
    with pytest.raises(ValueError, match="1 to 3"):
        selecting.kg.plan(selecting.case(), lines)


def test_a_case_at_fault_is_refused_and_a_sound_one_not_touched(selecting: Any) -> None:
    with pytest.raises(CaseError):
        selecting.kg.plan(selecting.case(failed=["nothing at all"]))
    store, kg = selecting.fresh()
    case = selecting.case(failed=["delta"], susceptibility={"alpha": "S"})
    before, size = case.model_dump_json(), len(store)
    first = kg.plan(case)
    assert (case.model_dump_json(), len(store)) == (before, size)
    assert kg.plan(case).model_dump_json() == first.model_dump_json()
    assert Plan.model_validate_json(first.model_dump_json()).assumptions == ASSUMPTIONS


def test_a_line_ahead_looks_at_every_regimen_that_stands(regimens: Any) -> None:
    """Also at those that the answer leaves out, each with the place that it has among all."""
    case = regimens.case(failed=["stranger"])
    plan, answer = regimens.kg.plan(case), regimens.kg.options(case)
    told = {frozenset(r.components): r.rank for r in answer.regimens if r.status == "active"}
    found = Planner(regimens.kg._engine(case), regimens.kg._context, regimens.kg.options).regimens(case)
    label = regimens.kg._reader.label
    assert plan.of == len(found) == plan.looked_at
    assert [regimen.rank for regimen in found] == list(range(1, len(found) + 1))
    ranks = {frozenset(map(label, regimen.components)): regimen.rank for regimen in found}
    assert len(ranks) == len(found) > 5
    assert told.items() <= ranks.items()
    with regimens.kg._engine(case).derive(prepare_case(case, regimens.kg._context, path="case")) as graph:
        composed = {frozenset(m.label for m in own) for own in graph.board.combinations()}
    assert composed <= ranks.keys()
    best = max(len(choice.left) for choice in plan.choices)
    assert len(plan.choices[0].left) == best
