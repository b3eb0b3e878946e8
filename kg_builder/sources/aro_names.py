"""Names for the terms of an import: those that the knowledge has already, and those still free.

A name that another term of the same group bears would be ambiguous everywhere, in tables and in cases; so a new
term gets a label of its own, and synonyms that are taken are left to whom they belong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from kg_builder.knowledge.mappings import load_mappings
from kg_builder.knowledge.names import NameIndex, name_key
from kg_builder.sources.known import Known
from kg_builder.sources.obo import OboTerm

#: Kinds of term that one cell may name: within a group a name must mean one term.
GROUPS: Final = {
    "drug": ("drug", "class", "role", "mechanism", "modality", "regimen"),
    "class": ("drug", "class", "role", "mechanism", "modality", "regimen"),
    "alteration": ("alteration",),
    "target": ("target",),
}
_GENERIC: Final = re.compile(r" (?:antibiotics?|drugs?)$")
_IRI: Final = re.compile(r"http://purl\.obolibrary\.org/obo/([A-Za-z]+)_(\w+)")
#: Type of synonyms that databases use as short names; no names by which a term is known elsewhere.
SHORT_NAME: Final = "CARD_Short_Name"


class Namer:
    """Hands out labels and synonyms; what is left out is counted in ``dropped``."""

    def __init__(self, index: NameIndex) -> None:
        self._index = index
        self._used: dict[str, set[str]] = {"agent": set(), "alteration": set(), "target": set()}
        self.dropped: Counter[str] = Counter()
        self.relabelled: Counter[str] = Counter()

    def label(self, term: OboTerm, kind: str) -> str:
        """Return the term's name, with its accession behind it where the name is taken."""
        name = term.name.replace("|", "/").replace(";", ",")
        if self._is_taken(name, kind):
            self.relabelled[kind] += 1
            name = f"{name} ({term.id})"
        self._take(name, kind)
        return name

    def synonyms(self, term: OboTerm, kind: str) -> tuple[str, ...]:
        """Return the accession and the other names of a term that nobody else bears.

        Ask when all labels have been given: a label goes before a synonym.
        """
        found = []
        for name in dict.fromkeys([term.id, *(s.text for s in term.synonyms if s.scope == "EXACT")]):
            if "|" in name or ";" in name or self._is_taken(name, kind):
                self.dropped[kind] += name_key(name) != name_key(term.name)
                continue
            self._take(name, kind)
            found.append(name)
        return tuple(found)

    def _is_taken(self, name: str, kind: str) -> bool:
        return name_key(name) in self._used[_group(kind)] or bool(self._index.find(name, GROUPS[kind]))

    def _take(self, name: str, kind: str) -> None:
        self._used[_group(kind)].add(name_key(name))


def _group(kind: str) -> str:
    return "agent" if kind in ("drug", "class") else kind


def read_crosswalk(mappings: Path, known: Known) -> dict[str, str]:
    """Return accession → our term, of the exact and close matches in a folder of mappings; empty without folder."""
    if not mappings.is_dir():
        return {}
    found: dict[str, str] = {}
    for mapping in load_mappings(mappings, known.index)[0]:
        match = _IRI.fullmatch(mapping.object_iri)
        if match and mapping.predicate.removeprefix("skos:") in ("exactMatch", "closeMatch"):
            found.setdefault(f"{match[1]}:{match[2]}", mapping.subject)
    return found


def find_known(
    kinds: Mapping[str, str], terms: Mapping[str, OboTerm], known: Known, crosswalk: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Find terms that the knowledge has under the same name, or that the crosswalk names.

    Args:
        kinds: kind of each term that is to be found.
    Returns:
        Terms that are one of ours, and terms that are one of several which ours stands for (our synonyms name
        each of them): these are kinds of ours.
    """
    met: dict[str, str] = {}
    for accession, kind in kinds.items():
        given = crosswalk.get(accession)
        found = given if given in known.ids else _find(terms[accession], kind, known.index)
        if found:
            met[accession] = found
    shared = Counter(met.values())
    same = {accession: curie for accession, curie in met.items() if shared[curie] == 1}
    return same, {accession: curie for accession, curie in met.items() if shared[curie] > 1}


def _find(term: OboTerm, kind: str, index: NameIndex) -> str | None:
    names: Iterable[str] = [term.name, *(s.text for s in term.synonyms if s.scope == "EXACT" and s.kind != SHORT_NAME)]
    if kind == "class":
        names = [variant for name in names for variant in (name, _GENERIC.sub("", name))]
    for name in names:
        found = index.find(name, (kind,))
        if len(found) == 1:
            return found[0]
    return None
