"""Expressions of rules as Python: what is written into the code of a rule, and what that code calls."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import pyoxigraph as ox

from kg_builder.derivation.compiled.triples import (
    FALSE,
    TRUE,
    is_integer,
    lexical,
    number,
    number_text,
    quote,
    term_text,
)
from kg_builder.derivation.ruletext import Aggregate, Call, Expression, Term
from kg_builder.issues import QueryError

#: What a piece of code gives: a term; a plain string; a number; or yes and no.
TERM, STRING, NUMBER, TRUTH = "term", "string", "number", "truth"
#: A piece of code, and what it gives.
Code = tuple[str, str]
#: Variables that have a value at some place of the code.
Known = Mapping[str, Code]
_ORDER = {"<", "<=", ">", ">="}


class UnfitError(QueryError):
    """An expression has no value: SPARQL's error, by which a filter fails."""

    def __init__(self) -> None:
        super().__init__("rule: a number or a truth value is expected, and the knowledge or the case has none")


# --- writing --------------------------------------------------------------------------------------


def write_term(term: Term, known: Known) -> str:
    """Return the code of a term, or of a variable as a term."""
    code, kind = write_value(term, known)
    if kind == TERM:
        return code
    return f"quote({code})" if kind == STRING else f"number_text(Decimal({code}), is_integer=isinstance({code}, int))"


def write_condition(expression: Expression, known: Known) -> str:
    """Return the code of a condition, false where the expression has no value."""
    code = _as_truth(*write_value(expression, known))
    return code if _never_fails(expression) else f"holds(lambda: {code})"


def write_value(expression: Expression, known: Known) -> Code:
    """Return the code of an expression, and what it gives.

    Raises:
        QueryError: if a variable has no value there, or the expression is outside the subset of rules.
    """
    if isinstance(expression, ox.Variable):
        if expression.value not in known:
            raise QueryError(f"rule: ?{expression.value} has no value where it is used")
        return known[expression.value]
    if not isinstance(expression, Call):
        return repr(term_text(expression)), TERM
    name, args = expression.name, [write_value(arg, known) for arg in expression.args]
    if name in ("=", "!="):
        return _equal(expression, *args), TRUTH
    if name == "IN":
        if not all(isinstance(arg, ox.NamedNode) for arg in expression.args[1:]):
            raise QueryError("rule: IN lists IRIs")
        return f"{args[0][0]} in ({', '.join(code for code, _ in args[1:])},)", TRUTH
    if name in _ORDER:
        return f"{_as_number(*args[0])} {name} {_as_number(*args[1])}", TRUTH
    if name in ("&&", "||"):
        return f"({_as_truth(*args[0])} {'and' if name == '&&' else 'or'} {_as_truth(*args[1])})", TRUTH
    if name == "!":
        return f"(not {_as_truth(*args[0])})", TRUTH
    if name in ("+", "-", "*"):
        return f"({_as_number(*args[0])} {name} {_as_number(*args[1])})", NUMBER
    if name == "IF":
        kind = args[1][1] if args[1][1] == args[2][1] else STRING
        one, other = (code if own == kind else _as_string(code, own) for code, own in args[1:])
        return f"({one} if {_as_truth(*args[0])} else {other})", kind
    return _function(name, expression.args, args)


def write_aggregate(one: Aggregate, values: str, kind: str) -> Code:
    """Return the code of an aggregate over the code of a list of values, each of a kind."""
    if one.function == "COUNT":
        return (f"len(set({values}))" if one.is_distinct else f"len({values})"), NUMBER
    if kind == STRING and one.function in ("MIN", "MAX"):
        return f"{one.function.lower()}({values})", STRING
    function = {"MIN": "least", "MAX": "greatest", "SUM": "total"}[one.function]
    return f"{function}({f'list(dict.fromkeys({values}))' if one.is_distinct else values})", TERM


def _function(name: str, given: Sequence[Expression], args: Sequence[Code]) -> Code:
    texts = [_constant(one) or _as_string(*arg) for one, arg in zip(given, args, strict=True)]
    if name == "STR":
        return texts[0], STRING
    if name == "IRI":
        return texts[0], TERM
    if name == "CONCAT":
        return f"({' + '.join(texts)})", STRING
    if name == "MD5":
        return f"md5({texts[0]})", STRING
    if name == "STRAFTER":
        return f"{texts[0]}.partition({texts[1]})[2]", STRING
    if name == "STRBEFORE":
        return f"({texts[0]}.partition({texts[1]})[0] if {texts[1]} in {texts[0]} else '')", STRING
    return f"{texts[0]}.startswith({texts[1]})", TRUTH


def _equal(expression: Call, one: Code, other: Code) -> str:
    negation = "!=" if expression.name == "!=" else "=="
    kinds = (one[1], other[1])
    if NUMBER in kinds:
        return f"{_as_number(*one)} {negation} {_as_number(*other)}"
    if STRING in kinds:
        return f"{_as_string(*one)} {negation} {_as_string(*other)}"
    if any(isinstance(arg, ox.NamedNode) for arg in expression.args):
        return f"{one[0]} {negation} {other[0]}"
    return f"{'not ' if expression.name == '!=' else ''}is_same({one[0]}, {other[0]})"


def _as_string(code: str, kind: str) -> str:
    return code if kind == STRING else f"lexical({code})"


def _as_number(code: str, kind: str) -> str:
    return code if kind == NUMBER else f"number({code})"


def _as_truth(code: str, kind: str) -> str:
    return code if kind == TRUTH else f"is_true({code})"


def _constant(expression: Expression) -> str:
    """Return the code of a constant as a string, or nothing."""
    return repr(expression.value) if isinstance(expression, ox.NamedNode | ox.Literal) else ""


def _never_fails(expression: Expression) -> bool:
    """Whether an expression has a value whatever its variables are: comparisons with IRIs, and strings."""
    if not isinstance(expression, Call):
        return False
    if expression.name in ("&&", "||", "!"):
        return all(map(_never_fails, expression.args))
    if expression.name in ("=", "!="):
        return any(isinstance(arg, ox.NamedNode) for arg in expression.args)
    return expression.name in ("IN", "STRSTARTS")


# --- what the written code calls ------------------------------------------------------------------


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _number(text: str) -> Decimal:
    if (found := number(text)) is None:
        raise UnfitError
    return found


def _is_same(one: str, other: str) -> bool:
    """Whether two terms are equal as SPARQL's ``=`` sees it."""
    if one == other:
        return True
    if one[0] != '"' or other[0] != '"' or (one[-1] == '"' and other[-1] == '"') or {one, other} == {TRUE, FALSE}:
        return False
    return _number(one) == _number(other)


def _is_true(text: str) -> bool:
    if text not in (TRUE, FALSE):
        raise UnfitError
    return text == TRUE


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except UnfitError:
        return False


def _least(values: list[str]) -> str:
    return min(values, key=_number)


def _greatest(values: list[str]) -> str:
    return max(values, key=_number)


def _total(values: list[str]) -> str:
    return number_text(sum(map(_number, values), Decimal(0)), is_integer=all(map(is_integer, values)))


#: Names that the code of a rule may use.
HELPERS: Final[dict[str, Any]] = {
    "md5": _md5, "number": _number, "is_same": _is_same, "is_true": _is_true, "holds": _holds, "least": _least,
    "greatest": _greatest, "total": _total, "lexical": lexical, "quote": quote, "number_text": number_text,
    "Decimal": Decimal, "NONE": [],
}  # fmt: skip
