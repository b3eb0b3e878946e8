"""Workers that answer cases: as the library does, apart from those of queries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kg_builder import Case, KnowledgeGraph
from kg_builder.render.proof import write_steps_json
from kg_builder.server.problems import Refused


@pytest.fixture(scope="module")
def case(release: Path) -> dict[str, Any]:
    kg = KnowledgeGraph.open(release)
    disease = next(name for name in kg.manifest.files if name.startswith("slice-"))[6:].removesuffix(".nt.gz")
    return {"id": "somebody-of-whom-nobody-is-told", "disease": f"disease:{disease}"}


def ask_case(running: Any, command: str, body: object, **arguments: str) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        return json.loads(running.run(running.pool.case(command, data, arguments)))
    except Refused as refused:
        return refused


def test_cases_are_answered_as_by_the_library(running: Any, case: dict[str, Any], release: Path) -> None:
    kg = KnowledgeGraph.open(release)
    expected = kg.options(Case(**case))
    assert ask_case(running, "options", case) == json.loads(expected.model_dump_json())
    scores = next(iter(kg.susceptibility([Case(**case)]))).model_dump_json()
    assert ask_case(running, "susceptibility", case) == json.loads(scores)
    agent = expected.agents[0].name
    proof = write_steps_json(kg.prove(Case(**case), agent))
    assert ask_case(running, "explain", case, agent=agent) == json.loads(proof)
    assert ask_case(running, "what-if", case)["case"] == case["id"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "C001"),
        (b"[]", 400, "C001"),
        (b'{"id": "a"}', 422, "C003"),
        (b'{"id": "a", "disease": "no such thing"}', 422, "T007"),
    ],
)
def test_faults_of_a_case(body: bytes, status: int, code: str, running: Any) -> None:
    refused = ask_case(running, "options", body)
    assert refused.status == status
    assert code in {issue.code for issue in refused.issues}


def test_what_is_no_case_at_all(running: Any, case: dict[str, Any]) -> None:
    assert ask_case(running, "options", b"\xff").status == 400
    assert ask_case(running, "options", (json.dumps(case) * 2).encode()).status == 400
    assert ask_case(running, "explain", case, agent="no such agent").status == 422
    with pytest.raises(ValueError, match="load"):
        ask_case(running, "load", case)


def test_a_case_never_enters_a_process_that_queries_run_in(running: Any, case: dict[str, Any]) -> None:
    count = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
    before = running.ask(count).content
    ask_case(running, "options", case)
    assert running.ask(count).content == before
    found = f"ASK {{ ?s ?p ?o FILTER(CONTAINS(CONCAT(STR(?s), STR(?o)), '{case['id']}')) }}"
    assert b"false" in running.ask(found, "text/tab-separated-values").content
    queries, cases = ({worker.pid for worker in lane._all} for lane in (running.pool._queries, running.pool._cases))
    assert not queries & cases
