"""Regimens of a made-up world: which stand, which fall with which component, what is composed and what is nearest."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
import rdflib
import rdflib.plugins.sparql
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg_builder.derivation.answer import RegimenAnswer
from kg_builder.derivation.case import read_case
from kg_builder.derivation.pareto import MEASURES, PreferenceError
from kg_builder.derivation.prepare import prepare_case
from kg_builder.derivation.proposals import MOST_FRONT, MOST_SHOWN
from kg_builder.derivation.provenance import trace
from kg_builder.derivation.rules import schedule
from kg_builder.vocabulary import RDF, SV, expand

HERE = Path(__file__).parent
TWO = "two classes, one with a barrier"
RESISTANT: dict[str, Any] = {"susceptibility": {"alpha": "R"}}
KEPT: dict[str, Any] = {"susceptibility": {"alpha": "R"}, "alterations": ["GEN:M4V"]}
#: between them they meet every rule about regimens
CASES: list[dict[str, Any]] = [
    {}, RESISTANT, KEPT, {"site": "chest site"}, {"site": "skin site"}, {"susceptibility": {"delta": "I"}},
    {"eGFR": 20}, {"comorbidities": ["frail"]}, {"alterations": ["GENB:A3T"]}, {"disease": "otheritis"},
    {"age": 80},
]  # fmt: skip
each_case = pytest.mark.parametrize("parts", CASES, ids=range(len(CASES)))


def named(regimens: Any, name: str, **parts: Any) -> RegimenAnswer | None:
    answer = regimens.answer(**parts)
    return next((r for r in answer.regimens if r.name == name and r.pattern is None), None)


def status(regimens: Any, name: str, **parts: Any) -> str | None:
    found = named(regimens, name, **parts)
    return found.status if found else None


def composed(regimens: Any, pattern: str = TWO, **parts: Any) -> list[RegimenAnswer]:
    return [r for r in regimens.answer(**parts).regimens if r.pattern == pattern]


def test_a_named_regimen_that_failed_stands_for_its_components(regimens: Any) -> None:
    by_name, by_parts = (
        {o.name: o.status for o in regimens.answer(failed=failed).agents} for failed in (["AD"], ["alpha", "delta"])
    )
    assert by_name == by_parts
    assert {by_name["alpha"], by_name["delta"]} == {"excluded"}
    (fact,) = [f.because for f in regimens.findings("alpha", failed=["AD"]) if f.rule == "fail-unspared"]
    assert any("#/derived/failed_regimens/0/0/" in premise for premise in fact)


# --- named regimens --------------------------------------------------------------------------------


def test_a_regimen_stands_when_each_component_is_active(regimens: Any) -> None:
    found = named(regimens, "AB")
    assert found
    assert (found.status, set(found.components), set(found.remains)) == (
        "active",
        {"alpha", "betatwo"},
        {"alpha", "betatwo"},
    )
    assert found.findings == ()
    assert found.rank is not None


@pytest.mark.parametrize(
    ("parts", "expected", "effect", "degree"),
    [
        ({"comorbidities": ["frail"]}, "excluded", "excludes", None),
        (RESISTANT, "not-active", "inactivates", "full"),
        ({"susceptibility": {"alpha": "I"}}, "partial", "inactivates", "partial"),
    ],
)
def test_a_regimen_falls_with_a_component_and_says_why(
    regimens: Any, parts: dict[str, Any], expected: str, effect: str, degree: str | None
) -> None:
    found = named(regimens, "AB", **parts)
    assert found
    option = regimens.options(**parts)["alpha"]
    assert found.status == option.status == expected
    finding = next(f for f in found.findings if f.text.startswith("alpha"))
    assert (finding.code, finding.effect, finding.degree) == ("component-lost", effect, degree)
    assert f"alpha is {expected}" in finding.text
    decisive = [f for f in option.findings if f.iri in finding.because]
    assert decisive, "the finding rests on what decides the status of the component"
    assert decisive[0].code in finding.text
    assert set(decisive[0].sources) <= set(finding.sources)
    assert "alpha" not in found.remains
    assert (found.rank, found.on_pareto_front, found.objectives) == (None, False, {})


def test_the_worst_component_decides_and_the_rest_remains(regimens: Any) -> None:
    parts = {"susceptibility": {"alpha": "I", "betatwo": "R"}}
    found = named(regimens, "ABD", **parts)
    assert found
    assert found.status == "not-active"
    assert found.remains == ("delta",)
    assert {f.degree for f in found.findings} == {"full", "partial"}


def test_a_component_may_be_kept_only_where_that_is_meant(regimens: Any) -> None:
    assert regimens.status("alpha", **KEPT) == "retained"
    assert regimens.status("alpha", **RESISTANT) == "not-active"
    assert status(regimens, "ABD", **KEPT) == "active"
    assert status(regimens, "ABD", **RESISTANT) == "not-active"
    assert status(regimens, "AB", **KEPT) == "not-active"


def test_of_a_class_one_drug_is_enough(regimens: Any) -> None:
    found = named(regimens, "GD")
    assert found
    assert found.status == "active"
    assert len(found.components) == 2
    assert set(found.components) <= {"gamma", "gammaone", "gammatwo", "gammathree", "delta"}
    lost = {"susceptibility": dict.fromkeys(["gamma", "gammaone", "gammatwo"], "R")}
    assert status(regimens, "GD", **lost) == "active"
    every = {"susceptibility": dict.fromkeys(["gamma", "gammaone", "gammatwo", "gammathree"], "R")}
    found = named(regimens, "GD", **every)
    assert found
    assert found.status == "not-active"
    assert "no gammas can be counted on" in found.findings[0].text


def test_a_supportive_drug_and_a_modality_are_components(regimens: Any) -> None:
    assert status(regimens, "SD") == status(regimens, "WD") == "active"
    assert status(regimens, "SD", failed=["soother", "gamma"]) == "active", "not judged by failure"
    found = named(regimens, "SD")
    assert found
    assert found.objectives["activity"].value == 1


def test_the_setting_of_an_indication_is_the_regimens(regimens: Any) -> None:
    assert status(regimens, "chest pair", site="chest site") == "active"
    found = named(regimens, "chest pair", site="skin site")
    assert found
    assert found.status == "excluded"
    assert "used only with site chest site" in {f.text for f in found.findings}
    assert {f.code for f in found.findings} == {"wrong-site", "component-lost"}


def test_a_component_that_is_no_candidate(regimens: Any) -> None:
    found = named(regimens, "OD")
    assert found
    assert [f.text for f in found.findings] == ["stranger is no candidate in this case"]
    assert found.remains == ("delta",)


def test_regimens_of_another_disease_are_not_judged(regimens: Any) -> None:
    assert {r.name for r in regimens.answer(disease="otheritis").regimens} == {"other pair"}
    assert named(regimens, "other pair") is None


def test_an_indication_gives_standing_and_grade_or_else_the_weakest_component(regimens: Any) -> None:
    found = named(regimens, "AD")
    assert found
    assert found.objectives["standing"].value == "current"
    assert found.objectives["standing"].because == (expand("claim:use-regimen-ad"),)
    other = named(regimens, "AB")
    assert other
    assert other.objectives["standing"].value == "alternative", "betatwo is an alternative"


# --- derivation ------------------------------------------------------------------------------------


@each_case
def test_every_status_has_a_proof(regimens: Any, parts: dict[str, Any]) -> None:
    case = regimens.case(**parts)
    for regimen in regimens.answer(**parts).regimens:
        tree = regimens.kg.explain(case, str(regimen.iri) if regimen.pattern else regimen.name)
        assert tree.text == f"{regimen.name}: {regimen.status}"
        assert tree.rule == ("stand-regimen" if regimen.status == "active" else "fail-regimen")
        told = {premise.text.split(":")[0] for premise in tree.premises}
        if regimen.status == "active":
            assert set(regimen.components) <= told


def test_every_rule_about_regimens_is_met_and_has_steps(regimens: Any) -> None:
    """Each conclusion follows from the statements cited and not from less: provenance finds them, or raises."""
    wanted = {rule.name for rule in schedule(regimens.kg._rules) if rule.stages[0] >= 80}
    proven = set()
    for parts in CASES:
        case = regimens.case(**parts)
        engine = regimens.kg._engine(case)
        prepared = engine.compose(prepare_case(case, regimens.kg._context, path="case"))
        with trace(engine.store, regimens.kg._rules, prepared) as tracer:
            nodes = {t.subject.value for run in tracer.runs if run.rule.name in wanted for t in run.concluded}
            proof = tracer.prove(sorted(nodes), regimens.manifest)
        proven |= {step.rule for step in proof.steps}
    assert wanted - proven == set()


def test_the_rules_about_regimens_say_the_same_in_rdflib(regimens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rdflib.plugins.sparql, "SPARQL_LOAD_GRAPHS", False)
    rules = schedule(regimens.kg._rules)
    for parts in CASES:
        case = regimens.case(**parts)
        prepared = regimens.kg._engine(case).compose(prepare_case(case, regimens.kg._context, path="case"))
        store = ox.Store()
        store.extend([*(ox.Quad(*q.triple) for q in regimens.quads), *(ox.Quad(*q.triple) for q in prepared.quads)])
        for rule in (rule for rule in rules if rule.stages[0] < 80):
            store.extend([ox.Quad(*triple) for triple in store.query(rule.text)])
        late = [rule for rule in rules if rule.stages[0] >= 80]
        read = {SV + word for rule in late for word in _words(rule.text)} | {RDF + "type"}
        graph = rdflib.Graph()
        graph.parse(data=_ntriples(q for q in store if q.predicate.value in read), format="nt")
        for rule in late:
            ours = _ntriples(ox.Quad(*triple) for triple in store.query(rule.text))
            mine, theirs = rdflib.Graph().parse(data=ours, format="nt"), rdflib.Graph()
            for triple in graph.query(rule.text):
                theirs.add(triple)  # type: ignore[arg-type]
            assert set(mine) == set(theirs), rule.name
            store.load(ours.encode(), format=ox.RdfFormat.N_TRIPLES)
            graph += mine


def _words(text: str) -> set[str]:
    return {part.split()[0].rstrip(";.,)") for part in text.split("sv:")[1:]}


def _ntriples(quads: Any) -> str:
    return (ox.serialize((q.triple for q in quads), format=ox.RdfFormat.N_TRIPLES) or b"").decode()


# --- composed regimens -----------------------------------------------------------------------------


def test_two_of_two_classes_one_with_a_barrier(regimens: Any) -> None:
    answer = regimens.answer()
    pattern = next(p for p in answer.patterns if p.name == TWO)
    assert pattern.combinations > pattern.shown > 0
    barred = {"alphatwo", "delta"}  # high barrier
    for regimen in composed(regimens):
        assert len(regimen.components) == 2
        assert barred & set(regimen.components)
        assert "gammaone" not in regimen.components or "delta" not in regimen.components, "they exclude each other"
        assert not {"alpha", "alphatwo"} <= set(regimen.components), "both block alpha: one class"


def test_what_has_a_name_is_shown_by_it(regimens: Any) -> None:
    sets = [frozenset(r.components) for r in regimens.answer().regimens if r.status == "active"]
    assert len(sets) == len(set(sets))
    assert frozenset({"alpha", "delta"}) in {frozenset(r.components) for r in [named(regimens, "AD")] if r}


def test_what_is_kept_is_added_and_counts_as_kept(regimens: Any) -> None:
    with_kept = [r for r in composed(regimens, **KEPT) if "alpha" in r.components]
    assert with_kept
    for regimen in with_kept:
        assert regimen.name.endswith("alpha (kept)")
        assert regimen.objectives["activity"].value == 2
        assert regimen.objectives["retained"].value == 1
        assert len(regimen.components) == 3
    assert not any("alpha" in r.components for r in composed(regimens, **RESISTANT))


def test_a_caution_between_components_is_an_interaction_to_manage(regimens: Any) -> None:
    answer = regimens.kg.options(regimens.case(), ["-interactions"])
    pair = next(r for r in answer.regimens if set(r.components) == {"delta", "gammatwo"})
    assert pair.objectives["interactions"].value == 1
    assert expand("claim:meet-delta-gammatwo") in pair.objectives["interactions"].because


def test_doses_and_units_a_day(regimens: Any) -> None:
    found = named(regimens, "AD")
    assert found
    assert (found.objectives["doses"].value, found.objectives["units"].value) == (2, 6)
    assert set(found.objectives["doses"].because) == {expand("claim:dose-alpha"), expand("claim:dose-delta")}
    weak = named(regimens, "AD", comorbidities=["weakness"])
    assert weak
    assert (weak.objectives["doses"].value, weak.objectives["units"].value) == (3, 8)
    triple = named(regimens, "ABD")
    assert triple
    assert (triple.objectives["doses"].value, triple.objectives["units"].value) == (2, 5), "one tablet for two of them"
    unknown = named(regimens, "SD")
    assert unknown
    assert unknown.objectives["doses"].value == unknown.objectives["units"].value == "unknown"


def test_a_pattern_whose_conditions_are_not_met_is_silent(regimens: Any) -> None:
    assert "one for the chest" not in {p.name for p in regimens.answer().patterns}
    assert [r.components for r in composed(regimens, "one for the chest", site="chest site")] == [("lambda",)]


def test_a_pattern_that_cannot_be_met_says_what_is_lacking_and_what_is_nearest(regimens: Any) -> None:
    (found,) = composed(regimens, "four of three", site="skin site")
    assert (found.name, found.status, found.rank) == ("four of three", "excluded", None)
    (finding,) = (f for f in found.findings if f.code == "pattern-unmet")
    assert finding.text.startswith("needs 4 of alphatwo or betatwo or delta, 3 can be counted on")
    assert set(found.remains) == {"alphatwo", "betatwo", "delta"}
    lost = {"site": "skin site", "susceptibility": {"betatwo": "R"}}
    (found,) = composed(regimens, "four of three", **lost)
    texts = {f.code: f.text for f in found.findings}
    assert texts["pattern-unmet"].endswith("2 can be counted on; nearest: betatwo (not-active)")
    assert texts["component-lost"].startswith("betatwo is not-active")
    assert set(found.remains) == {"alphatwo", "delta"}
    patterns = {p.name: p.combinations for p in regimens.answer(**lost).patterns}
    assert patterns["four of three"] == 0


def test_an_answer_stays_bounded_and_says_how_many_there_are(regimens: Any) -> None:
    answer = regimens.answer()
    shown = [r for r in answer.regimens if r.pattern and r.status == "active"]
    assert len(shown) <= MOST_SHOWN + MOST_FRONT
    ranks = [r.rank for r in answer.regimens if r.rank]
    assert ranks == sorted(set(ranks))
    standing = sum(p.combinations for p in answer.patterns) + sum(r.pattern is None for r in answer.regimens)
    assert max(ranks) <= standing


# --- order and front -------------------------------------------------------------------------------


def vector(regimen: RegimenAnswer) -> tuple[float, ...]:
    """Return the objectives of a regimen from its answer, lower is better."""
    words = {"current": 0, "alternative": 1, "former": 2, "A": 1, "B": 2, "C": 3, "D": 4, "high": -3,
             "intermediate": -2, "low": -1, "unknown": float("inf")}  # fmt: skip
    values = []
    for measure in MEASURES:
        if (objective := regimen.objectives.get(measure.name)) is None:
            values.append(float("inf"))  # nothing is known of it in this case
            continue
        value = objective.value
        number = words[value] if isinstance(value, str) else value
        values.append(number if isinstance(value, str) or not measure.is_more_better else -number)
    return tuple(values)


@each_case
def test_order_and_front_are_those_of_the_objectives(regimens: Any, parts: dict[str, Any]) -> None:
    stand = [r for r in regimens.answer(**parts).regimens if r.status == "active"]
    vectors = [vector(r) for r in stand]
    assert vectors == sorted(vectors)
    for regimen, own in zip(stand, vectors, strict=True):
        beaten = any(all(a <= b for a, b in zip(other, own, strict=True)) and other != own for other in vectors)
        assert not (regimen.on_pareto_front and beaten), regimen.name
    if all(p.combinations == p.shown for p in regimens.answer(**parts).patterns):
        for regimen, own in zip(stand, vectors, strict=True):
            beaten = any(all(a <= b for a, b in zip(other, own, strict=True)) and other != own for other in vectors)
            assert regimen.on_pareto_front != beaten


@pytest.mark.parametrize(
    "prefer", [["units"], ["-units"], ["doses", "barrier"], ["adherence"], ["toxicity", "-barrier"]]
)
def test_preferences_order_the_regimens(regimens: Any, prefer: list[str]) -> None:
    names = [m.name for m in MEASURES]
    answer = regimens.kg.options(regimens.case(), prefer)
    stand = [r for r in answer.regimens if r.status == "active"]
    first = {"adherence": "forgiveness"}.get(prefer[0], prefer[0])
    place, sign = names.index(first.removeprefix("-")), -1 if first.startswith("-") else 1
    keys = [vector(r)[place] for r in stand]
    keys = [key if key == float("inf") else sign * key for key in keys]
    assert keys == sorted(keys)
    assert next(iter(stand[0].objectives)) == first.removeprefix("-")
    assert {r.iri for r in stand if r.pattern is None} == {
        r.iri for r in regimens.answer().regimens if r.status == "active" and r.pattern is None
    }


@pytest.mark.parametrize(
    ("prefer", "code", "said"),
    [
        (["barier"], "R001", "nearest: barrier"),
        (["zzz"], "R001", "one of standing"),
        (["barrier", "barrier"], "R002", "'barrier' and 'barrier'"),
        (["barrier", "-barrier"], "R002", "'-barrier' and 'barrier'"),
        (["adherence", "doses"], "R002", "'doses' and 'adherence'"),
    ],
)
def test_preferences_at_fault_are_refused(regimens: Any, prefer: list[str], code: str, said: str) -> None:
    with pytest.raises(PreferenceError, match=said) as caught:
        regimens.kg.options(regimens.case(), prefer)
    assert {issue.code for issue in caught.value.issues} == {code}


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_order_in_which_a_case_says_things_does_not_matter(regimens: Any, data: st.DataObject) -> None:
    parts = {"susceptibility": {"alpha": "R", "gamma": "I", "mu": "R"}, "alterations": ["GEN:M4V", "GENB:C4W"]}
    plain = regimens.raw(**parts)
    plain["findings"]["alterations"] = data.draw(st.permutations(plain["findings"]["alterations"]))
    results = list(plain["findings"]["susceptibility"].items())
    plain["findings"]["susceptibility"] = dict(data.draw(st.permutations(results)))
    found = regimens.kg.options(read_case(json.loads(json.dumps(plain)), path="case"))
    # facts are named by their place, so findings that rest on one bear another address
    shown = [(r.name, r.status, r.rank, r.on_pareto_front, r.remains) for r in found.regimens]
    assert shown == [
        (r.name, r.status, r.rank, r.on_pareto_front, r.remains) for r in regimens.answer(**parts).regimens
    ]


def test_the_tables_of_this_world_are_the_ones_meant() -> None:
    tables = {path.stem for path in (HERE / "knowledge_regimens").glob("*.tsv")}
    assert tables == {"regimens", "regimen_patterns", "dosings", "indications", "interactions", "constraints"}
    with (HERE / "knowledge_regimens" / "regimens.tsv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file, delimiter="\t"))) == 9


def test_a_constraint_on_a_regimen_as_such_takes_it_out(regimens: Any) -> None:
    """And one that only cautions is told, and nothing else; the components stand as before."""
    young, old = ({"failed": ["stranger"], "age": age} for age in (79, 80))
    assert status(regimens, "AB", **young) == "active" != status(regimens, "AB", **old)
    found = named(regimens, "AB", **old)
    assert (found.status, [(f.rule, f.code, f.effect) for f in found.findings]) == (
        "excluded", [("constrain-regimen", "wrong-setting", "excludes")],
    )  # fmt: skip
    assert found.findings[0].text == "age 80 a: too much for the very old"
    watched = named(regimens, "AD", **old)
    assert (watched.status, [f.effect for f in watched.findings]) == ("active", ["cautions"])
    assert {a.name: a.status for a in regimens.answer(**old).agents} == {
        a.name: a.status for a in regimens.answer(**young).agents
    }
