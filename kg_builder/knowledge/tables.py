"""Curation tables: bytes of a TSV file to typed rows, with every fault of the file collected.

A file is UTF-8 without a byte-order mark, lines end in LF, the first line names the columns, cells
are separated by tabs, values in a cell by ``|``. Columns may stand in any order; ``id`` and the
columns that have no default must be there, the others may be left out.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rapidfuzz import process

from kg_builder.issues import Issue, Severity
from kg_builder.knowledge.columns import Column, describe_columns, kinds_of_table
from kg_builder.knowledge.names import words_for
from kg_builder.knowledge.row_base import DAY
from kg_builder.knowledge.rows import TABLES, Row

#: Characters that look like a blank, or like nothing, and break comparisons.
_HIDDEN = re.compile(
    "[\u00a0\u00ad\u061c\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\x00-\x08\x0b-\x1f\x7f]"
)
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?", re.ASCII)
_PERCENT = re.compile(r"\d{1,15}(\.\d{1,13})?\s?%", re.ASCII)
_SLUG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._~-]*[A-Za-z0-9_~-])?")


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row and where it stands; ``line`` counts from 1, the header's."""

    table: str
    path: str
    line: int
    row: Row


@dataclass(slots=True)
class Table:
    """What was read from one file.

    ``declared`` holds (CURIE, label, synonyms) of rows that could not be typed, so that one bad cell
    does not make every mention of the row's term an unknown name as well.
    """

    name: str
    path: str
    rows: list[ReadRow] = field(default_factory=list)
    declared: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)

    def fault(
        self, code: str, line: int, column: str, message: str, hint: str = "", severity: Severity = "error"
    ) -> None:
        """Add an issue at a place in this file."""
        self.issues.append(Issue(self.path, line, column, code, message, hint, severity))


def read_table(file: Path, root: Path) -> Table:
    """Read one curation table.

    Args:
        file: the table; its stem names the row model (:data:`~kg_builder.knowledge.rows.TABLES`).
        root: the folder that paths in messages are relative to.
    Returns:
        The typed rows and all faults (codes T001 to T029); a row at fault is not among the rows.
    Raises:
        OSError: if the file cannot be read.
    """
    path = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix()
    table = Table(file.stem, path)
    if file.stem not in TABLES:
        near = ", ".join(_nearest(file.stem, list(TABLES)))
        table.fault("T001", 0, "", f"no table is called '{file.stem}'", f"nearest: {near}" if near else "")
        return table
    lines = _decode(table, file.read_bytes())
    if not lines or not lines[0]:
        table.fault("T023", 1, "", "the table has no header row", "name the columns in line 1, tabs between them")
        return table
    model = TABLES[file.stem]
    header = _read_header(table, lines[0].split("\t"), describe_columns(model))
    last_id, is_sorted = "", True
    for number, line in enumerate(lines[1:], 2):
        if line is None:
            continue
        if not line.strip():
            table.fault("T024", number, "", "the line is blank", "delete it")
            continue
        cells = line.split("\t")
        if len(cells) != len(header):
            table.fault(
                "T006", number, "", f"{len(cells)} cells, but the header names {len(header)} columns",
                "a tab is missing" if len(cells) < len(header) else "there is a tab too many",
            )  # fmt: skip
            if header[:2] == ["id", "label"] and len(cells) > 1:
                table.declared.append((cells[0].strip(), cells[1].strip(), ()))
            continue
        found = len(table.issues)
        values = _read_cells(table, number, header, cells)
        curie = cells[header.index("id")].strip() if "id" in header else ""
        _check_id(table, number, curie)
        _make_row(table, number, model, values, len(table.issues) > found)
        if is_sorted and curie and curie < last_id:
            is_sorted = False
            table.fault("T013", number, "id", f"'{curie}' stands after '{last_id}'", "sort the table by id")
        last_id = curie
    return table


