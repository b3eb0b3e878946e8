"""Run a bound query in the embedded store or in rdflib, with the same rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from pyoxigraph import BlankNode, Literal, NamedNode, QueryBoolean, QuerySolutions
from rapidfuzz import process

from kg_builder.ask.bind import BoundQuery
from kg_builder.ask.files import fault
from kg_builder.ask.guard import syntax_fault
from kg_builder.graph.protocol import KnowledgeStore
from kg_builder.vocabulary import BASE, DCTERMS, XSD, compact

if TYPE_CHECKING:
    import rdflib


class Iri(str):
    """The IRI of a term in a row, to tell it from a text."""

    __slots__ = ()

    @property
    def curie(self) -> str:
        """The CURIE, or the IRI where no prefix fits."""
        return compact(self)


Cell = Iri | str | int | Decimal | float | bool | None

_INTEGERS = {XSD + name for name in ("integer", "int", "long", "short", "nonNegativeInteger", "positiveInteger")}


@dataclass(frozen=True, slots=True)
class Rows:
    """What a query answered.

    Attributes:
        columns: names of the columns; of a CONSTRUCT subject, predicate and object; of an ASK answer.
        rows: one cell a column; None where a variable has no value. Blank nodes are ``Iri("_:…")``.
        units: column → UCUM code, of the columns for which the header states one.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    units: dict[str, str]


def run(store: KnowledgeStore, query: BoundQuery) -> Rows:
    """Answer a query over the union of all graphs of the store, rows in the query's order.

    Raises:
        QueryError: Q005 if the store cannot read the query; Q004 if a claim it was given is not in the store.
    """
    for name, term in query.params.items():
        _check_claim(store, query, name, term)
    try:
        answer = store.query(query.text, use_default_graph_as_union=True)
    except SyntaxError as error:
        raise syntax_fault(query.file.path, error) from error
    if isinstance(answer, QueryBoolean):
        return Rows(("answer",), ((bool(answer),),), {})
    if isinstance(answer, QuerySolutions):
        columns = tuple(variable.value for variable in answer.variables)
        rows = tuple(tuple(_cell(value) for value in solution) for solution in answer)
        return Rows(columns, rows, _units(query, columns))
    return _triples((_cell(t.subject), _cell(t.predicate), _cell(t.object)) for t in answer)


def _check_claim(store: KnowledgeStore, query: BoundQuery, name: str, term: str) -> None:
    """Claims are in no index of names, so that only the store can tell whether there is one."""
    prefix = f"<{BASE}claim/"
    if not term.startswith(prefix) or any(store.quads_for_pattern(NamedNode(term[1:-1]), None, None, None)):
        return
    claims = store.quads_for_pattern(None, NamedNode(DCTERMS + "source"), None, None)
    known = sorted({compact(q.subject.value) for q in claims if str(q.subject).startswith(prefix)})  # type: ignore[union-attr]
    near = ", ".join(hit[0] for hit in process.extract(compact(term[1:-1]), known, limit=3, score_cutoff=60))
    hint = f"nearest: {near}" if near else "see `salvage-kg ask claims-of-a-drug`"
    raise fault(query.file.header.id, "Q004", f"no claim '{compact(term[1:-1])}'", hint, field=name)


def run_rdflib(graph: rdflib.Graph, query: BoundQuery) -> Rows:
    """Answer a query with rdflib over one graph; slow, meant as the second opinion of tests.

    Raises:
        QueryError: Q005 if rdflib cannot read the query.
    """
    import rdflib
    from pyparsing import ParseBaseException
    from rdflib.plugins import sparql

    sparql.SPARQL_LOAD_GRAPHS = False

    def plain(term: rdflib.term.Node | None) -> Cell:
        if isinstance(term, rdflib.Literal):
            datatype = NamedNode(str(term.datatype)) if term.datatype and not term.language else None
            return _cell(Literal(str(term), datatype=datatype, language=term.language))
        if isinstance(term, rdflib.BNode):
            return Iri(f"_:{term}")
        return None if term is None else Iri(str(term))

    try:
        answer = graph.query(query.text)
    except ParseBaseException as error:
        raise fault(query.file.path, "Q005", f"no SPARQL 1.1 query: {error.msg}", line=error.lineno) from error
    if answer.type == "ASK":
        return Rows(("answer",), ((bool(answer.askAnswer),),), {})
    if answer.type == "CONSTRUCT":
        return _triples(tuple(map(plain, triple)) for triple in answer.graph or ())
    columns = tuple(map(str, answer.vars or ()))
    rows = tuple(tuple(plain(row[name]) for name in columns) for row in answer)  # type: ignore[index,call-overload]
    return Rows(columns, rows, _units(query, columns))


def _triples(found: Iterable[tuple[Cell, ...]]) -> Rows:
    """Return what a CONSTRUCT made, sorted: its triples have no order of their own."""
    return Rows(("subject", "predicate", "object"), tuple(sorted(set(found), key=lambda t: tuple(map(str, t)))), {})


def _units(query: BoundQuery, columns: tuple[str, ...]) -> dict[str, str]:
    return {each.name: each.unit for each in query.file.header.returns if each.unit and each.name in columns}


def _cell(term: object) -> Cell:
    if isinstance(term, NamedNode):
        return Iri(term.value)
    if isinstance(term, BlankNode):
        return Iri(f"_:{term.value}")
    if not isinstance(term, Literal):
        return None
    datatype, text = term.datatype.value, term.value
    if datatype in _INTEGERS:
        return int(text)
    if datatype == XSD + "decimal":
        return Decimal(text)
    if datatype in (XSD + "double", XSD + "float"):
        return float(text)
    if datatype == XSD + "boolean":
        return text in ("true", "1")
    return text
