"""Import the Antibiotic Resistance Ontology (ARO) of CARD, OBO format, as terms and claims of ours.

| branch of ARO | becomes |
|---|---|
| antibiotic molecules, resistance-modifying agents | drugs; groups of them are drug classes |
| determinants of resistance | alterations; what ARO calls ``is_a`` is ``broader`` |
| mechanisms of resistance | alterations that stand for all determinants which participate in them |
| antibiotic targets | targets |
| terms of testing, biosynthesis and the root | nothing: they have no kind here; counted (S040) |

Ids carry the accession (``alteration:aro-3000589``), which ARO keeps when it renames a term; the name is the label.
A term that the knowledge has by name, or by ``mappings/aro.sssom.tsv`` (exact or close match), is that term; one of
several for which ours stands is a kind of ours. Definitions are sentences of our own.

``confers_resistance_to_antibiotic`` becomes a resistance of full degree: ARO says it of that very drug.
``confers_resistance_to_drug_class`` is defined as resistance to *some or all* of the class, so it becomes one of
partial degree on the class. Where the class is ARO's alone, known drugs that ARO counts in it are no members of it here
and get the claim each (``…-via-…``). A claim on a family reaches its members by ``broader``; members that are terms
of ours stand in its condition beside the family.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal

from kg_builder.issues import Issue, SourceError
from kg_builder.knowledge.rows import AlterationRow, DrugClassRow, DrugRow, GenericTerm, ResistanceRow, Row, SourceRow
from kg_builder.sources.aro_names import Namer, find_known, read_crosswalk
from kg_builder.sources.importer import Importer
from kg_builder.sources.known import Known, read_known, refuse_foreign
from kg_builder.sources.obo import Obo, OboTerm, read_obo

__all__ = ["import_file", "read_obo", "to_rows"]

STEMS: Final = ("alterations", "classes", "drugs", "resistances", "sources", "terms")
CURATOR: Final = "aro-import"
TO_DRUG: Final = "confers_resistance_to_antibiotic"
TO_CLASS: Final = "confers_resistance_to_drug_class"

#: Root of a branch -> kind of its terms.
_BRANCHES: Final = {
    "ARO:1000003": "agent",
    "ARO:0000076": "agent",
    "ARO:3000000": "alteration",
    "ARO:1000002": "mechanism",
    "ARO:3000708": "target",
}
_MECHANISM_ROOT: Final = "ARO:1000002"
#: Agents with such a name are groups, even if the file lists no member.
_GROUP_NAME: Final = re.compile(r"(?:antibiotics?|activity|derivatives|agents?|inhibitors)$")
#: Relations that are slips of the file -> why. They are reported and left out.
_SLIPS: Final = {
    ("ARO:3007051", "ARO:0000071"): "the term's name and literature speak of another drug, with another target",
}
#: Date in a file's header -> the release of CARD that it was published with, where that is another.
_RELEASES: Final = {"2025-05-29": "2025-10"}
_DATE: Final = re.compile(r"(\d{2}):(\d{2}):(\d{4})(?: .*)?")
_USED: Final = {TO_DRUG, TO_CLASS, "participates_in", "has_part"}


def to_rows(
    obo: Obo, known: Known, crosswalk: dict[str, str] | None = None
) -> tuple[dict[str, list[Row]], list[Issue]]:
    """Return the rows that say what the ontology says beyond the knowledge, by table, and all warnings.

    Every term is a row, or counted: S040 it has no kind here, S045 the knowledge has it already. Every
    relation of resistance is a claim but for slips (S041); S042 counts names that are taken, S043 relations that have
    no place here.

    Raises:
        SourceError: S044 if the roots of ARO's branches or the date are not there.
    """
    return _Maker(obo, known, crosswalk or {}).make()


def make_tables(obo: Obo, knowledge: Path, out_dir: Path) -> tuple[dict[str, list[Row]], list[Issue]]:
    """Return the rows that say what the ontology says beyond a folder of knowledge, and all warnings.

    ``mappings`` beside that folder say which of our terms are ARO's, where their names do not.

    Raises:
        SourceError: S009 if the folder to write into holds claims of others; S013 if there is no knowledge; S044 if
            the file is no ARO.
    """
    refuse_foreign(out_dir, STEMS, CURATOR)
    known = read_known(knowledge, out_dir, STEMS)
    return to_rows(obo, known, read_crosswalk(knowledge.parent / "mappings", known))


def source_row(obo: Obo) -> SourceRow:
    """Return the row of the release that a file is.

    Raises:
        SourceError: S044 if the header has no date.
    """
    date = read_date(obo)
    release = _RELEASES.get(date, date)
    return SourceRow(
        id=f"source:aro-{release}",
        title=f"Antibiotic Resistance Ontology, release {release}",
        kind="data set",
        body="Comprehensive Antibiotic Resistance Database, McMaster University",
        year=int(release[:4]),
        version=release if release == date else f"{release}, file of {date}",
        licence="CC BY 4.0",
    )


def read_date(obo: Obo) -> str:
    """Return the date of the header (``29:05:2025 10:16``) as 2025-05-29."""
    match = _DATE.fullmatch(obo.header.get("date", ""))
    if not match:
        message = f"the header's date '{obo.header.get('date', '')}' cannot be read"
        raise SourceError([Issue(obo.path, 1, "date", "S044", message, "write date: 31:12:2025 00:00")])
    return f"{match[3]}-{match[2]}-{match[1]}"


class _Maker:
    """Sorts the terms, names them and makes the rows."""

    def __init__(self, obo: Obo, known: Known, crosswalk: dict[str, str]) -> None:
        self.path = obo.path
        self.terms = obo.terms
        self.known = known
        self.warnings: list[Issue] = []
        self.date = read_date(obo)
        self.source = source_row(obo)
        missing = [root for root in _BRANCHES if root not in obo.terms]
        if missing:
            message = f"there is no {', '.join(missing)}: the file is not ARO, or has been rearranged"
            raise SourceError([Issue(obo.path, 0, "", "S044", message, "give aro.obo as published")])
        self.above = obo.ancestors()
        self.children: dict[str, list[str]] = defaultdict(list)
        self.objects: dict[str, set[str]] = defaultdict(set)
        for term in obo.terms.values():
            for parent in term.parents:
                self.children[parent].append(term.id)
            for relation, other in term.relations:
                self.objects[relation].add(other)
        self.kinds = {accession: kind for accession in obo.terms if (kind := self.kind(accession, crosswalk))}
        wanted = {accession: "alteration" if kind == "mechanism" else kind for accession, kind in self.kinds.items()}
        self.same, self.kind_of = find_known(wanted, obo.terms, known, crosswalk)
        self.ids = {a: self.same.get(a) or f"{kind}:{_slug(a)}" for a, kind in wanted.items()}
        self.new = [accession for accession in wanted if accession not in self.same]
        self.namer = Namer(known.index)
        self.labels = {accession: self.namer.label(obo.terms[accession], wanted[accession]) for accession in self.new}
        self.synonyms = {a: self.namer.synonyms(obo.terms[a], wanted[a]) for a in self.new}

    def kind(self, accession: str, crosswalk: dict[str, str]) -> str:
        """Return drug, class, alteration, mechanism or target; empty where a term has no kind here."""
        term = self.terms[accession]
        if term.is_obsolete:
            return ""
        branch = next((k for root, k in _BRANCHES.items() if root == accession or root in self.above[accession]), "")
        if branch != "agent":
            return branch
        mapped = crosswalk.get(accession, "").partition(":")[0]
        if mapped in ("drug", "class"):
            return mapped
        if accession in self.objects[TO_DRUG]:
            return "drug"
        if accession in _BRANCHES or accession in self.objects[TO_CLASS] or self.children.get(accession):
            return "class"
        return "class" if _GROUP_NAME.search(term.name) else "drug"

    def make(self) -> tuple[dict[str, list[Row]], list[Issue]]:
        tables: dict[str, list[Row]] = {stem: [] for stem in STEMS}
        for accession in self.new:
            match self.kinds[accession]:
                case "drug":
                    tables["drugs"].append(self.drug(accession))
                case "class":
                    tables["classes"].append(self.drug_class(accession))
                case "target":
                    tables["terms"].append(self.target(accession))
                case _:
                    tables["alterations"].append(self.alteration(accession))
        tables["resistances"] = list(self.resistances())
        tables["sources"] = [] if self.source.id in self.known.ids else [self.source]
        self.tell_what_is_left_out()
        return tables, sorted(self.warnings)

    # --- terms -----------------------------------------------------------------------------------

    def drug(self, accession: str) -> DrugRow:
        classes = self.classes_of(accession)
        parts = [other for relation, other in self.terms[accession].relations if relation == "has_part"]
        within = f", one of: {', '.join(map(self.name, classes))}" if classes else ""
        return DrugRow(
            id=self.ids[accession],
            label=self.labels[accession],
            synonyms=self.synonyms[accession],
            definition=f"Agent of the Antibiotic Resistance Ontology ({accession}){within}.",
            classes=self.curies(classes),
            ingredients=self.curies(part for part in parts if self.kinds.get(part) == "drug"),
        )

    def classes_of(self, accession: str) -> list[str]:
        """Return the nearest groups above a drug; drugs on the way (salts, components) are passed."""
        found: dict[str, None] = {}
        todo = list(self.terms[accession].parents)
        while todo:
            parent = todo.pop(0)
            if self.kinds.get(parent) == "class":
                found[parent] = None
            else:
                todo.extend(self.terms[parent].parents)
        return list(found)

    def drug_class(self, accession: str) -> DrugClassRow:
        broader = self.classes_of(accession)
        return DrugClassRow(
            id=self.ids[accession],
            label=self.labels[accession],
            synonyms=self.synonyms[accession],
            definition=f"Group of agents of the Antibiotic Resistance Ontology ({accession}){self.within(broader)}.",
            broader=self.curies(broader, but=accession),
        )

    def target(self, accession: str) -> GenericTerm:
        broader = [parent for parent in self.terms[accession].parents if self.kinds.get(parent) == "target"]
        return GenericTerm(
            id=self.ids[accession],
            label=self.labels[accession],
            synonyms=self.synonyms[accession],
            definition=f"Target in the Antibiotic Resistance Ontology ({accession}){self.within(broader)}.",
            broader=self.curies(broader, but=accession),
        )

    def alteration(self, accession: str) -> AlterationRow:
        term, kind = self.terms[accession], self.kinds[accession]
        broader = [parent for parent in term.parents if self.kinds.get(parent) == kind]
        what = "Mechanism" if kind == "mechanism" else "Determinant"
        what += f" of resistance in the Antibiotic Resistance Ontology ({accession}){self.within(broader)}"
        if kind == "mechanism":
            what += "; it stands for every determinant that works by it"
        broader += [
            other
            for relation, other in term.relations
            if relation == "participates_in" and self.kinds.get(other) == "mechanism"
        ]
        genes = self.known.index.find(term.name, ("gene",))
        above = [self.kind_of[accession]] if accession in self.kind_of else []
        return AlterationRow(
            id=self.ids[accession],
            label=self.labels[accession],
            synonyms=self.synonyms[accession],
            definition=f"{what}.",
            gene=genes[0] if len(genes) == 1 else None,
            broader=tuple(dict.fromkeys([*above, *self.curies(broader, but=accession)])),
        )

    def name(self, accession: str) -> str:
        return self.terms[accession].name

    def within(self, broader: Iterable[str]) -> str:
        names = " and ".join(map(self.name, broader))
        return f", within {names}" if names else ""

    def curies(self, accessions: Iterable[str], *, but: str = "") -> tuple[str, ...]:
        """Return our ids of terms, each once, without that of one."""
        own = self.ids.get(but)
        return tuple(dict.fromkeys(c for a in accessions if (c := self.ids[a]) != own))

    # --- claims ----------------------------------------------------------------------------------

    def resistances(self) -> Iterator[ResistanceRow]:
        members = self.members_of_ours()
        drugs = self.drugs_of_ours()
        for term in self.terms.values():
            if not any(relation in (TO_DRUG, TO_CLASS) for relation, _ in term.relations):
                continue
            if self.kinds.get(term.id) not in ("alteration", "mechanism"):
                self.warn(term.line, term.id, "S041", f"{term.name} is no determinant", "its relations are left out")
                continue
            markers = " or ".join([self.ids[term.id], *members.get(term.id, ())])
            said = {other for relation, other in term.relations if relation == TO_DRUG}
            for relation, other in dict.fromkeys(term.relations):
                if relation not in (TO_DRUG, TO_CLASS):
                    continue
                if why := _SLIPS.get((term.id, other)):
                    message = f"'{term.name}' → {self.name(other)} looks like a slip: {why}"
                    self.warn(term.line, term.id, "S041", message, "it is left out")
                elif self.kinds.get(other) not in ("drug", "class"):
                    message = f"'{term.name}' → {self.name(other)}, which is no agent"
                    self.warn(term.line, term.id, "S041", message, "it is left out")
                else:
                    yield self.resistance(term, other, relation, markers)
                    if relation == TO_CLASS and other not in self.same:
                        for drug in drugs.get(other, ()):
                            if drug not in said:
                                said.add(drug)
                                yield self.resistance(term, drug, relation, markers, via=other)

    def members_of_ours(self) -> dict[str, list[str]]:
        """Return, for each determinant, our alterations below it: all that one of ours stands for must lie there."""
        stands_for: dict[str, list[str]] = defaultdict(list)
        for accession, curie in {**self.same, **self.kind_of}.items():
            if self.kinds[accession] == "alteration":
                stands_for[curie].append(accession)
        found: dict[str, list[str]] = defaultdict(list)
        for curie, accessions in sorted(stands_for.items()):
            for other in frozenset.intersection(*(self.above[accession] for accession in accessions)):
                found[other].append(curie)
        return found

    def drugs_of_ours(self) -> dict[str, list[str]]:
        """Return, for each class, the drugs below it that are one of ours."""
        found: dict[str, list[str]] = defaultdict(list)
        for accession in self.same:
            if self.kinds[accession] == "drug":
                for other in self.above[accession]:
                    found[other].append(accession)
        return found

    def resistance(self, term: OboTerm, other: str, relation: str, markers: str, via: str = "") -> ResistanceRow:
        degree: Literal["partial", "full"] = "full" if relation == TO_DRUG else "partial"
        if via:
            note = f"ARO states resistance to some or all of {self.name(via)}, of which this drug is one."
        elif relation == TO_CLASS:
            note = "ARO states resistance to some or all drugs of this class; test which."
        else:
            note = "ARO states resistance to this drug."
        claim = f"claim:{_slug(term.id)}-{_slug(other).removeprefix('aro-')}"
        return ResistanceRow(
            id=claim + (f"-via-{_slug(via).removeprefix('aro-')}" if via else ""),
            agent=self.ids[other],
            degree=degree,
            conditions=f"marker {markers}",
            note=note,
            evidence="evidence:D",
            source=(self.source.id,),
            locator=f"{term.id} {term.name}: {relation} {via or other}",
            curator=CURATOR,
            date=self.date,
        )

    # --- what is told ----------------------------------------------------------------------------

    def warn(self, line: int, column: str, code: str, message: str, hint: str) -> None:
        self.warnings.append(Issue(self.path, line, column, code, message, hint, "warning"))

    def tell_what_is_left_out(self) -> None:
        roots = Counter(self.top(accession) for accession in self.terms if accession not in self.kinds)
        for root, count in sorted(roots.items()):
            message = f"{count:,} terms of '{self.name(root)}' have no kind here"
            self.warn(self.terms[root].line, root, "S040", message, "they get no row")
        if self.same:
            self.warn(0, "", "S045", f"{len(self.same):,} terms are in the knowledge already", "they get no second row")
        for kind, count in sorted(self.namer.dropped.items()):
            if count:
                message = f"{count:,} synonyms of kind {kind} are names of other terms, or cannot stand in a cell"
                self.warn(0, "synonym", "S042", message, "they are left out")
        for kind, count in sorted(self.namer.relabelled.items()):
            message = f"{count:,} names of kind {kind} are taken"
            self.warn(0, "name", "S042", message, "the label has the accession behind it")
        others = Counter(r for term in self.terms.values() for r, _ in term.relations if r not in _USED)
        if others:
            listed = ", ".join(f"{relation} {count:,}" for relation, count in sorted(others.items()))
            self.warn(0, "relationship", "S043", f"relations that have no place here: {listed}", "they are left out")

    def top(self, accession: str) -> str:
        """Return the branch of a term: the ancestor, or itself, right below the root."""
        roots = {a for a in self.terms if not self.terms[a].parents}
        line = {accession, *self.above[accession]}
        return min((a for a in line if roots & set(self.terms[a].parents)), default=accession)


def _slug(accession: str) -> str:
    """Return an accession as part of an id.

    >>> _slug("ARO:3000589")
    'aro-3000589'
    """
    return accession.lower().replace(":", "-")


import_file = Importer(read_obo, lambda obo: f"{len(obo.terms):,} terms", make_tables).import_file
