"""Write a graph so that the same statements always give the same bytes.

Blank nodes are named by RDFC-1.0, statements are sorted, and class expressions and lists are written
inside the statement that uses them (Turtle ``[ ]`` and ``( )``, RDF/XML nesting), so that the files read
well in an editor and open in Protégé. Terms are handled as the text that N-Triples gives them, which takes
a fraction of the time and memory of objects.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import groupby
from xml.sax.saxutils import escape

from pyoxigraph import BlankNode, CanonicalizationAlgorithm, Dataset, Quad, RdfFormat, Triple, serialize

from kg_builder.vocabulary import OWL, PREFIXES, RDF, SV, XSD

#: A statement as text: subject, predicate and object as in N-Triples, one blank between them, no full stop.
Line = str

_TYPE = f"<{RDF}type>"
_FIRST = f"<{RDF}first>"
_REST = f"<{RDF}rest>"
_NIL = f"<{RDF}nil>"
_ONTOLOGY = f"<{OWL}Ontology>"
_LOCAL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?")
_NCNAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*$")
_XML_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ESCAPED = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_PLAIN = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}


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
    return b"\n".join(sorted(set(filter(None, data.split(b"\n"))))) + b"\n"


def lines_of(triples: Iterable[Quad | Triple]) -> list[Line]:
    """Return the statements of quads or triples, without graphs."""
    only = (item.triple if isinstance(item, Quad) else item for item in triples)
    data = serialize(only, format=RdfFormat.N_TRIPLES) or b""
    return [line[:-2] for line in data.decode().split("\n") if line]


def _group(lines: Iterable[Line]) -> dict[str, list[tuple[str, str]]]:
    """Return subject → its (predicate, object), all in order, rdf:type first; repeats dropped."""
    found: dict[str, list[tuple[str, str]]] = {}
    for subject, rows in groupby((line.split(" ", 2) for line in sorted(set(lines))), key=lambda row: row[0]):
        pairs = [(predicate, value) for _, predicate, value in rows]
        found[subject] = sorted(pairs, key=lambda pair: pair[0] != _TYPE)
    return found


class _Layout:
    """Statements grouped by subject, in writing order; knows which blank nodes stand inside another node."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.about = _group(lines)
        uses = Counter(value for rows in self.about.values() for _, value in rows if value.startswith("_:"))
        self.used = set(uses)
        self._single = {node for node, count in uses.items() if count == 1 and node in self.about}
        self._single -= self._on_cycles()

    def _on_cycles(self) -> set[str]:
        """Blank nodes that no named or shared node leads to; nested writing would never reach them."""
        reached: set[str] = set()
        todo = [node for node in self.about if node not in self._single]
        while todo:
            for _, value in self.about.get(todo.pop(), ()):
                if value in self._single and value not in reached:
                    reached.add(value)
                    todo.append(value)
        return self._single - reached

    def subjects(self) -> list[str]:
        """The ontology first, then named subjects by IRI, then blank nodes that stand alone."""
        alone = [node for node in self.about if node not in self._single]
        return sorted(alone, key=lambda n: (self.about[n][0] != (_TYPE, _ONTOLOGY), n.startswith("_:"), n))

    def is_inside(self, node: str) -> bool:
        """True for a blank node that one statement uses, inside which it is written, without a name."""
        return node in self._single

    def items(self, node: str) -> list[str] | None:
        """The members if this is a list that only its own statement uses, else None."""
        found: list[str] = []
        while node != _NIL:
            about = self.about[node] if self.is_inside(node) else []
            if [predicate for predicate, _ in about] != [_FIRST, _REST]:
                return None
            found.append(about[0][1])
            node = about[1][1]
        return found


