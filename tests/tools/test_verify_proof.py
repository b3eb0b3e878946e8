"""The verifier: what is proven it accepts, whatever is altered it rejects, and it believes nobody."""

from __future__ import annotations

import ast
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdflib import RDF, RDFS, Literal, Namespace, URIRef

ROOT = Path(__file__).parents[2]
VERIFIER = ROOT / "tools" / "verify_proof.py"
BASE = "https://w3id.org/salvage-kg/"
SV, PROV = Namespace(BASE + "ontology#"), Namespace("http://www.w3.org/ns/prov#")
SOURCE = URIRef("http://purl.org/dc/terms/source")
HASH = URIRef("https://schema.org/sha256")

#: Cases of the made-up world in which rules of every stage conclude.
CASES: dict[str, dict[str, Any]] = {
    "genotype": {
        "failure": {"failed_regimens": [["alpha", "soother"]], "mode": "acquired loss"},
        "findings": {"alterations": ["GEN:M4V", "GEN:L3P", "GENC wild type"]},
        "patient": {"eGFR": 20},
    },
    "products": {
        "failure": {"failed_regimens": [["alpha/booster", "gamma", "delta", "sigma"]], "mode": "late loss"},
        "findings": {
            "alterations": ["GEN:K2R"], "sequenced": ["GEN", "GENB", "GENC"], "organism": "Bacterium durum",
        },
        "patient": {"comedications": ["alpha/booster", "inda"]},
    },
    "intolerance": {
        "failure": {"failed_regimens": [["gamma"], ["epsilon", "pi"]], "mode": "not tolerated", "line": 2},
        "patient": {"comedications": ["bystander"]},
    },
    "culture": {
        "findings": {
            "susceptibility": {"alpha": "R", "beta": "R", "betatwo": "R", "epsilon": "I", "gammatwo": "S"},
            "local_resistance": {"pi": 0.5},
        },
        "patient": {"comorbidities": ["second infection", "weakness", "frail"]},
    },
    "refractory": {
        "failure": {"failed_regimens": [["gamma", "sigma", "delta", "stranger"]], "mode": "refractory course"},
        "findings": {"alterations": ["GENC:A100H", "GEN:K2R"], "sequenced": ["GENB"]},
        "patient": {"adherence": {"self_report": 0.9, "mems": 0.5}},
    },
    "other": {"disease": "otheritis", "failure": {"failed_regimens": [["delta"]]}},
    "no gene read": {"findings": {"alterations": ["GENB:A3T"]}},
    "bare": {},
}  # fmt: skip
for _name, _case in CASES.items():
    CASES[_name] = {"id": "one", "disease": "testitis", **_case}

each_case = pytest.mark.parametrize("data", CASES.values(), ids=CASES)


def without(said: set[Any], *triples: Any) -> set[Any]:
    return said - set(triples)


# --- what it is ---------------------------------------------------------------------------------


def test_it_stands_alone() -> None:
    text = VERIFIER.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 300
    imports: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imports |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imports.add(str(node.module).partition(".")[0])
    assert imports - sys.stdlib_module_names == {"rdflib"}
    assert "SPARQL_LOAD_GRAPHS = False" in text
    assert "xml" not in text.lower()


# --- what it accepts ----------------------------------------------------------------------------


@each_case
def test_all_that_is_concluded_of_a_case_is_proven(bench: Any, data: dict[str, Any]) -> None:
    verdict = bench.judge(data, bench.said(data))
    assert verdict.faults == []
    assert len(verdict.steps) == len(bench.prove(data).steps)
    statuses = bench.derived(data).statuses
    assert statuses
    assert statuses <= verdict.proven
    answer = bench.kg.options(bench.case(data))
    told = {(URIRef(o.iri), URIRef(f"{BASE}status/{o.status}")) for o in (*answer.agents, *answer.modalities)}
    about = {s: o for s, p, o in verdict.proven if p == SV.aboutAgent}
    assert told <= {(about[s], o) for s, _, o in statuses}
    findings = {URIRef(f.iri) for o in (*answer.agents, *answer.modalities) for f in o.findings}
    assert findings <= {s for s, p, _ in verdict.proven if p == SV.findingIn}


@each_case
def test_what_the_verifier_derives_is_what_the_program_derives(bench: Any, verify: Any, data: dict[str, Any]) -> None:
    case = bench.derived(data)
    turtle = bench.kg.options_graph(bench.case(data))
    assert case.facts | set().union(*case.concluded) == set(verify.parse(turtle, "turtle"))