def _decode(table: Table, data: bytes) -> list[str | None]:
    """Return the lines; None where a line is not UTF-8. The last LF ends the last line."""
    if data.startswith(b"\xef\xbb\xbf"):
        table.fault("T003", 1, "", "the file starts with a byte-order mark", "save it as UTF-8 without BOM")
        data = data[3:]
    if b"\r" in data:
        line = data[: data.index(b"\r")].count(b"\n") + 1
        table.fault("T004", line, "", "the line ends in CR LF", "save the file with LF line ends")
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if data.endswith(b"\n"):
        data = data[:-1]
    elif data:
        table.fault("T029", data.count(b"\n") + 1, "", "the last line has no line end", "end it with LF")
    lines: list[str | None] = []
    for number, raw in enumerate(data.split(b"\n"), 1):
        try:
            lines.append(raw.decode())
        except UnicodeDecodeError as error:
            column = raw[: error.start].count(b"\t") + 1
            table.fault(
                "T002",
                number,
                "",
                f"byte {raw[error.start]:#04x} in cell {column} is not UTF-8",
                "save the file as UTF-8",
            )
            lines.append(None)
    return lines


def _read_header(table: Table, names: list[str], columns: Any) -> list[str]:
    header = [name.strip() for name in names]
    for raw, name in zip(names, header, strict=True):
        if raw != name:
            table.fault("T019", 1, name, "blanks around the column's name", f"write '{name}'")
    for name, count in Counter(header).items():
        if count > 1:
            table.fault("T011", 1, name, f"the column stands {count} times", "keep one")
        if name not in columns:
            near = _nearest(name, [c for c in columns if c not in header])
            hint = f"nearest: {', '.join(near)}" if near else f"columns are {', '.join(columns)}"
            table.fault("T009", 1, name, f"'{name}' is no column of {table.name}", hint)
    for name, column in columns.items():
        if column.required and name not in header:
            table.fault("T010", 1, name, "the column is missing", f"columns are {', '.join(columns)}")
    return header


def _read_cells(table: Table, line: int, header: list[str], cells: list[str]) -> dict[str, Any]:
    """Return what the row model is to check, by column; an empty cell is left to its default."""
    columns = describe_columns(TABLES[table.name])
    values: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=True):
        if not cell:
            continue
        text = cell
        if hidden := _HIDDEN.search(cell):
            what = f"U+{ord(hidden[0]):04X}"
            table.fault(
                "T005",
                line,
                name,
                f"hidden character {what} at character {hidden.start() + 1}",
                "write a blank or delete it",
            )
            text = _HIDDEN.sub(" ", cell)
        elif cell[0] == " " or cell[-1] == " ":
            table.fault("T019", line, name, "blanks at the start or end of the cell", f"write '{cell.strip()}'")
        text = text.strip()
        if len(text) > 1 and text[0] == text[-1] == '"':
            table.fault("T027", line, name, f"the cell is in quotation marks: {text}", "save without quoting")
            text = text[1:-1].replace('""', '"')
        column = columns.get(name)
        if column and text and name not in values:
            value = _read_cell(table, line, column, text)
            if value is not None:
                values[name] = value
    return values


def _read_cell(table: Table, line: int, column: Column, text: str) -> Any:
    """Return a cell's value in the column's shape, or None where it has a fault (which is told)."""
    name = column.name
    match column.shape:
        case "list":
            items = [item.strip() for item in text.split("|")]
            if any(item != raw for item, raw in zip(items, text.split("|"), strict=True)):
                table.fault("T019", line, name, "blanks beside a |", f"write '{'|'.join(items)}'")
            if "" in items:
                table.fault("T025", line, name, f"an empty value in '{text}'", "delete the | that is too many")
            twice = [item for item, count in Counter(items).items() if count > 1 and item]
            if twice:
                table.fault("T026", line, name, f"'{twice[0]}' stands twice", "keep one")
            return tuple(dict.fromkeys(item for item in items if item))
        case "flag":
            if text not in ("yes", "no"):
                table.fault("T020", line, name, f"'{text}' is neither yes nor no", "write yes or no")
                return None
            return text == "yes"
        case "integer" | "decimal":
            is_share = column.shape == "decimal" and (column.at_least, column.at_most) == (0, 1)
            if is_share and _PERCENT.fullmatch(text):
                return Decimal(text.rstrip("% ")) / 100
            is_whole = column.shape == "integer"
            if not _NUMBER.fullmatch(text) or (is_whole and "." in text):
                hint = "write a whole number" if is_whole else "write a number with a decimal point, no unit"
                table.fault("T014", line, name, f"'{text}' is no {'whole ' if is_whole else ''}number", hint)
                return None
            return Decimal(text) if column.shape == "decimal" else int(text)
    return text


