"""Write a graph so that the same statements always give the same bytes.

Blank nodes are named by RDFC-1.0, statements are sorted, and class expressions and lists are written
inside the statement that uses them (Turtle ``[ ]`` and ``( )``, RDF/XML nesting), so that the files read
well in an editor and open in Protégé.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from xml.sax.saxutils import escape

from pyoxigraph import (
    BlankNode,
    CanonicalizationAlgorithm,
    Dataset,
    Literal,
    NamedNode,
    Quad,
    RdfFormat,
    Triple,
    serialize,
)

from kg_builder.vocabulary import OWL, PREFIXES, RDF, SV, XSD

Node = NamedNode | BlankNode
Term = NamedNode | BlankNode | Literal
Statement = tuple[Node, NamedNode, Term]

_TYPE = NamedNode(RDF + "type")
_FIRST = NamedNode(RDF + "first")
_REST = NamedNode(RDF + "rest")
_NIL = NamedNode(RDF + "nil")
_ONTOLOGY = NamedNode(OWL + "Ontology")
_LOCAL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?")
_NCNAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*$")
_XML_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def name_blank_nodes(quads: Iterable[Quad]) -> list[Quad]:
    """Return the quads with blank nodes renamed canonically (RDFC-1.0), repeats dropped, in no order."""
    named: set[Quad] = set()
    blank: list[Quad] = []
    for quad in quads:
        if isinstance(quad.subject, BlankNode) or isinstance(quad.object, BlankNode):
            blank.append(quad)
        else:
            named.add(quad)
    dataset = Dataset(blank)
    dataset.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    return [*named, *dataset]


def write_nquads(quads: Iterable[Quad]) -> bytes:
    """Return canonical N-Quads: one line a quad, lines sorted, LF; blank nodes keep their names."""
    data = serialize(quads, format=RdfFormat.N_QUADS) or b""
    lines = data.split(b"\n")
    return b"\n".join(sorted(set(filter(None, lines)))) + b"\n"


class _Layout:
    """Statements grouped by subject, in writing order; knows which blank nodes stand inside another node."""

    def __init__(self, statements: Iterable[Statement]) -> None:
        self.about: dict[Node, dict[NamedNode, list[Term]]] = defaultdict(lambda: defaultdict(list))
        uses: Counter[BlankNode] = Counter()
        for subject, predicate, value in set(statements):
            self.about[subject][predicate].append(value)
            if isinstance(value, BlankNode):
                uses[value] += 1
        self.used = set(uses)
        self._single = {node for node, count in uses.items() if count == 1 and node in self.about}
        self._single -= self._on_cycles()

    def _on_cycles(self) -> set[BlankNode]:
        """Blank nodes that no named or shared node leads to; nested writing would never reach them."""
        reached: set[Term] = set()
        todo: list[Term] = [node for node in self.about if node not in self._single]
        while todo:
            node = todo.pop()
            if node in reached or isinstance(node, Literal):
                continue
            reached.add(node)
            todo.extend(v for values in self.about.get(node, {}).values() for v in values if v in self._single)
        return {node for node in self._single if node not in reached}

    def subjects(self) -> list[Node]:
        """The ontology first, then named subjects by IRI, then blank nodes that stand alone."""
        alone = [node for node in self.about if node not in self._single]
        return sorted(alone, key=lambda n: (not self._is_ontology(n), isinstance(n, BlankNode), n.value))

    def _is_ontology(self, node: Node) -> bool:
        return _ONTOLOGY in self.about[node].get(_TYPE, ())

    def rows(self, node: Node) -> Iterator[tuple[NamedNode, list[Term]]]:
        """Predicates in order, rdf:type first, each with its sorted values."""
        about = self.about[node]
        for predicate in sorted(about, key=lambda p: (p != _TYPE, p.value)):
            yield predicate, sorted(about[predicate], key=str)

    def is_inside(self, node: Term) -> bool:
        """True for a blank node that one statement uses, inside which it is written, without a name."""
        return node in self._single

    def items(self, node: Term) -> list[Term] | None:
        """The members if this is a list that only its own statement uses, else None."""
        found: list[Term] = []
        while node != _NIL:
            if not isinstance(node, BlankNode) or not self.is_inside(node):
                return None
            about = self.about[node]
            if set(about) != {_FIRST, _REST} or len(about[_FIRST]) != 1 or len(about[_REST]) != 1:
                return None
            found.append(about[_FIRST][0])
            node = about[_REST][0]
        return found


def write_turtle(statements: Iterable[Statement], prefixes: Mapping[str, str]) -> bytes:
    """Return sorted Turtle with nested class expressions; only prefixes that are used are declared."""
    layout = _Layout(statements)
    shorten = _Shortener(prefixes)

    def render(term: Term, depth: int) -> str:
        if isinstance(term, NamedNode):
            return shorten(term)
        if isinstance(term, Literal):
            if term.language or term.datatype.value == XSD + "string":
                return str(term)
            return f"{str(term).rsplit('^^', 1)[0]}^^{shorten(term.datatype)}"
        if not layout.is_inside(term):
            return f"_:{term.value}"
        items = layout.items(term)
        if items is not None:
            return "( " + " ".join(render(item, depth) for item in items) + " )"
        pad = "    " * (depth + 1)
        return "[\n" + body(term, depth + 1) + f"\n{pad}]"

    def body(node: Node, depth: int) -> str:
        pad = "    " * (depth + 1)
        rows = []
        for predicate, values in layout.rows(node):
            verb = "a" if predicate == _TYPE else shorten(predicate)
            rows.append(f"{pad}{verb} " + ", ".join(render(value, depth) for value in values))
        return " ;\n".join(rows)

    blocks = []
    for subject in layout.subjects():
        if isinstance(subject, NamedNode):
            head = shorten(subject)
        else:
            head = f"_:{subject.value}" if subject in layout.used else "[]"
        blocks.append(f"{head}\n{body(subject, 0)} .\n")
    declared = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in shorten.used())
    return (declared + "\n" + "\n".join(blocks)).encode()


class _Shortener:
    """IRI → ``prefix:local`` where Turtle allows it, remembering which prefixes were used."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self._prefixes = dict(prefixes)
        self._by_namespace = {namespace: prefix for prefix, namespace in prefixes.items()}
        self._known: dict[str, str] = {}
        self._used: set[str] = set()

    def __call__(self, term: NamedNode) -> str:
        iri = term.value
        known = self._known.get(iri)
        if known is None:
            known = self._known[iri] = self._shorten(iri)
        return known

    def _shorten(self, iri: str) -> str:
        for end in range(len(iri), 0, -1):
            if iri[end - 1] in "#/" and iri[:end] in self._by_namespace and _LOCAL.fullmatch(iri[end:]):
                prefix = self._by_namespace[iri[:end]]
                self._used.add(prefix)
                return f"{prefix}:{iri[end:]}"
        return f"<{iri}>"

    def used(self) -> list[tuple[str, str]]:
        return sorted((prefix, self._prefixes[prefix]) for prefix in self._used)


