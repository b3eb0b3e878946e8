"""Compile a TBox into Horn rules: what OWL 2 RL concludes about named individuals.

The axioms are read from RDF (W3C, *OWL 2 Mapping to RDF Graphs*) and become rules in the manner of
*OWL 2 Profiles*, section 4.3, with the TBox already substituted in: ``Drug and (memberOf value x)
SubClassOf C`` is ``?x a Drug . ?x memberOf x -> ?x a C``. A rule without a head is a clash.

Supported: subClassOf, equivalentClass, disjointWith, AllDisjointClasses, subPropertyOf,
equivalentProperty, inverseOf, propertyChainAxiom (any length, inverse members), domain, range,
Symmetric-, Transitive-, Asymmetric- and IrreflexiveProperty, functional data properties (as a clash),
propertyDisjointWith, AllDisjointProperties, sameAs, differentFrom and AllDifferent (as a clash);
in class expressions intersectionOf, hasValue, someValuesFrom (left), unionOf (left), allValuesFrom
(right), complementOf (right), Thing, Nothing.

*Beyond RL*, read, left to the DL reasoner and listed in :attr:`RuleSet.beyond`: someValuesFrom, unionOf
and cardinalities on the right, complementOf and allValuesFrom on the left, sameAs between terms that
are not declared different (nothing is merged). Datatypes of literals are not checked here either.

*Refused* with :class:`ReasoningError`: every other axiom or constructor of OWL, among them functional
and inverse functional object properties, keys, reflexive properties, oneOf, hasSelf, disjointUnionOf,
negative property assertions and SWRL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations, product
from typing import Final

import pyoxigraph as ox

from kg_builder.graph.rl_schema import (
    ALL_DIFFERENT,
    ALL_DISJOINT,
    ALL_DISJOINT_PROPERTIES,
    TYPE,
    Node,
    Schema,
    Term,
    UnsupportedError,
    owl,
    rdfs,
)
from kg_builder.issues import Issue, ReasoningError
from kg_builder.knowledge.statements import Statements
from kg_builder.vocabulary import GRAPH_CORE, compact

THING: Final = owl("Thing")
NOTHING: Final = owl("Nothing")
#: Membership of a pairwise different or disjoint group; only ever in the scratch store of a run.
IN_GROUP: Final = ox.NamedNode("urn:x-salvage-kg:in-group")
X: Final = ox.Variable("x")


@dataclass(frozen=True, slots=True)
class Atom:
    """A triple pattern with a fixed predicate."""

    s: Term
    p: ox.NamedNode
    o: Term

    @property
    def variables(self) -> frozenset[str]:
        return frozenset(t.value for t in (self.s, self.o) if isinstance(t, ox.Variable))


@dataclass(frozen=True, slots=True)
class Rule:
    """``body -> head``; no head means that the body is a clash.

    Attributes:
        axiom: the axiom behind it, in words near Manchester syntax.
        unequal: two variables that must not be bound to the same term.
    """

    axiom: str = field(compare=False)
    body: tuple[Atom, ...]
    head: Atom | None
    unequal: tuple[ox.Variable, ox.Variable] | None = None


@dataclass(slots=True)
class RuleSet:
    """The compiled TBox.

    Attributes:
        rules: inferences; one with an empty body is a fact.
        clashes: rules without a head.
        hierarchy: told edges ``(sub, super)`` between named classes.
        groups: ``IN_GROUP`` triples that the clash rules need.
        beyond: axioms left to the DL reasoner.
    """

    rules: list[Rule]
    clashes: list[Rule]
    hierarchy: set[tuple[ox.NamedNode, ox.NamedNode]]
    groups: list[ox.Triple]
    beyond: tuple[str, ...]


def compile_rules(statements: Statements) -> RuleSet:
    """Compile the axioms among statements.

    Raises:
        ReasoningError: O102 for each axiom or expression that is not supported.
    """
    schema = Schema(statements)
    compiler = _Compiler(schema)
    compiler.compile()
    issues = [
        Issue(path=compact(GRAPH_CORE), line=0, column="", code="O102", message=text, hint="rephrase it in OWL 2 RL")
        for text in sorted({*schema.unknown, *compiler.refused})
    ]
    if issues:
        raise ReasoningError(issues)
    unique = list(dict.fromkeys(compiler.rules))
    return RuleSet(
        rules=[r for r in unique if r.head is not None and r.head not in r.body],
        clashes=[r for r in unique if r.head is None],
        hierarchy=compiler.hierarchy,
        groups=compiler.groups,
        beyond=tuple(sorted(compiler.beyond)),
    )


class _Compiler:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.rules: list[Rule] = []
        self.groups: list[ox.Triple] = []
        self.hierarchy: set[tuple[ox.NamedNode, ox.NamedNode]] = set()
        self.beyond: set[str] = set()
        self.refused: set[str] = set()
        self._fresh = 0

    def compile(self) -> None:
        """Turn every axiom of the schema into rules; faults are collected in :attr:`refused`."""
        for statement, make in self._statements():
            try:
                make()
            except UnsupportedError as error:
                self.refused.add(f"{statement}: {error}")

    def _statements(self) -> Iterator[tuple[str, Callable[[], None]]]:
        schema, show = self.schema, self.schema.show
        makers: tuple[tuple[ox.NamedNode, str, Callable[[Term, Term, str], None]], ...] = (
            (rdfs("subClassOf"), "SubClassOf", self._sub_class),
            (owl("equivalentClass"), "EquivalentTo", self._equivalent_class),
            (owl("disjointWith"), "DisjointWith", self._disjoint),
            (rdfs("subPropertyOf"), "SubPropertyOf", self._sub_property),
            (owl("equivalentProperty"), "EquivalentTo", self._equivalent_property),
            (owl("inverseOf"), "InverseOf", self._inverse),
            (rdfs("domain"), "Domain", self._domain),
            (rdfs("range"), "Range", self._range),
            (owl("propertyDisjointWith"), "DisjointWith", self._disjoint_properties),
        )
        for predicate, word, make in makers:
            for one, two in schema.pairs(predicate):
                text = f"{show(one)} {word} {show(two)}"
                yield text, partial(make, one, two, text)
        for constructor in map(owl, ("intersectionOf", "unionOf", "complementOf")):
            for name in schema.named(constructor):
                text = f"{show(name)} EquivalentTo {schema.show_constructor(name, constructor)}"
                yield text, partial(self._named_expression, name, constructor, text)
        for individual, expression in schema.complex_types():
            text = f"{show(individual)} Type {show(expression)}"
            yield text, partial(self._right, expression, individual, (), text)
        for prop, members in schema.pairs(owl("propertyChainAxiom")):
            text = f"{schema.show_list(members, ' o ')} SubPropertyOf {show(prop)}"
            yield text, partial(self._chain, members, prop, text)
        for characteristic in ("Symmetric", "Transitive", "Asymmetric", "Irreflexive", "Functional"):
            for prop in schema.instances(owl(f"{characteristic}Property")):
                text = f"{characteristic} {show(prop)}"
                yield text, partial(self._characteristic, characteristic, prop, text)
        yield from self._groups()

    def _groups(self) -> Iterator[tuple[str, Callable[[], None]]]:
        schema, show = self.schema, self.schema.show
        for group in schema.instances(ALL_DISJOINT):
            yield "AllDisjointClasses", partial(self._all_disjoint, group)
        for group in schema.instances(ALL_DISJOINT_PROPERTIES):
            yield "AllDisjointProperties", partial(self._all_disjoint_properties, group)
        for group in schema.instances(ALL_DIFFERENT):
            yield "AllDifferent", partial(self._gather, group)
        a, b, g = ox.Variable("a"), ox.Variable("b"), ox.Variable("g")
        same, different = owl("sameAs"), owl("differentFrom")
        together = (Atom(a, IN_GROUP, g), Atom(b, IN_GROUP, g))
        self.rules += [
            Rule("AllDisjointClasses", (Atom(X, TYPE, a), Atom(X, TYPE, b), *together), None, (a, b)),
            Rule("AllDifferent and sameAs", (Atom(a, same, b), *together), None, (a, b)),
            Rule("differentFrom and sameAs", (Atom(a, same, b), Atom(a, different, b)), None),
            Rule("differentFrom and sameAs", (Atom(a, same, b), Atom(b, different, a)), None),
            Rule("differentFrom itself", (Atom(a, different, a),), None),
            Rule("Nothing has no instance", (Atom(X, TYPE, NOTHING),), None),
        ]
        self.beyond |= {f"{show(one)} sameAs {show(two)}: not merged" for one, two in schema.pairs(same)}

    def _gather(self, group: Node) -> None:
        """Record the named members of a group, so that one rule finds two of them that meet."""
        for member in self.schema.members_of(group):
            if isinstance(member, ox.NamedNode):
                self.groups.append(ox.Triple(member, IN_GROUP, group))

    def _all_disjoint(self, group: Node) -> None:
        self._gather(group)
        for one, two in combinations(self.schema.members_of(group), 2):
            if not (isinstance(one, ox.NamedNode) and isinstance(two, ox.NamedNode)):
                self._disjoint(one, two, f"{self.schema.show(one)} DisjointWith {self.schema.show(two)}")

    def _all_disjoint_properties(self, group: Node) -> None:
        for one, two in combinations(self.schema.members_of(group), 2):
            self._disjoint_properties(one, two, f"{self.schema.show(one)} DisjointWith {self.schema.show(two)}")

    def _sub_class(self, sub: Term, sup: Term, text: str) -> None:
        if self.schema.is_datatype(sub):
            return
        self._told(sub, sup)
        for body in self._left(sub, X, text):
            self._right(sup, X, body, text)

    def _equivalent_class(self, one: Term, two: Term, text: str) -> None:
        self._sub_class(one, two, text)
        self._sub_class(two, one, text)

    def _named_expression(self, name: ox.NamedNode, constructor: ox.NamedNode, text: str) -> None:
        """``C owl:unionOf (...)``: the form in which a named class carries its definition itself."""
        for body in self._constructor_left(name, constructor, X, text):
            self._right(name, X, body, text)
        self._constructor_right(name, constructor, X, (Atom(X, TYPE, name),), text)
        for member in self.schema.operands(name, constructor):
            if constructor == owl("intersectionOf"):
                self._told(name, member)
            elif constructor == owl("unionOf"):
                self._told(member, name)

    def _told(self, sub: Term, sup: Term) -> None:
        """Record the edges between named classes that an axiom states (scm-sco, scm-int, scm-uni)."""
        schema = self.schema
        if isinstance(sub, ox.NamedNode) and isinstance(sup, ox.NamedNode):
            if sub != sup and THING not in (sub, sup) and NOTHING not in (sub, sup):
                self.hierarchy.add((sub, sup))
        elif isinstance(sub, ox.NamedNode):
            for member in schema.operands(sup, owl("intersectionOf")):
                self._told(sub, member)
        elif isinstance(sup, ox.NamedNode):
            for member in schema.operands(sub, owl("unionOf")):
                self._told(member, sup)

    def _disjoint(self, one: Term, two: Term, text: str) -> None:
        for left in self._left(one, X, text):
            for right in self._left(two, X, text):
                self.rules.append(Rule(text, _distinct(left + right), None))

    def _implies(self, chain: tuple[Term, ...], sup: Term, text: str) -> None:
        if any(self.schema.is_annotation(p) for p in (*chain, sup)):
            return
        places = [ox.Variable(f"p{i}") for i in range(len(chain) + 1)]
        body = tuple(self._property(p, s, o) for p, s, o in zip(chain, places, places[1:], strict=False))
        self.rules.append(Rule(text, body, self._property(sup, places[0], places[-1])))

    def _sub_property(self, sub: Term, sup: Term, text: str) -> None:
        self._implies((sub,), sup, text)

    def _equivalent_property(self, one: Term, two: Term, text: str) -> None:
        self._implies((one,), two, text)
        self._implies((two,), one, text)

    def _chain(self, head: Term, sup: Term, text: str) -> None:
        self._implies(tuple(self.schema.members(head)), sup, text)

    def _inverse(self, one: Term, two: Term, text: str) -> None:
        y = ox.Variable("y")
        if isinstance(one, ox.BlankNode):
            return  # an expression, read where it is used
        self.rules.append(Rule(text, (self._property(one, X, y),), self._property(two, y, X)))
        self.rules.append(Rule(text, (self._property(two, X, y),), self._property(one, y, X)))

    def _characteristic(self, kind: str, prop: Term, text: str) -> None:
        y, z = ox.Variable("y"), ox.Variable("z")
        there = self._property(prop, X, y)
        if kind == "Symmetric":
            self.rules.append(Rule(text, (there,), self._property(prop, y, X)))
        elif kind == "Transitive":
            self.rules.append(Rule(text, (there, self._property(prop, y, z)), self._property(prop, X, z)))
        elif kind == "Asymmetric":
            self.rules.append(Rule(text, _distinct((there, self._property(prop, y, X))), None))
        elif kind == "Irreflexive":
            self.rules.append(Rule(text, (self._property(prop, X, X),), None))
        elif self.schema.is_data_property(prop):
            self.rules.append(Rule(text, (there, self._property(prop, X, z)), None, (y, z)))
        else:
            raise UnsupportedError("functional object properties would need sameAs, which is not merged")

    def _domain(self, prop: Term, cls: Term, text: str) -> None:
        if not self.schema.is_annotation(prop):
            self._right(cls, X, (self._property(prop, X, ox.Variable("y")),), text)

    def _range(self, prop: Term, cls: Term, text: str) -> None:
        if not self.schema.is_annotation(prop) and not self.schema.is_datatype(cls):
            self._right(cls, X, (self._property(prop, ox.Variable("y"), X),), text)

    def _disjoint_properties(self, one: Term, two: Term, text: str) -> None:
        y = ox.Variable("y")
        self.rules.append(Rule(text, (self._property(one, X, y), self._property(two, X, y)), None))

    def _property(self, prop: Term, s: Term, o: Term) -> Atom:
        if isinstance(prop, ox.NamedNode):
            return Atom(s, prop, o)
        return self._property(self.schema.inverse_of(prop), o, s)

    def _left(self, cls: Term, x: Term, text: str) -> list[tuple[Atom, ...]]:
        """Return the bodies, any of which makes ``x`` an instance of the class expression."""
        if cls == THING:
            return [()]
        if isinstance(cls, ox.NamedNode):
            return [(Atom(x, TYPE, cls),)]
        return self._constructor_left(cls, self.schema.constructor(cls), x, text)

    def _constructor_left(self, cls: Term, constructor: ox.NamedNode, x: Term, text: str) -> list[tuple[Atom, ...]]:
        schema = self.schema
        if constructor == owl("intersectionOf"):
            parts = [self._left(c, x, text) for c in schema.operands(cls, constructor)]
            return [_distinct(sum(choice, ())) for choice in product(*parts)]
        if constructor == owl("unionOf"):
            return [body for c in schema.operands(cls, constructor) for body in self._left(c, x, text)]
        if constructor == owl("hasValue"):
            return [(self._property(schema.on_property(cls), x, schema.constant(cls, constructor)),)]
        if constructor == owl("someValuesFrom"):
            y, filler = self._variable(), schema.value(cls, constructor)
            link = self._property(schema.on_property(cls), x, y)
            if filler == rdfs("Literal"):
                return [(link,)]
            if schema.is_datatype(filler):
                raise UnsupportedError(f"a datatype on the left side: {schema.show(cls)}")
            return [(link, *rest) for rest in self._left(filler, y, text)]
        if constructor in (owl("complementOf"), owl("allValuesFrom")):
            self.beyond.add(text)
            return []
        raise UnsupportedError(f"{compact(constructor.value)} on the left side")

    def _right(self, cls: Term, x: Term, body: tuple[Atom, ...], text: str) -> None:
        """Add the rules by which ``body`` makes ``x`` an instance of the class expression."""
        if cls == NOTHING:
            self.rules.append(Rule(text, body, None))
        elif isinstance(cls, ox.NamedNode):
            if cls != THING:
                self._conclude(text, body, Atom(x, TYPE, cls))
        else:
            self._constructor_right(cls, self.schema.constructor(cls), x, body, text)

    def _constructor_right(
        self, cls: Term, constructor: ox.NamedNode, x: Term, body: tuple[Atom, ...], text: str
    ) -> None:
        schema = self.schema
        if constructor == owl("intersectionOf"):
            for part in schema.operands(cls, constructor):
                self._right(part, x, body, text)
        elif constructor == owl("hasValue"):
            value = schema.constant(cls, constructor)
            self._conclude(text, body, self._property(schema.on_property(cls), x, value))
        elif constructor == owl("allValuesFrom"):
            filler = schema.value(cls, constructor)
            if not schema.is_datatype(filler):
                y = self._variable()
                self._right(filler, y, (*body, self._property(schema.on_property(cls), x, y)), text)
        elif constructor == owl("complementOf"):
            for other in self._left(schema.value(cls, constructor), x, text):
                self.rules.append(Rule(text, _distinct(body + other), None))
        elif constructor == owl("oneOf") or constructor == owl("hasSelf"):
            raise UnsupportedError(f"{compact(constructor.value)} on the right side")
        else:
            self.beyond.add(text)

    def _conclude(self, text: str, body: tuple[Atom, ...], head: Atom) -> None:
        if not head.variables <= frozenset().union(*(a.variables for a in body)):
            raise UnsupportedError("it says something of every individual")
        self.rules.append(Rule(text, body, head))

    def _variable(self) -> ox.Variable:
        self._fresh += 1
        return ox.Variable(f"v{self._fresh}")


def _distinct(atoms: Iterable[Atom]) -> tuple[Atom, ...]:
    return tuple(dict.fromkeys(atoms))
