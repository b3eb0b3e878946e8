"""Write statements as Turtle and RDF/XML so that the same statements always give the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape

from pyoxigraph import Quad, Triple

from kg_builder.graph.layout import Layout, Pair, group
from kg_builder.knowledge.statements import Row, read_triples
from kg_builder.vocabulary import OWL, PREFIXES, RDF, SV, XSD

_TYPE = f"<{RDF}type>"
_LOCAL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?")
_NCNAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*$")
_XML_SPECIAL = re.compile("[&<>\r\\\\\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_XML_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ESCAPED = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))")
_PLAIN = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}


def rows_of(statements: Iterable[Quad | Triple]) -> list[Row]:
    """Return the statements of quads or triples as text, without graphs."""
    return list(read_triples(item.triple if isinstance(item, Quad) else item for item in statements))


def turtle(statements: Iterable[Quad | Triple]) -> str:
    """Return quads or triples as Turtle with the prefixes of this project.

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
    return write_turtle(rows_of(statements), PREFIXES)


def write_turtle(rows: Iterable[Row], prefixes: Mapping[str, str]) -> str:
    """Return sorted Turtle with nested class expressions; only prefixes that are used are declared."""
    writer = TurtleWriter(Layout(group(rows)), prefixes)
    return writer.document(map(writer.block, writer.layout.subjects()))


def write_rdfxml(rows: Iterable[Row], prefixes: Mapping[str, str], *, inferred: Iterable[Row] = ()) -> str:
    """Return sorted RDF/XML; each inferred statement is an axiom annotated with ``sv:isInferred true``.

    Args:
        rows: all statements, the inferred ones among them.
        prefixes: namespaces for element names; others get a generated prefix.
        inferred: those of the statements, without blank nodes, that a reasoner added.
    Raises:
        ValueError: if a predicate cannot be written as an XML name, or a literal holds a character that
            XML 1.0 forbids.
    """
    writer, added = XmlWriter(Layout(group(rows)), prefixes), group(inferred)
    return writer.document(
        part
        for subject in writer.layout.subjects()
        for part in (writer.block(subject), writer.annotations(subject, added.get(subject, ())))
    )


class TurtleWriter:
    """Writes the statements about one subject after the other."""

    def __init__(self, layout: Layout, prefixes: Mapping[str, str]) -> None:
        self.layout = layout
        self._prefixes = dict(prefixes)
        self._by_namespace = {namespace: prefix for prefix, namespace in prefixes.items()}
        self._known: dict[str, str] = {}
        self._used: set[str] = set()

    def block(self, subject: str, pairs: Sequence[Pair] | None = None) -> str:
        """Return what is said of a subject, or what ``pairs`` say of it."""
        is_bare = subject.startswith("_:") and subject not in self.layout.used
        head = "[]" if is_bare else self._write(subject, 0)
        return f"{head}\n{self._body(self.layout.about[subject] if pairs is None else pairs, 0)} .\n"

    def annotations(self, subject: str, pairs: Iterable[Pair]) -> str:
        """Return an annotated axiom for each statement that a reasoner added about a subject."""
        axioms = (
            [
                (_TYPE, f"<{OWL}Axiom>"),
                (f"<{OWL}annotatedSource>", subject),
                (f"<{OWL}annotatedProperty>", predicate),
                (f"<{OWL}annotatedTarget>", value),
                (f"<{SV}isInferred>", f'"true"^^<{XSD}boolean>'),
            ]
            for predicate, value in pairs
        )
        return "".join(f"\n[]\n{self._body(axiom, 0)} .\n" for axiom in axioms)

    def document(self, blocks: Iterable[str]) -> str:
        """Return the file: prefixes that are used, then the blocks."""
        body = "\n".join(blocks)
        used = sorted((prefix, self._prefixes[prefix]) for prefix in self._used)
        declared = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in used)
        return f"{declared}\n{body}"

    def _body(self, pairs: Sequence[Pair], depth: int) -> str:
        pad, last = "    " * (depth + 1), ""
        parts: list[str] = []
        known = self._known
        for predicate, value in pairs:
            if predicate != last:
                verb = "a" if predicate == _TYPE else known.get(predicate) or self._shorten(predicate)
                parts += (f" ;\n{pad}" if last else pad, verb, " ")
                last = predicate
            else:
                parts.append(", ")
            parts.append(known.get(value) or self._write(value, depth))
        return "".join(parts)

    def _write(self, term: str, depth: int) -> str:
        if term.startswith("<"):
            return self._shorten(term)
        if term.startswith('"'):
            if not term.endswith(">"):
                return term
            text, _, datatype = term.rpartition("^^")
            return f"{text}^^{self._shorten(datatype)}"
        if not self.layout.is_inside(term):
            return term
        items = self.layout.items(term)
        if items is not None:
            return "( " + " ".join(self._write(item, depth) for item in items) + " )"
        pad = "    " * (depth + 1)
        return f"[\n{self._body(self.layout.about[term], depth + 1)}\n{pad}]"

    def _shorten(self, term: str) -> str:
        """Return ``prefix:local`` where Turtle allows it, else the IRI; remember the prefix."""
        known = self._known.get(term)
        if known is not None:
            return known
        iri, found = term[1:-1], term
        for end in range(len(iri), 0, -1):
            if iri[end - 1] in "#/" and iri[:end] in self._by_namespace and _LOCAL.fullmatch(iri[end:]):
                prefix = self._by_namespace[iri[:end]]
                self._used.add(prefix)
                found = f"{prefix}:{iri[end:]}"
                break
        self._known[term] = found
        return found


