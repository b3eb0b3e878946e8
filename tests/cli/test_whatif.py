"""what-if and plan on the command line: forms, exit codes, and what they refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from kg_builder.cli import run
from kg_builder.graph.release import build_release

ROOT = Path(__file__).parents[2]
HEAD = "id\tlabel\tsynonyms\tdefinition\tkind\tterms\tchange\tobtain\tstep\tdiseases\twords"
ROW = "modifiable:comedication\tcomedication\t\tMade up: comedication.\tcomedication\t\tremove\t\t\t\tstop {}"
CASE = {"id": "one", "disease": "testitis", "patient": {"comedications": ["inda"]}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ahead")
    shutil.copytree(ROOT / "ontology" / "core", folder / "core")
    shutil.copytree(ROOT / "tests" / "derivation" / "knowledge", folder / "knowledge")
    (folder / "knowledge" / "common" / "modifiables.tsv").write_text(f"{HEAD}\n{ROW}\n", encoding="utf-8")
    build_release(folder / "knowledge", folder / "core", folder / "build")
    (folder / "case.json").write_text(json.dumps(CASE), encoding="utf-8")
    return folder


def call(place: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run([*arguments, "--release", str(place / "build")])
    out, err = capsys.readouterr()
    return code, out, err


def test_what_if_says_what_to_stop(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(place, capsys, "what-if", str(place / "case.json"), "--format", "json")
    assert (code, err) == (0, "")
    answer: dict[str, Any] = json.loads(out)
    (change,) = answer["changes"][0]["changes"]
    assert change == {"action": "remove", "pointer": "/patient/comedications/0", "value": None, "text": "stop inda"}
    assert [o["name"] for o in answer["changes"][0]["usable"]] == ["betatwo"]
    code, out, _ = call(place, capsys, "what-if", str(place / "case.json"))
    assert code == 0
    assert "stop inda" in out
    assert "For research and education only" in out


def test_plan_shows_what_is_left_and_what_is_assumed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(place, capsys, "plan", str(place / "case.json"), "--lines", "2", "--format", "jsonl")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["choices"]
    for choice in answer["choices"]:
        assert ("GEN:M4V" in choice["selects"]) is ("alpha" in choice["components"])
        assert not set(choice["left"]) & set(choice["components"])
    assert answer["assumptions"]
    code, out, _ = call(place, capsys, "plan", str(place / "case.json"))
    assert code == 0
    assert "Assumed:" in out


@pytest.mark.parametrize("lines", ["0", "4", "-1", "many", "2.5"])
def test_other_numbers_of_lines_are_a_usage_error(place: Path, capsys: pytest.CaptureFixture[str], lines: str) -> None:
    code, out, err = call(place, capsys, "plan", str(place / "case.json"), f"--lines={lines}")
    assert (code, out) == (2, "")
    assert "--lines" in err


@pytest.mark.parametrize("command", ["what-if", "plan"])
def test_a_faulty_case_is_told_and_the_others_are_answered(
    place: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    bad = {**CASE, "id": "two", "patient": {"comedications": ["nothing at all"]}}
    many = tmp_path / "many.jsonl"
    many.write_text("\n".join(json.dumps(c) for c in (bad, CASE)) + "\n", encoding="utf-8")
    code, out, err = call(place, capsys, command, str(many), "--format", "jsonl")
    assert code == 1
    assert [json.loads(line)["case"] for line in out.splitlines()] == ["one"]
    assert "/patient/comedications/0" in err
    assert "nothing at all" in err


@pytest.mark.parametrize("command", ["what-if", "plan"])
def test_a_missing_file_is_a_usage_error(place: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, err = call(place, capsys, command, str(place / "none.json"))
    assert (code, out) == (2, "")
    assert "none.json" in err


@pytest.mark.parametrize("what", ["what-if", "plan"])
def test_the_schema_is_printed(place: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    code, out, _ = call(place, capsys, "schema", what)
    assert code == 0
    assert {"case", "knowledge", "notice"} <= set(json.loads(out)["properties"])
