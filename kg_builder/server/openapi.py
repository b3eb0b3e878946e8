"""The OpenAPI 3.1 document of the server, made from the models that read cases and write answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from kg_builder import __version__
from kg_builder.ask.files import LITERALS, Param
from kg_builder.derivation.answer import Answer, Susceptibility
from kg_builder.derivation.case import Case
from kg_builder.derivation.whatif_answer import WhatIf
from kg_builder.graph.store import Manifest
from kg_builder.server.cases import COMMANDS, LONGEST_ARGUMENT, REMARKS, Command
from kg_builder.server.negotiate import FORMS, GRAPHS, RESULTS_JSON
from kg_builder.server.questions import CONTROL_CHARACTERS, LONGEST_VALUE, Question
from kg_builder.server.responses import PROBLEM

Schema = dict[str, Any]


class Fault(BaseModel):
    """One fault of a case or parameter, as the command line tells it."""

    model_config = ConfigDict(extra="forbid")
    code: str = Field(description="message code, listed in docs/messages.md")
    pointer: str = Field(description="JSON pointer of the field in the case, or name of the parameter; may be empty")
    message: str = Field(description="what is wrong, with the offending value")
    hint: str = Field(description="how to repair it: nearest names, the expected form; may be empty")
    severity: str = Field(default="error", description="error, or warning")


class Problem(BaseModel):
    """Why there is no answer (RFC 9457)."""

    type: str = Field(description="IRI of the kind of problem", json_schema_extra={"format": "uri"})
    title: str
    status: int
    detail: str
    retryAfter: int | None = Field(default=None, description="seconds")  # noqa: N815 a member of the document
    issues: list[Fault] = Field(default_factory=list)


#: Command → model of its answer; a proof is JSON-LD, as docs/proof.md tells.
ANSWERS: dict[str, type[BaseModel]] = {
    "options": Answer,
    "susceptibility": Susceptibility,
    "what-if": WhatIf,
}
_REMARKS = "JSON list of what is remarkable about a case that is answered all the same, as the command line says it"
_STATUSES = {
    400: "The request, a parameter or the JSON cannot be read.",
    403: "The answer is too large; a parameter narrows it.",
    404: "There is no such question, or the knowledge has no such name.",
    406: "No form of the answer fits the Accept header.",
    408: "The request took too long to come.",
    409: "The knowledge cannot answer what the case says: a name it does not have, a number it cannot believe.",
    413: "The body, or the query that the question makes, is too large.",
    414: "The URL is too long.",
    415: "The body is no JSON in UTF-8.",
    422: "The case is not as its schema has it.",
    429: "Too many requests at once; see Retry-After.",
    431: "A header field is too long.",
    500: "A fault of the program.",
    503: "The server is busy, or the answer took too long or too much memory.",
}


def write_document(manifest: Manifest, questions: Iterable[Question], example: Mapping[str, str] | None) -> bytes:
    """Return the OpenAPI document as JSON.

    Args:
        manifest: what the release says of itself.
        questions: the catalogue.
        example: ``disease`` and ``agent`` of the knowledge, for examples; None if it has none.
    """
    models = [
        (Case, "validation"),
        *((model, "serialization") for model in ANSWERS.values()),
        (Problem, "serialization"),
    ]
    _, definitions = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    schemas = definitions["$defs"]
    paths: Schema = {f"/{command.name}": {"post": _command(command, example)} for command in COMMANDS}
    paths |= {f"/ask/{question.file.header.id}": {"get": _question(question)} for question in questions}
    paths |= {
        "/ask": {"get": _plain("list-questions", "The questions of the catalogue.", {"type": "array"})},
        "/health": {
            "get": _plain("health", "Whether the server answers, and from which knowledge.", statuses=(500, 503))
        },
    }
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "salvage-kg",
            "version": __version__,
            "summary": "What can still work after treatment has failed, why, and on whose word.",
            "description": (
                f"Knowledge {manifest.version}, sha256 {manifest.sha256}. For research and education only: not "
                "medical advice. A case is answered and forgotten: it is neither logged nor stored. The SPARQL "
                "endpoint is at /sparql and describes itself there."
            ),
            "license": {"name": "Apache-2.0 (program), CC-BY-4.0 (knowledge)"},
        },
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas},
    }
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _command(command: Command, example: Mapping[str, str] | None) -> Schema:
    case: Schema = {"schema": {"$ref": "#/components/schemas/Case"}}
    if example:
        case["example"] = {"id": "example", "disease": example["disease"]}
    parameters = []
    for argument in command.arguments:
        parameter: Schema = {
            "name": argument.name,
            "in": "query",
            "required": argument.required,
            "description": argument.doc,
            "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_ARGUMENT, "pattern": r"\S"},
        }
        if example and argument.name in example:
            parameter["example"] = example[argument.name]
        parameters.append(parameter)
    model = ANSWERS.get(command.name)
    found: Schema = {"$ref": f"#/components/schemas/{model.__name__}"} if model else {"type": "object"}
    content = {form.media_type: {"schema": found if "json" in form.media_type else {}} for form in command.forms}
    operation = {
        "operationId": command.name,
        "summary": command.summary,
        "tags": ["cases"],
        "requestBody": {"required": True, "description": "one case", "content": {"application/json": case}},
        "responses": {
            "200": {
                "description": "The answer.",
                "headers": {REMARKS: {"description": _REMARKS, "schema": {"type": "string"}}},
                "content": content,
            },
            **_problems(400, 406, 408, 409, 413, 415, 422, 429, 431, 500, 503),
        },
    }
    return operation | ({"parameters": parameters} if parameters else {})


def _question(question: Question) -> Schema:
    head = question.file.header
    content: Schema = {}
    for offer in FORMS[question.form]:
        as_rows = offer.written_as == RESULTS_JSON and offer not in GRAPHS
        content[offer.media_type] = {"schema": {"type": "object"} if as_rows else {}}
    operation: Schema = {
        "operationId": f"ask-{head.id}",
        "summary": head.summary,
        "tags": ["questions"],
        "responses": {
            "200": {"description": "The rows.", "content": content},
            **_problems(400, 403, 404, 406, 413, 414, 429, 431, 500, 503),
        },
    }
    if question.params:
        operation["parameters"] = [_parameter(param) for param in question.params]
    return operation


def _parameter(param: Param) -> Schema:
    schema: Schema = {"type": "string", "pattern": f"^[^{CONTROL_CHARACTERS}]*$"}
    if param.type in LITERALS and param.type != "string":
        schema = {
            "integer": {"type": "string", "pattern": r"^ *([+-]?[0-9]+)? *$"},
            "decimal": {"type": "string", "pattern": r"^ *([+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+))? *$"},
            "boolean": {"type": "string", "pattern": r"^ *(true|false)? *$"},
            "date": {"type": "string", "pattern": r"^ *([0-9]{4}-[0-9]{2}-[0-9]{2})? *$"},
        }[param.type]
    schema["maxLength"] = LONGEST_VALUE
    doc = f"{param.doc} ({param.type.replace('|', ' or ')}: label, synonym or CURIE)"
    if param.type in LITERALS:
        doc = f"{param.doc} ({param.type})"
    return {"name": param.name, "in": "query", "required": False, "description": doc, "schema": schema}


def _plain(operation: str, summary: str, schema: Schema | None = None, statuses: tuple[int, ...] = (500,)) -> Schema:
    content = {"application/json": {"schema": schema or {"type": "object"}}}
    return {
        "operationId": operation,
        "summary": summary,
        "tags": ["server"],
        "responses": {"200": {"description": "As asked.", "content": content}, **_problems(400, 406, 431, *statuses)},
    }


def _problems(*statuses: int) -> Schema:
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": _STATUSES[status], "content": content} for status in sorted({*statuses})}
