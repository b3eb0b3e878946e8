"""XML is read without entities and without a DTD, and what is refused is refused at once."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from kg_builder.issues import SourceError
from kg_builder.sources.xml import MAX_DEPTH, parse_xml, read_xml

DTD = "http://127.0.0.1:9/a.dtd"
SYSTEM = b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">'


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something was to be fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def laughs(depth: int = 30) -> bytes:
    lines = ['<!ENTITY l0 "lol">']
    lines += [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, depth)]
    return f"<?xml version='1.0'?>\n<!DOCTYPE a [\n{chr(10).join(lines)}\n]>\n<a>&l{depth - 1};</a>".encode()


HOSTILE = {
    "billion laughs": laughs(),
    "quadratic blow-up": b'<!DOCTYPE a [<!ENTITY x "' + b"x" * 100_000 + b'">]><a>' + b"&x;" * 100_000 + b"</a>",
    "external file": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "external address": b'<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:9/x">]><a>&x;</a>',
    "parameter entity": b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]><a/>',
    "external subset and internal": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd" [<!ENTITY x "y">]><a/>',
    "empty internal subset": b"<!DOCTYPE a []><a/>",
    "default attribute": b'<!DOCTYPE a [<!ATTLIST a b CDATA "c">]><a/>',
    "entity of an external DTD, in text": SYSTEM + b"<a>&x;</a>",
    "entity of an external DTD, in an attribute": SYSTEM + b'<a b="&x;"/>',
    "entity of a public DTD": b'<!DOCTYPE a PUBLIC "-//X//Y" "http://127.0.0.1:9/a.dtd"><a>&nbsp;</a>',
    "entity without a DTD": b"<a>&x;</a>",
    "second DTD": SYSTEM + SYSTEM + b"<a/>",
    "another external DTD": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/b.dtd"><a/>',
    "another external DTD, with a public name": b"<!DOCTYPE a PUBLIC '-//X//Y' 'http://127.0.0.1:9/b.dtd'><a/>",
    "DTD in UTF-16": '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>'.encode("utf-16"),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_entities_and_dtds_are_refused_within_a_second(data: bytes) -> None:
    start = time.perf_counter()
    with pytest.raises(SourceError) as caught:
        parse_xml(data, name="hostile.xml", dtds=[DTD])
    assert time.perf_counter() - start < 1
    (issue,) = caught.value.issues
    assert (issue.code, issue.path) == ("S003", "hostile.xml")
    assert issue.line >= 1 and issue.column.startswith("column ") and issue.hint


@pytest.mark.parametrize(
    "doctype",
    [
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
        b"<!DOCTYPE a\n  SYSTEM\n  'http://127.0.0.1:9/a.dtd' >",
        b'<!DOCTYPE a PUBLIC "-//X//Y" "http://127.0.0.1:9/a.dtd">',
        b"<!DOCTYPE a>",
    ],
)
@pytest.mark.parametrize(
    "prolog", [b"", b'\xef\xbb\xbf<?xml version="1.0"?>\n', b"<?xml version='1.0'?><!-- > -->\n<?pi >?>"]
)
def test_a_dtd_that_is_only_named_is_passed_over(prolog: bytes, doctype: bytes) -> None:
    root = parse_xml(prolog + doctype + b"\n<a><b>x &amp; &#65;</b></a>", name="a.xml", dtds=[DTD])
    b = root.children[0]
    assert b.text == "x & A"
    assert b.line == prolog.count(b"\n") + doctype.count(b"\n") + 2, "lines are counted as in the file"


def test_a_doctype_in_a_comment_or_cdata_is_text() -> None:
    root = parse_xml(b"<!-- <!DOCTYPE a [ --><a><![CDATA[<!DOCTYPE a [ &x; ]]></a>", name="a.xml")
    assert root.text == "<!DOCTYPE a [ &x; "


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"<a>\n  <b>\n</a>", 3, "column 3"),
        (b"<a>\n  <b>text", 2, "column 10"),
        (b"", 1, "column 1"),
        (b"<a/>\n<b/>", 2, "column 1"),
        (b"<a>\n\x00</a>", 2, "column 1"),
        (b"<a>\xff</a>", 1, "column 4"),
        (SYSTEM[:-1], 1, "column 46"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', 1, "column"),
        (b'<?xml version="1.0" encoding="shift_jis"?><a/>', 1, "column"),
    ],
)
def test_malformed_and_cut_short_gives_line_and_column(data: bytes, line: int, column: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_xml(data, name="a.xml")
    (issue,) = caught.value.issues
    assert (issue.code, issue.line) == ("S002", line)
    assert issue.column.startswith(column)


def test_a_prolog_without_end_is_read_in_linear_time() -> None:
    for data in (b"<?a?>" * 200_000, b"<!--" + b"-" * 500_000, b" " * 500_000 + b"<!DOCTYPE" + b" " * 500_000):
        start = time.perf_counter()
        with pytest.raises(SourceError):
            parse_xml(data, name="a.xml")
        assert time.perf_counter() - start < 1


def test_nesting_is_limited() -> None:
    deep = b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1)
    with pytest.raises(SourceError, match=r"S004"):
        parse_xml(deep, name="a.xml")
    with pytest.raises(SourceError, match=r"S004"):
        parse_xml(b"<a>" * 1_000_000, name="a.xml")


def test_a_file_too_large_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("kg_builder.sources.xml.MAX_BYTES", 10)
    path = tmp_path / "a.xml"
    path.write_bytes(b"<a>12345678</a>")
    with pytest.raises(SourceError, match=r"S004"):
        read_xml(path)


@pytest.mark.parametrize("name", ["missing.xml", "."])
def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_xml(tmp_path / name)
    assert caught.value.issues[0].code == "S001"
    assert caught.value.issues[0].path == str(tmp_path / name)


def test_text_knows_its_lines() -> None:
    root = parse_xml(b"<a>\none\n<!-- a\nb -->two\n<b/>three</a>", name="a.xml")
    assert root.text == "\none\ntwo\nthree"
    assert [root.line_at(root.text.index(word)) for word in ("one", "two", "three")] == [2, 4, 5]
