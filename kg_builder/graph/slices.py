"""Cuts of a release that load fast: what names need, and for each disease what its cases need.

A cut holds statements of the whole and no others, so a case gets the same answer from either; rules are only
spared the claims of other diseases and what no rule reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from kg_builder.knowledge.statements import Statements
from kg_builder.vocabulary import BASE, DEFINITION, OWL, RDF, RDFS, SKOS, SV

TERMS: Final = "terms.nt.gz"
#: What the cuts for all diseases have in common; a case loads it with the one for its disease.
SHARED: Final = "slice.nt.gz"
Line = str

_CLAIM: Final = f"<{BASE}claim/"
_CONDITION: Final = f"<{BASE}condition/"
_DISEASE: Final = f"<{BASE}disease/"
_TYPE: Final = f"<{RDF}type>"
_LABEL: Final = f"<{RDFS}label>"
_COMMENT: Final = f"<{RDFS}comment>"
#: Subjects that are nothing a case could name.
_NO_NAMES: Final = (_CLAIM, _CONDITION, f"<{SV}", f"<{OWL}", f"<{BASE}drugs/", f"<{BASE}source/", "_:")
#: Subjects of whose kinds reading a case asks.
_GRADED: Final = tuple(f"<{BASE}{kind}/" for kind in ("alteration", "organism", "disease"))
#: Subjects that only an editor's user reads of.
_SCHEMA: Final = (f"<{SV}", f"<{OWL}", f"<{BASE}drugs/", f"<{BASE}field/", "_:")


def _own(*names: str) -> frozenset[str]:
    return frozenset(f"<{SV}{name}>" for name in names)


#: What neither rules nor answers read: the closure is there already, the rest is for people and editors.
LEFT_OUT: Final = _own(
    "curatedBy", "curatedOn", "appliesWith", "appliesFrom", "reaches", "reachedBy", "includes", "broader", "memberOf",
    "hasRole", "actsOn", "bindsAt", "bindsAtSite", "referenceSequence",
    "residueCount", "confersResistanceTo", "sharesResistanceWith", "selectsFor", "hasComponent",
) | {f"<{DEFINITION}>", f"<{SKOS}altLabel>", f"<{RDFS}subClassOf>", f"<{RDFS}comment>"}  # fmt: skip
#: What names, genes, parameters and alterations of a case are read from.
NAMING: Final = _own(
    "residueCount", "referenceSequence", "molecule", "patternKind", "atPosition", "residues", "unit",
    "plausibleMinimum", "plausibleMaximum", "casePath", "statesParameter", "statesIfTrue", "statesIfFalse",
    "negates", "inGene", "causedBy", "hasComponent",
) | {_LABEL, f"<{SKOS}altLabel>"}  # fmt: skip
NAMED_TYPES: Final = _own("Gene", "Parameter", "Alteration")
READ_TYPES: Final = _own("ResistanceLevel", "Algorithm")
_UNREAD_KINDS: Final = frozenset({'"Prevalence"'})


def slice_name(disease: str) -> str:
    """Return the file that holds the cut for a disease, beside what all cuts share.

    >>> slice_name("disease:some-disease")
    'slice-some-disease.nt.gz'
    """
    return f"slice-{disease.partition(':')[2]}.nt.gz"


Rows = Sequence[tuple[str, str]]


class Cutter:
    """Sorts statements into cuts, subject by subject.

    ``diseases`` holds the CURIE of each disease that has a cut, in order.
    """

    def __init__(self, statements: Statements) -> None:
        relevant = statements.of_object(f"<{SV}relevantTo>")
        unread = {claim for kind in _UNREAD_KINDS for claim in statements.subjects(f"<{SV}claimKind>", kind)}
        items = statements.about(f"<{SV}scoresCode>")
        conditions = [statements.about(predicate) for predicate in sorted(_own("hasCondition", "requiresCondition"))]
        self._retired = statements.about(f"<{OWL}deprecated>")
        self._claims: dict[str, list[int]] = defaultdict(list)
        self._conditions: dict[str, list[int]] = defaultdict(list)
        #: an algorithm without its items would find nothing: where none is relevant, none is current
        self._scored: list[int] = []
        self._nodes = sorted(relevant)
        self.diseases = [f"disease:{node[len(_DISEASE) : -1]}" for node in self._nodes]
        for number, node in enumerate(self._nodes):
            claims = [claim for claim in relevant[node] if claim not in unread]
            for claim in claims:
                self._claims[claim].append(number)
            for condition in {c for claim in claims for links in conditions for c in links.get(claim, ())}:
                self._conditions[condition].append(number)
            if any(claim in items for claim in claims):
                self._scored.append(number)

        self._regimens = self._place_regimens(statements)

    def _place_regimens(self, statements: Statements) -> dict[str, list[int]]:
        """Return the cuts in which each named regimen is used: those for its diseases and for narrower ones."""
        kinds = statements.about(f"<{SV}isKindOf>")
        found: dict[str, list[int]] = {}
        for predicate in sorted(_own("usedFor", "indicatedFor")):
            for regimen, diseases in statements.about(predicate).items():
                places = found.setdefault(regimen, [])
                for number, node in enumerate(self._nodes):
                    if number not in places and not {node, *kinds.get(node, ())}.isdisjoint(diseases):
                        places.append(number)
        return found

    def cut_terms(self, subject: str, rows: Rows) -> list[Line]:
        """Return what reading names, genes, parameters and alterations of a case needs to know of a subject."""
        if subject.startswith(_NO_NAMES) or subject in self._retired:
            return []
        is_graded = subject.startswith(_GRADED)
        return [
            f"{subject} {predicate} {value} .\n"
            for predicate, value in rows
            if predicate in NAMING
            or (predicate == _TYPE and value in NAMED_TYPES)
            or (is_graded and predicate == f"<{SV}isKindOf>")
        ]

    def cut_diseases(self, subject: str, rows: Rows) -> Iterator[tuple[int | None, Line]]:
        """Yield (number of a disease, statement) for each statement that its cases need; None: all cases do."""
        is_own = subject.startswith((_CLAIM, _CONDITION))
        if subject in self._retired or (not is_own and subject.startswith(_SCHEMA)):
            return
        own: Sequence[int | None] = self._regimens.get(subject, (None,))
        if is_own:
            own = (self._claims if subject.startswith(_CLAIM) else self._conditions).get(subject, ())
        for predicate, value in rows:
            if predicate in LEFT_OUT and not (is_own and predicate == _COMMENT):
                continue
            if predicate == _TYPE and value not in READ_TYPES:
                continue
            line = f"{subject} {predicate} {value} .\n"
            for number in self._where(subject, predicate, value, own):
                yield number, line

    def _where(self, subject: str, predicate: str, value: str, own: Sequence[int | None]) -> Iterable[int | None]:
        """Return the cuts, of those for the subject, in which a statement has its place."""
        if value.startswith(_CLAIM):
            return _both(own, self._claims.get(value, ()))
        if value.startswith(_CONDITION):
            asked: Iterable[int] = self._conditions.get(value, ())
            if subject.startswith(_DISEASE):
                asked = [number for number in asked if self._nodes[number] == subject]
            return _both(own, asked)
        if predicate == f"<{SV}relevantTo>":
            return [number for number in own if number is not None and self._nodes[number] == value]
        if predicate == f"<{SV}isCurrent>":
            return _both(own, self._scored)
        return own


def _both(own: Sequence[int | None], other: Iterable[int]) -> Iterable[int | None]:
    return other if None in own else [number for number in other if number in own]
