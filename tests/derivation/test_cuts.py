"""A release on disk answers as the knowledge in memory does, whatever part of it is loaded for a disease."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kg_builder.derivation.case import Case
from kg_builder.graph.release import build_release
from kg_builder.knowledge_graph import KnowledgeGraph

HERE = Path(__file__).parent

CASES: list[dict[str, Any]] = [
    {},
    {"failed": ["alpha", "soother"], "mode": "acquired loss", "alterations": ["GEN:M4V", "GEN:L3P"], "eGFR": 20},
    {"failed": ["gamma", "stranger"], "mode": "refractory course", "comedications": ["inda mix"]},
    {"failed": ["alpha/booster"], "comedications": ["booster", "bystander"], "organism": "Bacterium durum"},
    {"susceptibility": {"stranger": "R", "alpha": "R", "pi": "S"}, "comorbidities": ["arm weakness", "frail"]},
    {"disease": "acute testitis", "alterations": ["GENC:A100H"], "local_resistance": {"pi": 0.4}},
    {"disease": "broad testitis", "failed": ["alpha"], "alterations": ["GEN:M4I"], "mode": "acquired loss"},
    {"disease": "otheritis", "failed": ["delta"], "alterations": ["GENB:A3T"], "comedications": ["alpha"]},
]


@pytest.fixture(scope="module")
def opened(core: Path, tmp_path_factory: pytest.TempPathFactory) -> KnowledgeGraph:
    out = tmp_path_factory.mktemp("release")
    build_release(HERE / "knowledge", core, out)
    return KnowledgeGraph.open(out)


def told(kg: KnowledgeGraph, case: Case) -> dict[str, Any]:
    answer: dict[str, Any] = kg.options(case).model_dump(mode="json")
    return {key: value for key, value in answer.items() if key != "knowledge"}


@pytest.mark.parametrize("parts", CASES, ids=range(len(CASES)))
def test_a_release_answers_as_the_whole_does(world: Any, opened: KnowledgeGraph, parts: dict[str, Any]) -> None:
    case = world.case(**parts)
    assert told(opened, case) == told(world.kg, case)
    option = next(iter(world.options(**parts)))
    assert opened.explain(case, option) == world.kg.explain(case, option)


@pytest.mark.parametrize("parts", [p for p in CASES if "disease" not in p], ids=str)
def test_a_release_scores_as_the_whole_does(world: Any, opened: KnowledgeGraph, parts: dict[str, Any]) -> None:
    (one,), (other,) = (list(kg.susceptibility([world.case(**parts)])) for kg in (opened, world.kg))
    assert one == other


def test_a_code_is_scored_in_full_or_not_at_all(world: Any, opened: KnowledgeGraph) -> None:
    case = world.case(disease="broad testitis", alterations=["GEN:M4I"])
    (one,), (other,) = (list(kg.susceptibility([case])) for kg in (opened, world.kg))
    known = {drug.code: drug for drug in other.drugs}
    assert all(drug == known[drug.code] for drug in one.drugs)


def test_cases_of_several_diseases_keep_their_order(world: Any, opened: KnowledgeGraph) -> None:
    cases = [world.case(id=f"c{i}", **parts) for i, parts in enumerate(CASES)]
    assert [answer.case for answer in opened.options_many(cases)] == [case.id for case in cases]
    assert [report.case for report in opened.susceptibility(cases)] == [case.id for case in cases]
