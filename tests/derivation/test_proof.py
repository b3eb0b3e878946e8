"""Findings and what they rest on: facts by pointer, claims, sources; and nothing of a case that stays behind."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import unquote

import pytest

from kg_builder.derivation.case import read_case
from kg_builder.derivation.proof import ProofNode
from kg_builder.issues import CaseError, QueryError, SalvageError
from kg_builder.vocabulary import CASE, SV, compact, expand

#: Cases that between them meet most of what the made-up knowledge says.
CASES: dict[str, dict[str, Any]] = {
    "confirmed": {"failed": ["alpha", "soother"], "mode": "acquired loss", "alterations": ["GEN:M4V", "GEN:L3P"]},
    "untested": {"failed": ["gamma", "sigma"], "mode": "refractory course", "site": "chest site"},
    "tolerance": {"failed_regimens": [["gamma"], ["epsilon", "pi"]], "mode": "not tolerated", "line": 2},
    "results": {"susceptibility": {"beta": "R", "epsilon": "I", "gammatwo": "S"}},
    "patient": {
        "comorbidities": ["arm weakness", "frail", "second infection"], "eGFR": 20,
        "comedications": ["inda", "alpha/booster", "bystander"],
        "adherence": {"self_report": 0.9, "mems": 0.5},
        "local_resistance": {"pi": {"resistant": 4, "tested": 6}},
    },
    "markers": {"alterations": ["GENC:A100H", "X-negative"], "sequenced": ["GEN", "GENB"], "organism": "Bacterium"},
    "products": {"failed": ["alpha/booster", "stranger"], "alterations": ["GENB:A3T"], "mode": "acquired loss"},
    "another": {"disease": "otheritis", "failed": ["delta"], "alterations": ["GEN:K2R"]},
}  # fmt: skip
#: Rules whose findings may rest on facts alone: the case itself says all that they say.
FACTS_ALONE = {
    "resist-phenotype", "resist-intermediate", "fail-confirmed", "fail-unspared", "fail-tolerance",
    "fail-tolerance-alone", "miss-indication", "favour-new-target",
}  # fmt: skip
#: What a premise may be, beside facts of the case: prefix of its IRI.
KNOWN = {
    "claim", "condition", "mode", "target", "level", "finding", "trigger", "meeting", "score", "hit", "lack", "testing",
    "conclusion",
}  # fmt: skip

each_case = pytest.mark.parametrize("parts", CASES.values(), ids=CASES.keys())


def prefix(iri: str) -> str:
    return iri.removeprefix("https://w3id.org/salvage-kg/").partition("/")[0]


@each_case
def test_facts_are_named_by_the_pointer_of_what_says_them(world: Any, parts: dict[str, Any]) -> None:
    data = world.raw(**parts)
    pointers = [unquote(s.value.partition("#")[2]) for s in subjects(world, "factIn", **parts)]
    assert pointers
    for place in (p for p in pointers if not p.startswith("/derived/")):
        value: Any = data
        for step in place.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            value = value[int(step) if isinstance(value, list) else step]
        assert value is not None


def subjects(world: Any, predicate: str, **parts: Any) -> list[Any]:
    return [t.subject for t in world.graph(**parts) if t.predicate.value == SV + predicate]


def test_derived_facts_give_their_inputs(world: Any) -> None:
    triples = world.graph(adherence={"self_report": 0.9, "pharmacy_refill": 0.7, "mems": 0.5}, line=1)
    inputs = world.values(triples, "derivedFrom")
    here = "case:one#/"
    assert set(inputs[here + "derived/objective-adherence"]) == {
        here + "patient/adherence/pharmacy_refill", here + "patient/adherence/mems",
    }  # fmt: skip
    assert set(inputs[here + "derived/adherence-discrepancy"]) == {
        here + "patient/adherence/self_report", here + "patient/adherence/mems",
    }  # fmt: skip
    assert inputs[here + "derived/next-line"] == [here + "failure/line"]
    values = world.values(triples, "value")
    assert [
        float(values[here + f"derived/{n}"][0]) for n in ("objective-adherence", "adherence-discrepancy", "next-line")
    ] == [50, 40, 2]


def test_an_inhibitory_quotient_is_derived_from_both_levels(world: Any) -> None:
    triples = world.graph(trough_mg_l={"alpha": 3}, ic50_mg_l={"ALF": 0.5})
    node = "case:one#/derived/inhibitory-quotient/alpha"
    assert set(world.values(triples, "derivedFrom")[node]) == {
        "case:one#/findings/trough_mg_l/alpha", "case:one#/findings/ic50_mg_l/ALF",
    }  # fmt: skip
    assert float(world.values(triples, "value")[node][0]) == 6


@each_case
def test_findings_are_hashed_and_equal_in_two_runs(world: Any, parts: dict[str, Any]) -> None:
    _, other = world.fresh()
    one, two = world.kg.options(world.case(**parts)), other.options(world.case(**parts))
    iris = [f.iri for o in (*one.agents, *one.modalities) for f in o.findings]
    assert iris == [f.iri for o in (*two.agents, *two.modalities) for f in o.findings]
    assert len(set(iris)) == len(iris)
    assert all(len(i.rpartition("/")[2]) == 32 and prefix(i) == "finding" for i in iris)


@each_case
def test_every_finding_rests_on_something_known(world: Any, parts: dict[str, Any]) -> None:
    triples = world.graph(**parts)
    stated = {t.subject.value for t in triples}
    facts = {t.subject.value for t in triples if t.predicate.value == SV + "factIn"}
    known = {q.subject.value for q in world.quads if hasattr(q.subject, "value")}
    because: dict[str, list[str]] = {}
    for t in triples:
        if t.predicate.value == SV + "because":
            because.setdefault(t.subject.value, []).append(t.object.value)
    for finding in (t.subject.value for t in triples if t.predicate.value == SV + "findingIn"):
        assert because.get(finding), f"{finding} rests on nothing"
    for node, premises in because.items():
        assert premises, node
        for premise in premises:
            assert premise in facts or prefix(premise) in KNOWN, premise
            assert premise in stated or premise in known, f"{premise} is neither of the case nor of the knowledge"


@each_case
def test_every_finding_has_a_source_or_rests_on_facts_alone(world: Any, parts: dict[str, Any]) -> None:
    for option in world.options(**parts).values():
        for finding in option.findings:
            assert finding.because
            assert finding.text, finding.rule
            assert "{" not in finding.text
            assert finding.sources or finding.rule in FACTS_ALONE, finding.rule
            assert all(
                s
                in {expand("source:made-up-guide"), expand("source:made-up-algorithm"), expand("source:made-up-study")}
                for s in finding.sources
            )


def test_a_score_is_sourced_by_its_algorithm_and_a_fitness_cost_by_its_study(world: Any) -> None:
    found = {f.code: f.sources for f in world.findings("alpha", **CASES["confirmed"])}
    assert found["resistance-mutation"] == (expand("source:made-up-algorithm"),)
    assert found["fitness-cost"] == (expand("source:made-up-study"),)


@each_case
def test_actions_and_warnings_rest_on_claims(world: Any, parts: dict[str, Any]) -> None:
    answer = world.answer(**parts)
    for advice in (*answer.actions, *answer.warnings):
        assert any(prefix(node) == "claim" for node in advice.because), advice.name


def test_every_conclusion_belongs_to_the_case(world: Any) -> None:
    for parts in CASES.values():
        triples = world.graph(**parts)
        case = CASE + "one"
        for predicate in ("findingIn", "concludedIn", "metIn", "triggeredIn", "factIn"):
            assert {t.object.value for t in triples if t.predicate.value == SV + predicate} <= {case}


# --- what stays behind ---------------------------------------------------------------------------


def content(store: Any) -> set[Any]:
    return set(store)


def test_nothing_of_a_case_stays_in_the_store(world: Any) -> None:
    store, kg = world.fresh()
    before = content(store)
    case = world.case(**CASES["confirmed"])
    kg.options(case)
    kg.options_graph(case)
    kg.explain(case, "alpha")
    list(kg.susceptibility([case, world.case(id="two")]))
    list(kg.options_many([case, world.case(id="two")]))
    assert content(store) == before


def test_nothing_stays_after_an_error(world: Any) -> None:
    broken = dataclasses.replace(world.kg._rules[-1], text="CONSTRUCT { ?s ?p } WHERE {", stages=(79,), needs=())
    store, kg = world.fresh(rules=[*world.kg._rules, broken])
    before = content(store)
    case = world.case(**CASES["confirmed"])
    for ask in (kg.options, kg.options_graph, lambda c: kg.explain(c, "alpha")):
        with pytest.raises(QueryError, match="rule: "):
            ask(case)
        assert content(store) == before
    for agent in ("alphaa", "stranger"):
        with pytest.raises(SalvageError, match=agent):
            world.kg.explain(case, agent)
    with pytest.raises(CaseError):
        world.kg.options(world.case(alterations=["GENB:X9Z"]))
    assert not [q for q in world.store if q.graph_name.value.startswith(CASE)]


def test_a_report_left_half_read_leaves_nothing(world: Any) -> None:
    store, kg = world.fresh()
    before = content(store)
    reports = kg.susceptibility([world.case(id=f"c{i}") for i in range(3)])
    next(reports)
    reports.close()
    assert content(store) == before


def test_two_cases_do_not_influence_each_other(world: Any) -> None:
    _, kg = world.fresh()
    cases = [world.case(id="one", **parts) for parts in CASES.values()]
    alone = {i: world.fresh()[1].options(case) for i, case in enumerate(cases[:3])}
    for order in ((0, 1, 2), (2, 1, 0), (1, 1, 0)):
        for i in order:
            assert kg.options(cases[i]) == alone[i]


def test_the_same_id_twice_is_refused_in_one_file(world: Any) -> None:
    line = '{"id": "one", "disease": "testitis"}'
    assert world.refuse(f"{line}\n{line}", path="two.jsonl") == [("C010", "/id")]


# --- explanations --------------------------------------------------------------------------------


def nodes(tree: ProofNode) -> list[ProofNode]:
    return [tree, *(n for premise in tree.premises for n in nodes(premise))]


@each_case
def test_an_explanation_holds_every_finding_down_to_facts_and_sources(world: Any, parts: dict[str, Any]) -> None:
    case, shown = world.case(**parts), set()
    for name, option in sorted(world.options(**parts).items(), key=lambda item: -len(item[1].findings)):
        if shown >= (rules := {option.status, *(f.rule for f in option.findings)}):
            continue  # each rule and each status once a case
        shown |= rules
        tree = world.kg.explain(case, name)
        assert (tree.kind, tree.text) == ("status", f"{name}: {option.status}")
        found = nodes(tree)
        assert {f.iri for f in option.findings} <= {n.iri for n in found if n.kind == "finding"}
        assert {s for f in option.findings for s in f.sources} <= {n.iri for n in found if n.kind == "source"}
        for finding in option.findings:
            assert any(finding.text in n.text for n in found if n.iri == finding.iri)
        assert all(n.text and n.text != compact(n.iri) for n in found), [
            n.iri for n in found if n.text == compact(n.iri)
        ]
        leaves = {n.kind for n in found if not n.premises and not n.repeated}
        assert leaves <= {"source", "fact", "term", "level"}, leaves


def test_an_explanation_takes_synonyms_and_curies(world: Any) -> None:
    case = world.case()
    assert world.kg.explain(case, "ALF") == world.kg.explain(case, "alpha") == world.kg.explain(case, "drug:alpha")


def test_what_is_no_candidate_cannot_be_explained(world: Any) -> None:
    with pytest.raises(
        CaseError, match=r"stranger is neither indicated .* candidates: acuta|stranger is neither indicated"
    ):
        world.kg.explain(world.case(), "stranger")


def test_an_unknown_option_is_told_with_the_nearest(world: Any) -> None:
    with pytest.raises(SalvageError, match="nearest: epsilon"):
        world.kg.explain(world.case(), "epsilonn")


def test_an_unknown_option_is_an_error_of_the_case(world: Any) -> None:
    with pytest.raises(CaseError):
        world.kg.explain(world.case(), "epsilonn")


def test_a_claim_is_explained_with_conditions_and_sources(world: Any) -> None:
    tree = world.kg.explain_claim("claim:no-letters-egfr")
    assert tree == world.kg.explain_claim("no-letters-egfr")
    assert "piles up" in tree.text
    assert [n.kind for n in tree.premises] == ["term", "source"]
    assert tree.premises[0].text == "holds when: eGFR < 30 mL/min/1.73m2"
    assert tree.premises[1].text == "Made-up society. Made-up guide, 2024"
    need = world.kg.explain_claim("need-mu")
    assert any(n.text == "requires: marker GENC activating change" for n in need.premises)
    with pytest.raises(CaseError, match="no claim 'claim:nothing'"):
        world.kg.explain_claim("nothing")


def test_cases_are_read_from_the_same_text_they_print(world: Any) -> None:
    case = world.case(**CASES["patient"])
    assert read_case(case.model_dump(exclude_none=True), path="again") == case


@pytest.mark.parametrize("prefer", [(), ("units",), ("-barrier", "doses")])
def test_every_regimen_of_an_answer_is_proven_by_its_priorities(regimens: Any, prefer: tuple[str, ...]) -> None:
    case, kg = regimens.case(failed=["stranger"]), regimens.kg
    shown = [r for r in kg.options(case, prefer).regimens if r.pattern]
    assert shown
    for regimen in shown:
        assert kg.explain(case, regimen.name, prefer).iri
        proof = kg.prove(case, regimen.name, prefer)
        assert any(str(t.object).endswith(f"status/{regimen.status}>") for t in proof.conclusions), regimen.name
    trees = {tree.text for tree in kg.explain_all(case, prefer)}
    assert len(trees) >= len(shown)
    assert "needsActive" in kg.case_graph(case, prefer)
