"""What the endpoint says of itself: SPARQL 1.1 Service Description, from what the release holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyoxigraph as ox

from kg_builder.graph.store import Manifest
from kg_builder.vocabulary import DCTERMS, PREFIXES, RDF, RDFS, XSD, expand

SD = "http://www.w3.org/ns/sparql-service-description#"
VOID = "http://rdfs.org/ns/void#"
FORMATS = "http://www.w3.org/ns/formats/"
SIMPLE_ENTAILMENT = "http://www.w3.org/ns/entailment/Simple"
#: Answers that the endpoint writes, by their names in the W3C's list of formats.
RESULT_FORMATS = (
    "SPARQL_Results_JSON", "SPARQL_Results_XML", "SPARQL_Results_CSV", "SPARQL_Results_TSV",
    "Turtle", "N-Triples", "RDF_XML", "JSON-LD",
)  # fmt: skip
#: Media type → how pyoxigraph writes it.
WRITERS = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
    "application/ld+json": ox.RdfFormat.JSON_LD,
}
_SHOWN_PREFIXES = {
    "sd": SD,
    "void": VOID,
    "sh": "http://www.w3.org/ns/shacl#",
    "schema": "https://schema.org/",
    **{name: PREFIXES[name] for name in ("sv", "rdf", "rdfs", "owl", "xsd", "dcterms", "graph")},
}

Node = ox.NamedNode | ox.BlankNode
Triples = list[ox.Triple]
Statement = tuple[Node, str, Node | ox.Literal]

#: Properties of the ontology's header that are true of the dataset too.
_TOLD = {DCTERMS + name for name in ("title", "description", "license", "creator", "source", "bibliographicCitation")}


@dataclass(frozen=True, slots=True)
class Served:
    """What is served, as far as descriptions need it.

    Attributes:
        manifest: what the release says of itself.
        graphs: named graph → number of triples, of every graph that can be asked.
        classes: class of the ontology → number of its individuals.
        header: property and value of each statement about the ontology: title, licence, creator …
    """

    manifest: Manifest
    graphs: dict[str, int]
    classes: dict[str, int] = field(default_factory=dict)
    header: tuple[tuple[str, Node | ox.Literal], ...] = ()


def graph_sizes(manifest: Manifest) -> dict[str, int]:
    """Return named graph → number of triples of a release; its manifest names graphs by CURIE where it can."""
    return {
        expand(name) if name.partition(":")[0] in PREFIXES else name: count for name, count in manifest.quads.items()
    }


def write_graph(triples: Iterable[ox.Triple], media_type: str) -> bytes:
    """Return triples in a media type of :data:`WRITERS`."""
    writer = WRITERS[media_type]
    prefixes = _SHOWN_PREFIXES if writer.media_type in ("text/turtle", "application/rdf+xml") else None
    written = ox.serialize(triples, format=writer, prefixes=prefixes)
    assert written is not None
    return written


def iri(text: str) -> ox.NamedNode:
    """Return the node of an IRI."""
    return ox.NamedNode(text)


def count_of(number: int) -> ox.Literal:
    """Return a number as a literal of xsd:integer."""
    return ox.Literal(str(number), datatype=ox.NamedNode(XSD + "integer"))


def describe_service(served: Served, endpoint: str, dataset: str) -> Triples:
    """Return the service description of the endpoint.

    Args:
        served: what is served.
        endpoint: URL of the endpoint as the client called it.
        dataset: IRI of the dataset, the one that the VoID description is about.
    """
    service, data, default = iri(endpoint + "#service"), iri(dataset), iri(endpoint + "#default-graph")
    said: list[Statement] = [
        (service, RDF + "type", iri(SD + "Service")),
        (service, SD + "endpoint", iri(endpoint)),
        (service, SD + "supportedLanguage", iri(SD + "SPARQL10Query")),
        (service, SD + "supportedLanguage", iri(SD + "SPARQL11Query")),
        (service, SD + "feature", iri(SD + "UnionDefaultGraph")),
        (service, SD + "defaultEntailmentRegime", iri(SIMPLE_ENTAILMENT)),
        (service, SD + "defaultDataset", data),
        (data, RDF + "type", iri(SD + "Dataset")),
        (data, SD + "defaultGraph", default),
        (default, RDF + "type", iri(SD + "Graph")),
        (default, RDFS + "comment", ox.Literal("The union of the named graphs.")),
        (default, VOID + "triples", count_of(sum(served.graphs.values()))),
    ]
    said += [(service, SD + "resultFormat", iri(FORMATS + name)) for name in RESULT_FORMATS]
    for name, count in sorted(served.graphs.items()):
        named, graph = iri(f"{endpoint}#named-{_slug(name)}"), iri(f"{endpoint}#graph-{_slug(name)}")
        said += [
            (data, SD + "namedGraph", named),
            (named, RDF + "type", iri(SD + "NamedGraph")),
            (named, SD + "name", iri(name)),
            (named, SD + "graph", graph),
            (graph, RDF + "type", iri(SD + "Graph")),
            (graph, VOID + "triples", count_of(count)),
        ]
    return triples_of(said + header_of(served, data))


def header_of(served: Served, dataset: Node) -> list[Statement]:
    """Return what the ontology's header says and is true of the dataset too."""
    return [(dataset, name, value) for name, value in served.header if name in _TOLD]


def triples_of(said: Iterable[Statement]) -> Triples:
    """Return statements as triples."""
    return [ox.Triple(subject, iri(predicate), value) for subject, predicate, value in said]


def _slug(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name.removeprefix(PREFIXES["graph"]))
