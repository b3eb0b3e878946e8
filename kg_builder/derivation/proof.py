"""The derivation behind a conclusion: as a tree for people, and as steps that a program can check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyoxigraph as ox
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


@dataclass(frozen=True, slots=True)
class Step:
    """One rule applied: from ``used``, and from nothing less, it concludes ``concluded``; both in order."""

    rule: str
    used: tuple[ox.Triple, ...]
    concluded: tuple[ox.Triple, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """What `tools/verify_proof.py` checks; docs/proof.md tells its forms in RDF and JSON.

    Attributes:
        case: IRI of the case.
        release: IRI of the version of the knowledge.
        release_sha256: hash of its statements, as in the manifest.
        rules: name of each rule used → sha256 of its file.
        conclusions: what is proven, statement by statement.
        steps: in the order of derivation.
        quoted: each premise that no step concludes → IRI of the release or case in which it stands.
        cited: source of each claim that a step rests on, and how the release calls claims, sources and options.
    """

    case: str
    release: str
    release_sha256: str
    rules: dict[str, str]
    conclusions: tuple[ox.Triple, ...]
    steps: tuple[Step, ...]
    quoted: dict[ox.Triple, str]
    cited: tuple[ox.Triple, ...]
