"""What the preparation of cases needs to know of the knowledge graph, read from it once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pyoxigraph as ox

from kg_builder.graph.protocol import KnowledgeStore
from kg_builder.knowledge.alterations import AlterationReader, Gene
from kg_builder.knowledge.names import NameIndex
from kg_builder.knowledge.patterns import Pattern, Patterns, read_residues
from kg_builder.vocabulary import RDFS, SKOS, SV, compact

_PROLOGUE = f"PREFIX sv: <{SV}> PREFIX rdfs: <{RDFS}> PREFIX skos: <{SKOS}> "
_NAMED = _PROLOGUE + "SELECT ?term ?label WHERE { ?term rdfs:label ?label }"
_SYNONYMS = _PROLOGUE + "SELECT ?term ?name WHERE { ?term skos:altLabel ?name }"
_GENES = _PROLOGUE + (
    "SELECT ?gene ?label ?length ?reference ?molecule WHERE { ?gene a sv:Gene ; rdfs:label ?label . "
    "OPTIONAL { ?gene sv:residueCount ?length } OPTIONAL { ?gene sv:referenceSequence ?reference } "
    "OPTIONAL { ?gene sv:molecule ?molecule } }"
)
_PATTERNS = _PROLOGUE + (
    "SELECT ?term ?gene ?kind ?position ?residues WHERE { ?term sv:inGene ?gene ; sv:patternKind ?kind . "
    "OPTIONAL { ?term sv:atPosition ?position } OPTIONAL { ?term sv:residues ?residues } }"
)
_PARAMETERS = _PROLOGUE + (
    "SELECT ?parameter ?unit ?low ?high WHERE { ?parameter a sv:Parameter ; sv:unit ?unit . "
    "OPTIONAL { ?parameter sv:plausibleMinimum ?low } OPTIONAL { ?parameter sv:plausibleMaximum ?high } }"
)
_FIELDS = _PROLOGUE + (
    "SELECT ?path ?parameter ?true ?false WHERE { ?field sv:casePath ?path . "
    "OPTIONAL { ?field sv:statesParameter ?parameter } OPTIONAL { ?field sv:statesIfTrue ?true } "
    "OPTIONAL { ?field sv:statesIfFalse ?false } }"
)
_IN_GENE = _PROLOGUE + "SELECT ?term ?gene WHERE { ?term sv:inGene ?gene }"
_NEGATES = _PROLOGUE + "SELECT ?term ?other WHERE { ?term sv:negates ?other }"
_BROADER = _PROLOGUE + "SELECT ?term ?wider WHERE { ?term a sv:Alteration ; sv:isKindOf ?wider }"


_COMPONENTS = _PROLOGUE + "SELECT ?regimen ?part WHERE { ?regimen sv:hasComponent ?part }"
_CAUSES = _PROLOGUE + (
    "SELECT ?disease ?organism WHERE { ?infection sv:causedBy ?cause . "
    "?disease sv:isKindOf ?infection . ?organism sv:isKindOf ?cause }"
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number's unit and plausible range."""

    id: str
    label: str
    unit: str
    minimum: Decimal | None
    maximum: Decimal | None


@dataclass(frozen=True, slots=True)
class CaseField:
    """A shorthand of the case contract: a dotted path and what it states."""

    path: str
    parameter: str | None
    if_true: str | None
    if_false: str | None


@dataclass(frozen=True)
class Context:
    """Names, genes, parameters and shorthands of one knowledge graph; CURIEs throughout.

    ``in_gene`` lists the alterations declared of a gene, ``negates`` what a term rules out, ``wider`` what an
    alteration is a kind of, ``organisms`` those that fit a disease, where the knowledge says which do,
    ``components`` what is always given in a named regimen.
    """

    names: NameIndex
    alterations: AlterationReader
    patterns: Patterns
    declared: frozenset[str]
    parameters: dict[str, Parameter]
    fields: dict[str, CaseField]
    in_gene: dict[str, tuple[str, ...]]
    negates: dict[str, tuple[str, ...]]
    wider: dict[str, tuple[str, ...]]
    organisms: dict[str, tuple[str, ...]]
    components: dict[str, tuple[str, ...]]


def _rows(store: KnowledgeStore, query: str) -> list[list[str | None]]:
    solutions = store.query(query, use_default_graph_as_union=True)
    assert isinstance(solutions, ox.QuerySolutions)
    return [[_text(value) for value in row] for row in solutions]


def _text(value: object) -> str | None:
    if isinstance(value, ox.NamedNode):
        return compact(value.value)
    return value.value if isinstance(value, ox.Literal) else None


def _pairs(rows: Iterable[Sequence[str | None]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = defaultdict(set)
    for one, other in rows:
        found[str(one)].add(str(other))
    return {key: tuple(sorted(values)) for key, values in found.items()}


def read_context(store: KnowledgeStore) -> Context:
    """Read the context from a knowledge graph (all named graphs as one)."""
    synonyms: dict[str, list[str]] = defaultdict(list)
    for term, name in _rows(store, _SYNONYMS):
        synonyms[str(term)].append(str(name))
    labels = dict(sorted((str(t), str(label)) for t, label in _rows(store, _NAMED)))
    names = NameIndex.from_terms(
        (curie, label, sorted(synonyms[curie]))
        for curie, label in labels.items()
        if ":" in curie and not curie.startswith(("claim:", "sv:", "condition:", "drugs:", "http"))
    )
    genes = [
        Gene(str(g), str(label), int(length) if length else None, reference or "", molecule or "protein")
        for g, label, length, reference, molecule in sorted(_rows(store, _GENES), key=str)
    ]
    patterns = Patterns(
        Pattern(str(t), str(g), str(kind), int(position) if position else None, read_residues(residues or ""))
        for t, g, kind, position, residues in sorted(_rows(store, _PATTERNS), key=str)
    )
    parameters = {
        str(p): Parameter(str(p), labels[str(p)], str(u), Decimal(lo) if lo else None, Decimal(hi) if hi else None)
        for p, u, lo, hi in _rows(store, _PARAMETERS)
    }
    fields = {str(path): CaseField(str(path), p, yes, no) for path, p, yes, no in _rows(store, _FIELDS)}
    return Context(
        names=names,
        alterations=AlterationReader(names, genes, any_reference=True),
        patterns=patterns,
        declared=frozenset(c for c in labels if c.startswith("alteration:")),
        parameters=parameters,
        fields=fields,
        in_gene=_pairs((gene, term) for term, gene in _rows(store, _IN_GENE)),
        negates=_pairs(_rows(store, _NEGATES)),
        wider=_pairs(_rows(store, _BROADER)),
        organisms=_pairs(_rows(store, _CAUSES)),
        components=_pairs(_rows(store, _COMPONENTS)),
    )
