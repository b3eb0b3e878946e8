"""The wheel: built, installed in an empty environment, and used outside of any check-out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest

from kg_builder.graph.release import build_release
from kg_builder.graph.store import find_release

ROOT = Path(__file__).parents[1]
#: What of a check-out goes into the wheel, or says how it is built.
PARTS = ("kg_builder", "ontology", "queries", "pyproject.toml", "README.md", "LICENSE", "NOTICE")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment that holds the wheel and the libraries it depends on, and no check-out."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("out")
    for part in PARTS:
        source, target = ROOT / part, tree / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "data"))
        else:
            shutil.copy(source, target)
    build_release(ROOT / "ontology" / "knowledge", ROOT / "ontology" / "core", out / "build")
    shutil.copytree(find_release(out / "build"), tree / "kg_builder" / "data" / "release")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)], cwd=tree)
    (wheel,) = out.glob("*.whl")
    run([sys.executable, "-m", "venv", "--without-pip", str(out / "venv")], cwd=out)
    python = out / "venv" / "bin" / "python"
    run([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)], cwd=out)
    (site,) = (out / "venv" / "lib").glob("python*/site-packages")
    # libraries come from here, not from a registry; a folder that a .pth names has its own .pth files left unread,
    # so that the check-out that is installed in it stays out of sight
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return out / "venv" / "bin" / "salvage-kg"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """An empty folder to be in."""
    return tmp_path


def run(command: list[str], *, cwd: Path, text: str | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, input=text, capture_output=True, text=True, timeout=600, env={"PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_runs_from_the_wheel_and_from_nothing_else(program: Path, empty: Path) -> None:
    where = run([str(program.parent / "python"), "-c", "import kg_builder; print(kg_builder.__file__)"], cwd=empty)
    assert where.startswith(str(program.parents[1]))
    assert "claims" in run([str(program), "version"], cwd=empty) or "knowledge" in run(
        [str(program), "version"], cwd=empty
    )


def test_cases_are_answered(program: Path, empty: Path) -> None:
    case = (ROOT / "examples" / "hiv-three-class-failure.json").read_text(encoding="utf-8")
    answer = json.loads(run([str(program), "options", "-", "--format", "json"], cwd=empty, text=case))
    assert {a["status"] for a in answer["agents"]} >= {"active", "not-active"}
    assert answer["regimens"]


def test_questions_are_answered(program: Path, empty: Path) -> None:
    listed = run([str(program), "list", "queries"], cwd=empty)
    assert "drugs-still-active" in listed
    rows = run([str(program), "ask", "drugs-still-active", "--param", "drug=efavirenz", "--format", "csv"], cwd=empty)
    assert len(rows.splitlines()) > 3


@pytest.fixture
def served(program: Path, empty: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [str(program), "serve", "--port", "0"], cwd=empty, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        yield address(process.stderr)
    finally:
        process.terminate()
        process.wait(30)


def address(stderr: IO[str]) -> str:
    seen = []
    for line in stderr:
        seen.append(line)
        if found := re.search(r"serving on (http://\S+)/", line):
            return found[1]
    raise AssertionError("".join(seen))


def test_it_serves(served: str) -> None:
    assert httpx.get(f"{served}/health", timeout=60).status_code == 200
    query = "SELECT (COUNT(*) AS ?n) WHERE { ?claim a <https://w3id.org/salvage-kg/ontology#ScoreRule> }"
    found = httpx.get(f"{served}/sparql", params={"query": query}, timeout=60).json()
    assert int(found["results"]["bindings"][0]["n"]["value"]) > 1000
    case = json.loads((ROOT / "examples" / "hiv-three-class-failure.json").read_text(encoding="utf-8"))
    assert httpx.post(f"{served}/options", json=case, timeout=60).json()["agents"]
