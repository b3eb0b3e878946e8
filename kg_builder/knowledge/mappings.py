"""Mappings of our terms to other vocabularies: SSSOM tables to SKOS statements.

A file is a TSV as the *Simple Standard for Sharing Ontological Mappings* has it: first the metadata of the
set as YAML behind ``#`` (its ``curie_map`` says what the prefixes of objects stand for), then a header row,
then one mapping a row, sorted. What we ask beyond the standard: the subject is a term of ours, and the
``source`` says where the identifier was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from kg_builder.issues import Issue
from kg_builder.knowledge.names import NameIndex, kind_of, name_key
from kg_builder.knowledge.statements import Row
from kg_builder.knowledge.terms import iri, node
from kg_builder.vocabulary import KINDS, SKOS, expand

#: Columns in order. Object label and comment may be empty.
COLUMNS: Final = (
    "subject_id", "subject_label", "predicate_id", "object_id", "object_label",
    "mapping_justification", "source", "comment",
)  # fmt: skip
PREDICATES: Final = ("exactMatch", "closeMatch", "broadMatch", "narrowMatch", "relatedMatch")
JUSTIFICATIONS: Final = ("LexicalMatching", "ManualMappingCuration", "MappingChaining", "UnspecifiedMatching")
_REQUIRED: Final = ("mapping_set_id", "license", "object_source")
_MAY_BE_EMPTY: Final = ("object_label", "comment")


@dataclass(frozen=True, slots=True)
class TermMapping:
    """One mapping and where it stands.

    Attributes:
        subject: CURIE of a term of ours.
        predicate: local name in SKOS: ``exactMatch``, ``closeMatch`` …
        object_iri: IRI of the other vocabulary's term.
        object_label: its label there, where it was read; else empty.
        source: where the identifier was read.
        path, line: file and line; line 1 is the first of the file, metadata included.
    """

    subject: str
    predicate: str
    object_iri: str
    object_label: str
    justification: str
    source: str
    comment: str
    path: str
    line: int


@dataclass(slots=True)
class MappingSet:
    """What one file holds: metadata, the mappings that are sound, and every fault of the others."""

    path: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    mappings: list[TermMapping] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)

    def fault(self, code: str, line: int, column: str, message: str, hint: str = "") -> None:
        """Add an issue at a place in this file."""
        self.issues.append(Issue(self.path, line, column, code, message, hint))


def load_mappings(folder: Path, index: NameIndex) -> tuple[list[TermMapping], list[Issue]]:
    """Read every ``*.sssom.tsv`` of a folder.

    Args:
        folder: ``ontology/mappings`` of a checkout.
        index: names of our terms, to know the subjects.
    Returns:
        All sound mappings in order of file and line, and all faults (M001 to M010).
    Raises:
        OSError: if a file cannot be read.
    """
    mappings: list[TermMapping] = []
    issues: list[Issue] = []
    for file in sorted(folder.glob("*.sssom.tsv")):
        path = "/".join(file.resolve().parts[-3:])
        read = read_mappings(file.read_bytes(), path, index)
        mappings += read.mappings
        issues += read.issues
    return mappings, sorted(issues)


def emit_mappings(mappings: Iterable[TermMapping]) -> list[Row]:
    """Return one SKOS statement a mapping."""
    return [(node(m.subject), iri(SKOS + m.predicate), iri(m.object_iri)) for m in mappings]


def read_mappings(data: bytes, path: str, index: NameIndex) -> MappingSet:
    """Read one SSSOM table.

    Args:
        data: bytes of the file: UTF-8, LF, tabs between cells.
        path: name of the file in messages.
        index: names of our terms.
    Returns:
        The set with all faults collected: M001 encoding or line ends, M002 metadata, M003 header row,
        M004 number of cells, M005 empty cell, M006 subject, M007 predicate or justification, M008 object,
        M009 subject label, M010 order or repetition. A row at fault is not among the mappings, save for M010.
    >>> read_mappings(b"subject_id", "x.sssom.tsv", NameIndex()).issues[0].code
    'M002'
    """
    found = MappingSet(path)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        at = data[: error.start].count(b"\n") + 1
        found.fault("M001", at, "", f"byte {data[error.start]:#04x} is not UTF-8", "save the file as UTF-8")
        return found
    if "\r" in text:
        at = text[: text.index("\r")].count("\n") + 1
        found.fault("M001", at, "", "the line ends in CR", "save the file with LF line ends")
        text = text.replace("\r\n", "\n")
    lines = text.removesuffix("\n").split("\n")
    head = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    prefixes = _read_metadata(found, lines[:head])
    if tuple(lines[head].split("\t") if head < len(lines) else ()) != COLUMNS:
        found.fault("M003", head + 1, "", "the header row does not name the columns", f"write {', '.join(COLUMNS)}")
        return found
    last: tuple[str, str] = ("", "")
    seen: dict[tuple[str, str], int] = {}
    for number, line in enumerate(lines[head + 1 :], head + 2):
        cells = line.split("\t")
        if len(cells) != len(COLUMNS):
            found.fault("M004", number, "", f"{len(cells)} cells, but there are {len(COLUMNS)} columns",
                        "a tab is missing" if len(cells) < len(COLUMNS) else "there is a tab too many")  # fmt: skip
            continue
        row = dict(zip(COLUMNS, cells, strict=True))
        key = (row["subject_id"], row["object_id"])
        if key in seen:
            found.fault("M010", number, "object_id", f"line {seen[key]} maps '{key[0]}' to '{key[1]}' too", "keep one")
        elif key < last:
            found.fault("M010", number, "subject_id", f"'{key[0]} {key[1]}' stands after '{last[0]} {last[1]}'",
                        "sort by subject, then by object")  # fmt: skip
        seen.setdefault(key, number)
        last = max(last, key)
        mapping = _read_row(found, number, row, prefixes, index)
        if mapping:
            found.mappings.append(mapping)
    return found


def _read_metadata(found: MappingSet, lines: list[str]) -> dict[str, str]:
    """Fill the metadata of the set; return its prefixes."""
    try:
        metadata = yaml.safe_load("\n".join(line[1:] for line in lines)) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        found.fault("M002", mark.line + 1 if mark else 1, "", f"the metadata are not YAML: {error.__class__.__name__}",
                    "write `#key: value` lines")  # fmt: skip
        return {}
    if not isinstance(metadata, dict):
        found.fault("M002", 1, "", "the metadata are no mapping of keys to values", "write `#key: value` lines")
        return {}
    found.metadata = metadata
    for key in _REQUIRED:
        if not metadata.get(key):
            found.fault("M002", 1, key, f"the metadata have no {key}", f"write `#{key}: …`")
    prefixes = metadata.get("curie_map")
    if not isinstance(prefixes, dict) or not all(isinstance(v, str) and "://" in v for v in prefixes.values()):
        found.fault("M002", 1, "curie_map", "the metadata have no curie_map of prefixes to IRIs",
                    "write `#curie_map:` and below it `#  PREFIX: \"http://…\"`")  # fmt: skip
        return {}
    for prefix, start in prefixes.items():
        if prefix in KINDS and start != expand(f"{prefix}:"):
            found.fault("M002", 1, "curie_map", f"'{prefix}' stands for {start}", f"write {expand(f'{prefix}:')}")
    return {str(prefix): start for prefix, start in prefixes.items()}


def _read_row(
    found: MappingSet, line: int, row: Mapping[str, str], prefixes: Mapping[str, str], index: NameIndex
) -> TermMapping | None:
    """Return the mapping of a row, or None where it has a fault (which is told)."""
    before = len(found.issues)
    for column, cell in row.items():
        if not cell.strip() and column not in _MAY_BE_EMPTY:
            found.fault("M005", line, column, "the cell is empty", "the column needs a value")
    subject, label = row["subject_id"], row["subject_label"]
    if subject and subject not in index:
        near = index.nearest(subject, (kind_of(subject),)) if kind_of(subject) in KINDS else []
        found.fault("M006", line, "subject_id", f"no term has the id '{subject}'",
                    f"nearest: {', '.join(near)}" if near else "declare it, or delete the row")  # fmt: skip
    elif subject and label and name_key(index.label(subject)) != name_key(label):
        found.fault("M009", line, "subject_label", f"'{label}' is not the label of '{subject}'",
                    f"write {index.label(subject)}")  # fmt: skip
    predicate = _check_choice(found, line, "predicate_id", row, "skos", PREDICATES)
    justification = _check_choice(found, line, "mapping_justification", row, "semapv", JUSTIFICATIONS)
    prefix, _, local = row["object_id"].partition(":")
    if row["object_id"] and (prefix not in prefixes or prefix in KINDS or not local or " " in local):
        found.fault("M008", line, "object_id", f"'{row['object_id']}' is no CURIE of another vocabulary",
                    f"prefixes are {', '.join(p for p in prefixes if p not in KINDS)}")  # fmt: skip
    if len(found.issues) > before:
        return None
    return TermMapping(
        subject, predicate, prefixes[prefix] + local, row["object_label"], justification, row["source"],
        row["comment"], found.path, line,
    )  # fmt: skip


def _check_choice(
    found: MappingSet, line: int, column: str, row: Mapping[str, str], prefix: str, choices: tuple[str, ...]
) -> str:
    """Return the local name in a cell that must be ``prefix:`` and one of the choices; tell M007 if it is not."""
    given, _, local = row[column].partition(":")
    if row[column] and (given != prefix or local not in choices):
        options = ", ".join(f"{prefix}:{choice}" for choice in choices)
        found.fault("M007", line, column, f"'{row[column]}' is not one of the values allowed here", f"one of {options}")
    return local
