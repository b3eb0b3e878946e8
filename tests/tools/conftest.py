"""A release of the made-up world, the verifier as a module, and proofs to be judged."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kg_builder.derivation.case import Case, read_case
from kg_builder.derivation.proof import Proof
from kg_builder.graph.release import build_release
from kg_builder.graph.store import find_release
from kg_builder.knowledge_graph import KnowledgeGraph
from kg_builder.render.proof import write_steps_turtle

ROOT = Path(__file__).parents[2]
VERIFIER = ROOT / "tools" / "verify_proof.py"


def load(path: Path, name: str) -> ModuleType:
    """Return a file as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def verify() -> ModuleType:
    """tools/verify_proof.py"""
    return load(VERIFIER, "verify_proof")


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a release of the made-up world."""
    folder = tmp_path_factory.mktemp("made-up")
    shutil.copytree(ROOT / "ontology" / "core", folder / "core")
    build_release(ROOT / "tests" / "derivation" / "knowledge", folder / "core", folder / "build")
    return folder / "build"


class Bench:
    """Cases of one release, their proofs, and the verifier's own view of them; all remembered."""

    def __init__(self, verify: ModuleType, directory: Path) -> None:
        self.verify, self.directory = verify, directory
        self.kg = KnowledgeGraph.open(directory)
        self.release = verify.Release(directory)
        self.release_directory = find_release(directory)
        self._known: dict[str, Any] = {}

    def case(self, data: dict[str, Any]) -> Case:
        return read_case(data, path="case")

    def derived(self, data: dict[str, Any]) -> Any:
        """Return the verifier's view of a case."""
        return self._remember("case" + json.dumps(data), lambda: self.view(self.kg.case_graph(self.case(data))))

    def view(self, turtle: str) -> Any:
        """Return the verifier's view of a case given as Turtle."""
        return self.verify.Case(self.release, turtle)

    def prove(self, data: dict[str, Any], agent: str | None = None) -> Proof:
        proof: Proof = self._remember(repr((data, agent)), lambda: self.kg.prove(self.case(data), agent))
        return proof

    def said(self, data: dict[str, Any], agent: str | None = None) -> set[Any]:
        """Return the statements of a proof."""
        return set(self.verify.parse(write_steps_turtle(self.prove(data, agent)), "turtle"))

    def judge(self, data: dict[str, Any], said: set[Any]) -> Any:
        """Return the verdict about a proof."""
        return self.verify.Verifier(self.release, self.derived(data), said)

    def _remember(self, key: str, make: Callable[[], Any]) -> Any:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]


@pytest.fixture(scope="session")
def bench(verify: ModuleType, made_up: Path) -> Bench:
    """The made-up world."""
    return Bench(verify, made_up)


@pytest.fixture(scope="session")
def shipped(verify: ModuleType) -> Bench:
    """The shipped knowledge, where it has been built with the rules as they are."""
    directory = Path(os.environ.get("SALVAGE_KG_RELEASE", ROOT / "build"))
    rules = {path.name: path.read_bytes() for path in (ROOT / "queries" / "derive").glob("*.rq")}
    built = {path.name: path.read_bytes() for path in directory.glob("**/rules/*.rq")}
    if rules != built:
        pytest.skip(f"{directory}: no release with the present rules; run `salvage-kg build`")
    return Bench(verify, directory)