def write_rdfxml(
    statements: Iterable[Statement], prefixes: Mapping[str, str], *, inferred: Collection[Statement] = ()
) -> bytes:
    """Return sorted RDF/XML; each inferred statement is an axiom annotated with ``sv:isInferred true``.

    Args:
        statements: all statements, the inferred ones among them.
        prefixes: namespaces for element names; others get a generated prefix.
        inferred: those of the statements, without blank nodes, that a reasoner added.
    Raises:
        ValueError: if a predicate cannot be written as an XML name, or a literal holds a character that
            XML 1.0 forbids.
    """
    layout = _Layout(statements)
    names = _XmlNames(prefixes)
    by_subject: dict[Node, list[Statement]] = defaultdict(list)
    for statement in inferred:
        by_subject[statement[0]].append(statement)
    out: list[str] = []
    for subject in layout.subjects():
        _write_node(out, layout, names, subject, 1)
        for s, p, o in sorted(by_subject.get(subject, ()), key=str):
            value = _attributes(o) + (f">{_text(o)}</owl:annotatedTarget>" if isinstance(o, Literal) else "/>")
            out.append(
                f'  <owl:Axiom>\n    <owl:annotatedSource rdf:resource="{_quote(s.value)}"/>\n'
                f'    <owl:annotatedProperty rdf:resource="{_quote(p.value)}"/>\n'
                f"    <owl:annotatedTarget{value}\n"
                f'    <{names.of(SV + "isInferred")} rdf:datatype="{XSD}boolean">true</{names.of(SV + "isInferred")}>\n'
                f"  </owl:Axiom>\n"
            )
    spaces = "".join(f'\n    xmlns:{prefix}="{_quote(iri)}"' for prefix, iri in names.used())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<rdf:RDF{spaces}>\n{"".join(out)}</rdf:RDF>\n'.encode()


