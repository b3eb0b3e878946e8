"""Cuts of a release that load fast: what names need, and for each disease what its cases need.

A cut holds statements of the whole and no others, so a case gets the same answer from either; rules are only
spared the claims of other diseases and what no rule reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from kg_builder.vocabulary import BASE, DEFINITION, OWL, RDF, RDFS, SKOS, SV

TERMS: Final = "terms.nt.gz"
Line = str

_CLAIM: Final = f"<{BASE}claim/"
_CONDITION: Final = f"<{BASE}condition/"
_DISEASE: Final = f"<{BASE}disease/"
_TYPE: Final = f"<{RDF}type>"
_LABEL: Final = f"<{RDFS}label>"


def _own(*names: str) -> frozenset[str]:
    return frozenset(f"<{SV}{name}>" for name in names)


#: What neither rules nor answers read: the closure is there already, the rest is for people and editors.
_LEFT_OUT: Final = _own(
    "curatedBy", "curatedOn", "appliesWith", "appliesFrom", "reaches", "reachedBy", "includes", "broader", "memberOf",
    "hasRole", "hasMechanism", "definedByMechanism", "actsOn", "bindsAt", "bindsAtSite", "referenceSequence",
    "residueCount", "confersResistanceTo", "sharesResistanceWith", "selectsFor", "hasComponent", "ofOrganism",
) | {f"<{DEFINITION}>", f"<{SKOS}altLabel>", f"<{RDFS}subClassOf>", f"<{RDFS}comment>"}  # fmt: skip
_NAMING: Final = _own(
    "residueCount", "referenceSequence", "molecule", "patternKind", "atPosition", "residues", "unit",
    "plausibleMinimum", "plausibleMaximum", "casePath", "statesParameter", "statesIfTrue", "statesIfFalse",
    "negates", "inGene",
) | {_LABEL, f"<{SKOS}altLabel>"}  # fmt: skip
_NAMED_TYPES: Final = _own("Gene", "Parameter", "Alteration")
_READ_TYPES: Final = _own("ResistanceLevel", "Algorithm")
_UNREAD_KINDS: Final = frozenset({'"Selection"', '"Prevalence"', '"RegimenPattern"'})


def slice_name(disease: str) -> str:
    """Return the file that holds the cut for a disease.

    >>> slice_name("disease:some-disease")
    'slice-some-disease.nt.gz'
    """
    return f"slice-{disease.partition(':')[2]}.nt.gz"


def cut_terms(lines: Iterable[Line]) -> list[Line]:
    """Return what reading names, genes, parameters and alterations of a case needs.

    Args:
        lines: statements of the whole, ``subject predicate object``.
    """
    kept = []
    foreign = (_CLAIM, _CONDITION, f"<{SV}", f"<{OWL}", f"<{BASE}drugs/", f"<{BASE}source/", "_:")
    alteration = f"<{BASE}alteration/"
    for line in lines:
        subject, predicate, value = line.split(" ", 2)
        if subject.startswith(foreign):
            continue
        is_kind = predicate == f"<{SV}isKindOf>" and subject.startswith(alteration)
        if predicate in _NAMING or is_kind or (predicate == _TYPE and value in _NAMED_TYPES):
            kept.append(line)
    return kept


def cut_diseases(lines: list[Line]) -> Iterator[tuple[str, list[Line]]]:
    """Yield (CURIE of a disease, statements that its cases need), by CURIE."""
    relevant: dict[str, set[str]] = defaultdict(set)
    unread: set[str] = set()
    conditions: dict[str, set[str]] = defaultdict(set)
    links = _own("hasCondition", "requiresCondition")
    for line in lines:
        subject, predicate, value = line.split(" ", 2)
        if predicate == f"<{SV}relevantTo>":
            relevant[value].add(subject)
        elif predicate == f"<{SV}claimKind>" and value in _UNREAD_KINDS:
            unread.add(subject)
        elif predicate in links:
            conditions[subject].add(value)
    shared, own = _split(lines)
    items = {line.split(" ", 1)[0] for line in lines if f" <{SV}scoresCode> " in line}
    for disease in sorted(relevant):
        claims = relevant[disease] - unread
        asked = {condition for claim in claims for condition in conditions[claim]}
        kept = list(shared)
        for claim in claims:
            kept += own.get(claim, ())
        for condition in asked:
            kept += own.get(condition, ())
        # an algorithm without its items would find nothing: where none is relevant, none is current
        is_scored = not items.isdisjoint(claims)
        kept = [
            line
            for line in kept
            if _is_inside(line, claims, asked, disease) and (is_scored or f" <{SV}isCurrent> " not in line)
        ]
        yield f"disease:{disease[len(_DISEASE) : -1]}", sorted(kept)


def _split(lines: list[Line]) -> tuple[list[Line], dict[str, list[Line]]]:
    """Return the statements about terms, and those about each claim and condition; what nobody reads left out."""
    shared: list[Line] = []
    own: dict[str, list[Line]] = defaultdict(list)
    schema = (f"<{SV}", f"<{OWL}", f"<{BASE}drugs/", f"<{BASE}field/", "_:")
    for line in lines:
        subject, predicate, value = line.split(" ", 2)
        if predicate == _TYPE and value not in _READ_TYPES:
            continue
        if subject.startswith((_CLAIM, _CONDITION)):
            if predicate not in _LEFT_OUT or predicate == f"<{RDFS}comment>":
                own[subject].append(line)
        elif predicate not in _LEFT_OUT and not subject.startswith(schema):
            shared.append(line)
    return shared, own


def _is_inside(line: Line, claims: set[str], conditions: set[str], disease: str) -> bool:
    subject, predicate, value = line.split(" ", 2)
    if value.startswith(_CLAIM):
        return value in claims
    if value.startswith(_CONDITION):
        return value in conditions and (not subject.startswith(_DISEASE) or subject == disease)
    return predicate != f"<{SV}relevantTo>" or value == disease
