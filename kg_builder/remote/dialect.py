"""What servers understand otherwise than the embedded store: queries before they are sent, rows when they come back.

Two faults of Virtuoso 7 meet the blocks of parameters: ``VALUES`` within ``MINUS`` fails to compile or is not heeded,
and ``UNDEF`` multiplies or drops solutions. A block that says nothing can go, and so can one within ``MINUS`` that only
repeats what the same block says outside: the store need not be told twice which solutions are to be taken away. And
where rows are put in order here, Virtuoso is not asked to do it: with ORDER BY it has been seen to find other rows.
"""

from __future__ import annotations

import re

import pyoxigraph as ox

from kg_builder.ask.files import BLOCK

#: The order that ends a query.
_ORDER = re.compile(r"\bORDER\s+BY\b(?:(?!\bLIMIT\b|\bOFFSET\b)[^{}#])*\Z", re.IGNORECASE)
_PROLOGUE = re.compile(r"(\s|#.*|PREFIX\s+[^\s:]*:\s*<[^>]*>|BASE\s*<[^>]*>)*", re.IGNORECASE)
_VARIABLE = re.compile(r"[?$](\w+)")
#: Groups and what may hold braces that open none: IRIs, texts, comments.
_TOKEN = re.compile(
    r"""<[^<>"{}|^`\\\s]*>|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|#[^\n]*|(\bMINUS\s*)?\{|\}""", re.IGNORECASE
)


def write_for_virtuoso(query: str) -> str:
    """Return a query with the blocks of its parameters left out that Virtuoso 7 trips over.

    >>> print(write_for_virtuoso('''SELECT * WHERE {
    ...   VALUES ?a { <http://x/a> } # param
    ...   VALUES ?b { UNDEF } # param
    ...   ?a ?b ?c MINUS { VALUES ?a { <http://x/a> } # param
    ...     ?a ?b 1 } }'''))
    SELECT * WHERE {
      VALUES ?a { <http://x/a> } # param
    <BLANKLINE>
      ?a ?b ?c MINUS {
        ?a ?b 1 } }
    """
    inside = _spans_of_minus(query)

    def is_inside(place: int) -> bool:
        return any(start < place < end for start, end in inside)

    said_outside = {match[1] for match in BLOCK.finditer(query) if not is_inside(match.start())}

    def keep(match: re.Match[str]) -> str:
        says_nothing = match[2].strip() == "UNDEF"
        return "" if says_nothing or (is_inside(match.start()) and match[1] in said_outside) else match[0]

    written = "\n".join(line.rstrip() for line in BLOCK.sub(keep, query).splitlines())
    answer = ox.Store().query(query)
    is_put_in_order = isinstance(answer, ox.QuerySolutions) and _order_of(query, answer)
    return _ORDER.sub("", written) if is_put_in_order else written


def is_beyond_virtuoso(query: str) -> bool:
    """Whether Virtuoso 7 cannot be trusted with a query.

    Those are MINUS within MINUS, and MINUS where no parameter narrows what it takes away from: with these it has been
    seen to find more or fewer rows, and other ones each time.

    >>> is_beyond_virtuoso("SELECT * WHERE { ?a ?b ?c MINUS { ?a ?b 1 } }")
    True
    >>> is_beyond_virtuoso("SELECT * WHERE { VALUES ?a { <http://x/a> } # param\\n ?a ?b ?c MINUS { ?a ?b 1 } }")
    False
    """
    spans = _spans_of_minus(query)
    is_nested = any(a < start < end < b for a, b in spans for start, end in spans)
    is_narrowed = any(match[2].strip() != "UNDEF" for match in BLOCK.finditer(query))
    return is_nested or (bool(spans) and not is_narrowed)


def put_in_order(query: str, found: ox.QuerySolutions) -> ox.QuerySolutions:
    """Return the solutions of a query in the order that it asks for, as the embedded store understands it.

    Servers differ in it (Virtuoso 7 does not compare the ends of long texts). A query with LIMIT or OFFSET, or that
    orders by what it does not select, is left as it is, and so are solutions with blank nodes.
    """
    order, prologue = _order_of(query, found), _PROLOGUE.match(query)
    if not order or prologue is None:
        return found
    data = found.serialize(format=ox.QueryResultsFormat.XML) or b""
    rows = list(_parse(data))
    if any(isinstance(value, ox.BlankNode) for row in rows for value in row):
        return _parse(data)
    variables = " ".join(map(str, found.variables))
    values = "\n".join(f"({' '.join('UNDEF' if value is None else str(value) for value in row)})" for row in rows)
    text = f"{prologue[0]}\nSELECT {variables} WHERE {{ VALUES ({variables}) {{\n{values}\n}} }}\n{order}"
    ordered = ox.Store().query(text)
    assert isinstance(ordered, ox.QuerySolutions)
    return ordered


def _order_of(query: str, found: ox.QuerySolutions) -> str:
    """Return the ORDER BY that ends a query, if it orders by what is selected."""
    order = _ORDER.search(query)
    names = {variable.value for variable in found.variables}
    return order[0] if order and set(_VARIABLE.findall(order[0])) <= names else ""


def _parse(data: bytes) -> ox.QuerySolutions:
    found = ox.parse_query_results(data, ox.QueryResultsFormat.XML)
    assert isinstance(found, ox.QuerySolutions)
    return found


def _spans_of_minus(query: str) -> list[tuple[int, int]]:
    """Return where the groups of MINUS begin and end."""
    spans: list[tuple[int, int]] = []
    open_groups: list[tuple[bool, int]] = []
    blocks = [match.span() for match in BLOCK.finditer(query)]
    for match in _TOKEN.finditer(query):
        if any(start <= match.start() < end for start, end in blocks):
            continue
        if match[0].endswith("{"):
            open_groups.append((match[1] is not None, match.end()))
        elif match[0] == "}" and open_groups:
            is_minus, start = open_groups.pop()
            if is_minus:
                spans.append((start, match.start()))
    return spans
