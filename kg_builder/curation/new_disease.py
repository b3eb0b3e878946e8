"""The folder of a new disease: empty tables with every column, and a page that explains them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kg_builder.issues import Issue
from kg_builder.knowledge.columns import Column, describe_columns, kinds_of_table, summary_of_table
from kg_builder.knowledge.names import kind_of, name_key
from kg_builder.knowledge.rows import TABLES, GenericTerm, columns
from kg_builder.knowledge.tables import read_table

#: The page that explains the columns, beside the tables.
GUIDE: Final = "COLUMNS.md"
#: Tables that few diseases need: shared declarations, scoring algorithms, and reasons to keep an inactive drug.
RARE: Final = frozenset({
    "parameters", "case_fields", "algorithms", "drugcodes", "levels", "scores", "fitness_costs", "retentions",
})  # fmt: skip
#: Tables of a new folder, in the order in which they are best filled.
USUAL: Final = tuple(table for table in TABLES if table not in RARE)

_SHAPES: Final = {
    "text": "text",
    "list": "values, `|` between them",
    "flag": "`yes` or `no`",
    "integer": "whole number",
    "decimal": "number with a decimal point",
}


def slug_of(name: str) -> str:
    """Return the folder name of a disease: ASCII letters and digits in lower case, ``_`` between words.

    Raises:
        ValueError: if nothing of the name is left.
    >>> slug_of("Chagas' disease (Trypanosoma cruzi)"), slug_of("Ménière")
    ('chagas_disease_trypanosoma_cruzi', 'meniere')
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = "_".join(re.findall(r"[a-z0-9]+", plain.replace("'", "").lower()))
    if not slug:
        raise ValueError(f"no letter or digit in {name!r}")
    return slug


def find_disease(name: str, knowledge: Path) -> Issue | None:
    """Return a K001 at the row that declares a disease of this name already, or None.

    Args:
        name: label, synonym or CURIE.
        knowledge: folder of tables; only ``terms.tsv`` of each folder is read.
    """
    base = knowledge.parent.parent if knowledge.resolve().parts[-2:] == ("ontology", "knowledge") else knowledge
    wanted = name_key(" ".join(name.split()))
    rows = (read for file in sorted(knowledge.rglob("terms.tsv")) for read in read_table(file, base).rows)
    for read in rows:
        row = read.row
        if not isinstance(row, GenericTerm) or kind_of(row.id) != "disease":
            continue
        if wanted in map(name_key, (row.id, row.label, *row.synonyms)):
            message, hint = f"'{name}' is {row.id} ({row.label}) already", "add rows to the tables that are there"
            return Issue(read.path, read.line, "label", "K001", message, hint)
    return None


def write_new_disease(name: str, out_dir: Path) -> list[Path]:
    """Write an empty table for each of :data:`USUAL` and the page :data:`GUIDE` into a folder.

    Args:
        name: the disease, as its label will be.
        out_dir: the folder; made if it is missing, and empty if it is not.
    Returns:
        The files written, in the order of :data:`USUAL`, the page last.
    Raises:
        FileExistsError: if the folder holds anything, or a file has its name; nothing is written then.
        OSError: if the folder cannot be written.
    """
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        what = "the folder is not empty" if out_dir.is_dir() else "a file of this name is there already"
        raise FileExistsError(f"{out_dir}: {what}; name another one with --out")
    out_dir.mkdir(parents=True, exist_ok=True)
    written = []
    for table in USUAL:
        written.append(out_dir / f"{table}.tsv")
        written[-1].write_text("\t".join(columns(TABLES[table])) + "\n", encoding="utf-8", newline="\n")
    written.append(out_dir / GUIDE)
    written[-1].write_text(write_guide(name), encoding="utf-8", newline="\n")
    return written


def write_guide(name: str) -> str:
    """Return the page that explains every column of every table, as Markdown."""
    return "\n".join(_guide(" ".join(name.split()))) + "\n"


def _guide(name: str) -> Iterator[str]:
    yield from (
        f"# The tables of {name}",
        "",
        "One file a table: TSV, UTF-8, LF, header in line 1, sorted by `id`. A column that is not required may be left",
        "out, and so may a table. Names are labels, synonyms or CURIEs of terms that any folder declares; look there",
        "before you declare one: `salvage-kg list drugs`, `salvage-kg list warnings` … `salvage-kg check` tells each",
        "mistake by file, line and column. The way from empty tables to an answer: docs/adding-a-disease.md.",
        "",
        "Terms come first, in this order: " + ", ".join(f"`{t}`" for t in USUAL if not _is_claim(t)) + ".",
        "Then claims; each needs a source. With `indications` and `goals` a case has an answer, and each further table",
        "makes it better.",
        "",
    )
    for table in USUAL:
        yield from _explain(table)
    yield "## Tables that few diseases need"
    yield ""
    yield "Not written here; make the file if you need it. Columns: `salvage-kg schema table NAME`."
    yield ""
    yield "| table | a row says |"
    yield "|---|---|"
    for table in (t for t in TABLES if t in RARE):
        yield f"| `{table}` | {_cell(summary_of_table(table))} |"


def _explain(table: str) -> Iterator[str]:
    summary = summary_of_table(table)
    yield f"## {table}.tsv"
    yield ""
    yield summary[0].upper() + summary[1:]
    yield ""
    yield "| column | required | holds | meaning |"
    yield "|---|---|---|---|"
    for column in describe_columns(TABLES[table]).values():
        required = "yes" if column.required else ""
        yield f"| `{column.name}` | {required} | {_cell(_holds(table, column))} | {_cell(column.meaning)} |"
    yield ""


def _holds(table: str, column: Column) -> str:
    """Return what a cell holds: its shape, the values or kinds of term it may name, what an empty one means."""
    if column.name == "id":
        kinds = kinds_of_table(table)
        return f"`{kinds[0]}:<slug>`" if len(kinds) == 1 else "`<kind>:<slug>`, kind one of " + ", ".join(kinds)
    if column.conditions is not None:
        return "conditions (docs/conditions.md)"
    default = TABLES[table].model_fields[column.name].default
    if isinstance(default, bool):
        default = "yes" if default else "no"
    empty = f"; empty: `{default}`" if isinstance(default, str) and default else ""
    values = column.values_in_words
    if column.choices:
        return "one of " + ", ".join(f"`{choice}`" for choice in column.choices) + empty
    if column.ref is None:
        return _SHAPES[column.shape] + (f", {values}" if values else "") + empty
    return values.replace("name of", "names of", 1) + ", `|` between them" if column.shape == "list" else values


def _is_claim(table: str) -> bool:
    return kinds_of_table(table) == ("claim",)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
