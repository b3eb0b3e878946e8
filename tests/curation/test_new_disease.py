"""The skeleton of a new disease: tables that read without a fault, and a page that explains each of their columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kg_builder.cli.main import run
from kg_builder.curation.new_disease import GUIDE, RARE, USUAL, slug_of, write_guide, write_new_disease
from kg_builder.knowledge import check_knowledge, load_knowledge
from kg_builder.knowledge.columns import describe_columns
from kg_builder.knowledge.rows import TABLES, columns

SECTION = re.compile(r"^## (\w+)\.tsv\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `(\w+)` \| (yes)? ?\| (.+) \| (.+) \|$", re.MULTILINE)


def test_headers_are_the_columns_of_the_row_models(tmp_path: Path) -> None:
    files = write_new_disease("Some disease", tmp_path / "new")
    assert [f.name for f in files] == [*(f"{table}.tsv" for table in USUAL), GUIDE]
    assert sorted(files) == sorted((tmp_path / "new").iterdir())
    for table in USUAL:
        header = (tmp_path / "new" / f"{table}.tsv").read_bytes()
        assert header == ("\t".join(columns(TABLES[table])) + "\n").encode()


def test_empty_tables_have_no_fault(tmp_path: Path) -> None:
    write_new_disease("Some disease", tmp_path)
    knowledge = load_knowledge(tmp_path)
    assert len(knowledge.tables) == len(USUAL)
    assert check_knowledge(knowledge) == []


def test_each_column_of_each_table_is_explained() -> None:
    sections = dict(SECTION.findall(write_guide("Some disease")))
    assert list(sections) == list(USUAL)
    for table, text in sections.items():
        rows = {name: (required, holds, meaning) for name, required, holds, meaning in ROW.findall(text)}
        assert list(rows) == columns(TABLES[table])
        for column in describe_columns(TABLES[table]).values():
            required, holds, meaning = rows[column.name]
            assert bool(required) == column.required
            assert all(f"`{choice}`" in holds for choice in column.choices)
            assert meaning.replace("\\|", "|") == column.meaning != ""


def test_what_the_page_says_of_cells() -> None:
    sections = dict(SECTION.findall(write_guide("Some disease")))
    assert "| `agent` | yes | name of a drug, drug class, modality or regimen |" in sections["indications"]
    assert "| `synonyms` |  | values, `\\|` between them |" in sections["terms"]
    assert "| `broader` |  | names of a drug class, `\\|` between them |" in sections["classes"]
    assert "| `directed` |  | `yes` or `no`; empty: `yes` |" in sections["marker_requirements"]
    assert "| `reported_whole` |  | `yes` or `no`; empty: `no` |" in sections["genes"]
    assert "| `threshold` | yes | number with a decimal point, 0 to 1 |" in sections["prevalence_thresholds"]
    assert "| `conditions` |  | conditions (docs/conditions.md) |" in sections["advice"]


def test_tables_left_out_are_named() -> None:
    page = write_guide("  Some \n disease ")
    assert page.startswith("# The tables of Some disease\n")
    assert set(USUAL) | RARE == set(TABLES)
    assert all(f"| `{table}` | " in page.partition("## Tables that few")[2] for table in RARE)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Falciparum malaria", "falciparum_malaria"),
        ("Crohn's disease", "crohns_disease"),
        ("  MÉNIÈRE  ", "meniere"),
        ("../../etc/passwd", "etc_passwd"),
        ("HIV-2", "hiv_2"),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "terms.tsv").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="not empty"):
        write_new_disease("Some disease", tmp_path)
    with pytest.raises(FileExistsError, match="a file of this name"):
        write_new_disease("Some disease", tmp_path / "terms.tsv")
    assert [(f.name, f.read_text(encoding="utf-8")) for f in tmp_path.iterdir()] == [("terms.tsv", "mine")]


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["new", "disease", "Some disease"]) == 2
    assert "--out DIR" in capsys.readouterr().err
    (tmp_path / "ontology" / "knowledge").mkdir(parents=True)
    assert run(["new", "disease", "Some disease"]) == 0
    assert capsys.readouterr().out.startswith(f"{len(USUAL)} empty tables in ontology/knowledge/some_disease, ")
    terms = tmp_path / "ontology" / "knowledge" / "old" / "terms.tsv"
    terms.parent.mkdir()
    rows = "id\tlabel\tsynonyms\tdefinition\ndisease:old-one\tOld one\tthe old one|OO\tOld.\n"
    terms.write_text(rows, encoding="utf-8")
    (tmp_path / "ontology" / "core").mkdir()
    for name in ("old  one", "OO", "disease:old-one"):
        assert run(["new", "disease", name, "--out", "again"]) == 1
        assert "ontology/knowledge/old/terms.tsv:2: label: " in capsys.readouterr().err
    assert not (tmp_path / "again").exists()
    assert run(["new", "disease", "some disease"]) == 2
    assert "ontology/knowledge/some_disease: the folder is not empty" in capsys.readouterr().err
    assert run(["new", "disease", "病"]) == 2
    assert run(["new", "disease", "病", "--out", "there", "--quiet"]) == 0
    assert capsys.readouterr().err.count("salvage-kg:") == 1
    assert run(["new", "disease", " "]) == run(["new", "drug", "x"]) == 2
