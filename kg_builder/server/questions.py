"""The questions of the catalogue, run by name with parameters: ``/ask/NAME?drug=…``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from rapidfuzz import process

from kg_builder.ask.bind import BoundQuery, Names, bind
from kg_builder.ask.files import Param, QueryFile
from kg_builder.issues import Issue, QueryError
from kg_builder.server.examples import form_of
from kg_builder.server.negotiate import RESULTS_JSON
from kg_builder.server.pool import WorkerPool
from kg_builder.server.problems import Refused
from kg_builder.server.reading import Pairs
from kg_builder.vocabulary import BASE, DCTERMS, compact

#: Characters of a parameter; names of terms are shorter.
LONGEST_VALUE = 200
#: What no value of a parameter holds.
CONTROL_CHARACTERS = r"\x00-\x1f\x7f"
_CONTROL = re.compile(f"[{CONTROL_CHARACTERS}]")
_CLAIMS = f"SELECT DISTINCT ?claim WHERE {{ ?claim <{DCTERMS}source> ?source }}"
#: Codes that say a request is wrong in itself; others say that what it names is not there.
_WRONG = {"Q003", "Q004"}


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the catalogue with the form of its query."""

    file: QueryFile
    form: str

    @property
    def params(self) -> tuple[Param, ...]:
        """Its parameters."""
        return self.file.header.params

    def describe(self) -> dict[str, object]:
        """Return name, summary and parameters for a list of questions."""
        head = self.file.header
        params = [{"name": p.name, "type": p.type, "description": p.doc} for p in head.params]
        return {
            "name": head.id, "summary": head.summary, "keywords": list(head.tags), "parameters": params,
            "href": f"/ask/{head.id}",
        }  # fmt: skip


class Questions:
    """The catalogue, bound to the names of one release."""

    def __init__(self, files: Mapping[str, QueryFile], names: Names, pool: WorkerPool) -> None:
        self.all = {name: Question(file, form_of(file)) for name, file in sorted(files.items())}
        self._names, self._pool = names, pool
        self._claims: frozenset[str] | None = None

    def find(self, name: str) -> Question:
        """Return the question of a name. Raises Refused 404 with the nearest names."""
        if name in self.all:
            return self.all[name]
        near = ", ".join(hit[0] for hit in process.extract(name[:LONGEST_VALUE], list(self.all), limit=3))
        issue = Issue(name, 0, "name", "Q001", "no question has this name", f"nearest: {near}")
        raise Refused(404, "no-such-question", "There is no such question", _in_words(issue), issues=[issue])

    async def bind(self, question: Question, pairs: Pairs) -> BoundQuery:
        """Give a question its parameters.

        Args:
            question: the question.
            pairs: parameters as the client wrote them.
        Raises:
            Refused: 400 if a parameter is at fault, 404 if what it names is not known; with every issue.
        """
        params: dict[str, str] = {}
        for name, value in pairs:
            if name in params:
                raise _refusal([Issue("", 0, name, "Q004", f"parameter '{name}' is given twice", "give one value")])
            if len(value) > LONGEST_VALUE:
                message = f"the value is longer than {LONGEST_VALUE} characters"
                raise _refusal([Issue("", 0, name, "Q004", message, "no term has so long a name")])
            if _CONTROL.search(value):
                raise _refusal([Issue("", 0, name, "Q004", "the value holds a control character", "leave it out")])
            params[name] = value
        try:
            bound = bind(question.file, params, self._names)
        except QueryError as error:
            raise _refusal(list(error.issues)) from None
        await self._check_claims(bound)
        return bound

    async def _check_claims(self, bound: BoundQuery) -> None:
        """Claims are in no index of names, so that only the store can tell whether there is one."""
        for name, term in bound.params.items():
            iri = term[1:-1]
            if not iri.startswith(BASE + "claim/"):
                continue
            known = await self._known_claims()
            if iri not in known:
                hits = process.extract(compact(iri), [compact(claim) for claim in known], limit=3, score_cutoff=60)
                hint = f"nearest: {', '.join(hit[0] for hit in hits)}" if hits else "see /ask/claims-of-a-drug"
                raise _refusal([Issue("", 0, name, "T007", f"no claim '{compact(iri)}'", hint)])

    async def _known_claims(self) -> frozenset[str]:
        if self._claims is None:
            rows = json.loads(await self._pool.query(_CLAIMS, media_type=RESULTS_JSON))["results"]["bindings"]
            claims = (row["claim"]["value"] for row in rows)
            self._claims = frozenset(claim for claim in claims if claim.startswith(BASE + "claim/"))
        return self._claims


def _refusal(issues: list[Issue]) -> Refused:
    detail = "; ".join(_in_words(issue) for issue in issues)
    if any(issue.code in _WRONG for issue in issues):
        return Refused(400, "bad-parameter", "A parameter is at fault", detail, issues=issues)
    return Refused(404, "unknown-name", "The knowledge has no such name", detail, issues=issues)


def _in_words(issue: Issue) -> str:
    return f"{issue.message}; {issue.hint}" if issue.hint else issue.message
