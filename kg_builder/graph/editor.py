"""What an ontology editor is shown of a release: the statements that tell a person something, and in what words.

Left out are the indexes that rules start from, and what an editor shows anyway: closures of stated edges, the classes
above a class, inverses. Each claim says in one sentence what it rests on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kg_builder.graph.layout import Pair, type_first
from kg_builder.knowledge.statements import CORE, INFERRED, Statements
from kg_builder.knowledge.terms import TYPE, iri, sv
from kg_builder.vocabulary import BASE, DEFINITION, OWL, RDF, RDFS, SV

#: Predicate, object, place of the statement.
Placed = tuple[str, str, int]
#: Subject → what is said of it.
About = dict[str, list[Pair]]

#: What the reasoner is given is a part of the whole, under an IRI of its own.
ASSERTED_IRI: Final = f"<{BASE}ontology/asserted>"
REASONING_IRI: Final = f"<{BASE}ontology/reasoning>"
WHOLE_IRI: Final = f"<{BASE}ontology>"

_CLAIM: Final = f"<{BASE}claim/"
_ONLY: Final = f"{BASE}only/"
_SUB_CLASS: Final = sv("rdfs:subClassOf")
_VERSION: Final = sv("owl:versionIRI")
#: Statements that only the program reads.
_MACHINE: Final = {
    sv(name)
    for name in ("claimKind", "givesGround", "conditionCount", "requirementCount", "conditionPhase", "componentCount")
}  # fmt: skip
#: Inferred predicates that say nothing in an editor, or that OWL DL keeps for its own syntax.
_NOT_AXIOMS: Final = {
    sv(name)
    for name in (
        "owl:sameAs", "owl:differentFrom", "rdfs:subPropertyOf", "rdfs:subClassOf", "rdfs:domain", "rdfs:range",
    )
}  # fmt: skip
#: Inferred properties that an editor's reasoner shows again from what stands in the file: closures of stated edges,
#: and the indexes that the rules start from.
_SHOWN_ANYWAY: Final = {
    sv(name)
    for name in (
        "appliesTo", "appliesFrom", "appliesOver", "appliesWith", "isKindOf", "reaches", "contains", "keyCondition",
        "relevantTo", "conditionToCheck", "groundIn", "ofClaim", "narrowerThan", "hasTrait",
    )
}  # fmt: skip
_BUILTIN: Final = tuple(f"<{namespace}" for namespace in (OWL, RDF, RDFS))


class EditorView:
    """The statements of a release for people.

    Attributes:
        stated: what was asserted.
        added: what a reasoner concluded.
        whole: both, in order.
    """

    def __init__(self, about: Mapping[str, list[Placed]], statements: Statements) -> None:
        self._statements = statements
        inverses = statements.about(sv("owl:inverseOf"))
        self._silent = _NOT_AXIOMS | _SHOWN_ANYWAY | _MACHINE
        self._silent |= {s for s, values in inverses.items() if any(place == CORE for place in values.values())}
        self._above = _read_hierarchy(statements)
        self.stated: About = {}
        self.added: About = {}
        self.whole: About = {}
        for subject, rows in about.items():
            self._see(subject, rows)

    def _see(self, subject: str, rows: list[Placed]) -> None:
        own = [(p, o) for p, o, place in rows if place < INFERRED and p not in _MACHINE]
        if subject.startswith(_CLAIM) and (note := self._note(subject)):
            own = sorted([*own, (sv("evidenceNote"), note)])
        classes = {o for p, o in own if p == TYPE}
        known = {above for cls in classes for above in self._above.get(cls, ())}
        new = [
            (p, o)
            for p, o, place in rows
            if place >= INFERRED and self._is_axiom(subject, p, o) and not (p == TYPE and o in known)
        ]
        if own:
            self.stated[subject] = type_first(own)
        if new:
            self.added[subject] = type_first(new)
        if own or new:
            self.whole[subject] = type_first(sorted([*own, *new])) if new else self.stated[subject]

    def _is_axiom(self, subject: str, predicate: str, value: str) -> bool:
        """Whether OWL DL can state it, and it tells an editor's user something."""
        if subject == value or predicate in self._silent or predicate.startswith(f"<{SV}ground"):
            return False
        return not subject.startswith(_BUILTIN) and not value.startswith(_BUILTIN)

    def _note(self, claim: str) -> str:
        """Return what a claim rests on, as a literal: the grade of evidence, the sources, the place in them."""
        of = self._statements.objects
        grades = [self._first(grade, iri(DEFINITION)) for grade in sorted(of(claim, sv("hasEvidence")))]
        sources = [self._cite(source) for source in sorted(of(claim, sv("dcterms:source")))]
        parts = [*sources, self._first(claim, sv("locator")), *grades]
        said = ". ".join(part.rstrip(".") for part in parts if part)
        return f'"{said}."' if said else ""

    def _cite(self, source: str) -> str:
        """Return a source as it is cited: publisher, title, version, year."""
        names = ("sourceVersion", "publicationYear")
        details = [self._first(source, sv(name)) for name in names]
        title = ", ".join(part for part in (self._first(source, sv("rdfs:label")), *details) if part)
        publisher = self._first(source, sv("publishedBy"))
        return f"{publisher}: {title}" if publisher else title

    def _first(self, subject: str, predicate: str) -> str:
        """Return the text of a subject's first literal of a predicate, escaped as it stands; empty if none."""
        value = min(self._statements.objects(subject, predicate), default='""')
        return value[1 : value.rindex('"')]

    def header(self, ontology: str) -> list[Pair]:
        """Return what the header of a part of the release says, with a version IRI of its own."""
        name = ontology[1:-1].rpartition("/")[2]
        return [(p, f"{o[:-1]}/{name}>" if p == _VERSION else o) for p, o in self.stated.get(WHOLE_IRI, ())]

    def for_reasoning(self) -> About:
        """Return what a reasoner needs to find all that it can in a minute.

        Score rules and statements of difference are left out, and so is what only people read but labels and
        definitions. ``p value a`` is written ``p some A``, A being a class with a for its one stated member: a class
        expression that names an individual makes a tableau reasoner look at all data for each class it places. For
        named individuals the classes that follow are the same.
        """
        kept: dict[str, list[Pair]] = {}
        members: dict[str, None] = {}
        idle = _find_idle(self.stated)
        of_scores = self._statements.about(TYPE)
        for subject, pairs in self.stated.items():
            if subject == WHOLE_IRI or subject in idle or sv("ScoreRule") in of_scores.get(subject, ()):
                continue
            rows = [(p, o) for p, o in pairs if p not in _UNREAD]
            kept[subject] = [self._weaken(p, o, members) for p, o in rows]
        for member in members:
            only = _only(member)
            kept.setdefault(member, []).append((TYPE, only))
            kept[only] = [(TYPE, sv("owl:Class")), (sv("rdfs:label"), f'"only {member[1:-1].removeprefix(BASE)}"')]
        kept[REASONING_IRI] = self.header(REASONING_IRI)
        return {subject: type_first(sorted(pairs)) for subject, pairs in sorted(kept.items())}

    @staticmethod
    def _weaken(predicate: str, value: str, members: dict[str, None]) -> Pair:
        if predicate == sv("owl:hasValue") and value.startswith("<"):
            members[value] = None
            return sv("owl:someValuesFrom"), _only(value)
        return predicate, value


#: What only people read.
_UNREAD: Final = {
    sv(name)
    for name in (
        "evidenceNote", "curatedBy", "curatedOn", "locator", "dcterms:source", "rdfs:comment", "skos:altLabel",
        "skos:example", "skos:exactMatch", "skos:closeMatch", "skos:broadMatch", "skos:narrowMatch",
        "skos:relatedMatch",
    )
}  # fmt: skip


def _only(individual: str) -> str:
    return f"<{_ONLY}{individual[1:-1].removeprefix(BASE)}>"


def _read_hierarchy(statements: Statements) -> dict[str, set[str]]:
    """Return class → all named classes above it, by what is stated and its closure."""
    return {
        below: {above for above in values if above.startswith("<") and above != below}
        for below, values in statements.about(_SUB_CLASS).items()
    }


def _find_idle(about: Mapping[str, list[Pair]]) -> set[str]:
    """Return the nodes of statements that individuals differ, their lists among them."""
    idle: set[str] = set()
    todo = [subject for subject, pairs in about.items() if (TYPE, sv("owl:AllDifferent")) in pairs]
    while todo:
        node = todo.pop()
        idle.add(node)
        todo += [value for _, value in about.get(node, ()) if value.startswith("_:") and value not in idle]
    return idle