def write_turtle(lines: Iterable[Line], prefixes: Mapping[str, str]) -> bytes:
    """Return sorted Turtle with nested class expressions; only prefixes that are used are declared."""
    layout = _Layout(lines)
    shorten = _Shortener(prefixes)

    def render(term: str, depth: int) -> str:
        if term.startswith("<"):
            return shorten(term)
        if term.startswith('"'):
            if not term.endswith(">"):
                return term
            text, _, datatype = term.rpartition("^^")
            return f"{text}^^{shorten(datatype)}"
        if not layout.is_inside(term):
            return term
        items = layout.items(term)
        if items is not None:
            return "( " + " ".join(render(item, depth) for item in items) + " )"
        pad = "    " * (depth + 1)
        return "[\n" + body(term, depth + 1) + f"\n{pad}]"

    def body(node: str, depth: int) -> str:
        pad = "    " * (depth + 1)
        rows = []
        for predicate, pairs in groupby(layout.about[node], key=lambda pair: pair[0]):
            verb = "a" if predicate == _TYPE else shorten(predicate)
            rows.append(f"{pad}{verb} " + ", ".join(render(value, depth) for _, value in pairs))
        return " ;\n".join(rows)

    blocks = []
    for subject in layout.subjects():
        head = "[]" if subject.startswith("_:") and subject not in layout.used else render(subject, 0)
        blocks.append(f"{head}\n{body(subject, 0)} .\n")
    declared = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in shorten.used())
    return (declared + "\n" + "\n".join(blocks)).encode()


