"""A release on disk answers as the knowledge in memory does, whatever part of it is loaded for a disease."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kg_builder.derivation.case import Case
from kg_builder.graph.release import build_release
from kg_builder.knowledge_graph import KnowledgeGraph

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

CASES: list[dict[str, Any]] = [
    {},
    {"failed": ["alpha", "soother"], "mode": "acquired loss", "alterations": ["GEN:M4V", "GEN:L3P"], "eGFR": 20},
    {"failed": ["gamma", "stranger"], "mode": "refractory course", "comedications": ["inda mix"], "sequenced": ["GENC"]},
    {"failed": ["alpha/booster"], "comedications": ["booster", "bystander"], "organism": "Bacterium durum"},
    {"susceptibility": {"stranger": "R", "alpha": "R", "pi": "S"}, "comorbidities": ["arm weakness", "frail"]},
    {"disease": "acute testitis", "alterations": ["GENC:A100H"], "local_resistance": {"pi": 0.4}},
    {"disease": "broad testitis", "failed": ["alpha"], "alterations": ["GEN:M4I"], "mode": "acquired loss"},
    {"disease": "otheritis", "failed": ["delta"], "alterations": ["GENB:A3T"], "comedications": ["alpha"]},
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeGraph:
    out = tmp_path_factory.mktemp("release")
    build_release(HERE / "knowledge", ROOT / "ontology" / "core", out)
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


def test_a_release_scores_as_the_whole_does(world: Any, opened: KnowledgeGraph) -> None:
    cases = [world.case(id=f"c{i}", **parts) for i, parts in enumerate(CASES) if parts.get("disease") != "otheritis"]
    whole = list(world.kg.susceptibility(cases))
    for one, other in zip(opened.susceptibility(cases), whole, strict=True):
        known = {drug.code: drug for drug in other.drugs}
        assert {"ALP", "BET"} <= {drug.code for drug in one.drugs} or one.case == "c6"
        assert all(drug == known[drug.code] for drug in one.drugs)
