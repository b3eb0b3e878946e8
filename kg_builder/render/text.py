"""Small pieces of text that several renderers share."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
#: Characters that are not seen, and those that turn the direction of what is.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#~])")


def clean(text: str) -> str:
    """Return text on one line without control characters, seen or not, which a case's title could bring to a terminal.

    >>> clean("two\\nlines \\x1b[31mred"), clean("safe\\u202eevil")
    ('two lines [31mred', 'safeevil')
    """
    return " ".join(_CONTROL.sub(" ", _INVISIBLE.sub("", text)).split())


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows as it is, in a line or a table's cell.

    >>> escape_markdown("HLA-B*57:01 | FLT3_ITD")
    'HLA-B\\\\*57:01 \\\\| FLT3\\\\_ITD'
    """
    return _MARKDOWN.sub(r"\\\1", clean(text))


def format_cell(value: object) -> str:
    """Return a cell as text: nothing for None, plain numbers, several values with ``; ``.

    >>> format_cell(None), format_cell(15.0), format_cell(Decimal("0.30")), format_cell(["a", "b"]), format_cell(True)
    ('', '15', '0.30', 'a; b', 'yes')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, list | tuple):
        return "; ".join(map(format_cell, value))
    return str(value)


def dump_json(value: object, *, indent: int | None = None) -> str:
    """Return JSON, UTF-8 as it is, keys in the order given, decimals as numbers."""
    separators = (",", ":") if indent is None else None
    return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, default=_plain)


def _plain(value: object) -> int | float | str:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def dump_csv(header: Sequence[str] | None, rows: Iterable[Sequence[object]]) -> str:
    """Return comma-separated values with LF; no header where none is given.

    >>> dump_csv(["drug", "rank"], [("a, b", 1), ("c", None)])
    'drug,rank\\n"a, b",1\\nc,\\n'
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if header is not None:
        writer.writerow(header)
    writer.writerows([format_cell(cell) for cell in row] for row in rows)
    return out.getvalue()