def _write_node(out: list[str], layout: _Layout, names: _XmlNames, node: Node, depth: int) -> None:
    pad = "  " * depth
    if isinstance(node, NamedNode):
        about = f' rdf:about="{_quote(node.value)}"'
    else:
        about = f' rdf:nodeID="{node.value}"' if node in layout.used and not layout.is_inside(node) else ""
    element = "rdf:Description"
    out.append(f"{pad}<{element}{about}>\n")
    for predicate, values in layout.rows(node):
        tag = names.of(predicate.value)
        for value in values:
            _write_value(out, layout, names, tag, value, depth + 1)
    out.append(f"{pad}</{element}>\n")


def _write_value(out: list[str], layout: _Layout, names: _XmlNames, tag: str, value: Term, depth: int) -> None:
    pad = "  " * depth
    if isinstance(value, Literal):
        out.append(f"{pad}<{tag}{_attributes(value)}>{_text(value)}</{tag}>\n")
        return
    if isinstance(value, NamedNode):
        out.append(f"{pad}<{tag}{_attributes(value)}/>\n")
        return
    if not layout.is_inside(value):
        out.append(f'{pad}<{tag} rdf:nodeID="{value.value}"/>\n')
        return
    items = layout.items(value)
    if items and not any(isinstance(item, Literal) for item in items):
        out.append(f'{pad}<{tag} rdf:parseType="Collection">\n')
        for item in items:
            if isinstance(item, BlankNode) and layout.is_inside(item):
                _write_node(out, layout, names, item, depth + 1)
            else:
                name = f'about="{_quote(item.value)}' if isinstance(item, NamedNode) else f'nodeID="{item.value}'
                out.append(f'{pad}  <rdf:Description rdf:{name}"/>\n')
        out.append(f"{pad}</{tag}>\n")
        return
    out.append(f"{pad}<{tag}>\n")
    _write_node(out, layout, names, value, depth + 1)
    out.append(f"{pad}</{tag}>\n")


def _attributes(value: Term) -> str:
    if isinstance(value, NamedNode):
        return f' rdf:resource="{_quote(value.value)}"'
    if isinstance(value, BlankNode):
        return f' rdf:nodeID="{value.value}"'
    if value.language:
        return f' xml:lang="{value.language}"'
    return "" if value.datatype.value == XSD + "string" else f' rdf:datatype="{_quote(value.datatype.value)}"'


def _text(value: Literal) -> str:
    if _XML_ILLEGAL.search(value.value):
        raise ValueError(f"the literal {value.value!r} holds a character that XML 1.0 cannot")
    return escape(value.value, {"\r": "&#xD;"})


def _quote(text: str) -> str:
    return escape(text, {'"': "&quot;"})


class _XmlNames:
    """Predicate IRI → XML element name, with the namespaces it needs."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self._prefix = {namespace: prefix for prefix, namespace in prefixes.items()}
        self._prefix |= {RDF: "rdf", OWL: "owl"}
        self._used: dict[str, str] = {RDF: "rdf", OWL: "owl"}
        self._known: dict[str, str] = {}

    def of(self, iri: str) -> str:
        name = self._known.get(iri)
        if name is None:
            end = max(iri.rfind("#"), iri.rfind("/")) + 1
            if not end or not _NCNAME.match(iri[end:]):
                raise ValueError(f"the property <{iri}> cannot be written as an XML name")
            prefix = self._prefix.setdefault(iri[:end], f"ns{len(self._used)}")
            self._used[iri[:end]] = prefix
            name = self._known[iri] = f"{prefix}:{iri[end:]}"
        return name

    def used(self) -> list[tuple[str, str]]:
        return sorted((prefix, namespace) for namespace, prefix in self._used.items())


def turtle(quads: Iterable[Quad | Triple]) -> str:
    """Return the statements of quads or triples as Turtle with the prefixes of this project.

    >>> from kg_builder.vocabulary import expand
    >>> print(turtle([Triple(NamedNode(expand("drug:x")), _TYPE, NamedNode(SV + "Drug"))]), end="")
    @prefix drug: <https://w3id.org/salvage-kg/drug/> .
    @prefix sv: <https://w3id.org/salvage-kg/ontology#> .
    <BLANKLINE>
    drug:x
        a sv:Drug .
    """
    return write_turtle(statements_of(quads), PREFIXES).decode()


def statements_of(quads: Iterable[Quad | Triple]) -> list[Statement]:
    """Return the statements of the quads, without their graphs."""
    return [(q.subject, q.predicate, q.object) for q in quads]  # type: ignore[misc]