@each_case
def test_conclusions_in_the_case_are_not_believed(bench: Any, data: dict[str, Any]) -> None:
    """`options --format ttl` holds facts and conclusions; only the facts count."""
    assert bench.view(bench.kg.options_graph(bench.case(data))).facts == bench.derived(data).facts


def test_knowledge_in_the_case_is_not_believed(bench: Any) -> None:
    data = CASES["bare"]
    turtle = bench.kg.case_graph(bench.case(data))
    agent, claim, fact = f"<{BASE}drug/alpha>", f"<{BASE}claim/made-up>", f"<{BASE}case/one#/findings/x>"
    sv = "https://w3id.org/salvage-kg/ontology#"
    invented = f"""
{claim} a <{sv}Resistance> ; <{sv}appliesTo> {agent} ; <{sv}hasDegree> <{BASE}degree/full> .
{agent} <{sv}groundResistance> {claim} ; <{sv}hasTrait> <{BASE}trait/supportive> .
<{BASE}case/one> <{sv}within> <{BASE}disease/otheritis> .
{fact} <{sv}bearsOn> {agent} .
"""
    assert bench.view(turtle + invented).facts == bench.derived(data).facts
    own = f"{fact} <{sv}factIn> <{BASE}case/one> ."
    assert len(bench.view(turtle + own).facts) == len(bench.derived(data).facts) + 1


def test_a_claim_made_up_in_the_case_is_not_believed(bench: Any) -> None:
    """A node of the case that says of itself what claims say, so that rules whose property is a variable take it."""
    data = CASES["bare"]
    turtle, node, sv = bench.kg.case_graph(bench.case(data)), f"<{BASE}case/one#/made-up>", f"{SV}"
    said = {
        "appliesTo": f"<{BASE}drug/alpha>", "concernsAgent": f"<{BASE}drug/alpha>", "claimKind": '"Indication"',
        "givesGround": f"<{sv}groundIndication>", "keyCondition": f"<{BASE}condition/x>", "conditionCount": "1",
        "hasCondition": f"<{BASE}condition/x>", "relevantTo": f"<{BASE}disease/testitis>",
        "forDisease": f"<{BASE}disease/testitis>", "indicationStatus": f"<{BASE}indicationstatus/current>",
        "hasDegree": f"<{BASE}degree/full>", "hasCondition ": f"<{BASE}condition/y>",
        "narrowerThan": f"<{BASE}claim/z>", "groundIn": f"<{BASE}case/one>",
    }  # fmt: skip
    invented = "\n".join(f"{node} <{sv}{name.strip()}> {value} ." for name, value in said.items())
    classes = "\n".join(f"{node} a <{sv}{name}> ." for name in ("Claim", "Indication", "Drug", "Condition"))
    for kind in ("alteration", "proposal"):
        assert bench.view(turtle + (invented + classes).replace("case/one#/made-up", f"{kind}/made-up")).facts == (
            bench.derived(data).facts
        )
    assert bench.view(turtle + invented + classes).facts == bench.derived(data).facts


def test_a_proof_of_nothing_is_none(bench: Any, verify: Any) -> None:
    data = CASES["bare"]
    said = {
        t for t in bench.said(data) if t[1] in (verify.PROV.wasDerivedFrom, verify.HASH) or t[2] == verify.PROV.Bundle
    }
    assert any("with steps" in fault for fault in bench.judge(data, said).faults)


def test_an_option_alone_is_proven(bench: Any) -> None:
    data = CASES["genotype"]
    for option in bench.kg.options(bench.case(data)).agents[:6]:
        verdict = bench.judge(data, bench.said(data, option.name))
        assert verdict.faults == []
        about = {s for s, p, o in verdict.proven if p == SV.aboutAgent and o == URIRef(option.iri)}
        (status,) = {o for s, p, o in verdict.proven if p == SV.hasStatus and s in about}
        assert status == URIRef(f"{BASE}status/{option.status}")


# --- what it rejects ----------------------------------------------------------------------------

#: What makes up a proof. Whatever else it says repeats what stands in release or case or what is proven.
CORE = {
    RDF.type, RDF.subject, RDF.predicate, RDF.object, SV.ofRule, PROV.used, PROV.generated, PROV.wasQuotedFrom,
    PROV.wasDerivedFrom, HASH, SOURCE,
}  # fmt: skip


