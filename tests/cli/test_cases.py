"""options, susceptibility and explain: forms of the answer, batches, faults of cases."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

GOOD = '{"id": "one", "disease": "something", "title": "First"}'
OTHER = '{"id": "two", "disease": "something"}'
UNKNOWN = '{"id": "three", "disease": "nothing"}'
NO_JSON = '{"id": "four", "disease": }'

Call = Callable[..., Any]
Write = Callable[..., Path]


def test_a_table_ranks_rejects_and_cites(call: Call, write: Write) -> None:
    result = call("options", write("a.json", GOOD))
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[:2] == ["one · First", "something · goal: control"]
    assert "  1 alpha  active" in lines
    assert "      x prior-failure: Failed in line 1. [1]" in lines
    assert " [1] A guideline (guide)" in lines
    assert "Knowledge 2026-01-02 of 2026-01-02, sha256 abababababab" in lines
    assert "not medical advice" in result.out


def test_one_case_gives_one_object(call: Call, write: Write) -> None:
    result = call("options", write("a.json", GOOD), "--format", "json")
    answer = json.loads(result.out)
    assert list(answer) == [
        "case", "knowledge", "goal", "agents", "regimens", "patterns", "modalities", "actions", "warnings", "missing",
        "notice",
    ]  # fmt: skip
    assert answer["agents"][1]["findings"][0]["code"] == "prior-failure"
    assert answer["agents"][1]["rank"] is None


def test_preferences_reach_the_answer(call: Call, write: Write) -> None:
    result = call("options", write("a.json", GOOD), "--format", "json", "--prefer", "adherence, -toxicity")
    assert (result.code, json.loads(result.out)["goal"]) == (0, "prefer adherence,-toxicity")


@pytest.mark.parametrize("names", ["barier", "barrier,-barrier", "adherence,units", "", ",", "barrier,,doses"])
def test_preferences_at_fault_end_with_1_before_any_case(call: Call, write: Write, names: str) -> None:
    result = call("options", write("a.json", GOOD), "--prefer", names)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("--prefer: ")


def test_an_empty_preference_is_told_with_the_names_there_are(call: Call, write: Write) -> None:
    result = call("options", write("a.json", GOOD), "--prefer", "barrier,,doses")
    assert result.err.startswith("--prefer: a name is empty; one of standing, ")


def test_what_turns_the_text_round_does_not_reach_the_terminal(call: Call, write: Write) -> None:
    result = call("options", write("a\u202e.json", "{"))
    assert result.code == 1
    assert "\u202e" not in result.err and "a\\u202e.json" in result.err


def test_several_cases_give_a_list(call: Call, write: Write) -> None:
    result = call("options", write("a.json", GOOD), write("b.yaml", "id: two\ndisease: something\n"), "-f", "json")
    assert [answer["case"] for answer in json.loads(result.out)] == ["one", "two"]


def test_lines_from_standard_input(call: Call) -> None:
    result = call("options", "-", "--format", "jsonl", stdin=f"{GOOD}\n{OTHER}\n")
    assert [json.loads(line)["case"] for line in result.out.splitlines()] == ["one", "two"]
    assert (result.code, result.err) == (0, "")


def test_a_byte_order_mark_is_told(call: Call) -> None:
    result = call("options", "-", "-f", "jsonl", stdin="\ufeff" + GOOD)
    assert (result.code, result.out) == (1, "")
    assert "<stdin>:1: starts with a byte-order mark; save it as UTF-8 without one [C001]" in result.err


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv", "ttl", "md"])
def test_faulty_cases_are_told_and_the_others_answered(call: Call, form: str) -> None:
    result = call("options", "-", "--format", form, stdin=f"{GOOD}\n{UNKNOWN}\n{NO_JSON}\n{OTHER}\n")
    assert result.code == 1
    told = result.err.splitlines()
    assert told[0] == "<stdin>:2: /disease: unknown disease 'nothing'; nearest: something [C005]"
    assert told[1].startswith("<stdin>:3: not JSON at character 27")
    assert len(told) == 2
    assert "one" in result.out
    assert "two" in result.out
    assert "three" not in result.out


def test_only_faulty_cases_give_no_answer(call: Call, write: Write) -> None:
    path = write("a.json", UNKNOWN)
    assert call("options", path, "-f", "jsonl").out == ""
    result = call("options", "-", "-f", "json", stdin=f"{UNKNOWN}\n{NO_JSON}\n")
    assert (result.code, json.loads(result.out)) == (1, [])


def test_an_id_that_two_files_share_is_a_fault(call: Call, write: Write) -> None:
    first, second = write("a.json", GOOD), write("b.json", GOOD)
    result = call("options", first, second, "-f", "jsonl")
    assert (result.code, len(result.out.splitlines())) == (1, 1)
    assert result.err == f"{second}: /id: id 'one' stands already in {first}; give each case an id of its own [C010]\n"


def test_a_file_that_is_no_text_does_not_stop_the_others(call: Call, write: Write) -> None:
    bad = write("bad.json", b'{"id":\n "\xff"}')
    result = call("options", bad, write("a.json", GOOD), "-f", "jsonl")
    assert (result.code, len(result.out.splitlines())) == (1, 1)
    assert result.err == f"{bad}:2: not UTF-8 text (byte 10 of the file); save it as UTF-8 [C001]\n"


def test_csv_has_one_head_for_many_cases(call: Call) -> None:
    result = call("options", "-", "-f", "csv", stdin=f"{GOOD}\n{OTHER}\n")
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert [(row["case"], row["name"], row["code"]) for row in rows] == [
        ("one", "alpha", ""), ("one", "beta", "prior-failure"), ("two", "alpha", ""), ("two", "beta", "prior-failure"),
    ]  # fmt: skip


def test_turtle_of_many_cases_is_one_document(call: Call) -> None:
    result = call("options", "-", "-f", "ttl", stdin=f"{GOOD}\n{OTHER}\n")
    assert len(list(ox.parse(result.out, format=ox.RdfFormat.TURTLE))) == 2


@pytest.mark.parametrize("form", ["table", "md"])
def test_scores_for_people(call: Call, form: str) -> None:
    result = call("susceptibility", "-", "-f", form, stdin=f"{GOOD}\n{OTHER}\n")
    assert result.code == 0
    assert result.out.count("ALG 1.0") == 2
    assert "15" in result.out


def test_scores_for_programs(call: Call) -> None:
    result = call("susceptibility", "-", "-f", "jsonl", stdin=f"{GOOD}\n{UNKNOWN}\n{OTHER}\n")
    assert result.code == 1
    scored = [json.loads(line) for line in result.out.splitlines()]
    assert [(one["case"], one["drugs"][0]["code"]) for one in scored] == [("one", "AL"), ("two", "AL")]
    table = call("susceptibility", "-", "-f", "csv", stdin=GOOD).out
    assert table.splitlines()[1] == "one,ALG,1.0,AL,alpha,15,2,Low,yes,"


def test_explain_an_option(call: Call, write: Write) -> None:
    result = call("explain", write("a.json", GOOD), "alpha")
    assert (result.code, result.out) == (0, "status alpha is active for one  status:active\n")
    assert call("explain", write("a.json", GOOD), "alpha", "-f", "md").out.startswith("- status: alpha is active")
    both = call("explain", write("a.json", GOOD), "--all")
    assert (both.code, both.out.count("alpha is active for one")) == (0, 2)


def test_explain_step_by_step(call: Call, write: Write) -> None:
    path = write("a.json", GOOD)
    for chosen in ("alpha", "--all"):
        steps = json.loads(call("explain", path, chosen, "-f", "json").out)["steps"]
        assert [step["ofRule"]["id"] for step in steps] == ["rule:r"]
        assert "prov:generated" in call("explain", path, chosen, "-f", "ttl").out
    assert call("explain", path, "alpha", "--all").code == 2
    assert call("explain", "claim:c1", "--all").code == 2
    assert json.loads(call("explain", "claim:c1", "-f", "json").out)["kind"] == "claim"


def test_the_facts_of_a_case(call: Call, write: Write) -> None:
    path = write("a.jsonl", f"{GOOD}\n{OTHER}\n")
    found = call("case", path, "--case", "two")
    assert (found.code, len(list(ox.parse(found.out, format=ox.RdfFormat.TURTLE)))) == (0, 1)
    assert call("case", path).code == 2
    assert call("case", write("b.json", UNKNOWN)).code == 1


def test_explain_one_of_many(call: Call, write: Write) -> None:
    path = write("a.jsonl", f"{GOOD}\n{UNKNOWN}\n{OTHER}\n")
    assert "for two" in call("explain", path, "alpha", "--case", "two").out
    many = call("explain", write("b.jsonl", f"{GOOD}\n{OTHER}\n"), "alpha")
    assert (many.code, "holds 2 cases; say which with --case ID" in many.err) == (2, True)
    none = call("explain", write("b.jsonl", f"{GOOD}\n{OTHER}\n"), "alpha", "--case", "five")
    assert (none.code, "no case has the id 'five'" in none.err) == (2, True)


def test_explain_a_claim(call: Call) -> None:
    assert call("explain", "claim:c1").out == "claim what the claim says  claim:c1\n"
    assert call("explain", "claim:c2").code == 2
    assert call("explain", "claim:c1", "alpha").code == 2


def test_explain_tells_what_the_caller_mistyped(call: Call, write: Write) -> None:
    result = call("explain", write("a.json", GOOD), "alhpa")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("salvage-kg: unknown name 'alhpa'; nearest: alpha\n")
    assert call("explain", write("a.json", GOOD)).code == 2


def test_explain_a_faulty_case(call: Call, write: Write) -> None:
    result = call("explain", write("a.json", UNKNOWN), "alpha")
    assert (result.code, result.out) == (1, "")
    assert "[C005]" in result.err