class _Shortener:
    """``<IRI>`` → ``prefix:local`` where Turtle allows it, remembering which prefixes were used."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self._prefixes = dict(prefixes)
        self._by_namespace = {namespace: prefix for prefix, namespace in prefixes.items()}
        self._known: dict[str, str] = {}
        self._used: set[str] = set()

    def __call__(self, term: str) -> str:
        known = self._known.get(term)
        if known is None:
            known = self._known[term] = self._shorten(term)
        return known

    def _shorten(self, term: str) -> str:
        iri = term[1:-1]
        for end in range(len(iri), 0, -1):
            if iri[end - 1] in "#/" and iri[:end] in self._by_namespace and _LOCAL.fullmatch(iri[end:]):
                prefix = self._by_namespace[iri[:end]]
                self._used.add(prefix)
                return f"{prefix}:{iri[end:]}"
        return term

    def used(self) -> list[tuple[str, str]]:
        return sorted((prefix, self._prefixes[prefix]) for prefix in self._used)


def write_rdfxml(lines: Iterable[Line], prefixes: Mapping[str, str], *, inferred: Iterable[Line] = ()) -> bytes:
    """Return sorted RDF/XML; each inferred statement is an axiom annotated with ``sv:isInferred true``.

    Args:
        lines: all statements, the inferred ones among them.
        prefixes: namespaces for element names; others get a generated prefix.
        inferred: those of the statements, without blank nodes, that a reasoner added.
    Raises:
        ValueError: if a predicate cannot be written as an XML name, or a literal holds a character that
            XML 1.0 forbids.
    """
    writer = _XmlWriter(_Layout(lines), _XmlNames(prefixes))
    added = _group(inferred)
    elements = bytearray()
    for subject in writer.layout.subjects():
        writer.write_node(subject, 1)
        for predicate, value in added.get(subject, ()):
            writer.write_annotation(subject, predicate, value)
        elements += "".join(writer.out).encode()
        writer.out.clear()
    spaces = "".join(f'\n    xmlns:{prefix}="{_quote(iri)}"' for prefix, iri in writer.names.used())
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<rdf:RDF{spaces}>\n'
    return b"".join((head.encode(), elements, b"</rdf:RDF>\n"))


class _XmlWriter:
    """Collects the elements of a layout."""

    def __init__(self, layout: _Layout, names: _XmlNames) -> None:
        self.layout, self.names = layout, names
        self.out: list[str] = []

    def write_node(self, node: str, depth: int) -> None:
        pad = "  " * depth
        is_bare = node.startswith("_:") and (node not in self.layout.used or self.layout.is_inside(node))
        self.out.append(f"{pad}<rdf:Description{'' if is_bare else _reference(node, 'about')}>\n")
        for predicate, value in self.layout.about[node]:
            self._write_value(self.names.of(predicate), value, depth + 1)
        self.out.append(f"{pad}</rdf:Description>\n")

    def _write_value(self, tag: str, value: str, depth: int) -> None:
        pad = "  " * depth
        if not self.layout.is_inside(value):
            self.out.append(f"{pad}<{tag}{_content(value)}" + (f"</{tag}>\n" if value.startswith('"') else "\n"))
            return
        items = self.layout.items(value)
        is_collection = bool(items) and not any(item.startswith('"') for item in items or ())
        self.out.append(f"{pad}<{tag}" + (' rdf:parseType="Collection">\n' if is_collection else ">\n"))
        for item in (items or ()) if is_collection else (value,):
            if self.layout.is_inside(item):
                self.write_node(item, depth + 1)
            else:
                self.out.append(f"{pad}  <rdf:Description{_reference(item, 'about')}/>\n")
        self.out.append(f"{pad}</{tag}>\n")

    def write_annotation(self, subject: str, predicate: str, value: str) -> None:
        mark = self.names.of(f"<{SV}isInferred>")
        end = "</owl:annotatedTarget>" if value.startswith('"') else ""
        self.out.append(
            f"  <owl:Axiom>\n    <owl:annotatedSource{_content(subject)}\n"
            f"    <owl:annotatedProperty{_content(predicate)}\n"
            f"    <owl:annotatedTarget{_content(value)}{end}\n"
            f'    <{mark} rdf:datatype="{XSD}boolean">true</{mark}>\n'
            f"  </owl:Axiom>\n"
        )


def _reference(node: str, attribute: str) -> str:
    """Return the attribute that names a node: ``about`` or ``resource`` of an IRI, else a nodeID."""
    return f' rdf:{attribute}="{_quote(node[1:-1])}"' if node.startswith("<") else f' rdf:nodeID="{node[2:]}"'


def _content(value: str) -> str:
    """Return the rest of a property element: attributes, the end of the tag, and the text of a literal."""
    if not value.startswith('"'):
        return _reference(value, "resource") + "/>"
    text, _, mark = value.rpartition('"')
    attribute = ""
    if mark.startswith("@"):
        attribute = f' xml:lang="{mark[1:]}"'
    elif mark:
        attribute = f' rdf:datatype="{_quote(mark[3:-1])}"'
    return f"{attribute}>{_text(text[1:])}"


def _text(literal: str) -> str:
    """Return the text of a literal, escaped as N-Triples has it, escaped for XML."""
    if "\\" in literal:
        literal = _ESCAPED.sub(_unescape, literal)
    if _XML_ILLEGAL.search(literal):
        raise ValueError(f"the literal {literal!r} holds a character that XML 1.0 cannot")
    return escape(literal, {"\r": "&#xD;"})


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else _PLAIN.get(match[3], match[3])


def _quote(text: str) -> str:
    return escape(text, {'"': "&quot;"})


class _XmlNames:
    """``<IRI>`` of a predicate → XML element name, with the namespaces it needs."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self._prefix = {namespace: prefix for prefix, namespace in prefixes.items()}
        self._prefix |= {RDF: "rdf", OWL: "owl"}
        self._used: dict[str, str] = {RDF: "rdf", OWL: "owl"}
        self._known: dict[str, str] = {}

    def of(self, term: str) -> str:
        name = self._known.get(term)
        if name is None:
            iri = term[1:-1]
            end = max(iri.rfind("#"), iri.rfind("/")) + 1
            if not end or not _NCNAME.match(iri[end:]):
                raise ValueError(f"the property {term} cannot be written as an XML name")
            prefix = self._prefix.setdefault(iri[:end], f"ns{len(self._used)}")
            self._used[iri[:end]] = prefix
            name = self._known[term] = f"{prefix}:{iri[end:]}"
        return name

    def used(self) -> list[tuple[str, str]]:
        return sorted((prefix, namespace) for namespace, prefix in self._used.items())


def turtle(quads: Iterable[Quad | Triple]) -> str:
    """Return the statements of quads or triples as Turtle with the prefixes of this project.

    >>> from pyoxigraph import NamedNode
    >>> from kg_builder.vocabulary import expand
    >>> x = NamedNode(expand("drug:x"))
    >>> print(turtle([Triple(x, NamedNode(RDF + "type"), NamedNode(SV + "Drug"))]), end="")
    @prefix drug: <https://w3id.org/salvage-kg/drug/> .
    @prefix sv: <https://w3id.org/salvage-kg/ontology#> .
    <BLANKLINE>
    drug:x
        a sv:Drug .
    """
    return write_turtle(lines_of(quads), PREFIXES).decode()