def is_core(triple: Any, said: set[Any]) -> bool:
    """Whether a proof must not lack this: leaving out a repetition, or a label, leaves a sound proof that says less."""
    subject, predicate, value = triple
    if predicate == PROV.hadMember:
        return (value, RDF.type, PROV.Activity) in said
    if predicate == SV.ofRule:
        return (subject, RDF.type, PROV.Activity) in said
    if predicate == RDF.type:
        return value in (RDF.Statement, PROV.Activity, PROV.Bundle)
    return predicate in CORE


def mutants(said: set[Any], chance: random.Random, *, each: bool) -> Iterator[tuple[str, set[Any]]]:
    """Yield altered proofs: each statement left out, swapped with another of its kind, replaced by an invention.

    Args:
        each: every statement of the proof, not one in ten.
    """
    pool: dict[Any, list[Any]] = {}
    for _, predicate, value in sorted(said):
        pool.setdefault(predicate, []).append(value)
    for triple in sorted(said):
        if not each and chance.random() > 0.1:
            continue
        subject, predicate, value = triple
        if is_core(triple, said):
            yield f"without {triple}", said - {triple}
        others = [other for other in pool[predicate] if other != value and (subject, predicate, other) not in said]
        if others and predicate != PROV.hadMember:
            yield f"swapped {triple}", said - {triple} | {(subject, predicate, chance.choice(others))}
        invented = Literal("made up") if isinstance(value, Literal) else URIRef(f"{BASE}finding/made-up")
        yield f"invented {triple}", said - {triple} | {(subject, predicate, invented)}
        yield f"added to {triple}", said | {(subject, predicate, invented)}


def test_every_alteration_of_a_proof_is_rejected(bench: Any) -> None:
    data = CASES["genotype"]
    said = bench.said(data, "mu")
    assert bench.judge(data, said).faults == []
    tried = 0
    for name, altered in mutants(said, random.Random(1), each=True):
        tried += 1
        assert bench.judge(data, altered).faults, name
    assert tried > 1000


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(sorted(CASES)), number=st.integers(0, 2**32))
def test_alterations_of_any_proof_are_rejected(bench: Any, name: str, number: int) -> None:
    data, chance = CASES[name], random.Random(number)
    said = bench.said(data)
    for _, (what, altered) in zip(range(2), mutants(said, chance, each=False), strict=False):
        assert bench.judge(data, altered).faults, what


def steps_of(said: set[Any]) -> dict[Any, dict[Any, set[Any]]]:
    """Return rule, premises and conclusions of each step."""
    found: dict[Any, dict[Any, set[Any]]] = {}
    for s, p, o in said:
        if p in (SV.ofRule, PROV.used, PROV.generated) and (s, RDF.type, PROV.Activity) in said:
            found.setdefault(s, {}).setdefault(p, set()).add(o)
    return found


@pytest.mark.parametrize(("name", "option"), [("genotype", "beta"), ("culture", "pi")])
def test_premises_and_conclusions_swapped_between_steps_are_rejected(bench: Any, name: str, option: str) -> None:
    data, chance = CASES[name], random.Random(2)
    said = bench.said(data, option)
    steps = steps_of(said)
    rules: dict[Any, list[Any]] = {}
    for step, parts in steps.items():
        rules.setdefault(min(parts[SV.ofRule]), []).append(step)
    for alike in rules.values():
        if len(alike) < 2:
            continue
        one, two = chance.sample(alike, 2)
        for part in (PROV.used, PROV.generated):
            if steps[one][part] == steps[two][part]:
                continue  # nothing is swapped
            out = {(s, part, o) for s in (one, two) for o in steps[s][part]}
            new = {(one, part, o) for o in steps[two][part]} | {(two, part, o) for o in steps[one][part]}
            assert bench.judge(data, said - out | new).faults, (one, two, part)


def test_a_true_premise_too_many_is_rejected(bench: Any) -> None:
    data = CASES["genotype"]
    said = bench.said(data, "alpha")
    known = sorted(s for s, p, _ in said if p == PROV.wasQuotedFrom)
    for step, parts in steps_of(said).items():
        extra = next(node for node in known if node not in parts[PROV.used])
        assert bench.judge(data, said | {(step, PROV.used, extra)}).faults


def statement(name: str, triple: Any, *more: Any) -> set[Any]:
    node = URIRef(f"{BASE}statement/{name}")
    parts = zip((RDF.subject, RDF.predicate, RDF.object), triple, strict=True)
    return {(node, RDF.type, RDF.Statement), *((node, p, o) for p, o in parts), *((node, p, o) for p, o in more)}


