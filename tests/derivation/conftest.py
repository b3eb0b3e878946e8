"""A made-up world: alpha and its kin against testitis, with the shipped core ontology, in memory once a session."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from kg_builder.derivation.answer import Answer, Finding, OptionAnswer
from kg_builder.derivation.case import Case, read_case
from kg_builder.graph.release import assemble
from kg_builder.graph.store import Manifest
from kg_builder.issues import CaseError, Issue
from kg_builder.knowledge_graph import KnowledgeGraph
from kg_builder.vocabulary import BASE, SV, compact

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_FINDINGS = {"ic50_mg_l", "ic90_mg_l",
    "alterations", "sequenced", "susceptibility", "local_resistance", "organism", "site", "histology", "imaging",
    "biopsy", "trough_mg_l",
}  # fmt: skip
_FAILURE = {"mode", "line", "failed_regimens", "months_to_relapse"}


class World:
    """The made-up knowledge and short ways to ask it.

    A case is given as keywords: the fields of failure and findings by their own names, ``failed`` for one failed
    regimen, ``disease`` and ``id`` at the top, everything else a field of the patient.
    """

    def __init__(self, quads: list[ox.Quad], manifest: Manifest) -> None:
        self.quads = quads
        self.manifest = manifest
        self.store = ox.Store()
        self.store.extend(quads)
        self.kg = KnowledgeGraph(self.store, manifest)
        self._answers: dict[str, Answer] = {}

    def fresh(self, **options: Any) -> tuple[ox.Store, KnowledgeGraph]:
        """Return a store and a knowledge graph that no other test uses."""
        store = ox.Store()
        store.extend(self.quads)
        return store, KnowledgeGraph(store, self.manifest, **options)

    def refused(self, text: str | dict[str, Any], path: str = "case.json") -> list[Issue]:
        """Return the faults of cases that are refused."""
        with pytest.raises(CaseError) as caught:
            self.kg.read_cases(text if isinstance(text, str) else json.dumps(text), path=path)
        return list(caught.value.issues)

    @staticmethod
    def raw(*, failed: list[str] | None = None, **parts: Any) -> dict[str, Any]:
        """Return the case as JSON would give it."""
        data: dict[str, Any] = {"id": parts.pop("id", "one"), "disease": parts.pop("disease", "testitis")}
        if failed is not None:
            parts["failed_regimens"] = [failed]
        for key, value in parts.items():
            room = "failure" if key in _FAILURE else "findings" if key in _FINDINGS else "patient"
            data.setdefault(room, {})[key] = value
        return data

    def case(self, **parts: Any) -> Case:
        """Return a checked case."""
        return read_case(self.raw(**parts), path="case")

    def answer(self, **parts: Any) -> Answer:
        """Return the answer to a case; remembered."""
        data = self.raw(**parts)
        key = json.dumps(data)
        if key not in self._answers:
            self._answers[key] = self.kg.options(read_case(data, path="case"))
        return self._answers[key]

    def options(self, **parts: Any) -> dict[str, OptionAnswer]:
        """Return the options of a case by name."""
        answer = self.answer(**parts)
        return {option.name: option for option in (*answer.agents, *answer.modalities)}

    def status(self, agent: str, **parts: Any) -> str | None:
        """Return the status word of one option; None if it is no candidate."""
        option = self.options(**parts).get(agent)
        return option.status if option else None

    def findings(self, agent: str, **parts: Any) -> tuple[Finding, ...]:
        """Return the findings about one option, none if it is no candidate."""
        option = self.options(**parts).get(agent)
        return option.findings if option else ()

    def said(self, agent: str, **parts: Any) -> set[tuple[str, str, str | None]]:
        """Return (code, effect, degree) of each finding about one option."""
        return {(f.code, f.effect, f.degree) for f in self.findings(agent, **parts)}

    def probes(self, **parts: Any) -> set[str]:
        """Return the probes of the condition language that the case triggers (advice.tsv)."""
        return {a.name.removeprefix("probe ") for a in self.answer(**parts).actions if a.name.startswith("probe ")}

    def graph(self, **parts: Any) -> list[ox.Triple]:
        """Return facts and conclusions of a case as triples."""
        turtle = self.kg.options_graph(self.case(**parts))
        return [quad.triple for quad in ox.parse(turtle.encode(), format=ox.RdfFormat.TURTLE)]

    def values(self, triples: Iterable[ox.Triple], predicate: str) -> dict[str, list[str]]:
        """Return the values of a property by subject, CURIEs throughout."""
        found: dict[str, list[str]] = {}
        for t in triples:
            if t.predicate.value == SV + predicate:
                found.setdefault(compact(t.subject.value), []).append(compact(t.object.value))
        return found

    def refuse(self, text: str | dict[str, Any], path: str = "case.json") -> list[tuple[str, str]]:
        """Return (code, pointer) of each fault of a case that must be refused."""
        with pytest.raises(CaseError) as caught:
            self.kg.read_cases(text if isinstance(text, str) else json.dumps(text), path=path)
        assert all(issue.path.startswith(path) and issue.message for issue in caught.value.issues)
        return [(issue.code, issue.column) for issue in caught.value.issues]


@pytest.fixture(scope="session")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the shipped core ontology, apart from the tables and mappings that are shipped beside it."""
    folder = tmp_path_factory.mktemp("ontology") / "core"
    shutil.copytree(ROOT / "ontology" / "core", folder)
    return folder


@pytest.fixture(scope="session")
def world(core: Path) -> World:
    """The made-up knowledge, assembled as a release is: read, checked, emitted, reasoned upon."""
    assembled = assemble(HERE / "knowledge", core)
    version, built = assembled.version, assembled.built
    manifest = Manifest.model_construct(
        version=version, version_iri=f"{BASE}release/{version}", built=built, sha256="0" * 64
    )
    return World(assembled.quads, manifest)


@pytest.fixture(scope="module")
def regimens(world: Any, core: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The made-up world with regimens, patterns and doses added to its tables."""
    folder = tmp_path_factory.mktemp("regimens") / "knowledge"
    shutil.copytree(HERE / "knowledge", folder)
    for table in (HERE / "knowledge_regimens").glob("*.tsv"):
        place = folder / "testitis" / table.name
        if not place.exists():
            shutil.copy(table, place)
            continue
        rows = table.read_text(encoding="utf-8").splitlines()[1:]
        head, *own = place.read_text(encoding="utf-8").splitlines()
        place.write_text("\n".join([head, *sorted(own + rows, key=lambda row: row.split("\t")[0])]) + "\n")
    quads = list(assemble(folder, core).quads)
    return type(world)(quads, world.manifest)
