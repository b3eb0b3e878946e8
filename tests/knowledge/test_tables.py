"""Tables are read as typed rows, whatever the order of their columns."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg_builder.knowledge.columns import describe_columns, kinds_of_table
from kg_builder.knowledge.knowledge import load_knowledge
from kg_builder.knowledge.rows import TABLES, DrugRow, GeneRow, PrevalenceThresholdRow, ScoreRuleRow, columns
from kg_builder.knowledge.tables import Table, read_table

CLAIM = "\tsource\tcurator\tdate\n"
CELLS = "\tsource:a|source:b\tme\t2026-01-31\n"


def read(folder: Path, name: str, text: str) -> Table:
    file = folder / f"{name}.tsv"
    file.write_text(text, encoding="utf-8", newline="")
    return read_table(file, folder)


def test_cells_become_values(tmp_path: Path) -> None:
    table = read(tmp_path, "genes", "label\tid\tdefinition\tlength\treported_whole\nRT\tgene:RT\tx\t560\tyes\n")
    assert table.issues == []
    (found,) = table.rows
    assert (found.path, found.line, found.table) == ("genes.tsv", 2, "genes")
    row = found.row
    assert isinstance(row, GeneRow)
    assert (row.length, row.reported_whole, row.reference, row.molecule) == (560, True, "", "protein")


def test_lists_and_numbers(tmp_path: Path) -> None:
    drugs = read(tmp_path, "drugs", "id\tlabel\tsynonyms\tdefinition\ndrug:a\ta\tb|c d\tx\n").rows[0].row
    assert isinstance(drugs, DrugRow)
    assert drugs.synonyms == ("b", "c d")
    score = read(tmp_path, "scores", f"id\tcode\tgroup\tscore{CLAIM}claim:a\tX\t1\t-10.50{CELLS}").rows[0].row
    assert isinstance(score, ScoreRuleRow)
    assert (score.score, score.source) == (Decimal("-10.50"), ("source:a", "source:b"))
    share = read(tmp_path, "prevalence_thresholds", f"id\tagent\tdisease\tthreshold{CLAIM}claim:a\tx\ty\t15%{CELLS}")
    assert isinstance(share.rows[0].row, PrevalenceThresholdRow)
    assert share.rows[0].row.threshold == Decimal("0.15")


@pytest.mark.parametrize("number", ["3,5", "1e3", "٣", "NaN", "inf", "1_000", "0x10", "9" * 30, "--1", "1."])
def test_what_is_no_number(tmp_path: Path, number: str) -> None:
    table = read(tmp_path, "scores", f"id\tcode\tgroup\tscore{CLAIM}claim:a\tX\t1\t{number}{CELLS}")
    assert [i.code for i in table.issues] == ["T014"]


def test_all_faults_of_a_table_are_told(tmp_path: Path) -> None:
    text = (
        "id\tlabel\tdefinition\tlength\treported_whole\tmolecule\n"
        "gene:b\t\tx\t12a\tja\tlipid\n"
        "gene:a\ta\tx\t0\tyes\tprotein \n"
        "gene:c\ta\n"
    )
    table = read(tmp_path, "genes", text)
    told = [(i.line, i.column, i.code) for i in table.issues]
    assert told == [
        (2, "length", "T014"),
        (2, "reported_whole", "T020"),
        (2, "label", "T016"),
        (2, "molecule", "T017"),
        (3, "molecule", "T019"),
        (3, "length", "T015"),
        (3, "id", "T013"),
        (4, "", "T006"),
    ]
    assert table.rows == []


def test_carriage_returns_and_marks_do_not_hide_other_faults(tmp_path: Path) -> None:
    file = tmp_path / "drugs.tsv"
    file.write_bytes(b"\xef\xbb\xbfid\tlabel\tdefinition\r\ndrug:a\ta\t\xff\r\ndrug:b\tb\t\r\n")
    table = read_table(file, tmp_path)
    assert [i.code for i in table.issues] == ["T003", "T004", "T002", "T016"]


@pytest.mark.parametrize("day", ["2026-13-45", "2026-02-29", "2026-00-01"])
@pytest.mark.parametrize(("table", "column"), [("indications", "date"), ("algorithms", "released")])
def test_a_date_is_a_day_of_the_calendar(tmp_path: Path, table: str, column: str, day: str) -> None:
    issues = read(tmp_path, table, f"id\t{column}\nx:a\t{day}\n").issues
    assert [i.message for i in issues if (i.code, i.column) == ("T021", column)] == [
        f"'{day}' is no day of the calendar"
    ]
    told = read(tmp_path, table, f"id\t{column}\nx:a\t2024-02-29\n").issues
    assert all(i.code != "T021" for i in told)


@pytest.mark.parametrize("name", list(TABLES))
def test_each_table_is_described(name: str) -> None:
    described = describe_columns(TABLES[name])
    assert list(described) == columns(TABLES[name])
    assert kinds_of_table(name)
    for column in described.values():
        # whatever a cell may say becomes something in the graph, or is dealt with by name
        known = column.emit or column.as_condition or column.conditions
        assert known or (name, column.name) in {
            *((name, "id"),),
            ("case_fields", "kind"),
            ("indications", "line"),
            ("regimens", "retained"),
            ("alterations", "pattern"),
            ("alterations", "position"),
            ("alterations", "residues"),
        }


PLAIN = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="|")
TEXT = st.text(PLAIN, max_size=30)


@given(definition=TEXT, synonyms=st.lists(TEXT, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_any_text_is_read_or_told(tmp_path: Path, definition: str, synonyms: list[str]) -> None:
    cells = ["drug:a", "a", "|".join(synonyms), definition]
    table = read(tmp_path, "drugs", "id\tlabel\tsynonyms\tdefinition\n" + "\t".join(cells) + "\n")
    assert bool(table.rows) != bool(table.issues)
    if table.rows and isinstance(row := table.rows[0].row, DrugRow):
        assert row.definition == definition
        assert row.synonyms == (tuple(synonyms) if "".join(synonyms) else ())


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_knowledge(tmp_path / "none")


def test_paths_are_those_of_the_checkout(tmp_path: Path) -> None:
    folder = tmp_path / "ontology" / "knowledge" / "hiv"
    folder.mkdir(parents=True)
    (folder / "drugs.tsv").write_text("id\n", encoding="utf-8")
    knowledge = load_knowledge(folder.parent)
    assert {i.path for i in knowledge.issues} == {"ontology/knowledge/hiv/drugs.tsv"}