def test_an_invented_premise_is_rejected_whatever_is_said_to_vouch_for_it(bench: Any) -> None:
    data = CASES["bare"]
    said, case = bench.said(data), URIRef(f"{BASE}case/one")
    invented = (URIRef(f"{case}#/findings/alterations/0"), SV.states, URIRef(f"{BASE}alteration/GEN-K2R"))
    for origin in (case, bench.release.iri, URIRef(f"{BASE}anything")):
        altered = said | statement("made-up", invented, (PROV.wasQuotedFrom, origin))
        assert any("(a)" in fault for fault in bench.judge(data, altered).faults), origin
    assert bench.judge(data, said | statement("made-up", invented)).faults
    assert bench.judge(data, said | {invented}).faults


def test_a_circle_is_rejected(bench: Any) -> None:
    """Two steps that vouch for each other: each concludes the other's premise."""
    data, case = CASES["bare"], URIRef(f"{BASE}case/one")
    said = bench.said(data)
    agent = URIRef(f"{BASE}drug/stranger")
    done = URIRef(f"{BASE}finding/made-up")
    about = {"in": (done, SV.findingIn, case), "a": (done, SV.aboutAgent, agent)}
    step = URIRef(f"{BASE}step/made-up")
    circle = {(step, RDF.type, PROV.Activity), (step, SV.ofRule, URIRef(f"{BASE}rule/exclude"))}
    for name, triple in about.items():
        circle |= statement(name, triple)
        node = URIRef(f"{BASE}statement/{name}")
        circle |= {(step, PROV.used, node), (step, PROV.generated, node)}
    member = (next(s for s, p, o in said if o == PROV.Bundle), PROV.hadMember, step)
    faults = bench.judge(data, said | circle | {member}).faults
    assert any("(a) its premise" in fault for fault in faults)


def test_a_conclusion_that_something_forbids_is_rejected(bench: Any) -> None:
    """With MINUS a rule concludes from too few premises what it does not conclude from all: check (c)."""
    more = CASES["genotype"]
    fewer = {**more, "findings": {"alterations": ["GENC wild type"]}}
    said = bench.said(fewer, "alpha")
    assert bench.judge(fewer, said).faults == []
    # the same premises stand in the case with more findings, and the steps conclude from them alone
    faults = bench.judge(more, said).faults
    assert any("(c) run on everything" in fault for fault in faults), faults[:5]


def test_a_proof_of_another_case_or_release_is_rejected(bench: Any) -> None:
    data = CASES["bare"]
    said = bench.said(data)
    assert bench.judge({**data, "id": "two"}, said).faults
    other = (bench.release.iri, HASH, Literal("0" * 64))
    right = (bench.release.iri, HASH, bench.release.sha256)
    assert any("sha256" in fault for fault in bench.judge(data, without(said, right) | {other}).faults)
    hashes = [t for t in said if t[1] == HASH and t != right]
    for triple in hashes:
        faults = bench.judge(data, without(said, triple) | {(triple[0], HASH, Literal("0" * 64))}).faults
        assert any(str(triple[0]) in fault and "sha256" in fault for fault in faults)


def test_sources_are_those_of_the_release(bench: Any) -> None:
    data = CASES["genotype"]
    said = bench.said(data, "pi")
    cited = sorted(t for t in said if t[1] == SOURCE)
    assert len(cited) > 4
    for claim, _, source in cited:
        for altered in (
            without(said, (claim, SOURCE, source)),
            without(said, (claim, SOURCE, source)) | {(claim, SOURCE, URIRef(f"{BASE}source/made-up"))},
            said | {(claim, SOURCE, URIRef(f"{BASE}source/made-up"))},
        ):
            assert any("source" in fault for fault in bench.judge(data, altered).faults)
    label = next(t for t in sorted(said) if t[1] == RDFS.label)
    assert bench.judge(data, without(said, label) | {(label[0], RDFS.label, Literal("another name"))}).faults


# --- the shipped knowledge ----------------------------------------------------------------------


@pytest.mark.slow
def test_a_proof_from_the_shipped_knowledge(shipped: Any) -> None:
    data = yaml.safe_load((ROOT / "examples" / "status-epilepticus.yaml").read_text(encoding="utf-8"))
    said, chance = shipped.said(data), random.Random(3)
    verdict = shipped.judge(data, said)
    assert verdict.faults == []
    assert shipped.derived(data).statuses <= verdict.proven
    altered = [mutant for mutant in mutants(said, chance, each=False) if chance.random() < 0.01]
    assert len(altered) > 20
    for what, mutant in altered:
        assert shipped.judge(data, mutant).faults, what
