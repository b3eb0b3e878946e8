"""Clinical cases answered by the shipped knowledge, held against what guidelines say: one file a disease system.

A line of ``*.jsonl`` is a case with ``expect``, ``why`` and ``source`` beside it. What ``expect`` may hold:

| key | met when |
|---|---|
| active | each drug is active |
| excluded | drug → reason code (null: any): the drug is not to be used, and for this reason |
| not_active | each drug is anything but active |
| retain_for_fitness | each drug is retained |
| preferred_over | [first, second, why]: the first ranks before the second |
| warnings, modalities | each is told: all its words stand in one warning, or in one modality or action on offer |
| goal | the goal of treatment |
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from kg_builder.derivation.answer import Answer
from kg_builder.derivation.compiled import compile_rule
from kg_builder.derivation.compiled.triples import CaseTriples, Knowledge, Triple, term_text
from kg_builder.derivation.prepare import prepare_case
from kg_builder.derivation.rules import schedule
from kg_builder.graph.release import build_release
from kg_builder.knowledge_graph import KnowledgeGraph

HERE = Path(__file__).parent
ONTOLOGY = HERE.parents[1] / "ontology"

#: Codes by which a drug must not be given; by the others it has nothing to offer, which may be told as not active.
SAFETY = {
    "adherence-risk", "allergy", "contraindicated-organ-function", "cumulative-dose", "drug-drug-interaction",
    "hypersensitivity", "pregnancy", "toxicity-overlap",
}  # fmt: skip
#: Ways in which one resistance is told.
RESISTANCE = {"cross-resistance", "resistance-mutation", "resistance-phenotype", "same-target"}
KEYS = {
    "active", "excluded", "goal", "modalities", "not_active", "preferred_over", "retain_for_fitness", "warnings",
}  # fmt: skip
LAST = 10**6


def read_lines() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each case of each file as it stands there."""
    for path in sorted(HERE.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield path, json.loads(line)


def key(text: str) -> str:
    """Return a name without all that spelling may change."""
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def words(text: str) -> set[str]:
    """Return the words of weight of a text."""
    return {word for word in re.findall(r"[a-z0-9]+", text.lower()) if len(word) > 3 or word.isdigit()}


def is_said(expected: str, texts: list[str]) -> bool:
    """Tell whether one of the texts holds every word of weight that is expected."""
    return any(words(expected) <= words(text) or key(expected) in key(text) for text in texts)


def find_misses(case: dict[str, Any], answer: Answer) -> Iterator[str]:
    """Yield what the answer says otherwise than ``expect``."""
    expect = case["expect"]
    agents = {key(agent.name): agent for agent in answer.agents}
    failed = {key(drug) for regimen in case.get("failure", {}).get("failed_regimens", []) for drug in regimen}

    def status(drug: str) -> str:
        return agents[key(drug)].status if key(drug) in agents else "absent"

    for drug in expect.get("active", []):
        if status(drug) != "active":
            yield f"{drug}: {status(drug)}, not active"
    for drug in expect.get("not_active", []):
        if status(drug) not in ("not-active", "retained", "partial", "excluded"):
            yield f"{drug}: {status(drug)}, expected not to be active"
    for drug in expect.get("retain_for_fitness", []):
        if status(drug) != "retained":
            yield f"{drug}: {status(drug)}, not retained"
    for drug, code in expect.get("excluded", {}).items():
        out = {"excluded"} if code in SAFETY else {"excluded", "not-active", "retained"}
        if status(drug) not in out:
            yield f"{drug}: {status(drug)}, not excluded"
            continue
        told = {f.code for f in agents[key(drug)].findings if f.effect in ("excludes", "inactivates")}
        same = {code} | ({"prior-failure"} if key(drug) in failed else set())
        same |= RESISTANCE if code in RESISTANCE else set()
        if code is not None and not same & told:
            yield f"{drug}: excluded for {', '.join(sorted(told))}, not for {code}"

    ranks = {key(o.name): o.rank or LAST for o in (*answer.modalities, *answer.agents)}
    for first, second, _ in expect.get("preferred_over", []):
        if ranks.get(key(first), LAST) >= ranks.get(key(second), LAST + 1):
            yield f"{first} does not rank before {second}"

    texts = [f"{warning.name} {warning.text}" for warning in answer.warnings]
    texts += [f.text for a in answer.agents for f in a.findings if f.effect in ("cautions", "excludes")]
    yield from (f"no warning of {w}" for w in expect.get("warnings", []) if not is_said(w, texts))
    offers = [option.name for option in answer.modalities if option.status != "excluded"]
    offers += [f"{action.name} {action.text}" for action in answer.actions]
    yield from (f"no {m}" for m in expect.get("modalities", []) if not is_said(m, offers))
    if "goal" in expect and answer.goal != expect["goal"]:
        yield f"goal {answer.goal}, not {expect['goal']}"


@pytest.fixture(scope="module")
def kg(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeGraph:
    out = tmp_path_factory.mktemp("release")
    build_release(ONTOLOGY / "knowledge", ONTOLOGY / "core", out)
    return KnowledgeGraph.open(out)


def bare(case: dict[str, Any]) -> str:
    return json.dumps({name: part for name, part in case.items() if name not in ("expect", "why", "source")})


def test_every_case_says_what_is_expected_why_and_by_whom() -> None:
    cases = [case for _, case in read_lines()]
    assert len({case["id"] for case in cases}) == len(cases) > 40
    for case in cases:
        assert set(case["expect"]) <= KEYS, case["id"]
        assert case["expect"] and case["why"] and case["source"], case["id"]


@pytest.mark.slow
def test_each_case_is_answered_as_expected(kg: KnowledgeGraph) -> None:
    misses = []
    for path, case in read_lines():
        for item in kg.try_cases(bare(case), path=f"{path.name} {case['id']}"):
            assert not isinstance(item, Exception), item
            misses += [f"{path.name} {case['id']}: {miss}" for miss in find_misses(case, kg.options(item))]
    assert not misses, "\n".join(misses)


@pytest.mark.slow
def test_every_rule_says_compiled_what_a_store_says(kg: KnowledgeGraph) -> None:
    """Of the first case of each system, stage by stage, regimens included."""
    first = dict(reversed(list(read_lines())))
    assert len(first) >= 9
    for path, case in first.items():
        (item,) = kg.try_cases(bare(case), path=path.name)
        engine = kg._engine(item)  # type: ignore[arg-type]
        prepared = engine.compose(prepare_case(item, kg._context, path=path.name))  # type: ignore[arg-type]
        knowledge, stated = Knowledge(engine.store), CaseTriples(map(read, prepared.quads))
        store, graph = ox.Store(), ox.NamedNode(prepared.iri)
        store.extend([*engine.store.quads_for_pattern(None, None, None), *prepared.quads])
        for rule in schedule(engine.rules.values()):
            theirs = list(store.query(rule.text, use_default_graph_as_union=True))  # type: ignore[arg-type]
            ours = compile_rule(rule.text)(knowledge)(stated, prepared.iri)
            assert set(ours) == set(map(read, theirs)), (path.name, rule.name)
            stated.add(ours)
            store.extend(ox.Quad(*triple, graph) for triple in theirs)
        assert len(stated.triples) > 500


def read(triple: Any) -> Triple:
    return term_text(triple.subject), triple.predicate.value, term_text(triple.object)


@pytest.mark.slow
def test_a_wrong_expectation_is_missed(kg: KnowledgeGraph) -> None:
    """Each kind of expectation, turned round, is noticed: the grader can fail."""
    _, case = next(read_lines())
    (item,) = kg.try_cases(bare(case), path="case")
    assert not isinstance(item, Exception)
    answer = kg.options(item)
    by_status = {agent.status: agent.name for agent in answer.agents}
    ranked = sorted((agent.rank, agent.name) for agent in answer.agents if agent.rank)
    for wrong in (
        {"active": [by_status["excluded"]]},
        {"active": ["no such drug"]},
        {"not_active": [by_status["active"]]},
        {"retain_for_fitness": [by_status["active"]]},
        {"excluded": {by_status["active"]: None}},
        {"excluded": {by_status["excluded"]: "cumulative-dose"}},
        {"preferred_over": [[ranked[-1][1], ranked[0][1], "turned round"]]},
        {"warnings": ["a harm nobody has heard of"]},
        {"modalities": ["a treatment nobody has heard of"]},
        {"goal": "none"},
    ):
        assert list(find_misses({**case, "expect": wrong}, answer)), wrong
