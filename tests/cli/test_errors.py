"""Exit codes and messages of everything that can go wrong, and what a terminal changes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kg_builder.cli.terminal import Terminal
from kg_builder.issues import CaseError, Issue, ReasoningError, StoreError

CASE = '{"id": "one", "disease": "something"}'
PROGRAM = [sys.executable, "-c", "from kg_builder.cli import main; main()"]

Call = Callable[..., Any]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-command"], "No such command 'no-such-command'"),
        (["optoins", "-"], "Did you mean 'options'?"),
        (["options"], "Missing argument 'CASE'"),
        (["options", "-", "--format", "xml"], "'xml' is not one of"),
        (["options", "-", "--no-such-option"], "No such option"),
        (["options", "-", "-"], "standard input (-) can be read only once"),
        (["options", "absent.json"], "absent.json: no such file"),
        (["options", "."], ".: is a folder, not a file"),
        (["import", "nobody", "file.xml"], "'nobody' is not"),
        (["import", "hivdb", "absent.xml"], "absent.xml: no such file"),
        (["build", "--ontology", "absent"], "--ontology absent: holds no core/ and knowledge/"),
    ],
)
def test_wrong_usage_exits_2_and_prints_no_data(call: Call, arguments: list[str], said: str) -> None:
    result = call(*arguments, stdin=CASE)
    assert (result.code, result.out) == (2, "")
    assert said in " ".join(result.err.split())


@pytest.mark.parametrize("content", ["", "  \n", "[]"])
def test_input_without_a_case_is_data_at_fault(call: Call, content: str) -> None:
    result = call("options", "-", stdin=content)
    assert (result.code, result.out) == (1, "")
    assert result.err == "<stdin>: no case in it; see salvage-kg schema case [C001]\n"


def test_no_knowledge_exits_3_and_says_what_to_do(call: Call, tmp_path: Path) -> None:
    result = call("options", "-", "--release", tmp_path / "absent", stdin=CASE)
    assert (result.code, result.out) == (3, "")
    assert "run `salvage-kg build`" in result.err


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (StoreError("the release is damaged"), 3, "salvage-kg: the release is damaged\n"),
        (ReasoningError("no verdict"), 3, "salvage-kg: no verdict\n"),
        (ReasoningError([Issue("reasoner", 0, "", "O103", "no Java")]), 3, "reasoner: no Java [O103]\n"),
        (ReasoningError([Issue("core", 0, "", "O101", "clash")]), 1, "core: clash [O101]\n"),
        (CaseError([Issue("one", 0, "/a", "C004", "odd", "repair")]), 1, "one: /a: odd; repair [C004]\n"),
        (PermissionError(13, "Permission denied", "/x/y"), 3, "salvage-kg: /x/y: permission denied\n"),
        (
            ModuleNotFoundError("No module named 'rdflib'", name="rdflib"),
            3,
            "salvage-kg: this needs the Python package of rdflib: pip install 'salvage-kg[rdf]'\n",
        ),
    ],
)
def test_each_error_has_its_exit_code_and_message(
    call: Call, graph: Any, fault: Exception, code: int, said: str
) -> None:
    graph.fault = fault
    result = call("options", "-", stdin=CASE)
    assert (result.code, result.out, result.err) == (code, "", said)


def test_a_bug_is_one_line_and_how_to_report_it(call: Call, graph: Any) -> None:
    graph.fault = KeyError("some\nkey")
    result = call("options", "-", stdin=CASE)
    assert result.code == 3
    assert result.err == (
        "salvage-kg: internal error: KeyError: 'some\\nkey'\n"
        "This is a bug: please report the command and what it prints with --debug.\n"
    )
    assert "Traceback (most recent call last)" in call("options", "-", "--debug", stdin=CASE).err


def test_an_unknown_missing_module_is_a_bug(call: Call, graph: Any) -> None:
    graph.fault = ModuleNotFoundError("No module named 'kg_builder.lost'", name="kg_builder.lost")
    assert "internal error" in call("options", "-", stdin=CASE).err


def test_an_interrupt_exits_130_without_a_word(call: Call, graph: Any) -> None:
    graph.fault = KeyboardInterrupt()
    result = call("options", "-", stdin=CASE)
    assert (result.code, result.out, result.err) == (130, "", "")


def test_a_reader_that_went_away_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run([*PROGRAM, "schema", "answer"], stdout=write_end, stderr=subprocess.PIPE, check=False)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_terminal_that_knows_no_such_letters_gets_others() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*PROGRAM, "schema", "table", "drugs"], capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"inducer ?" in done.stdout


def test_an_answer_needs_none_of_the_slow_libraries() -> None:
    script = """
import sys, kg_builder.cli
from kg_builder.cli import cases, asking, curate
from kg_builder.render import view, console, flat, markdown, proof
slow = {"rdflib", "owlready2", "pyrudof", "pyshacl", "jpype", "SPARQLWrapper", "rich.markdown", "rich.syntax"}
print(sorted(slow & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("option", "environment", "is_terminal", "expected"),
    [
        (None, {}, True, True),
        (None, {}, False, False),
        (None, {"NO_COLOR": "1"}, True, False),
        (None, {"NO_COLOR": ""}, True, True),
        (None, {"TERM": "dumb"}, True, False),
        (True, {"NO_COLOR": "1"}, False, True),
        (False, {}, True, False),
    ],
)
def test_when_there_is_colour(
    monkeypatch: pytest.MonkeyPatch,
    option: bool | None,
    environment: dict[str, str],
    is_terminal: bool,
    expected: bool,
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", _Screen() if is_terminal else io.StringIO())
    assert Terminal(colour=option).page().colour is expected


@pytest.mark.parametrize(("columns", "expected"), [(None, 100), ("64", 64), ("nonsense", 100), ("0", 100)])
def test_width_of_what_is_piped(monkeypatch: pytest.MonkeyPatch, columns: str | None, expected: int) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert Terminal().page().width == expected


def test_colour_can_be_asked_for_where_there_is_no_terminal(call: Call) -> None:
    assert "\x1b[" in call("options", "-", "--color", stdin=CASE).out
    assert "\x1b[" not in call("options", "-", stdin=CASE).out
    assert "\x1b[" not in call("options", "-", "--color", "--format", "json", stdin=CASE).out


@pytest.mark.parametrize(("quiet", "shown"), [(False, True), (True, False)])
def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch, quiet: bool, shown: bool) -> None:
    screen = _Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with Terminal(quiet=quiet).progress() as progress:
        progress("working")
    assert ("working" in screen.getvalue()) is shown


def test_progress_does_not_run_through_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(sys, "stdout", _Screen())
    with Terminal().progress(while_writing=True) as progress:
        progress("working")
    assert screen.getvalue() == ""


@pytest.mark.parametrize(
    "name",
    ["options", "susceptibility", "explain", "case", "ask", "list", "schema", "version", "build", "check", "import"],
)
def test_every_command_has_help_that_fits(call: Call, name: str) -> None:
    result = call(name, "--help")
    assert (result.code, result.err) == (0, "")
    assert "Usage: salvage-kg " + name in result.out
    for option in ("--quiet", "--color / --no-color", "--release", "--debug"):
        assert option in result.out
    assert max(map(len, result.out.splitlines())) <= 100


def test_the_list_of_commands_cuts_no_help_off(call: Call) -> None:
    result = call("--help")
    assert result.code == 0
    assert "..." not in result.out.partition("Commands:")[2]
