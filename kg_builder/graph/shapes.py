"""SHACL validation: does a graph have the shapes that `ontology/shapes` asks for?

The shapes hold core constraints only: pyrudof passes over ASK components and SPARQL targets without
a word. They name each kind of term and claim as a target, but the members of closed lists (kinds of
fact, traits, reasons) must be in the data with their type: validate tables together with the core.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pyoxigraph as ox
import pyrudof

from kg_builder.issues import Issue, StoreError
from kg_builder.vocabulary import compact

_SH: Final = "http://www.w3.org/ns/shacl#"
_MESSAGE: Final = ox.NamedNode(_SH + "message")

#: Constraint component -> message code and what is wrong, with the value in place of ``{}``.
_FAULTS: Final[dict[str, tuple[str, str]]] = {
    "MinCount": ("V001", "too few values"),
    "MaxCount": ("V002", "too many values"),
    "In": ("V003", "{} is not in the list"),
    "HasValue": ("V003", "the value asked for is missing"),
    "Class": ("V004", "{} is not of the kind asked for"),
    "NodeKind": ("V004", "{} is not of the kind asked for"),
    "Datatype": ("V005", "{} has another datatype than the one asked for"),
    "MinInclusive": ("V006", "{} is too low"),
    "MinExclusive": ("V006", "{} is too low"),
    "MaxInclusive": ("V006", "{} is too high"),
    "MaxExclusive": ("V006", "{} is too high"),
    "LessThan": ("V006", "{} is not below the value it must be below"),
    "LessThanOrEquals": ("V006", "{} is above the value that it must not exceed"),
    "Pattern": ("V007", "{} is not written as asked for"),
    "MinLength": ("V007", "{} is too short"),
    "MaxLength": ("V007", "{} is too long"),
    "Disjoint": ("V008", "{} must not stand in both places"),
    "Or": ("V009", "{} is none of what is asked for"),
    "Node": ("V009", "{} is none of what is asked for"),
}


def validate_shapes(data: str, shapes_dir: Path) -> list[Issue]:
    """Return what in a graph violates the shapes of a folder.

    Args:
        data: the graph as N-Triples or Turtle, terms and claims together with the core ontology.
        shapes_dir: folder of Turtle files with SHACL core shapes; all of them are used.
    Returns:
        One issue for each violation, sorted: ``path`` is the focus node and ``column`` the property,
        both as CURIEs; ``hint`` says what the shape expects. Empty if the graph conforms.
    Raises:
        StoreError: V011 if the folder holds no shapes, V012 if the data or a shapes file is not readable.
    >>> validate_shapes("", Path("/nowhere"))
    Traceback (most recent call last):
    kg_builder.issues.StoreError: /nowhere: no shapes found; a folder of Turtle files is expected [V011]
    """
    files = sorted(shapes_dir.glob("*.ttl"))
    if not files:
        hint = "a folder of Turtle files is expected"
        raise StoreError([Issue(str(shapes_dir), 0, "", "V011", "no shapes found", hint)])
    triples = [triple for file in files for triple in _parse(file.read_bytes(), str(file))]
    messages = {
        t.subject.value: t.object.value
        for t in triples
        if t.predicate == _MESSAGE and isinstance(t.subject, ox.NamedNode) and isinstance(t.object, ox.Literal)
    }
    graph = _parse(data.encode(), "data")
    if not graph:
        return []
    session = pyrudof.Rudof(pyrudof.RudofConfig())
    session.read_shacl(_ntriples(triples), format=pyrudof.ShaclFormat.NTriples, reader_mode=pyrudof.ReaderMode.Strict)
    session.read_data(_ntriples(graph), format=pyrudof.RDFFormat.NTriples, reader_mode=pyrudof.ReaderMode.Strict)
    return sorted({_issue(entry, messages) for entry in session.validate_shacl().violations})


def _parse(content: bytes, path: str) -> list[ox.Triple]:
    try:
        return [q.triple for q in ox.parse(content, format=ox.RdfFormat.TURTLE, rename_blank_nodes=True)]
    except SyntaxError as error:
        hint = "Turtle or N-Triples is expected"
        raise StoreError([Issue(path, error.lineno or 0, "", "V012", str(error.msg), hint)]) from error


def _ntriples(triples: Iterable[ox.Triple]) -> str:
    return "".join(f"{triple} .\n" for triple in triples)


def _issue(entry: pyrudof.ShaclValidationEntry, messages: dict[str, str]) -> Issue:
    """Return one entry of the validation report as an issue."""
    component = entry.constraint_component.removeprefix(_SH).removesuffix("ConstraintComponent")
    code, message = _FAULTS.get(component, ("V010", f"{{}} violates {component}"))
    hint = messages.get(entry.source_shape or "", "")
    return Issue(
        path=compact(entry.focus_node),
        line=0,
        column=compact(entry.path) if entry.path else "",
        code=code,
        message=message.format(compact(entry.value) if entry.value else "the value"),
        hint=f"expected: {hint}" if hint else entry.message.strip('"'),
    )
