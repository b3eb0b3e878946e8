"""A made-up answer that has everything an answer can have."""

from __future__ import annotations

import pytest

from kg_builder.derivation.answer import (
    Action,
    Answer,
    Finding,
    KnowledgeVersion,
    MissingTest,
    Objective,
    OptionAnswer,
    PatternAnswer,
    RegimenAnswer,
    WarningAnswer,
)
from kg_builder.derivation.case import Case
from kg_builder.derivation.proof import ProofNode

BASE = "https://w3id.org/salvage-kg/"


def finding(effect: str, code: str, text: str, *sources: str, degree: str | None = None) -> Finding:
    name = f"{effect}-{code}-{len(text)}"
    return Finding.model_validate(
        {
            "iri": f"{BASE}finding/{name}",
            "code": code,
            "effect": effect,
            "degree": degree,
            "text": text,
            "rule": "10-made-up",
            "because": [f"{BASE}claim/{code}"],
            "sources": [f"{BASE}source/{source}" for source in sources],
        }
    )


def option(kind: str, name: str, status: str, rank: int | None, *findings: Finding) -> OptionAnswer:
    iri = f"{BASE}{kind}/{name.replace(' ', '-').replace('/', '-')}"
    return OptionAnswer.model_validate(
        {"name": name, "iri": iri, "status": status, "rank": rank, "findings": list(findings)}
    )


@pytest.fixture
def case() -> Case:
    return Case(id="made-up-1", disease="Made-up disease", title="Second line failed")


@pytest.fixture
def answer() -> Answer:
    return Answer(
        case="made-up-1",
        knowledge=KnowledgeVersion(version="2026-01-02", built="2026-01-02", sha256="0123456789abcdef" * 4),
        goal="control",
        agents=(
            option(
                "drug",
                "alpha/boost",
                "active",
                1,
                finding("favours", "genetic-barrier", "High barrier.", "guide"),
                finding("cautions", "drug-drug-interaction", "Separate from calcium by 2 h.", "label", "guide"),
            ),
            option("drug", "beta", "active", 2),
            option(
                "drug",
                "gamma",
                "partial",
                None,
                finding("inactivates", "resistance-mutation", "Score 30.", degree="partial"),
            ),
            option(
                "drug",
                "delta",
                "retained",
                None,
                finding("retains", "fitness-cost", "Keeps the mutant weak.", "paper"),
                finding("inactivates", "resistance-mutation", "Score 60.", "guide", degree="full"),
                finding("favours", "new-target", "Not worth a line here.", "hidden"),
            ),
            option(
                "drug", "epsilon", "not-active", None, finding("inactivates", "cross-resistance", "As delta.", "paper")
            ),
            option(
                "drug",
                "zeta",
                "excluded",
                None,
                finding("excludes", "prior-failure", "Failed in line 1.", "guide"),
                finding("excludes", "prior-failure", "Failed in line 1.", "paper"),
                finding("favours", "genetic-barrier", "Not worth a line here.", "hidden"),
            ),
        ),
        regimens=(
            RegimenAnswer(
                name="alpha + beta",
                components=("alpha/boost", "beta"),
                status="active",
                rank=1,
                on_pareto_front=True,
                objectives={
                    "standing": Objective(value="current", unit="indication", because=()),
                    "activity": Objective(value=2, unit="active agents", because=()),
                    "interactions": Objective(value=0, unit="interactions", because=()),
                    "barrier": Objective(value="unknown", unit="barrier", because=()),
                    "doses": Objective(value=1.0, unit="doses a day", because=()),
                },
                findings=(),
            ),
            RegimenAnswer(
                name="ABC",
                iri=f"{BASE}regimen/abc",
                components=("alpha/boost", "beta", "zeta"),
                remains=("alpha/boost", "beta"),
                status="excluded",
                rank=None,
                on_pareto_front=False,
                objectives={},
                findings=(finding("excludes", "component-lost", "zeta is excluded.", "guide"),),
            ),
        ),
        patterns=(PatternAnswer(name="two drugs", claims=(f"{BASE}claim/two",), combinations=12, front=1, shown=1),),
        modalities=(option("modality", "counselling", "active", 1), option("modality", "surgery", "excluded", None)),
        actions=(Action(name="repeat the test", iri=f"{BASE}action/repeat", text="Refill says 0.5.", because=()),),
        warnings=(
            WarningAnswer(
                name="nephrotoxicity", iri=f"{BASE}warning/n", text="Nephrotoxicity.", agents=("beta",), because=()
            ),
        ),
        missing=(MissingTest(test="gene X", would_change=("beta", "gamma")),),
    )


@pytest.fixture
def proof() -> ProofNode:
    source = ProofNode(iri=f"{BASE}source/guide", kind="source", text="A guideline, 2024")
    claim = ProofNode(iri=f"{BASE}claim/c1", kind="claim", text="Alpha selects M1", premises=(source,))
    fact = ProofNode(iri=f"{BASE}case/made-up-1#/findings/alterations/0", kind="fact", text="alteration M1")
    found = ProofNode(iri=f"{BASE}finding/f1", kind="finding", text="resistant", rule="36-x", premises=(claim, fact))
    again = ProofNode(iri=f"{BASE}claim/c1", kind="claim", text="Alpha selects M1", repeated=True)
    return ProofNode(iri=f"{BASE}status/excluded", kind="status", text="alpha is excluded", premises=(found, again))
