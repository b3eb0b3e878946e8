"""Reading cases: every fault by code and pointer, nothing guessed, nothing huge swallowed."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg_builder.derivation.case import MAX_ENTRIES, Case, read_case, split_cases
from kg_builder.issues import CaseError

OK = '{"id": "a", "disease": "testitis"}'


# --- documents ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path", "ids"),
    [
        (OK, "c.json", ["a"]),
        ("\ufeff" + OK, "c.json", ["a"]),
        (f"  \n{OK}\n\n", "c.json", ["a"]),
        (f"[{OK}, {OK.replace('a', 'b', 1)}]", "c.json", ["a", "b"]),
        (f"{OK}\n{OK.replace(':', ' :').replace(chr(34) + 'a', chr(34) + 'b')}\n", "c.jsonl", ["a", "b"]),
        ("id: a\ndisease: testitis\n", "c.yaml", ["a"]),
        ("id: a\ndisease: testitis\n---\nid: b\ndisease: testitis\n", "c.yaml", ["a", "b"]),
        ("- {id: a, disease: testitis}\n- {id: b, disease: testitis}\n", "c.yml", ["a", "b"]),
        ("\ufeffid: a\ndisease: testitis\n", "c.yaml", ["a"]),
    ],
)
def test_json_json_lines_and_yaml_are_read(world: Any, text: str, path: str, ids: list[str]) -> None:
    text = text.replace('{"id": "b", "disebse"', '{"id": "b", "disease"')
    assert [case.id for case in world.kg.read_cases(text, path=path)] == ids


@pytest.mark.parametrize(
    ("text", "path", "line", "message"),
    [
        ('{"id": "a",\n "disease": testitis}', "c.json", 2, "not JSON at character 13"),
        ('{"id": "a",\n "disease": "testitis"', "c.json", 2, "not JSON"),
        ('{"id": "a"}\n{"id": "b", }\n', "c.jsonl", 2, "not JSON"),
        ('{"id": "a", "disease": "testitis", "id": "b"}', "c.json", 1, "field 'id' stands twice"),
        ('{"id": "a", "disease": "testitis", "patient": {"eGFR": NaN}}', "c.json", 1, "NaN is no number"),
        ('{"id": "a", "disease": "testitis", "patient": {"eGFR": -Infinity}}', "c.json", 1, "-Infinity is no number"),
        ("id: a\ndisease: [testitis\n", "c.yaml", 3, "not YAML"),
        ("id: a\ndisease: testitis\nid: b\n", "c.yaml", 1, "stands twice"),
        ("id: a\n\tdisease: testitis\n", "c.yaml", 2, "not YAML"),
        ("", "c.json", 0, "no case in it"),
        ("   \n", "c.yaml", 0, "no case in it"),
        ("[]", "c.json", 0, "no case in it"),
        ('"a case"', "c.json", 0, "a case is an object"),
        ("17", "c.json", 0, "a case is an object"),
        ("[17, null]", "c.json", 0, "a case is an object"),
        ("just words", "c.txt", 0, "a case is an object"),
    ],
)
def test_a_malformed_document_is_refused_with_its_line(
    world: Any, text: str, path: str, line: int, message: str
) -> None:
    issue = next(i for i in world.refused(text, path) if message in i.message)
    assert issue.code == "C001"
    if line:
        assert issue.line == line


def test_a_number_too_large_for_a_float_is_no_number(world: Any) -> None:
    (issue,) = world.refused('{"id": "a", "disease": "testitis", "patient": {"eGFR": 1e999}}')
    assert (issue.code, issue.column) == ("C004", "/patient/eGFR")


def test_a_fault_in_one_line_does_not_hide_the_others(world: Any) -> None:
    text = f'{OK}\n{{"id": "b", "disease": "testitiss"}}\nnonsense\n{{"id": "d", "disease": "testitis"}}\n'
    found = list(world.kg.try_cases(text, path="c.jsonl"))
    assert [type(item) for item in found] == [Case, CaseError, CaseError, Case]
    assert next(i.path for item in found if isinstance(item, CaseError) for i in item.issues).startswith("c.jsonl:2")


def test_aliases_are_not_read(world: Any) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(20)
    )
    start = time.monotonic()
    (issue,) = world.refused(bomb, "c.yaml")
    assert "aliases are not read" in issue.message
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system ['true']", "id: !!python/name:os.system"])
def test_yaml_builds_no_objects(world: Any, text: str) -> None:
    (issue,) = world.refused(text, "c.yaml")
    assert "not YAML" in issue.message


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[" * 100_000, "c.json"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "c.json"),
        ("[" * 5_000 + "]" * 5_000, "c.yaml"),
    ],
)
def test_deep_nesting_is_refused(world: Any, text: str, path: str) -> None:
    assert {i.code for i in world.refused(text, path)} <= {"C001", "C009"}


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.one_of(st.text(max_size=60), st.text(alphabet='{}[]",:ab \n-&*', max_size=60)),
    path=st.sampled_from(["c.json", "c.yaml"]),
)
def test_no_text_is_too_odd_to_be_refused_in_words(world: Any, text: str, path: str) -> None:
    for item in world.kg.try_cases(text, path=path):
        assert isinstance(item, CaseError)
        assert all(issue.message for issue in item.issues)


def test_a_huge_document_is_refused_unread() -> None:
    ((_, error),) = split_cases(" " * (64 * 1024 * 1024 + 1), path="c.json")
    assert isinstance(error, CaseError)
    assert error.issues[0].code == "C009"


def test_a_hundred_thousand_alterations_are_refused_quickly(world: Any) -> None:
    text = json.dumps(world.raw(alterations=["GEN:M4V"] * 100_000))
    start = time.monotonic()
    (issue,) = world.refused(text)
    assert (issue.code, issue.column) == ("C009", "/findings/alterations")
    assert f"{MAX_ENTRIES:,}" in issue.message
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "parts",
    [
        {"failed_regimens": [["alpha"]] * 101},
        {"failed_regimens": [["alpha"] * (MAX_ENTRIES + 1)]},
        {"comedications": ["alpha"] * (MAX_ENTRIES + 1)},
        {"susceptibility": {f"d{i}": "S" for i in range(MAX_ENTRIES + 1)}},
        {"local_resistance": {f"d{i}": 0.1 for i in range(MAX_ENTRIES + 1)}},
        {"measurements": {f"d{i}": 1 for i in range(MAX_ENTRIES + 1)}},
        {"trough_mg_l": {f"d{i}": 1 for i in range(MAX_ENTRIES + 1)}},
        {"cumulative_dose_mg_m2": {f"d{i}": 1 for i in range(MAX_ENTRIES + 1)}},
    ],
    ids=lambda parts: next(iter(parts)),
)
def test_no_list_may_be_endless(world: Any, parts: dict[str, Any]) -> None:
    assert {i.code for i in world.refused(world.raw(**parts))} == {"C009"}


# --- fields ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code", "pointer", "hint"),
    [
        ({"id": "a"}, "C003", "/disease", "a case needs id and disease"),
        ({"disease": "testitis"}, "C003", "/id", "a case needs id and disease"),
        ({"id": "a", "disease": "testitis", "failur": {}}, "C002", "/failur", "nearest: failure"),
        ({"id": "a", "disease": "testitis", "failure": {"modes": "x"}}, "C002", "/failure/modes", "nearest: mode"),
        (
            {"id": "a", "disease": "testitis", "findings": {"alteration": []}},
            "C002",
            "/findings/alteration",
            "nearest: alterations",
        ),
        ({"id": "a", "disease": "testitis", "patient": {"egfr": 3}}, "C002", "/patient/egfr", "nearest: eGFR"),
        (
            {"id": "a", "disease": "testitis", "patient": {"clinic": {"x": 3}}},
            "C002",
            "/patient/clinic/x",
            "measurements",
        ),
        (
            {"id": "a", "disease": "testitis", "patient": {"adherence": {"mem": 1}}},
            "C002",
            "/patient/adherence/mem",
            "nearest: mems",
        ),
        ({"id": "a", "disease": "testitiss"}, "T007", "/disease", "nearest: testitis"),
        ({"id": "a", "disease": "alpha"}, "T022", "/disease", "declare"),
        ({"id": "", "disease": "testitis"}, "C004", "/id", ""),
        ({"id": "a\nb", "disease": "testitis"}, "C004", "/id", ""),
        ({"id": "a", "disease": 3}, "C004", "/disease", ""),
        ({"id": "a", "disease": "testitis", "patient": {"sex": "X"}}, "T007", "/patient/sex", ""),
        ({"id": "a", "disease": "testitis", "patient": {"child_pugh": "D"}}, "C004", "/patient/child_pugh", ""),
        (
            {"id": "a", "disease": "testitis", "patient": {"adherence": {"mems": 80}}},
            "C004",
            "/patient/adherence/mems",
            "",
        ),
        ({"id": "a", "disease": "testitis", "patient": {"pregnant": "no"}}, "C004", "/patient/pregnant", ""),
        ({"id": "a", "disease": "testitis", "patient": {"eGFR": "30"}}, "C004", "/patient/eGFR", ""),
        ({"id": "a", "disease": "testitis", "patient": {"eGFR": True}}, "C004", "/patient/eGFR", ""),
        ({"id": "a", "disease": "testitis", "failure": {"line": 1.5}}, "C004", "/failure/line", ""),
        ({"id": "a", "disease": "testitis", "failure": {"line": -1}}, "C004", "/failure/line", ""),
        (
            {"id": "a", "disease": "testitis", "failure": {"failed_regimens": ["alpha"]}},
            "C004",
            "/failure/failed_regimens/0",
            "",
        ),
        (
            {"id": "a", "disease": "testitis", "findings": {"susceptibility": {"alpha": "s"}}},
            "C004",
            "/findings/susceptibility/alpha",
            "",
        ),
        (
            {"id": "a", "disease": "testitis", "findings": {"local_resistance": {"pi": 1.1}}},
            "C004",
            "/findings/local_resistance/pi",
            "",
        ),
    ],
)
def test_a_wrong_field_is_named_by_its_pointer(
    world: Any, data: dict[str, Any], code: str, pointer: str, hint: str
) -> None:
    found = world.refused(data)
    assert (code, pointer) in {(i.code, i.column) for i in found}
    assert hint in next(i.hint for i in found if (i.code, i.column) == (code, pointer))


def test_all_faults_are_told_at_once(world: Any) -> None:
    data = world.raw(
        failed=["alphaa"], mode="aquired loss", alterations=["GEN:M4", "GEN:Q99R"], comedications=["indaa"], eGFR=9000,
        susceptibility={"betaa": "R"},
    )  # fmt: skip
    assert {i.column for i in world.refused(data)} == {
        "/failure/failed_regimens/0/0", "/failure/mode", "/findings/alterations/0", "/findings/alterations/1",
        "/patient/comedications/0", "/patient/eGFR", "/findings/susceptibility/betaa",
    }  # fmt: skip


def test_counts_must_fit_together(world: Any) -> None:
    found = world.refused(world.raw(local_resistance={"pi": {"resistant": 5, "tested": 4}}))
    assert any("more resistant than tested" in issue.message for issue in found)
    assert {issue.column for issue in found} == {"/findings/local_resistance/pi"}


# --- names and numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "pointer", "nearest"),
    [
        ({"failed": ["alhpa"]}, "/failure/failed_regimens/0/0", "alpha"),
        ({"comorbidities": ["arm weaknes"]}, "/patient/comorbidities/0", "arm weakness"),
        ({"sequenced": ["GENX"]}, "/findings/sequenced/0", "GEN"),
        ({"susceptibility": {"epsilonn": "S"}}, "/findings/susceptibility/epsilonn", "epsilon"),
        ({"measurements": {"potasium": 4}}, "/patient/measurements/potasium", "potassium"),
        ({"susceptibility": {"a/b~c": "S"}}, "/findings/susceptibility/a~1b~0c", ""),
    ],
)
def test_an_unknown_name_is_told_with_pointer_and_nearest(
    world: Any, parts: dict[str, Any], pointer: str, nearest: str
) -> None:
    (issue,) = world.refused(world.raw(**parts))
    assert (issue.code, issue.column) == ("T007", pointer)
    assert nearest in issue.hint


def test_names_are_labels_synonyms_or_curies(world: Any) -> None:
    assert world.status("alpha", failed=["ALF"]) == world.status("alpha", failed=["drug:alpha"]) == "excluded"
    assert world.status("alpha", failed=["Alpha"]) == "excluded"


@pytest.mark.parametrize(
    ("parts", "code", "pointer"),
    [
        ({"eGFR": 251}, "C008", "/patient/eGFR"),
        ({"eGFR": -1}, "C008", "/patient/eGFR"),
        ({"age": 121}, "C008", "/patient/age"),
        ({"measurements": {"potassium": 0.5}}, "C008", "/patient/measurements/potassium"),
        ({"measurements": {"potassium": {"value": 4, "unit": "mg/dL"}}}, "C004", "/patient/measurements/potassium"),
        ({"measurements": {"potassium": {"value": 4}}}, "C003", "/patient/measurements/potassium/unit"),
        ({"measurements": {"potassium": "4"}}, "C004", "/patient/measurements/potassium"),
        ({"measurements": {"eGFR": 20}, "eGFR": 20}, "C010", "/patient/measurements/eGFR"),
        ({"cumulative_dose_mg_m2": {"alpha": 1001}}, "C008", "/patient/cumulative_dose_mg_m2/alpha"),
        ({"cumulative_dose_mg_m2": {"beta": 10}}, "T007", "/patient/cumulative_dose_mg_m2/beta"),
        ({"ic50_mg_l": {"alpha": 0}, "trough_mg_l": {"alpha": 1}}, "C004", "/findings/ic50_mg_l/alpha"),
        ({"trough_mg_l": {"alpha": -1}}, "C004", "/findings/trough_mg_l/alpha"),
        ({"months_to_relapse": 601}, "C008", "/failure/months_to_relapse"),
    ],
)
def test_a_number_must_be_plausible_and_in_its_unit(world: Any, parts: dict[str, Any], code: str, pointer: str) -> None:
    assert (code, pointer) in {(i.code, i.column) for i in world.refused(world.raw(**parts))}


def test_bounds_are_plausible(world: Any) -> None:
    assert world.status("alpha", eGFR=0) and world.status("alpha", eGFR=250, age=120)


# --- ids ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "identifier",
    [
        "ward 3/7",
        "a#b",
        "50 %",
        'quote"d',
        "<x>",
        "ä\u00df\u4e2d",
        "a?b&c",
        "{x}",
        "back\\slash",
        "'",
        "../../etc",
        "%2F",
        "x" * 200,
    ],
)
def test_ids_with_odd_characters_keep_their_facts_apart(world: Any, identifier: str) -> None:
    parts = {
        "failed": ["alpha"],
        "mode": "acquired loss",
        "alterations": ["GEN:M4V"],
        "susceptibility": {"epsilon": "S"},
    }
    answer = world.kg.options(world.case(id=identifier, **parts))
    assert answer.case == identifier
    plain = world.answer(**parts)
    assert [(o.name, o.status) for o in answer.agents] == [(o.name, o.status) for o in plain.agents]
    facts = [t.subject.value for t in world.graph(id=identifier, **parts) if t.predicate.value.endswith("#factIn")]
    assert len(set(facts)) == len(facts) == 5
    assert all(iri.count("#") == 1 for iri in facts)


def test_ids_that_differ_have_facts_that_differ(world: Any) -> None:
    one, two = (world.kg.options_graph(world.case(id=i)) for i in ("a/b", "a%2Fb"))
    assert one != two


def test_an_id_of_201_characters_is_refused(world: Any) -> None:
    assert world.refuse({"id": "x" * 201, "disease": "testitis"}) == [("C004", "/id")]


def test_a_checked_case_can_be_made_in_python() -> None:
    case = Case(id="a", disease="testitis")
    assert case == read_case({"id": "a", "disease": "testitis"}, path="case")
    with pytest.raises(CaseError):
        read_case({"id": "a"}, path="case")
