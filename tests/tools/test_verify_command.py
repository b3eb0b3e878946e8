"""The verifier as a command: verdicts, exit codes, and files that it refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kg_builder.render.proof import write_steps_json, write_steps_turtle

VERIFIER = Path(__file__).parents[2] / "tools" / "verify_proof.py"
BASE = "https://w3id.org/salvage-kg/"
CASE = {"id": "one", "disease": "otheritis", "failure": {"failed_regimens": [["delta"]]}}


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, VERIFIER, *map(str, arguments)], capture_output=True, text=True, env=environment, check=False
    )


@pytest.fixture
def files(bench: Any, tmp_path: Path) -> Path:
    """A folder with a case and its proof in both forms."""
    data = CASE
    (tmp_path / "case.ttl").write_text(bench.kg.case_graph(bench.case(data)), encoding="utf-8")
    (tmp_path / "p.ttl").write_text(write_steps_turtle(bench.prove(data)), encoding="utf-8")
    (tmp_path / "p.json").write_text(write_steps_json(bench.prove(data)), encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_the_command(bench: Any, files: Path) -> None:
    done = run(bench.directory, files / "case.ttl", files / "p.ttl")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    steps = len(bench.prove(CASE).steps)
    assert done.stdout == f"accepted: {steps} steps prove 2 of the 2 statuses of {BASE}case/one\n"
    assert run(bench.directory).returncode == 2


def test_verdicts_and_exit_codes(
    bench: Any, files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verify = bench.verify
    assert verify.main([str(files), str(files / "case.ttl"), str(files / "p.ttl")]) == 1
    assert capsys.readouterr().out.startswith("rejected: FileNotFoundError: ")
    monkeypatch.setattr(verify, "Release", lambda path: bench.release)
    assert verify.main(["build", str(files / "case.ttl"), str(files / "p.json")]) == 0
    assert capsys.readouterr().out.startswith("accepted: ")
    good = (files / "p.json").read_text(encoding="utf-8")
    for bad in (good.replace("status:excluded", "status:active"), good[:-20], "{}", "[]", "", "<p:a> <p:b>"):
        (files / "q.json").write_text(bad, encoding="utf-8")
        assert verify.main(["build", str(files / "case.ttl"), str(files / "q.json")]) == 1
        lines = capsys.readouterr().out.splitlines()
        assert lines
        assert all(line.startswith("rejected: ") for line in lines)
    (files / "none.ttl").write_text("", encoding="utf-8")
    assert verify.main(["build", str(files / "none.ttl"), str(files / "p.json")]) == 1
    assert verify.main(["build", str(files / "case.ttl"), str(files / "none.ttl")]) == 1
    assert "not one proof" in capsys.readouterr().out


def test_a_context_from_elsewhere_is_refused(verify: ModuleType, bench: Any, tmp_path: Path) -> None:
    data = json.loads(write_steps_json(bench.prove(CASE)))
    good = json.dumps(data)
    for text in (
        good.replace('"@context": {', '"@context": "http://a.example/c", "x": {', 1),
        good.replace('"@context": {', '"@context": [], "x": {', 1),
        good.replace('"@context": {', '"@context": {"@import": "http://a.example/c", ', 1),
        good.replace('"steps": [', '"y": {"@context": "http://a.example/c"}, "steps": [', 1),
    ):
        assert text != good
        path = tmp_path / "proof.json"
        path.write_text(text, encoding="utf-8")
        with pytest.raises((ValueError, KeyError)):
            verify.read_proof(path)


@pytest.mark.parametrize("damage", ["rule", "quads", "rule lost", "manifest"])
def test_a_damaged_release_is_refused(verify: ModuleType, bench: Any, tmp_path: Path, damage: str) -> None:
    copy = tmp_path / "release"
    shutil.copytree(bench.release_directory, copy)
    rule = next((copy / "rules").glob("60-*.rq"))
    if damage == "rule":
        rule.write_text(rule.read_text().replace("excluded", "active"))
    elif damage == "quads":
        (copy / "knowledge.nq.gz").write_bytes((copy / "knowledge.nq.gz").read_bytes()[:-1] + b"x")
    elif damage == "rule lost":
        rule.unlink()
    else:
        (copy / "manifest.json").write_text("{}")
    with pytest.raises((ValueError, OSError, KeyError)):
        verify.Release(copy)
