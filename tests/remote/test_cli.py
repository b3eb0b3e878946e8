"""The commands `load`, `ask` and `options` with a server elsewhere: exit codes, and what they say."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kg_builder.cli import run

CASE = {"id": "one", "disease": "testitis", "failure": {"failed_regimens": [["alpha"]], "mode": "acquired loss"}}


Call = Callable[..., Any]


@pytest.fixture
def call(command_line: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    for name in ("USER", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"SALVAGE_KG_ENDPOINT_{name}", raising=False)
    return command_line


@pytest.fixture(scope="module")
def there(release: Path, run_oxigraph: Any) -> Iterator[Any]:
    with run_oxigraph() as found:
        assert run(["load", "--quiet", "--endpoint", found.query, "--release", str(release)]) == 0
        yield found


@pytest.fixture
def case(tmp_path: Path) -> Path:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(CASE))
    return path


def test_load_says_what_the_server_holds(release: Path, server: Any, call: Call) -> None:
    done = call("load", "--endpoint", server.query, "--release", release)
    assert done.code == 0 and done.out == ""
    assert "graph store protocol" in done.err and f"{server.query} holds release" in done.err
    again = call("load", "--endpoint", server.query, "--release", release)
    assert again.code == 0 and "it did so before" in again.err
    by_update = call("load", "--endpoint", server.query, "--graph-store", "none", "--again", "--release", release)
    assert by_update.code == 0 and "by SPARQL update" in by_update.err


def test_options_prints_the_same(there: Any, release: Path, case: Path, call: Call) -> None:
    for format in ("json", "table", "ttl"):
        here = call("options", case, "--release", release, "--format", format)
        elsewhere = call(
            "options", case, "--endpoint", there.query, "--update-endpoint", there.update, "--format", format
        )
        reading = call("options", case, "--endpoint", there.query, "--format", format)
        assert here.code == elsewhere.code == reading.code == 0
        assert here.out and elsewhere.out == reading.out == here.out, format


def test_ask_prints_the_same(there: Any, release: Path, call: Call) -> None:
    for arguments in (("drugs-by-barrier",), ("claims-of-a-drug", "--param", "drug=alpha")):
        here = call("ask", *arguments, "--format", "csv", "--release", release)
        elsewhere = call("ask", *arguments, "--format", "csv", "--endpoint", there.query)
        assert here.code == elsewhere.code == 0 and here.out.count("\n") > 2 and elsewhere.out == here.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask", "drugs-by-barrier", "--endpoint", "localhost"),
        ("ask", "drugs-by-barrier", "--endpoint", "http://127.0.0.1:9/query", "--release", "."),
        ("options", "CASE", "--update-endpoint", "http://127.0.0.1:9/update"),
        ("options", "CASE", "--endpoint", "ftp://127.0.0.1/query"),
        ("load",),
        ("load", "--endpoint", "nowhere"),
        ("load", "--endpoint", "http://127.0.0.1:9/query", "--timeout", "0"),
    ],
)
def test_a_wrong_call_is_exit_2(case: Path, call: Call, arguments: tuple[str, ...]) -> None:
    assert call(*(case if a == "CASE" else a for a in arguments)).code == 2


@pytest.mark.parametrize("command", ["load", "ask drugs-by-barrier", "options CASE"])
def test_nobody_there_is_exit_1(release: Path, case: Path, call: Call, command: str) -> None:
    own = ["--release", release] if command == "load" else []
    words = [case if word == "CASE" else word for word in command.split()]
    done = call(*words, *own, "--endpoint", "http://me:secret@127.0.0.1:9/query")
    assert done.code == 1 and done.out == "" and "cannot be reached" in done.err
    assert "secret" not in done.err and "internal error" not in done.err


def test_a_case_at_fault_is_exit_1(there: Any, tmp_path: Path, call: Call) -> None:
    path = tmp_path / "case.json"
    path.write_text(json.dumps({"id": "one", "disease": "testitiz"}))
    done = call("options", path, "--endpoint", there.query)
    assert done.code == 1 and "testitis" in done.err


def test_a_server_without_a_release_is_exit_3(server: Any, case: Path, call: Call) -> None:
    done = call("options", case, "--endpoint", server.query)
    assert done.code == 3 and "salvage-kg load" in done.err


def test_a_refusal_is_told_with_what_to_do(there: Any, fake_of: Any, release: Path, case: Path, call: Call) -> None:
    with fake_of(there) as fake:
        fake.act = lambda asked: (401, "text/plain", b"") if asked.path != "/query" else None
        done = call("load", "--endpoint", fake.server.query, "--release", release, "--again")
        assert done.code == 1 and "SALVAGE_KG_ENDPOINT_USER" in done.err and "whole" in done.err
        told = call("options", case, "--endpoint", fake.server.query, "--update-endpoint", fake.server.update)
        assert told.code == 0 and "derived here" in told.err


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("slow", "no whole answer within 0.5 s"),
        ("cut", "broke off the connection"),
        ((503, "text/plain", b"busy"), "503 Service Unavailable"),
        ((200, "text/html", b"<html>Welcome</html>"), "text/html, no SPARQL answer"),
    ],
    ids=["slow", "cut", "503", "html"],
)
def test_a_faulty_server_is_exit_1(there: Any, fake_of: Any, case: Path, call: Call, act: Any, said: str) -> None:
    with fake_of(there) as fake:
        fake.act = lambda asked: act if "CONSTRUCT" in asked.text and len(fake.asked) > 1 else None
        for words in (("ask", "drugs-by-barrier"), ("options", case)):
            done = call(*words, "--endpoint", fake.server.query, "--timeout", "0.5")
            assert done.code == 1 and done.out == "" and said in done.err and fake.server.query in done.err


def test_another_release_than_the_one_here_is_told(
    there: Any, release: Path, other_release: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("ask", "drugs-by-barrier", "--endpoint", there.query, "--update-endpoint", there.update)
    monkeypatch.setenv("SALVAGE_KG_RELEASE", str(other_release))
    assert "here stands 0.1-former" in call(*ask).err
    monkeypatch.setenv("SALVAGE_KG_RELEASE", str(release))
    assert "here stands" not in call(*ask).err


def test_without_sparqlwrapper_the_extra_is_named(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "kg_builder.remote.wrapper", raising=False)
    monkeypatch.setitem(sys.modules, "SPARQLWrapper", None)
    done = call("ask", "drugs-by-barrier", "--endpoint", "http://127.0.0.1:9/query")
    assert done.code == 3 and "pip install 'salvage-kg[remote]'" in done.err
