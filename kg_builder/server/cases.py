"""The answers of the command line over HTTP: one case as JSON in, its answer as JSON out.

A case is handed to a worker and forgotten: it is neither logged nor kept, and stands in no store that strangers query.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from kg_builder.derivation.case import Case, split_cases
from kg_builder.issues import CaseError, Issue
from kg_builder.server.limits import Limits
from kg_builder.server.negotiate import JSON, Offer, choose
from kg_builder.server.pool import WorkerPool
from kg_builder.server.problems import Refused
from kg_builder.server.reading import (
    bad_request,
    decode,
    media_type_of,
    peer_of,
    read_body,
    read_pairs,
    unsupported,
    while_connected,
)
from kg_builder.server.responses import answer, describe_issue

#: Header of an answer: a JSON list, in ASCII, of what is remarkable about the case; at most so many entries.
REMARKS, MOST_REMARKS = "Case-Remarks", 10
#: Characters of an argument, for instance of a drug's name.
LONGEST_ARGUMENT = 200


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a command, given in the query string."""

    name: str
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A command that takes a case."""

    name: str
    summary: str
    arguments: tuple[Argument, ...] = ()
    forms: tuple[Offer, ...] = (JSON,)


PREFER = Argument("prefer", "objectives that order regimens, with commas between them; the first counts most")
COMMANDS = (
    Command(
        "options",
        "Rank what can still be given; say why not the rest.",
        (PREFER,),
    ),
    Command("susceptibility", "Score a genotype, drug by drug and item by item."),
    Command(
        "explain",
        "Prove the status of one option, down to claims and sources.",
        (
            Argument("agent", "drug, product, modality or regimen: its label, a synonym or its CURIE", required=True),
            PREFER,
        ),
        (JSON, Offer("application/ld+json"), Offer("text/markdown")),
    ),
    Command("what-if", "The smallest changes of the case that would change its answer."),
)


async def answer_case(request: Request, command: Command, pool: WorkerPool, limits: Limits) -> Response:
    """Answer a case.

    Raises:
        Refused: 400 the body is no JSON or an argument is at fault, 406, 408, 413, 415; 422 a field of the case is
            not as the schema has it; 409 the knowledge does not know what the case names, or cannot believe it;
            429 or 503 if the server is busy or the case takes too long.
    """
    offer = choose(request.headers.get("accept"), command.forms)
    if (media_type := media_type_of(request)) != JSON.media_type:
        was = f"{media_type!r}" if media_type else "not named"
        raise unsupported(f"the body's media type is {was}; send {JSON.media_type}")
    arguments = _read_arguments(request, command)
    body = await read_body(request, limits)
    data = _one_case(decode(body))
    own = {"form": offer.media_type, "remarks": ""}
    try:
        work = pool.case(command.name, body, {**arguments, **own}, peer=peer_of(request))
        told, _, content = (await while_connected(request, work)).partition(b"\n")
    except Refused as refused:
        if refused.issues:
            raise _at_fault(refused.issues, data) from None
        raise
    return answer(content, offer, {"Cache-Control": "no-store", "Vary": "Accept", **_tell_remarks(told)})


def _tell_remarks(told: bytes) -> dict[str, str]:
    """Return the header with what the command line says of a case that it answers; none if it says nothing."""
    issues = [Issue(**each) for each in json.loads(told)]
    if not issues:
        return {}
    said = [{**describe_issue(issue), "severity": issue.severity} for issue in issues[:MOST_REMARKS]]
    if len(issues) > MOST_REMARKS:
        said.append({"message": f"and {len(issues) - MOST_REMARKS} more"})
    return {REMARKS: json.dumps(said)}


def _read_arguments(request: Request, command: Command) -> Mapping[str, str]:
    given: dict[str, str] = {}
    names = [argument.name for argument in command.arguments]
    for name, value in read_pairs(request.scope["query_string"]):
        if name not in names:
            raise bad_request(f"/{command.name} has no parameter '{name[:50]}'")
        if name in given:
            raise bad_request(f"parameter '{name}' is given twice")
        if not value.strip() or len(value) > LONGEST_ARGUMENT:
            raise bad_request(f"parameter '{name}' has 1 to {LONGEST_ARGUMENT} characters")
        given[name] = value
    for argument in command.arguments:
        if argument.required and argument.name not in given:
            raise bad_request(f"parameter '{argument.name}' is missing: {argument.doc}")
    return given


def _one_case(text: str) -> object:
    """Return the one case of a body as data. Raises Refused 400 if it is no JSON, or another number of cases."""
    if not text.lstrip().startswith("{"):
        issue = Issue("", 0, "", "C001", "the body is no JSON object", "send one case; see /openapi.json")
        raise _at_fault((issue,), None)
    parts = split_cases(text, path="")
    if len(parts) != 1:
        issue = Issue("", 0, "", "C001", f"the body holds {len(parts)} cases", "send one case a request")
        raise _at_fault((issue,), None)
    data = parts[0][1]
    if isinstance(data, CaseError):
        raise _at_fault(data.issues, None)
    return data


def _at_fault(issues: tuple[Issue, ...], data: object) -> Refused:
    """Return the refusal of a case with its faults: 400 it cannot be read, 422 its form, 409 what it says."""
    detail = "\n".join(
        f"{i.column}: {i.message}".removeprefix(": ") + (f"; {i.hint}" if i.hint else "") for i in issues
    )
    if data is None:
        return Refused(400, "case-unreadable", "The case cannot be read", detail, issues=issues)
    if _has_faulty_form(data):
        return Refused(422, "case-form", "The case is not as its schema has it", detail, issues=issues)
    title = "The knowledge cannot answer what the case says"
    return Refused(409, "case-conflict", title, detail, issues=issues)


def _has_faulty_form(data: object) -> bool:
    """Return whether the published JSON Schema refuses the case; rules between fields are not in it."""
    try:
        Case.model_validate(data)
    except ValidationError as error:
        faults = [(fault["loc"][:-1], fault["type"]) for fault in error.errors()]
        # where one form of a field breaks a rule between fields, its other forms do not count
        broken = {place for place, kind in faults if kind == "value_error"}
        return any(place not in broken for place, _ in faults)
    return False
