"""A proof as a tree for the terminal, and its steps as Turtle and JSON-LD."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import md5
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from kg_builder.derivation.proof import Proof, ProofNode, Step
from kg_builder.render.console import Page
from kg_builder.render.text import clean
from kg_builder.vocabulary import BASE, DCTERMS, PREFIXES, RDF, RDFS, SV, XSD, compact

if TYPE_CHECKING:
    import pyoxigraph as ox

PROV = "http://www.w3.org/ns/prov#"
SCHEMA = "https://schema.org/"
_PREFIXES = PREFIXES | {
    "prov": PROV,
    "schema": SCHEMA,
    **{kind: f"{BASE}{kind}/" for kind in ("advice", "conclusion", "proof", "release", "statement", "step", "trigger")},
}

_KIND = {"status": "bold", "finding": "bold", "claim": "blue", "fact": "green", "source": "magenta", "axiom": "blue"}
_LEAST_WIDTH = 30


def set_proof(root: ProofNode, page: Page) -> str:
    """Return a proof as a tree: the conclusion on top, below each step what it rests on, sources at the tips.

    A step so deep that hardly any width is left runs over the edge: nothing of a proof may be cut off.
    """
    console = Console(width=page.width)
    lines: list[Text] = []
    todo = [(root, "", "")]
    while todo:
        node, first, rest = todo.pop()
        wrapped = _label(node).wrap(console, max(page.width - len(rest), _LEAST_WIDTH))
        for number, line in enumerate(wrapped):
            lines.append(Text().append(first if number == 0 else rest, "bright_black").append_text(line))
        for number, premise in enumerate(reversed(node.premises)):
            first_mark, rest_mark = ("└ ", "  ") if number == 0 else ("├ ", "│ ")
            todo.append((premise, rest + first_mark, rest + rest_mark))
    return page.set(*lines, wrapped=True)


def _label(node: ProofNode) -> Text:
    label = Text().append(f"{node.kind} ", _KIND.get(node.kind, "bright_black"))
    name = compact(node.iri)
    has_name = name != node.iri
    # a step between finding and fact has an address made of a hash, which helps no reader
    label.append(clean(node.text if node.text != node.iri else _sort(node.iri)))
    if node.rule:
        label.append(f"  by {clean(compact(node.rule))}", "bright_black")
    if has_name:
        label.append(f"  {clean(name)}", "bright_black")
    if node.repeated:
        label.append("  (shown above)", "italic bright_black")
    return label


def _sort(iri: str) -> str:
    """Return the sort of a thing that has no text: the word before its hash."""
    return iri.removeprefix(BASE).rpartition("/")[0] or iri


def write_turtle(root: ProofNode) -> str:
    """Return a claim's tree as Turtle: each node with its label, its rule and what it rests on (`sv:because`)."""
    import pyoxigraph as ox

    label, because, of_rule = (ox.NamedNode(iri) for iri in (RDFS + "label", SV + "because", SV + "ofRule"))
    triples: set[ox.Triple] = set()
    todo = [root]
    while todo:
        node = todo.pop()
        subject = ox.NamedNode(node.iri)
        triples.add(ox.Triple(subject, label, ox.Literal(node.text)))
        if node.rule:
            rule = node.rule if ":" in node.rule else f"{BASE}rule/{node.rule}"
            triples.add(ox.Triple(subject, of_rule, ox.NamedNode(rule)))
        for premise in node.premises:
            triples.add(ox.Triple(subject, because, ox.NamedNode(premise.iri)))
            todo.append(premise)
    return _turtle(triples)


def _turtle(triples: Iterable[ox.Triple]) -> str:
    import pyoxigraph as ox

    ordered = sorted(set(triples), key=str)
    text = "\n".join(map(str, ordered))
    used = {name: iri for name, iri in sorted(_PREFIXES.items()) if iri in text}
    data = ox.serialize(ordered, format=ox.RdfFormat.TURTLE, prefixes=used)
    return (data or b"").decode()


# --- steps ----------------------------------------------------------------------------------------


def write_steps_turtle(proof: Proof) -> str:
    """Return a proof in RDF, as docs/proof.md tells."""
    return _turtle(_statements(proof))


def _statements(proof: Proof) -> Iterator[ox.Triple]:
    import pyoxigraph as ox

    def say(
        subject: str, predicate: str, value: str | ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
    ) -> ox.Triple:
        return ox.Triple(
            ox.NamedNode(subject), ox.NamedNode(predicate), ox.NamedNode(value) if isinstance(value, str) else value
        )

    bundle = _proof_iri(proof)
    yield say(bundle, RDF + "type", PROV + "Bundle")
    yield say(bundle, PROV + "wasDerivedFrom", proof.release)
    yield say(bundle, PROV + "wasDerivedFrom", proof.case)
    yield say(proof.release, SCHEMA + "sha256", ox.Literal(proof.release_sha256))
    for name, sha256 in proof.rules.items():
        yield say(f"{BASE}rule/{name}", SCHEMA + "sha256", ox.Literal(sha256))
    for step in proof.steps:
        iri = _step_iri(step)
        yield say(bundle, PROV + "hadMember", iri)
        yield say(iri, RDF + "type", PROV + "Activity")
        yield say(iri, SV + "ofRule", f"{BASE}rule/{step.rule}")
        for predicate, triples in (("used", step.used), ("generated", step.concluded)):
            for triple in triples:
                node = _statement_iri(triple)
                yield say(iri, PROV + predicate, node)
                yield say(node, RDF + "type", RDF + "Statement")
                for part, term in zip(("subject", "predicate", "object"), triple, strict=True):
                    yield say(node, RDF + part, term)
                if triple in proof.quoted:
                    yield say(node, PROV + "wasQuotedFrom", proof.quoted[triple])
    for triple in (*proof.conclusions, *proof.cited):
        yield triple
        yield say(bundle, PROV + "hadMember", triple.subject.value)  # type: ignore[union-attr]


