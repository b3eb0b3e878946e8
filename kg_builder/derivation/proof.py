"""The derivation behind a conclusion, as a tree: rule, premises, down to claims, facts and sources."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

NodeKind = Literal[
    "status", "finding", "trigger", "meeting", "score", "level", "claim", "fact", "source", "axiom", "term"
]


class ProofNode(BaseModel):
    """One step; a step met before is shown again by name only (``repeated``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    iri: str
    kind: NodeKind
    text: str
    rule: str | None = None
    repeated: bool = False
    premises: tuple[ProofNode, ...] = ()
