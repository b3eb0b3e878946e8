"""The OpenAPI document says what the server does, and schemathesis, which tries to prove otherwise, finds nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from kg_builder import Answer, Case, Susceptibility

#: Examples that schemathesis makes up for each operation in its last phase; the phases before it make their own.
EXAMPLES = 4
#: What it is let loose on: all that takes a case, and of the questions, which one function answers, one of each kind of
#: parameter.
PATHS = (
    "^/(options|susceptibility|explain|what-if|health|ask|ask/drugs-of-a-class|ask/claims-on-old-sources"
    "|ask/sources-of-a-claim|ask/drugs-by-barrier|ask/resistance-prevalence)$"
)


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> dict:
    return client.get("/openapi.json").raise_for_status().json()


def test_the_document_is_made_from_the_models(document: dict) -> None:
    assert document["openapi"] == "3.1.0"
    schemas = document["components"]["schemas"]
    for model, mode in ((Case, "validation"), (Answer, "serialization"), (Susceptibility, "serialization")):
        own = model.model_json_schema(mode=mode, ref_template="#/components/schemas/{model}")
        assert schemas[model.__name__]["properties"].keys() == own["properties"].keys()
        assert schemas[model.__name__].get("required") == own.get("required")
    for name in ("WhatIf", "Problem"):
        assert name in schemas


def test_every_path_of_the_document_is_there(document: dict, client: httpx.Client) -> None:
    questions = {each["href"] for each in client.get("/ask").json()}
    others = {"/ask", "/health", "/options", "/susceptibility", "/explain", "/what-if"}
    assert set(document["paths"]) == questions | others
    for path, operations in document["paths"].items():
        allowed = client.options(path).headers["allow"].lower().split(", ")
        assert set(operations) == set(allowed) - {"head", "options"}


def test_parameters_are_those_of_the_questions(document: dict, client: httpx.Client) -> None:
    for question in client.get("/ask").json():
        operation = document["paths"][question["href"]]["get"]
        told = [parameter["name"] for parameter in operation.get("parameters", ())]
        assert told == [parameter["name"] for parameter in question["parameters"]]


def test_examples_of_the_document_are_answered(document: dict, client: httpx.Client) -> None:
    for path in ("/options", "/susceptibility", "/explain"):
        operation = document["paths"][path]["post"]
        params = {each["name"]: each["example"] for each in operation.get("parameters", ()) if "example" in each}
        example = operation["requestBody"]["content"]["application/json"]["example"]
        assert client.post(path, params=params, json=example).status_code == 200


@pytest.mark.slow
def test_schemathesis_finds_nothing(served, tmp_path: Path) -> None:
    command = shutil.which("schemathesis", path=str(Path(sys.executable).parent)) or shutil.which("schemathesis")
    if not command:
        pytest.skip("no schemathesis: pip install 'salvage-kg[dev]'")
    arguments = ["--no-color", "run", f"{served.url}/openapi.json", "--checks", "all", "--seed", "1"]
    arguments += ["--max-examples", str(EXAMPLES), "--generation-database", "none", "--request-timeout", "60"]
    arguments += ["--include-path-regex", PATHS]
    done = subprocess.run([command, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    generated = re.search(r"([\d,]+) generated", done.stdout)
    assert generated and int(generated[1].replace(",", "")) > 500
