"""Answer cases in a process of their own, as the command line does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from kg_builder import Answer, Case, KnowledgeGraph, Susceptibility
from kg_builder.derivation.whatif_answer import WhatIf
from kg_builder.issues import CaseError, Issue, SalvageError
from kg_builder.render.markdown import write_proof
from kg_builder.render.proof import write_steps_json
from kg_builder.server.limits import Limits
from kg_builder.server.problems import Refused
from kg_builder.server.worker import Prepared

Command = Callable[[KnowledgeGraph, Case, dict[str, str]], BaseModel | str]


def prepare_cases(release: Path, limits: Limits) -> Prepared:
    """Load the knowledge for workers that answer cases: all of it, so that no case waits for it."""
    kg = KnowledgeGraph.open(release)
    kg.load_cuts()

    def answer(request: dict[str, Any]) -> bytes:
        return answer_case(kg, limits, request)

    return Prepared(answer, True, {})


def answer_case(kg: KnowledgeGraph, limits: Limits, request: dict[str, Any]) -> bytes:
    """Answer one case as JSON.

    Args:
        kg: the knowledge.
        limits: bounds of the answer.
        request: ``command``, ``body`` (the case as JSON) and ``arguments``: those of the command; ``form``, the media
            type of an explanation if it is not JSON; ``remarks``, that a line before the answer is to hold what the
            command line says of the case on stderr, as a JSON list of issues.
    Raises:
        Refused: 422 with every fault of the case as the command line tells them (400 where it cannot be read), or of an
            argument; 422 the answer is too large.
    """
    command = COMMANDS[request["command"]]
    try:
        cases = kg.read_cases(request["body"], path="")
        if len(cases) != 1:
            raise CaseError([Issue("", 0, "", "C001", f"the body holds {len(cases)} cases", "send one case a request")])
        answer = command(kg, cases[0], request["arguments"])
        content = (answer if isinstance(answer, str) else answer.model_dump_json()).encode()
        if "remarks" in request["arguments"]:
            content = _remarks(kg, cases[0], answer) + b"\n" + content
    except SalvageError as error:
        unread = any(issue.code == "C001" for issue in error.issues)
        detail = "\n".join(map(str, error.issues)) or str(error)
        title = "The case cannot be read" if unread else "The case is at fault"
        raise Refused(400 if unread else 422, "case-at-fault", title, detail, issues=error.issues) from None
    if len(content) > limits.result_bytes:
        detail = f"the answer has more than {limits.result_bytes:,} bytes"
        raise Refused(422, "answer-too-large", "The answer is too large", detail)
    return content


def _remarks(kg: KnowledgeGraph, case: Case, answer: BaseModel | str) -> bytes:
    issues = kg.remarks(case)
    if isinstance(answer, Answer):
        issues += kg.conflicts(case, answer)
    return json.dumps([asdict(issue) for issue in issues]).encode()


def _options(kg: KnowledgeGraph, case: Case, arguments: dict[str, str]) -> Answer:
    return kg.options(case, _prefer(arguments))


def _prefer(arguments: dict[str, str]) -> list[str]:
    return arguments["prefer"].split(",") if "prefer" in arguments else []


def _susceptibility(kg: KnowledgeGraph, case: Case, arguments: dict[str, str]) -> Susceptibility:
    return next(iter(kg.susceptibility([case])))


def _explain(kg: KnowledgeGraph, case: Case, arguments: dict[str, str]) -> str:
    if arguments.get("form") == "text/markdown":
        return write_proof(kg.explain(case, arguments["agent"], _prefer(arguments)))
    return write_steps_json(kg.prove(case, arguments["agent"], _prefer(arguments)))


def _what_if(kg: KnowledgeGraph, case: Case, arguments: dict[str, str]) -> WhatIf:
    return kg.what_if(case)


COMMANDS: dict[str, Command] = {
    "options": _options,
    "susceptibility": _susceptibility,
    "explain": _explain,
    "what-if": _what_if,
}