class XmlWriter:
    """Writes the statements about one subject after the other."""

    def __init__(self, layout: Layout, prefixes: Mapping[str, str]) -> None:
        self.layout = layout
        self._prefix = {namespace: prefix for prefix, namespace in prefixes.items()}
        self._prefix |= {RDF: "rdf", OWL: "owl"}
        self._used: dict[str, str] = {RDF: "rdf", OWL: "owl"}
        self._tags: dict[str, str] = {}

    def block(self, subject: str, pairs: Sequence[Pair] | None = None) -> str:
        """Return the element of a subject: all that is said of it, or what ``pairs`` say."""
        out: list[str] = []
        self._write_node(subject, self.layout.about[subject] if pairs is None else pairs, 1, out)
        return "".join(out)

    def annotations(self, subject: str, pairs: Iterable[Pair]) -> str:
        """Return an annotated axiom for each statement that a reasoner added about a subject."""
        out: list[str] = []
        source = f"  <owl:Axiom>\n    <owl:annotatedSource{_content(subject)}\n"
        for predicate, value in pairs:
            mark = self._tag(f"<{SV}isInferred>")
            end = "</owl:annotatedTarget>" if value.startswith('"') else ""
            out.append(
                f"{source}"
                f"    <owl:annotatedProperty{_content(predicate)}\n"
                f"    <owl:annotatedTarget{_content(value)}{end}\n"
                f'    <{mark} rdf:datatype="{XSD}boolean">true</{mark}>\n'
                f"  </owl:Axiom>\n"
            )
        return "".join(out)

    def document(self, blocks: Iterable[str]) -> str:
        """Return the file: the namespaces that are used, then the blocks."""
        body = "".join(blocks)
        used = sorted((prefix, namespace) for namespace, prefix in self._used.items())
        spaces = "".join(f'\n    xmlns:{prefix}="{_quote(iri)}"' for prefix, iri in used)
        head = f'<?xml version="1.0" encoding="UTF-8"?>\n<rdf:RDF{spaces}>\n'
        return f"{head}{body}</rdf:RDF>\n"

    def _write_node(self, node: str, pairs: Sequence[Pair], depth: int, out: list[str]) -> None:
        pad = "  " * depth
        is_bare = node.startswith("_:") and (node not in self.layout.used or self.layout.is_inside(node))
        out.append(f"{pad}<rdf:Description{'' if is_bare else _reference(node, 'about')}>\n")
        tags, inner = self._tags, f"{pad}  "
        for predicate, value in pairs:
            tag = tags.get(predicate) or self._tag(predicate)
            if value.startswith('"'):
                out.append(f"{inner}<{tag}{_content(value)}</{tag}>\n")
            elif self.layout.is_inside(value):
                self._write_inside(tag, value, depth + 1, out)
            else:
                out.append(f"{inner}<{tag}{_reference(value, 'resource')}/>\n")
        out.append(f"{pad}</rdf:Description>\n")

    def _write_inside(self, tag: str, value: str, depth: int, out: list[str]) -> None:
        pad = "  " * depth
        items = self.layout.items(value)
        is_collection = bool(items) and not any(item.startswith('"') for item in items or ())
        out.append(f"{pad}<{tag}" + (' rdf:parseType="Collection">\n' if is_collection else ">\n"))
        for item in (items or ()) if is_collection else (value,):
            if self.layout.is_inside(item):
                self._write_node(item, self.layout.about[item], depth + 1, out)
            else:
                out.append(f"{pad}  <rdf:Description{_reference(item, 'about')}/>\n")
        out.append(f"{pad}</{tag}>\n")

    def _tag(self, term: str) -> str:
        """Return the element name of a predicate; remember the namespace."""
        known = self._tags.get(term)
        if known is not None:
            return known
        iri = term[1:-1]
        end = max(iri.rfind("#"), iri.rfind("/")) + 1
        if not end or not _NCNAME.match(iri[end:]):
            raise ValueError(f"the property {term} cannot be written as an XML name")
        prefix = self._prefix.setdefault(iri[:end], f"ns{len(self._used)}")
        self._used[iri[:end]] = prefix
        self._tags[term] = f"{prefix}:{iri[end:]}"
        return self._tags[term]


def _reference(node: str, attribute: str) -> str:
    """Return the attribute that names a node: ``about`` or ``resource`` of an IRI, else a nodeID."""
    if node.startswith("<"):
        return f' rdf:{attribute}="{_quote(node[1:-1]) if "&" in node else node[1:-1]}"'
    return f' rdf:nodeID="{node[2:]}"'


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
    if not _XML_SPECIAL.search(literal):
        return literal
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