def _hash(kind: str, texts: Iterable[str]) -> str:
    return f"{BASE}{kind}/{md5(chr(10).join(texts).encode(), usedforsecurity=False).hexdigest()}"


def _statement_iri(triple: ox.Triple) -> str:
    return _hash("statement", [str(triple)])


def _step_iri(step: Step) -> str:
    return _hash("step", [step.rule, *map(str, step.used), *map(str, step.concluded)])


def _proof_iri(proof: Proof) -> str:
    return _hash(
        "proof", [proof.case, proof.release_sha256, *map(str, proof.conclusions), *map(_step_iri, proof.steps)]
    )


_CONTEXT: dict[str, Any] = {
    "id": "@id",
    "type": "@type",
    "value": "@value",
    "sha256": SCHEMA + "sha256",
    "derivedFrom": PROV + "wasDerivedFrom",
    "steps": PROV + "hadMember",
    "conclusions": PROV + "hadMember",
    "claims": PROV + "hadMember",
    "ofRule": SV + "ofRule",
    "used": PROV + "used",
    "concluded": PROV + "generated",
    "subject": {"@id": RDF + "subject", "@type": "@id"},
    "predicate": {"@id": RDF + "predicate", "@type": "@id"},
    "object": RDF + "object",
    "quotedFrom": {"@id": PROV + "wasQuotedFrom", "@type": "@id"},
    "label": RDFS + "label",
    "sources": DCTERMS + "source",
}


def write_steps_json(proof: Proof) -> str:
    """Return a proof as JSON; with its context it is JSON-LD and says just what the Turtle says."""

    def term(value: Any) -> Any:
        if not hasattr(value, "datatype"):
            return {"id": compact_iri(value.value)}
        plain = value.datatype.value == XSD + "string"
        return value.value if plain else {"value": value.value, "type": compact_iri(value.datatype.value)}

    def statement(triple: ox.Triple) -> dict[str, Any]:
        said = {"id": compact_iri(_statement_iri(triple)), "type": "rdf:Statement"}
        said |= {"subject": compact_iri(triple.subject.value), "predicate": compact_iri(triple.predicate.value)}  # type: ignore[union-attr]
        quoted = {"quotedFrom": compact_iri(proof.quoted[triple])} if triple in proof.quoted else {}
        return {**said, "object": term(triple.object), **quoted}

    def describe(triples: Iterable[ox.Triple]) -> list[dict[str, Any]]:
        nodes: dict[str, dict[str, Any]] = {}
        for triple in triples:
            iri = compact_iri(triple.subject.value)  # type: ignore[union-attr]
            key = {RDFS + "label": "label", DCTERMS + "source": "sources"}.get(triple.predicate.value)
            key = key or compact_iri(triple.predicate.value)
            nodes.setdefault(iri, {"id": iri}).setdefault(key, []).append(term(triple.object))
        return [{k: v[0] if isinstance(v, list) and len(v) == 1 else v for k, v in n.items()} for n in nodes.values()]

    used: set[str] = set()

    def compact_iri(iri: str) -> str:
        best = max((p for p in _PREFIXES.items() if iri.startswith(p[1])), key=lambda p: len(p[1]), default=None)
        if best is None or iri[len(best[1]) :].startswith("//"):
            return iri
        used.add(best[0])
        return f"{best[0]}:{iri[len(best[1]) :]}"

    body = {
        "id": compact_iri(_proof_iri(proof)),
        "type": compact_iri(PROV + "Bundle"),
        "derivedFrom": [
            {"id": compact_iri(proof.release), "sha256": proof.release_sha256},
            {"id": compact_iri(proof.case)},
        ],
        "conclusions": describe(proof.conclusions),
        "claims": describe(proof.cited),
        "steps": [
            {
                "id": compact_iri(_step_iri(step)),
                "type": compact_iri(PROV + "Activity"),
                "ofRule": {"id": compact_iri(f"{BASE}rule/{step.rule}"), "sha256": proof.rules[step.rule]},
                "used": [statement(triple) for triple in step.used],
                "concluded": [statement(triple) for triple in step.concluded],
            }
            for step in proof.steps
        ],
    }
    used.add("rdf")
    context = {name: _PREFIXES[name] for name in sorted(used)} | _CONTEXT
    return json.dumps({"@context": context, **body}, indent=2, ensure_ascii=False) + "\n"
