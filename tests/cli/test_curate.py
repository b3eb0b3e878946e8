"""build, check and import, on a little ontology of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kg_builder.graph import release
from kg_builder.graph.store import Manifest
from kg_builder.issues import Issue, StoreError, TableError
from kg_builder.knowledge.rows import TABLES, columns
from kg_builder.sources import hivdb

Call = Callable[..., Any]


@pytest.fixture
def ontology(tmp_path: Path) -> Path:
    """An ontology folder whose only table has one row at fault."""
    (tmp_path / "ontology" / "core").mkdir(parents=True)
    folder = tmp_path / "ontology" / "knowledge" / "common"
    folder.mkdir(parents=True)
    header = columns(TABLES["drugs"])
    row = {"id": "drug:alpha", "label": "alpha", "definition": "The first.", "mechanisms": "unheard of"}
    lines = ["\t".join(header), "\t".join(row.get(column, "") for column in header)]
    (folder / "drugs.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "ontology"


@pytest.mark.parametrize(("version", "why"), [("2026-13-45", "no day of the calendar"), ("a b", "letters, digits")])
def test_a_version_that_cannot_be_is_refused(call: Call, ontology: Path, version: str, why: str) -> None:
    result = call("build", "--ontology", ontology, "--as", version, "--out", ontology / "out")
    assert result.code == 2
    assert why in result.err
    assert not (ontology / "out").exists()


def test_what_cannot_be_seen_is_shown_in_messages(call: Call, ontology: Path) -> None:
    table = ontology / "knowledge" / "common" / "drugs.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("unheard of", "un\u2066heard\u202e"), encoding="utf-8")
    result = call("check", "--ontology", ontology)
    assert result.code == 1
    assert "hidden character U+2066" in result.out
    assert "\u202e" not in result.out and "\u2066" not in result.out


def test_check_names_file_line_column_and_repair(call: Call, ontology: Path) -> None:
    result = call("check", "--ontology", ontology)
    assert result.code == 1
    assert "ontology/knowledge/common/drugs.tsv:2: mechanisms: unknown name 'unheard of'" in result.out
    assert result.err.endswith("salvage-kg: 1 error, 0 warnings\n")


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_check_for_programs(call: Call, ontology: Path, form: str) -> None:
    result = call("check", "--ontology", ontology, "--format", form, "--quiet")
    issues = json.loads(result.out) if form == "json" else [json.loads(line) for line in result.out.splitlines()]
    assert [(i["line"], i["column"], i["severity"], i["code"]) for i in issues] == [(2, "mechanisms", "error", "T007")]
    assert result.err == ""


def test_check_of_sound_tables_exits_0(call: Call, ontology: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warning = Issue("drugs.tsv", 2, "", "T090", "odd", "look again", severity="warning")
    monkeypatch.setattr("kg_builder.curation.check.check_all", lambda *_, **__: [warning])
    result = call("check", "--ontology", ontology)
    assert (result.code, result.out) == (0, "warning: drugs.tsv:2: odd; look again [T090]\n")
    assert result.err == "salvage-kg: 0 errors, 1 warning\n"


def test_build_refuses_tables_at_fault_and_writes_nothing(call: Call, ontology: Path, tmp_path: Path) -> None:
    result = call("build", "--ontology", ontology, "--out", tmp_path / "out")
    assert (result.code, result.out) == (1, "")
    assert "drugs.tsv:2: mechanisms" in result.err
    assert not list((tmp_path / "out").glob("*/manifest.json"))


@pytest.fixture
def manifest(monkeypatch: pytest.MonkeyPatch) -> Manifest:
    made = Manifest(
        version="2026-01-02", built="2026-01-02", code_version="0", sha256="ab" * 32, ontology="o", version_iri="v",
        quads={"core": 1000, "asserted": 500}, terms={"drug": 7}, claims={"Barrier": 3}, rows={}, files={}, inputs={},
    )  # fmt: skip
    monkeypatch.setattr(release, "build_release", lambda *_, **__: made)
    return made


def test_build_says_what_it_made(call: Call, ontology: Path, manifest: Manifest) -> None:
    result = call("build", "--ontology", ontology, "--out", "there")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        f"knowledge 2026-01-02 of 2026-01-02, sha256 {'ab' * 32}",
        "3 claims, 7 terms, 1,500 statements, in there",
    ]
    assert json.loads(call("build", "--ontology", ontology, "-f", "json").out)["claims"] == {"Barrier": 3}


def test_build_beside_another_build_exits_3(call: Call, ontology: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Manifest:
        raise StoreError("another build is at work")

    monkeypatch.setattr(release, "build_release", refuse)
    result = call("build", "--ontology", ontology)
    assert (result.code, result.err) == (3, "salvage-kg: another build is at work\n")


def test_import_names_the_tables_it_wrote(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(
        path: Path,
        out: Path,
        *,
        knowledge: Path,
        progress: Callable[[str], None],
        report: Callable[[Issue], None],
    ) -> dict[str, int]:
        progress(f"reading {path}")
        assert (knowledge / "formulary").is_dir()
        report(Issue(str(path), 1, "DRUG X", "S015", "holds a place only", severity="warning"))
        return {"scores": 1449}

    monkeypatch.setattr(hivdb, "import_file", write)
    published = tmp_path / "a.xml"
    published.write_text("<x/>", encoding="utf-8")
    result = call("import", "hivdb", published, "--out", tmp_path / "t")
    assert (result.code, result.out) == (0, f"{tmp_path}/t/scores.tsv: 1,449 rows\n")
    assert f"warning: {published}:1: DRUG X: holds a place only [S015]\n" in result.err


def test_import_of_what_is_no_such_file_is_data_at_fault(call: Call, tmp_path: Path) -> None:
    published = tmp_path / "a.xml"
    published.write_text("no markup", encoding="utf-8")
    result = call("import", "hivdb", published, "--out", tmp_path / "t")
    assert (result.code, result.out) == (1, "")
    assert f"{published}:1" in result.err
    assert not (tmp_path / "t").exists()


def test_import_without_a_place_to_write_is_usage(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = tmp_path / "a.xml"
    published.write_text("<x/>", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert call("import", "hivdb", published).code == 2


def test_commands_for_curators_need_an_ontology(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kg_builder.cli.curate.find_home", lambda *_: tmp_path / "absent")
    result = call("check")
    assert (result.code, result.err) == (
        3,
        "salvage-kg: no ontology found: run this in the project's folder, or say --ontology DIR\n",
    )


def test_table_errors_are_all_told(call: Call, ontology: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    issues = [Issue("a.tsv", line, "x", "T001", "wrong") for line in range(2, 300)]

    def refuse(*_: object, **__: object) -> Manifest:
        raise TableError(issues)

    monkeypatch.setattr(release, "build_release", refuse)
    assert len(call("build", "--ontology", ontology).err.splitlines()) == 298
