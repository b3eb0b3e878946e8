"""README.md says of the knowledge what the tables say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from kg_builder.curation.summary import BEGIN, COUNTS, END, SystemCount, count_systems, replace_block, write_summary
from kg_builder.knowledge import load_knowledge

ROOT = Path(__file__).parents[1]
KNOWLEDGE = ROOT / "ontology" / "knowledge"


@pytest.fixture(scope="module")
def systems() -> list[SystemCount]:
    return count_systems(load_knowledge(KNOWLEDGE))


def test_the_table_is_what_the_script_writes(systems: list[SystemCount]) -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert replace_block(page, write_summary(systems)) == page, "run `make knowledge-table`"


def test_every_row_of_every_table_is_counted(systems: list[SystemCount]) -> None:
    lines: Counter[str] = Counter()
    for file in KNOWLEDGE.rglob("*.tsv"):
        lines[file.parent.name] += len(file.read_text(encoding="utf-8").splitlines()) - 1
    counted = {s.folder: sum(n for column, n in s.counts.items() if column != "drugs used") for s in systems}
    assert counted == {folder: n for folder, n in lines.items() if n}


def test_each_folder_has_a_row_and_diseases_come_first(systems: list[SystemCount]) -> None:
    assert {s.folder for s in systems} == {d.name for d in KNOWLEDGE.iterdir() if d.is_dir()}
    has_indications = [bool(s.counts["indications"]) for s in systems]
    assert has_indications == sorted(has_indications, reverse=True)
    assert all((s.counts["drugs used"] > 0) == bool(s.counts["indications"]) for s in systems)


def test_the_table_adds_up() -> None:
    one = SystemCount("a_b", "Some disease", {**dict.fromkeys(COUNTS, 0), "terms": 1200, "drugs used": 3})
    two = SystemCount("c", "c", {**dict.fromkeys(COUNTS, 0), "terms": 34})
    lines = write_summary([one, two], links="k").splitlines()
    assert lines[2].startswith("| [Some disease](k/a_b) | 1,200 | 3 |  |")
    assert lines[-1].startswith("| all | 1,234 |  |")


def test_only_the_block_is_replaced() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replace_block(page, "new\n") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    for wrong in ("none", f"{END}\n{BEGIN}", page + page):
        with pytest.raises(ValueError, match="once each"):
            replace_block(wrong, "new\n")
