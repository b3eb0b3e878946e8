"""ask, list, schema and version."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kg_builder.issues import StoreError
from kg_builder.knowledge.rows import TABLES

Call = Callable[..., Any]


def test_ask_shows_short_names_and_units_to_people(call: Call) -> None:
    result = call("ask", "some-query")
    assert result.out.splitlines() == [
        "drug         level (mg/L)", "-------------------------", "drug:alpha              5", "drug:beta",
    ]  # fmt: skip
    assert result.err == "salvage-kg: 2 rows\n"
    assert call("ask", "some-query", "--quiet").err == ""


def test_ask_gives_whole_names_to_programs(call: Call) -> None:
    rows = json.loads(call("ask", "some-query", "-f", "json").out)
    assert rows[0] == {"drug": "https://w3id.org/salvage-kg/drug/alpha", "level": 5}
    assert call("ask", "some-query", "-f", "csv").out.splitlines()[0] == "drug,level"
    assert len(call("ask", "some-query", "-f", "jsonl").out.splitlines()) == 2


def test_parameters_are_handed_on(call: Call, graph: Any) -> None:
    call("ask", "some-query", "-p", "drug=alpha", "--param", "note=a=b ")
    assert graph.asked == [("some-query", {"drug": "alpha", "note": "a=b "})]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["some-query", "-p", "drug"], "--param drug: write NAME=VALUE"),
        (["some-query", "-p", "a=1", "-p", "a=2"], "--param a: given twice"),
        (["unknown"], "what is wrong; what to do [Q001]"),
        (["needs-drug", "-p", "drug=x"], "[Q004]"),
    ],
)
def test_what_the_caller_mistyped_is_usage(call: Call, arguments: list[str], said: str) -> None:
    result = call("ask", *arguments)
    assert (result.code, result.out) == (2, "")
    assert said in result.err


def test_a_query_file_at_fault_is_data(call: Call) -> None:
    result = call("ask", "broken.rq")
    assert (result.code, result.err) == (1, "broken.rq: what is wrong; what to do [Q005]\n")


def test_list(call: Call) -> None:
    assert call("list", "drugs", "-f", "md").out.splitlines()[2] == "| drug:alpha | alpha | the first \\| one |"
    result = call("list", "wonders")
    assert (result.code, result.out) == (2, "")
    assert "no kind is called 'wonders'; there are queries, action" in result.err


@pytest.mark.parametrize("what", ["case", "answer", "susceptibility"])
def test_schemas_are_json_schema(call: Call, what: str) -> None:
    found = json.loads(call("schema", what).out)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found["type"] == "object"


def test_schema_of_an_answer_requires_what_the_contract_promises(call: Call) -> None:
    required = set(json.loads(call("schema", "answer").out)["required"])
    assert {
        "case",
        "knowledge",
        "goal",
        "agents",
        "regimens",
        "modalities",
        "actions",
        "warnings",
        "missing",
        "notice",
    } <= required


def test_schema_of_tables(call: Call) -> None:
    columns = json.loads(call("schema", "table", "drugs", "-f", "json").out)
    assert [column["column"] for column in columns][:2] == ["id", "label"]
    assert len(call("schema", "table", "-f", "jsonl").out.splitlines()) == len(TABLES)


def test_schema_mistyped(call: Call) -> None:
    assert "nearest: drugs" in call("schema", "table", "drgs").err
    assert call("schema", "table", "drgs").code == 2
    assert call("schema", "case", "drugs").code == 2
    assert call("schema", "cases").code == 2


def test_version_names_program_and_knowledge(call: Call) -> None:
    lines = call("version").out.splitlines()
    assert lines[0].startswith("salvage-kg ")
    assert lines[1] == f"knowledge 2026-01-02 of 2026-01-02, sha256 {'ab' * 32}"
    assert json.loads(call("version", "-f", "json").out)["knowledge"]["version"] == "2026-01-02"
    assert call("--version").out == lines[0] + "\n"


def test_version_without_knowledge_still_says_which_program(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    import kg_builder

    class Nothing:
        @staticmethod
        def open(path: object) -> None:
            raise StoreError("no release")

    monkeypatch.setattr(kg_builder, "KnowledgeGraph", Nothing)
    result = call("version")
    assert (result.code, result.out.splitlines()[1], result.err) == (0, "knowledge none", "salvage-kg: no release\n")
