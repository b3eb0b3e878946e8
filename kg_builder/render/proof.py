"""A proof as a tree for the terminal, and as Turtle."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from kg_builder.derivation.proof import ProofNode
from kg_builder.render.console import Page
from kg_builder.render.text import clean
from kg_builder.vocabulary import BASE, compact

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
    """Return a proof as Turtle: each step with its label, its rule and what it rests on (`sv:because`)."""
    import pyoxigraph as ox

    from kg_builder.vocabulary import PREFIXES, RDFS, SV

    label, because, of_rule = (ox.NamedNode(iri) for iri in (RDFS + "label", SV + "because", SV + "ofRule"))
    triples: dict[ox.Triple, None] = {}
    todo = [root]
    while todo:
        node = todo.pop()
        subject = ox.NamedNode(node.iri)
        triples[ox.Triple(subject, label, ox.Literal(node.text))] = None
        if node.rule:
            rule = node.rule if ":" in node.rule else f"{BASE}rule/{node.rule}"
            triples[ox.Triple(subject, of_rule, ox.NamedNode(rule))] = None
        for premise in node.premises:
            triples[ox.Triple(subject, because, ox.NamedNode(premise.iri))] = None
            todo.append(premise)
    ordered = sorted(triples, key=str)
    used = {name: iri for name, iri in PREFIXES.items() if any(iri in str(triple) for triple in ordered)}
    data = ox.serialize(ordered, format=ox.RdfFormat.TURTLE, prefixes=used)
    return (data or b"").decode()
