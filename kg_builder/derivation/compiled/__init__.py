"""Rules compiled to Python.

A store parses and plans a query each time it is asked, and a case meets some seventy rules, each with little to say. A
rule is compiled once instead, to loops over dictionaries. What it means stays what SPARQL says of its text: tests
compare each rule, and made-up ones, with two SPARQL engines.

``?case`` is the case: it alone stands beside the knowledge, so it is known from the start and the loops begin there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from kg_builder.derivation.compiled.expressions import HELPERS
from kg_builder.derivation.compiled.triples import CaseTriples, Knowledge, Triple
from kg_builder.derivation.compiled.writer import Writer
from kg_builder.derivation.ruletext import read_rule_text
from kg_builder.issues import QueryError

#: A rule over one store of knowledge: gives what it concludes of a case, repetitions included.
Conclude = Callable[[CaseTriples, str], list[Triple]]


@cache
def compile_rule(text: str) -> Callable[[Knowledge], Conclude]:
    """Return a rule as a function of the knowledge that gives a function of a case and its IRI.

    Raises:
        QueryError: if the text is outside the subset of rules.
    """
    source = Writer(read_rule_text(text)).write()
    scope: dict[str, Any] = dict(HELPERS)
    try:
        code = compile(source, "<rule>", "exec")
    except SyntaxError as error:  # Python nests twenty loops and no more
        raise QueryError(f"rule: too many patterns in one group ({error.msg})") from error
    exec(code, scope)  # noqa: S102 - made of names of our own and of literals
    return scope["bind"]  # type: ignore[no-any-return]