def _check_id(table: Table, line: int, curie: str) -> None:
    kinds = kinds_of_table(table.name)
    prefix, _, slug = curie.partition(":")
    if not curie:
        return
    if prefix not in kinds:
        near = _nearest(prefix, list(kinds))
        hint = f"write {near[0] if near else kinds[0]}:{slug or prefix}"
        table.fault("T018", line, "id", f"'{curie}' is not the id of a {words_for(kinds)}", hint)
    elif not _SLUG.fullmatch(slug):
        table.fault("T028", line, "id", f"'{slug}' is no slug", "letters without accents, digits and . _ - only")


def _make_row(table: Table, line: int, model: type[Row], values: dict[str, Any], is_faulty: bool) -> None:
    """Add the typed row, or the faults that the row model finds beside those already told."""
    told = {i.column for i in table.issues if i.line in (line, 1)} if is_faulty or table.issues else set()
    try:
        row = model.model_validate(values)
    except ValidationError as error:
        columns = describe_columns(model)
        for detail in error.errors():
            name = str(detail["loc"][0]) if detail["loc"] else ""
            if name not in told:
                _tell(table, line, columns.get(name), name, detail)
    else:
        if not is_faulty:
            table.rows.append(ReadRow(table.name, table.path, line, row))
            return
    label = values.get("label", values.get("title", ""))
    curie = str(values.get("id", ""))
    if label and curie:
        kinds = kinds_of_table(table.name)
        prefix, _, slug = curie.partition(":")
        curie = curie if prefix in kinds else f"{kinds[0]}:{slug}"
        table.declared.append((curie, label, values.get("synonyms", ())))


def _tell(table: Table, line: int, column: Column | None, name: str, detail: Any) -> None:
    """Say a fault that pydantic found in the words of the tables."""
    kind, given = detail["type"], detail.get("input")
    if kind == "missing" or kind in ("too_short", "string_too_short"):
        table.fault("T016", line, name, "the cell is empty", "the column needs a value")
    elif kind == "literal_error" and column:
        near = _nearest(str(given), list(column.choices))
        hint = f"one of {', '.join(column.choices)}" + (f"; nearest: {near[0]}" if near else "")
        table.fault("T017", line, name, f"'{given}' is not one of the values allowed here", hint)
    elif kind in ("greater_than_equal", "less_than_equal") and column:
        hint = f"it must be {column.range_in_words}"
        if column.at_most == 1 and Decimal(str(given)) <= 100:
            hint += f"; write {Decimal(str(given)) / 100} for {given}%"
        table.fault("T015", line, name, f"{given} is out of range", hint)
    elif kind == "no_day":
        table.fault("T021", line, name, f"'{given}' is no day of the calendar", "write YYYY-MM-DD")
    elif kind == "string_pattern_mismatch":
        hint = "write YYYY-MM-DD" if detail["ctx"]["pattern"] == DAY else f"it must match {detail['ctx']['pattern']}"
        table.fault("T021", line, name, f"'{given}' has not the form asked for", hint)
    else:
        table.fault("T021", line, name, f"'{given}' has not the form asked for", detail["msg"])


def _nearest(text: str, choices: list[str]) -> list[str]:
    return [hit[0] for hit in process.extract(text, choices, limit=2, score_cutoff=60)]
