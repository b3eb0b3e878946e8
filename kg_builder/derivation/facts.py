"""Facts of a case as nodes: named by JSON pointer, with a text for people; faults collected on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import quote

import pyoxigraph as ox

from kg_builder.derivation.case import pointer
from kg_builder.derivation.context import Context, Parameter
from kg_builder.derivation.posterior import Resistance
from kg_builder.derivation.rules import Statement
from kg_builder.issues import Issue
from kg_builder.knowledge.faults import Fault
from kg_builder.vocabulary import CASE, RDF, SV, expand

TYPE = ox.NamedNode(RDF + "type")
DECIMAL = ox.NamedNode("http://www.w3.org/2001/XMLSchema#decimal")


@dataclass(slots=True)
class Prepared:
    """A case as a graph.

    Attributes:
        iri: IRI of the case, and of the named graph that holds its facts and findings.
        quads: its facts.
        texts: what each fact says, by IRI, for people.
        reached: terms (IRIs) that each marker fact states or falls under.
        sequenced: genes (IRIs) named as sequenced.
        altered: genes (IRIs) of which an alteration is given.
        kinds: fact kinds (``kind:marker``) that it has.
        resistances: local resistance by drug or class (IRI), with the fact that states it.
        remarks: warnings about what was read, none of which keeps the case from being answered.
    """

    iri: str
    quads: list[ox.Quad] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    reached: dict[str, frozenset[str]] = field(default_factory=dict)
    sequenced: frozenset[str] = frozenset()
    altered: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    remarks: tuple[Issue, ...] = ()
    resistances: dict[str, tuple[str, Resistance]] = field(default_factory=dict)

    @property
    def statements(self) -> list[Statement]:
        """Its facts as text."""
        return [(q.subject.value, q.predicate.value, q.object.value) for q in self.quads]  # type: ignore[union-attr]


def case_iri(identifier: str) -> str:
    """Return the IRI of a case.

    >>> case_iri("ward 3/7")
    'https://w3id.org/salvage-kg/case/ward%203%2F7'
    """
    return CASE + quote(identifier, safe="")


def fact_iri(case: str, where: str) -> str:
    """Return the IRI of the fact at a JSON pointer of a case.

    >>> fact_iri("one", "/patient/age")
    'https://w3id.org/salvage-kg/case/one#/patient/age'
    """
    return f"{case_iri(case)}#{quote(where, safe='/~:,;()')}"


class FactWriter:
    """Writes the facts of one case and collects what is wrong with them."""

    def __init__(self, iri: str, context: Context, path: str) -> None:
        self.context, self.path = context, path
        self.issues: list[Issue] = []
        self.out = Prepared(iri)
        self.graph = ox.NamedNode(iri)
        self.measured: dict[str, str] = {}
        self.terms: dict[str, str] = {}

    def add(self, subject: str, predicate: ox.NamedNode | str, value: ox.NamedNode | ox.Literal) -> None:
        """Add one triple to the graph of the case."""
        predicate = ox.NamedNode(SV + predicate) if isinstance(predicate, str) else predicate
        self.out.quads.append(ox.Quad(ox.NamedNode(subject), predicate, value, self.graph))

    def fact(self, where: str, kind: str, terms: Iterable[str], text: str) -> str:
        """Add a fact and return its IRI."""
        iri = f"{self.out.iri}#{quote(where, safe='/~:,;()')}"
        self.add(iri, "factIn", self.graph)
        self.add(iri, TYPE, ox.NamedNode(SV + "Fact"))
        self.add(iri, "factKind", ox.NamedNode(expand(f"kind:{kind}")))
        self.out.kinds |= {f"kind:{kind}"}
        for term in terms:
            self.add(iri, "states", ox.NamedNode(expand(term)))
            self.terms.setdefault(term, where)
        self.out.texts[iri] = text
        return iri

    def number(
        self, where: str, parameter: Parameter, value: float | Decimal | int, *, inputs: Sequence[str] = ()
    ) -> str:
        """Add a measurement, checked against its plausible range, and return its IRI."""
        number = Decimal(str(value))
        low, high = parameter.minimum, parameter.maximum
        if (low is not None and number < low) or (high is not None and number > high):
            self.tell(
                where, "C008", f"{parameter.label} of {number} {parameter.unit} is not plausible",
                f"between {low} and {high} {parameter.unit} is expected",
            )  # fmt: skip
        if parameter.id in self.measured:
            self.tell(where, "C010", f"{parameter.label} is given twice", f"also at {self.measured[parameter.id]}")
        self.measured[parameter.id] = where
        unit = "" if parameter.unit == "1" else f" {parameter.unit}"
        iri = self.fact(where, "measurement", (), f"{parameter.label} {number:f}{unit}")
        self.add(iri, TYPE, ox.NamedNode(SV + "Measurement"))
        self.add(iri, "onParameter", ox.NamedNode(expand(parameter.id)))
        self.add(iri, "value", ox.Literal(f"{number:f}", datatype=DECIMAL))
        for source in inputs:
            self.add(iri, "derivedFrom", ox.NamedNode(source))
        return iri

    def tell(self, where: str, code: str, message: str, hint: str = "") -> None:
        """Note a fault at a JSON pointer."""
        self.issues.append(Issue(self.path, 0, where, code, message, hint))

    def remark(self, where: str, code: str, message: str, hint: str = "") -> None:
        """Note a warning at a JSON pointer."""
        self.issues.append(Issue(self.path, 0, where, code, message, hint, "warning"))

    def resolve(self, text: str, kinds: Sequence[str], where: str) -> str | None:
        """Return the CURIE that a text names, or None with the fault noted."""
        try:
            return self.context.names.resolve(text, kinds)
        except Fault as fault:
            self.issues.append(fault.issue(self.path, 0, where))
            return None

    def named(
        self, text: str | None, kinds: Sequence[str], kind: str, *where: str | int, prefix: str = ""
    ) -> str | None:
        """Add a fact that states the one term a text names and return its IRI; None without text or term."""
        if text is None or (term := self.resolve(text, kinds, pointer(*where))) is None:
            return None
        return self.fact(pointer(*where), kind, (term,), f"{prefix}{self.context.names.label(term)}")
