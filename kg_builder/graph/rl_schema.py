"""The statements with a word of OWL, indexed for the rule compiler; knows what it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyoxigraph as ox

from kg_builder.knowledge.statements import Statements, to_triples
from kg_builder.vocabulary import OWL, RDF, RDFS, XSD, compact

Node = ox.NamedNode | ox.BlankNode
Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Variable | ox.Triple


def _node(text: str) -> Node:
    return ox.BlankNode(text[2:]) if text.startswith("_:") else ox.NamedNode(text[1:-1])


def owl(local: str) -> ox.NamedNode:
    """Return a term of OWL."""
    return ox.NamedNode(OWL + local)


def rdf(local: str) -> ox.NamedNode:
    """Return a term of RDF."""
    return ox.NamedNode(RDF + local)


def rdfs(local: str) -> ox.NamedNode:
    """Return a term of RDFS."""
    return ox.NamedNode(RDFS + local)


ALL_DISJOINT: Final = owl("AllDisjointClasses")
ALL_DISJOINT_PROPERTIES: Final = owl("AllDisjointProperties")
ALL_DIFFERENT: Final = owl("AllDifferent")
TYPE: Final = rdf("type")

#: In this order a class expression is asked for its constructor.
CONSTRUCTORS: Final = (
    "intersectionOf", "unionOf", "complementOf", "oneOf", "hasValue", "someValuesFrom", "allValuesFrom", "hasSelf",
    "minCardinality", "maxCardinality", "cardinality",
    "minQualifiedCardinality", "maxQualifiedCardinality", "qualifiedCardinality",
)  # fmt: skip

_NO_MEANING: Final = frozenset({
    "Class", "ObjectProperty", "DatatypeProperty", "AnnotationProperty", "OntologyProperty", "NamedIndividual",
    "Ontology", "Restriction", "Axiom", "Annotation", "AllDisjointClasses", "AllDisjointProperties", "AllDifferent",
    "DeprecatedClass", "DeprecatedProperty", "imports", "versionIRI", "versionInfo", "priorVersion",
    "backwardCompatibleWith", "incompatibleWith", "deprecated", "annotatedSource", "annotatedProperty",
    "annotatedTarget", "members", "distinctMembers", "onProperty", "onClass", "onDatatype", "withRestrictions",
    "DataRange", "topObjectProperty", "topDataProperty", "Thing", "Nothing", "label", "comment", "seeAlso",
    "isDefinedBy", "Datatype", "Literal",
})  # fmt: skip
_AXIOMS: Final = frozenset({
    "subClassOf", "equivalentClass", "disjointWith", "subPropertyOf", "equivalentProperty", "inverseOf",
    "propertyChainAxiom", "domain", "range", "propertyDisjointWith", "sameAs", "differentFrom", "SymmetricProperty",
    "TransitiveProperty", "AsymmetricProperty", "IrreflexiveProperty", "FunctionalProperty",
})  # fmt: skip
_KNOWN: Final = frozenset(ns + local for ns in (OWL, RDFS) for local in (*_NO_MEANING, *_AXIOMS, *CONSTRUCTORS))
_JUDGED: Final = tuple(f"<{namespace}" for namespace in (OWL, RDFS, "http://www.w3.org/2003/11/swrl#"))
_TOLD: Final = (*_JUDGED, f"<{RDF}first>", f"<{RDF}rest>")


class UnsupportedError(Exception):
    """An axiom or expression that the compiler does not turn into rules."""


class Schema:
    """The statements with a word of OWL or RDFS.

    Attributes:
        unknown: messages about OWL words, axioms or expressions that nothing here understands.
    """

    def __init__(self, statements: Statements) -> None:
        self._by_subject: dict[ox.NamedNode, dict[Node, list[Term]]] = {}
        self.unknown: list[str] = []
        for word in statements.predicates():
            if word.startswith(_TOLD):
                self._read(ox.NamedNode(word[1:-1]), statements)
        types = statements.of_object(str(TYPE))
        for word in sorted(types):
            if word.startswith(_JUDGED) and word[1:-1] not in _KNOWN:
                self.unknown.append(f"{compact(word[1:-1])}: not supported")
        self._types = {
            word: [_node(subject) for subject in sorted(subjects)]
            for word, subjects in types.items()
            if word.startswith((*_JUDGED, "_:"))
        }
        self._annotations = set(self.instances(owl("AnnotationProperty")))
        self._data = set(self.instances(owl("DatatypeProperty")))
        self._datatypes = set(self.instances(rdfs("Datatype"))) | set(self.instances(owl("DataRange")))

    def _read(self, predicate: ox.NamedNode, statements: Statements) -> None:
        if predicate.value not in _KNOWN and str(predicate).startswith(_JUDGED):
            self.unknown.append(f"{compact(predicate.value)}: not supported")
        index = self._by_subject.setdefault(predicate, {})
        if predicate.value not in (RDFS + "label", RDFS + "comment"):
            rows = ((s, str(predicate), o) for s, values in statements.about(str(predicate)).items() for o in values)
            for triple in to_triples(rows):
                if not isinstance(triple.subject, ox.Triple):
                    index.setdefault(triple.subject, []).append(triple.object)

    # --- statements --------------------------------------------------------------------------

    def pairs(self, predicate: ox.NamedNode) -> list[tuple[Node, Term]]:
        """Return subject and object of every statement of a predicate, in a stable order."""
        found = [(s, o) for s, objects in self._by_subject.get(predicate, {}).items() for o in objects]
        return sorted(found, key=lambda pair: (str(pair[0]), str(pair[1])))

    def named(self, constructor: ox.NamedNode) -> list[ox.NamedNode]:
        """Return the classes with an IRI that carry a constructor themselves."""
        subjects = self._by_subject.get(constructor, {})
        return sorted((s for s in subjects if isinstance(s, ox.NamedNode)), key=str)

    def instances(self, cls: ox.NamedNode) -> list[Node]:
        """Return what is declared an instance of a class of OWL or RDFS."""
        return list(self._types.get(str(cls), ()))

    def complex_types(self) -> Iterator[tuple[Node, ox.BlankNode]]:
        """Yield individuals with the class expression that is asserted of them."""
        for word in sorted(word for word in self._types if word.startswith("_:")):
            for individual in self._types[word]:
                if isinstance(individual, ox.NamedNode):
                    yield individual, ox.BlankNode(word[2:])
                else:
                    self.unknown.append("an anonymous individual with a class expression as its type: not supported")

    def members(self, head: Term) -> list[Term]:
        """Return the items of an RDF list."""
        items: list[Term] = []
        seen: set[Term] = set()
        while head != rdf("nil"):
            first, rest = self._objects(head, rdf("first")), self._objects(head, rdf("rest"))
            if len(first) != 1 or len(rest) != 1 or head in seen:
                raise UnsupportedError("a broken RDF list")
            seen.add(head)
            items.append(first[0])
            head = rest[0]
        return items

    def members_of(self, group: Node) -> list[Term]:
        """Return the members of an AllDisjoint… or AllDifferent axiom."""
        heads = self._objects(group, owl("members")) + self._objects(group, owl("distinctMembers"))
        if len(heads) != 1:
            raise UnsupportedError(f"{self.show(group)} needs exactly one list of members")
        return self.members(heads[0])

    # --- kinds of entity ---------------------------------------------------------------------

    def is_annotation(self, prop: Term) -> bool:
        """Whether a property only annotates, so that axioms about it have no consequence."""
        return prop in self._annotations

    def is_data_property(self, prop: Term) -> bool:
        return prop in self._data

    def is_datatype(self, cls: Term) -> bool:
        """Whether a range or filler is a data range and not a class."""
        if isinstance(cls, ox.NamedNode):
            known = cls.value.startswith(XSD) or cls in (rdfs("Literal"), rdf("PlainLiteral"), rdf("langString"))
            return known or cls in (owl("real"), owl("rational")) or cls in self._datatypes
        return cls in self._datatypes or bool(self._objects(cls, owl("onDatatype")))

    # --- expressions -------------------------------------------------------------------------

    def _objects(self, subject: Term, predicate: ox.NamedNode) -> list[Term]:
        return self._by_subject.get(predicate, {}).get(subject, [])  # type: ignore[arg-type]

    def constructor(self, cls: Term) -> ox.NamedNode:
        """Return the constructor of an anonymous class: ``owl:hasValue`` …"""
        found = [owl(c) for c in CONSTRUCTORS if self._objects(cls, owl(c))]
        if len(found) != 1:
            raise UnsupportedError("a class expression without exactly one constructor")
        return found[0]

    def operands(self, cls: Term, constructor: ox.NamedNode) -> list[Term]:
        """Return the classes joined by ``intersectionOf`` or ``unionOf``; none where it is another constructor."""
        return [member for head in self._objects(cls, constructor)[:1] for member in self.members(head)]

    def value(self, cls: Term, constructor: ox.NamedNode) -> Term:
        """Return the one object of a constructor."""
        values = self._objects(cls, constructor)
        if len(values) != 1:
            raise UnsupportedError(f"{self.show(cls)} needs exactly one {compact(constructor.value)}")
        return values[0]

    def constant(self, cls: Term, constructor: ox.NamedNode) -> Term:
        """Return the value of ``hasValue``: a named individual or a literal."""
        value = self.value(cls, constructor)
        if isinstance(value, ox.BlankNode):
            raise UnsupportedError("hasValue with an anonymous individual")
        return value

    def on_property(self, cls: Term) -> Term:
        return self.value(cls, owl("onProperty"))

    def inverse_of(self, prop: Term) -> Term:
        """Return what an anonymous property expression is the inverse of."""
        values = self._objects(prop, owl("inverseOf"))
        if not isinstance(prop, ox.BlankNode) or len(values) != 1:
            raise UnsupportedError("a property expression that is neither a name nor an inverse")
        return values[0]

    # --- words -------------------------------------------------------------------------------

    def show(self, term: Term) -> str:
        """Write a term or expression near Manchester syntax, for messages; works on broken ones too."""
        if isinstance(term, ox.NamedNode):
            return compact(term.value)
        if not isinstance(term, ox.BlankNode):
            return str(term)
        if self._objects(term, owl("inverseOf")):
            return f"inverse {self.show(self._objects(term, owl('inverseOf'))[0])}"
        for constructor in CONSTRUCTORS:
            if self._objects(term, owl(constructor)):
                return self.show_constructor(term, owl(constructor))
        return "an anonymous expression"

    def show_constructor(self, term: Term, constructor: ox.NamedNode) -> str:
        """Write the expression that a constructor makes of a node."""
        words = {"hasValue": "value", "someValuesFrom": "some", "allValuesFrom": "only", "complementOf": "not",
                 "intersectionOf": " and ", "unionOf": " or ", "oneOf": ", "}  # fmt: skip
        local = constructor.value.removeprefix(OWL)
        word, first = words.get(local, local), self._objects(term, constructor)[0]
        if local in ("intersectionOf", "unionOf", "oneOf"):
            return f"({self.show_list(first, word)})"
        if local == "complementOf":
            return f"(not {self.show(first)})"
        prop = ", ".join(map(self.show, self._objects(term, owl("onProperty"))))
        return f"({prop} {word} {self.show(first)})"

    def show_list(self, head: Term, separator: str) -> str:
        """Write the items of a list, as far as it is one."""
        try:
            return separator.join(map(self.show, self.members(head)))
        except UnsupportedError:
            return "a broken list"
