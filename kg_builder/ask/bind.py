"""Give a query its parameters: each becomes one checked term in the block of its name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from pyoxigraph import Literal, NamedNode
from rapidfuzz import process

from kg_builder.ask.files import BLOCK, LITERALS, Param, QueryFile, fault, kinds_of
from kg_builder.issues import Issue, QueryError
from kg_builder.knowledge.faults import Fault
from kg_builder.vocabulary import BASE, XSD, expand

#: A claim is named by CURIE or IRI; whether it exists is known when the query runs.
_CLAIM = re.compile(rf"(?:claim:|{re.escape(BASE)}claim/)([\w.-]+)", re.ASCII)


class Names(Protocol):
    """What finds terms by name; :class:`kg_builder.knowledge.names.NameIndex` is one."""

    def resolve(self, text: str, kinds: Sequence[str]) -> str:
        """Return the CURIE of the one term of these kinds that the text names, or raise Fault."""
        ...


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A query whose parameters are set, ready to run."""

    file: QueryFile
    text: str
    params: Mapping[str, str]


def bind(query: QueryFile, params: Mapping[str, str], names: Names) -> BoundQuery:
    """Put the parameters into the query; those not given keep their default.

    Args:
        query: the query.
        params: name → text of the user: a label, synonym or CURIE for a term, digits for a number.
            An empty text keeps the default.
        names: finds the terms.
    Returns:
        The query, changed in nothing but the ``VALUES`` blocks of the parameters given.
    Raises:
        QueryError: all faults of the parameters: Q003 the query has no such parameter, Q004 the value is of
            another type, or the code of the name's fault (T007 unknown …) with the nearest names.
    """
    declared = {param.name: param for param in query.header.params}
    terms: dict[str, str] = {}
    issues: list[Issue] = []
    for name, text in params.items():
        try:
            if name not in declared:
                raise _unknown(query, name)
            if text.strip():
                terms[name] = _term(query, declared[name], text.strip(), names)
        except QueryError as error:
            issues.extend(error.issues)
    if issues:
        raise QueryError(issues)
    text = BLOCK.sub(lambda m: f"VALUES ?{m[1]} {{ {terms[m[1]]} }} # param" if m[1] in terms else m[0], query.text)
    return BoundQuery(query, text, terms)


def _unknown(query: QueryFile, name: str) -> QueryError:
    known = [param.name for param in query.header.params]
    near = [hit[0] for hit in process.extract(name, known, limit=3, score_cutoff=50)] or known
    hint = f"nearest: {', '.join(near)}" if known else "it has no parameters"
    return fault(query.header.id, "Q003", f"the query has no parameter '{name}'", hint, field=name)


def _term(query: QueryFile, param: Param, text: str, names: Names) -> str:
    """Return the value as one SPARQL term; pyoxigraph checks the IRI and escapes the literal."""
    kinds = kinds_of(param.type)
    if "claim" in kinds and (match := _CLAIM.fullmatch(text)):
        return str(NamedNode(expand(f"claim:{match[1]}")))
    if kinds:
        try:
            return str(NamedNode(expand(names.resolve(text, kinds))))
        except Fault as error:
            raise QueryError([error.issue(query.header.id, column=param.name)]) from error
    datatype = NamedNode(XSD + LITERALS[param.type])
    literal = Literal(text, datatype=datatype)
    if param.type != "string" and not _is_valid(literal):
        raise fault(query.header.id, "Q004", f"'{text}' is no {param.type}", _HINTS[param.type], field=param.name)
    return str(literal)


_HINTS = {
    "integer": "write digits, as in 12",
    "decimal": "write digits and a point, as in 0.5",
    "boolean": "write true or false",
    "date": "write year-month-day, as in 2024-05-31",
}


def _is_valid(literal: Literal) -> bool:
    text, kind = literal.value, literal.datatype.value.removeprefix(XSD)
    if kind == "date":
        try:
            return date.fromisoformat(text).isoformat() == text
        except ValueError:
            return False
    forms = {"integer": r"[+-]?\d+", "decimal": r"[+-]?(\d+(\.\d*)?|\.\d+)", "boolean": "true|false"}
    return re.fullmatch(forms[kind], text, re.ASCII) is not None
