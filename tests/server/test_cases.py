"""Cases over HTTP: the answers and messages of the command line; a case is neither logged nor kept."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from kg_builder import CaseError, KnowledgeGraph

SECRET = "zq7-secret-of-one-patient"


@pytest.fixture(scope="module")
def disease(graph: KnowledgeGraph) -> str:
    return "testitis"


@pytest.fixture
def case(disease: str) -> dict:
    return {"id": SECRET, "disease": disease, "failure": {"failed_regimens": [["alpha"]]}}


def command_line(release: Path, *arguments: str, case: object) -> str:
    """Return what the command prints for a case on its standard input."""
    program = "import sys; from kg_builder.cli import main; sys.argv[0] = 'salvage-kg'; main()"
    command = [sys.executable, "-c", program, *arguments, "--release", str(release)]
    done = subprocess.run(command, input=json.dumps(case), capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("command", ["options", "susceptibility"])
def test_answers_are_those_of_the_command_line(command: str, case: dict, client: httpx.Client, release: Path) -> None:
    response = client.post(f"/{command}", json=case)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == json.loads(command_line(release, command, "-", "--format", "json", case=case))


def test_preferences_are_those_of_the_command_line(case: dict, client: httpx.Client, release: Path) -> None:
    response = client.post("/options", params={"prefer": "barrier,adherence"}, json=case)
    assert response.status_code == 200, response.text
    printed = command_line(release, "options", "-", "--prefer", "barrier,adherence", "--format", "json", case=case)
    assert response.json() == json.loads(printed)
    refused = client.post("/options", params={"prefer": "bariers"}, json=case)
    assert refused.status_code == 409
    assert refused.json()["issues"][0]["code"] == "R001"


def test_what_if_is_that_of_the_command_line(case: dict, client: httpx.Client, release: Path) -> None:
    response = client.post("/what-if", json=case)
    assert response.status_code == 200, response.text
    assert response.json() == json.loads(command_line(release, "what-if", "-", "--format", "json", case=case))


def test_remarks_are_those_of_the_command_line(case: dict, client: httpx.Client, graph: KnowledgeGraph) -> None:
    remarkable = {**case, "findings": {"alterations": ["GEN:A4V"]}}
    read = graph.read_cases(json.dumps(remarkable), path="")[0]
    expected = [issue.message for issue in graph.remarks(read)]
    assert expected
    for command in ("options", "susceptibility", "explain?agent=alpha"):
        assert "case-remarks" not in client.post(f"/{command}", json=case).headers
        told = json.loads(client.post(f"/{command}", json=remarkable).headers["case-remarks"])
        assert [issue["message"] for issue in told] == expected
        assert {issue["severity"] for issue in told} == {"warning"}


def test_explain_is_that_of_the_command_line(case: dict, client: httpx.Client, release: Path) -> None:
    for media_type, form in (("application/json", "json"), ("application/ld+json", "json"), ("text/markdown", "md")):
        response = client.post("/explain", params={"agent": "alpha"}, json=case, headers={"Accept": media_type})
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].partition(";")[0] == media_type
        assert response.text == command_line(release, "explain", "-", "alpha", "--format", form, case=case)


FAULTY = [
    ({"disease": "testitis"}, 422),
    ({"id": "a", "disease": "no such disease"}, 409),
    ({"id": "a", "disease": "testitis", "failur": {}}, 422),
    ({"id": "a", "disease": "testitis", "patient": {"no_such_field": 1}}, 409),
    ({"id": "a", "disease": "testitis", "failure": {"failed_regimens": [["alpah"]]}}, 409),
    ({"id": "a", "disease": "testitis", "failure": {"line": "third"}}, 422),
    (
        {"id": "a", "disease": "testitis", "findings": {"local_resistance": {"alpha": {"resistant": 3, "tested": 2}}}},
        409,
    ),
    ({"id": "a", "disease": "testitis", "findings": {"susceptibility": {"alpha": "maybe"}}}, 422),
    ({"id": 3, "disease": ["testitis"], "failure": {"line": 99}}, 422),
]


@pytest.mark.parametrize("command", ["options", "susceptibility", "explain"])
@pytest.mark.parametrize(("faulty", "status"), FAULTY)
def test_faults_are_told_as_on_the_command_line(
    command: str, faulty: dict, status: int, client: httpx.Client, graph: KnowledgeGraph
) -> None:
    with pytest.raises(CaseError) as caught:
        graph.read_cases(json.dumps(faulty), path="case.json")
    expected = [
        {"code": i.code, "pointer": i.column, "message": i.message, "hint": i.hint} for i in caught.value.issues
    ]
    response = client.post(f"/{command}", json=faulty, params={"agent": "alpha"} if command == "explain" else {})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["issues"] == expected


HALF = "\ud800"
CUT = [
    {"id": HALF, "disease": "testitis"},
    {"id": "a", "disease": HALF},
    {"id": "a", "disease": "testitis", "title": f"a {HALF} b"},
    {"id": "a", "disease": "testitis", "findings": {"alterations": [f"GEN:A4{HALF}"]}},
    {"id": "a", "disease": "testitis", "findings": {"susceptibility": {HALF: "R"}}},
    {"id": "a", "disease": "testitis", "patient": {"measurements": {HALF: 1}}},
    {"id": "a", "disease": "testitis", HALF: 1},
]


@pytest.mark.parametrize("command", ["options", "what-if"])
@pytest.mark.parametrize("cut", CUT)
def test_half_a_surrogate_is_a_fault_of_the_case(
    command: str, cut: dict, client: httpx.Client, graph: KnowledgeGraph
) -> None:
    """It once ended the process, since what was said of it could not be written."""

    def shown(text: str) -> str:
        return text.encode(errors="replace").decode()

    with pytest.raises(CaseError) as caught:
        graph.read_cases(json.dumps(cut), path="case.json")
    expected = [
        {"code": i.code, "pointer": shown(i.column), "message": shown(i.message), "hint": shown(i.hint)}
        for i in caught.value.issues
    ]
    replaced = client.get("/health").json()["cases"]["replaced"]
    response = client.post(f"/{command}", content=json.dumps(cut), headers={"Content-Type": "application/json"})
    assert response.status_code == 422, response.text
    assert response.json()["issues"] == expected
    assert client.get("/health").json()["cases"]["replaced"] == replaced


def test_half_a_surrogate_twice_is_told(client: httpx.Client) -> None:
    body = b'{"id": "a", "\\ud800": 1, "\\ud800": 2}'
    response = client.post("/options", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["issues"][0]["code"]) == (400, "C001")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "C001"),
        (b"[]", "C001"),
        (b"nonsense", "C001"),
        (b"id: a\ndisease: testitis", "C001"),
        (b'[{"id": "a", "disease": "testitis"}]', "C001"),
        (b'{"id": "a", "disease": "testitis"}\n{"id": "b", "disease": "testitis"}', "C001"),
        (b'{"id": "a", "id": "b", "disease": "testitis"}', "C001"),
        (b'{"id": "a", "disease": NaN}', "C001"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "C009"),
        (b'{"id": "a",', "C001"),
    ],
)
def test_bodies_that_are_no_case(body: bytes, code: str, client: httpx.Client) -> None:
    response = client.post("/options", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400, response.text
    assert [issue["code"] for issue in response.json()["issues"]] == [code]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/explain", 400),
        ("/explain?agent=", 400),
        ("/explain?agent=a&agent=b", 400),
        ("/explain?agent=" + "x" * 201, 400),
        ("/explain?agent=no-such-drug", 409),
        ("/options?agent=alpha", 400),
    ],
)
def test_faulty_arguments(path: str, status: int, case: dict, client: httpx.Client) -> None:
    response = client.post(path, json=case)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "application/json; charset=utf-16"}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "application/json", "Accept": "text/turtle"}, 406),
    ],
)
def test_other_forms_are_refused(headers: dict[str, str], status: int, case: dict, client: httpx.Client) -> None:
    response = client.post("/options", content=json.dumps(case), headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_a_case_that_is_too_large(client: httpx.Client) -> None:
    body = json.dumps({"id": "a", "disease": "testitis", "title": "x" * 1_100_000})
    response = client.post("/options", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 413


def test_a_case_is_neither_logged_nor_stored(release: Path, serve, case: dict, tmp_path: Path) -> None:
    faulty = {**case, "disease": f"{SECRET} disease"}
    with serve(release) as served, httpx.Client(base_url=served.url, timeout=30) as client:
        for command in ("options", "susceptibility", "explain?agent=alpha"):
            assert client.post(f"/{command}", json=case).status_code == 200
            assert client.post(f"/{command}", json=faulty).status_code == 409
        client.post("/options", content=json.dumps(case)[:-2], headers={"Content-Type": "application/json"})
        client.post("/options", content=json.dumps(case), headers={"Content-Type": "text/plain"})
        client.get("/sparql", params={"query": f"ASK {{ ?s ?p '{SECRET}' }}"})
        client.get("/sparql", params={"query": f"ASK {{ {SECRET}"})
        client.get(f"/{SECRET}")
        everything = "SELECT (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } }"
        about = (
            f"ASK {{ {{ GRAPH ?g {{ ?s ?p ?o }} }} FILTER(CONTAINS(CONCAT(STR(?g), STR(?s), STR(?o)), '{SECRET}')) }}"
        )
        facts = "ASK { { ?fact <https://w3id.org/salvage-kg/ontology#factIn> ?case } }"
        sizes = {client.get("/sparql", params={"query": everything}).text for _ in range(8)}
        assert len(sizes) == 1
        for query in (about, facts):
            for _ in range(8):
                assert client.get("/sparql", params={"query": query}).json()["boolean"] is False
        assert SECRET not in served.log.read_text()
        written = [path for path in served.log.parent.rglob("*") if path != served.log]
        assert written == []
    for path in release.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
