"""A knowledge graph that answers every case in the same made-up way, and a way to call the command line."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from kg_builder.ask import Iri, Rows
from kg_builder.derivation.answer import (
    AlgorithmName,
    Answer,
    DrugScore,
    Finding,
    KnowledgeVersion,
    OptionAnswer,
    Susceptibility,
)
from kg_builder.derivation.case import Case, read_case, split_cases
from kg_builder.derivation.proof import Proof, ProofNode, Step
from kg_builder.issues import CaseError, Issue, QueryError, StoreError

BASE = "https://w3id.org/salvage-kg/"
VERSION = KnowledgeVersion(version="2026-01-02", built="2026-01-02", sha256="ab" * 32)


@dataclass
class FakeGraph:
    """Stands in for KnowledgeGraph; ``fault`` is raised by whatever answers a case."""

    version: KnowledgeVersion = VERSION
    fault: BaseException | None = None
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def try_cases(self, text: str, *, path: str) -> Iterator[Case | CaseError]:
        for where, data in split_cases(text, path=path):
            try:
                if isinstance(data, CaseError):
                    raise data
                case = read_case(data, path=where)
                if case.disease == "nothing":
                    issue = Issue(where, 0, "/disease", "C005", "unknown disease 'nothing'", "nearest: something")
                    raise CaseError([issue])
                yield case
            except CaseError as error:
                yield error

    def remarks(self, case: Case, *, path: str = "") -> tuple[Issue, ...]:
        return ()

    def options(self, case: Case, prefer: Sequence[str] = ()) -> Answer:
        if self.fault:
            raise self.fault
        found = Finding(
            iri=f"{BASE}finding/1", code="prior-failure", effect="excludes", text="Failed in line 1.", rule="40-x",
            because=(f"{BASE}claim/1",), sources=(f"{BASE}source/guide",),
        )  # fmt: skip
        alpha = OptionAnswer(name="alpha", iri=f"{BASE}drug/alpha", status="active", rank=1, findings=())
        goal = f"prefer {','.join(prefer)}" if prefer else "control"
        beta = OptionAnswer(name="beta", iri=f"{BASE}drug/beta", status="excluded", rank=None, findings=(found,))
        return Answer(
            case=case.id, knowledge=VERSION, goal=goal, agents=(alpha, beta), regimens=(), modalities=(),
            actions=(), warnings=(), missing=(),
        )  # fmt: skip

    def conflicts(self, case: Case, answer: Answer, *, path: str = "") -> tuple[Issue, ...]:
        return ()

    def options_graph(self, case: Case, prefer: Sequence[str] = ()) -> str:
        return f"<{BASE}case/{case.id}> a <{BASE}ontology#Case> .\n"

    def susceptibility(self, cases: Iterable[Case]) -> Iterator[Susceptibility]:
        for case in cases:
            drug = DrugScore(
                name="alpha", iri=f"{BASE}drugcode/al", code="AL", score=15, level=2, interpretation="Low",
                matched=(), gene_read=True,
            )  # fmt: skip
            yield Susceptibility(case=case.id, algorithm=AlgorithmName(name="ALG", version="1.0"), drugs=(drug,))

    def explain(self, case: Case, agent: str, prefer: Sequence[str] = ()) -> ProofNode:
        if agent != "alpha":
            raise CaseError([Issue("", 0, "", "C005", f"unknown name '{agent}'", "nearest: alpha")])
        return ProofNode(iri=f"{BASE}status/active", kind="status", text=f"{agent} is active for {case.id}")

    def explain_all(self, case: Case, prefer: Sequence[str] = ()) -> list[ProofNode]:
        return [self.explain(case, "alpha"), self.explain(case, "alpha")]

    def prove(self, case: Case, agent: str | None = None, prefer: Sequence[str] = ()) -> Proof:
        if agent is not None:
            self.explain(case, agent)
        one = ox.NamedNode(f"{BASE}case/{case.id}")
        said = ox.Triple(ox.NamedNode(f"{BASE}conclusion/1"), ox.NamedNode(f"{BASE}ontology#concludedIn"), one)
        return Proof(
            case=one.value, release=f"{BASE}release/1", release_sha256="a", rules={"r": "b"}, conclusions=(said,),
            steps=(Step("r", (), (said,)),), quoted={}, cited=(),
        )  # fmt: skip

    def case_graph(self, case: Case, prefer: Sequence[str] = ()) -> str:
        return f"<{BASE}case/{case.id}> a <{BASE}ontology#Case> .\n"

    def explain_claim(self, name: str) -> ProofNode:
        if name != "claim:c1":
            raise CaseError([Issue("", 0, "", "C005", f"no claim '{name}'", "")])
        return ProofNode(iri=f"{BASE}claim/c1", kind="claim", text="what the claim says")

    def cite(self, source: str) -> str:
        return f"A guideline ({source.rpartition('/')[2]})"

    def ask(self, name: str, **params: str) -> Rows:
        self.asked.append((name, params))
        codes = {"unknown": "Q001", "needs-drug": "Q004", "broken.rq": "Q005"}
        if name in codes:
            raise QueryError([Issue(name, 0, "", codes[name], "what is wrong", "what to do")])
        return Rows(
            ("drug", "level"), ((Iri(f"{BASE}drug/alpha"), 5), (Iri(f"{BASE}drug/beta"), None)), {"level": "mg/L"}
        )

    def list(self, kind: str) -> list[tuple[str, str, str]]:
        if kind != "drugs":
            raise KeyError(kind)
        return [("drug:alpha", "alpha", "the first | one"), ("drug:beta", "beta", "")]


Call = Callable[..., Any]


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> FakeGraph:
    """The graph that commands open."""
    import kg_builder

    fake = FakeGraph()

    class Door:
        @staticmethod
        def open(path: Path | None = None) -> FakeGraph:
            if path is not None and not path.exists():
                raise StoreError(f"{path}: no release of the knowledge graph here; run `salvage-kg build`")
            return fake

    monkeypatch.setattr(kg_builder, "KnowledgeGraph", Door, raising=False)
    return fake


@pytest.fixture
def call(graph: FakeGraph, command_line: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a command line in this process, with what is to stand on stdin."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def run_it(*arguments: object, stdin: bytes | str = b"") -> Any:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        return command_line(*arguments)

    return run_it


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Any], Path]:
    """Write a file of cases."""

    def write_it(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_it
