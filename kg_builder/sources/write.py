"""Write rows of the knowledge model as curation tables: TSV, UTF-8, LF, header, sorted by id."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from kg_builder.issues import Issue, SourceError
from kg_builder.knowledge.rows import TABLES, Row, columns


def format_cell(value: object) -> str:
    """Return a value as it stands in a cell: ``yes``/``no``, plain decimals, ``|`` between several values.

    Raises:
        ValueError: if the text holds a tab, a line break or, within several values, a ``|``.
    >>> format_cell(("a", "b")), format_cell(True), format_cell(Decimal("1E+1")), format_cell(None)
    ('a|b', 'yes', '10', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, tuple):
        parts = [format_cell(part) for part in value]
        if any("|" in part or not part for part in parts):
            raise ValueError(f"a value of several is empty or holds '|': {value!r}")
        return "|".join(parts)
    text = str(value)
    if any(mark in text for mark in "\t\r\n"):
        raise ValueError(f"a cell cannot hold a tab or a line break: {text!r}")
    return text


def format_table(stem: str, rows: Sequence[Row]) -> str:
    """Return the text of a table: its model's columns as header, then the rows sorted by id.

    Args:
        stem: the table's name, a key of :data:`kg_builder.knowledge.rows.TABLES`.
        rows: rows of that table's model.
    Raises:
        SourceError: S005 for each id that two rows share.
        ValueError: if a row is of another table, or a cell cannot be written.
    """
    model = TABLES[stem]
    header = columns(model)
    seen: set[str] = set()
    issues = []
    lines = ["\t".join(header)]
    for row in sorted(rows, key=lambda row: row.id):
        if not isinstance(row, model):
            raise ValueError(f"{row.id} is a {type(row).__name__}, not a row of {stem}.tsv")
        if row.id in seen:
            message = f"two rows have the id {row.id!r}"
            issues.append(Issue(f"{stem}.tsv", len(lines) + 1, "id", "S005", message, "ids are unique"))
        seen.add(row.id)
        lines.append("\t".join(format_cell(getattr(row, column)) for column in header))
    if issues:
        raise SourceError(issues)
    return "\n".join(lines) + "\n"


def write_tables(tables: Mapping[str, Sequence[Row]], out_dir: Path) -> dict[str, int]:
    """Write ``<stem>.tsv`` for each table into a folder, and return the number of rows of each.

    The folder is made if it is missing; other files in it are left alone. Every table is written in full
    beside its place before the first is put there, so that a fault leaves what was there before.

    Raises:
        SourceError: S005 as :func:`format_table`; S006 if the folder cannot be written.
    """
    texts = {stem: format_table(stem, rows) for stem, rows in sorted(tables.items())}
    staged: list[tuple[Path, Path]] = []
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for stem, text in texts.items():
            handle, name = tempfile.mkstemp(prefix=f".{stem}-", suffix=".tmp", dir=out_dir)
            staged.append((Path(name), out_dir / f"{stem}.tsv"))
            os.close(handle)
            staged[-1][0].write_text(text, encoding="utf-8", newline="\n")
            staged[-1][0].chmod(0o644)
        for temporary, final in staged:
            temporary.replace(final)
    except OSError as error:
        message = f"cannot be written: {error.strerror or error}"
        hint = "name a folder that you may write to"
        raise SourceError([Issue(str(out_dir), 0, "", "S006", message, hint)]) from error
    finally:
        for temporary, _ in staged:
            temporary.unlink(missing_ok=True)
    return {stem: len(tables[stem]) for stem in texts}
