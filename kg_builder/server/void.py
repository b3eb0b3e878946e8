"""A VoID description of the data set, for ``/.well-known/void``: how much of what, whose it is, where to ask."""

from __future__ import annotations

import pyoxigraph as ox

from kg_builder.server.description import VOID, Served, Statement, Triples, count_of, header_of, iri, triples_of
from kg_builder.vocabulary import BASE, DCTERMS, OWL, RDF, RDFS, SKOS, SV, XSD

WELL_KNOWN = "/.well-known/void"


def describe_dataset(served: Served, endpoint: str, dataset: str, examples: str) -> Triples:
    """Return the VoID description.

    Args:
        served: what is served.
        endpoint: URL of the SPARQL endpoint.
        dataset: IRI of the data set.
        examples: URL of the example queries.
    """
    manifest, data = served.manifest, iri(dataset)
    document = iri(dataset.partition("#")[0])
    said: list[Statement] = [
        (document, RDF + "type", iri(VOID + "DatasetDescription")),
        (document, DCTERMS + "title", ox.Literal("Description of the salvage-kg data set")),
        (document, "http://xmlns.com/foaf/0.1/primaryTopic", data),
        (data, RDF + "type", iri(VOID + "Dataset")),
        (data, VOID + "sparqlEndpoint", iri(endpoint)),
        (data, VOID + "uriSpace", ox.Literal(BASE)),
        (data, VOID + "triples", count_of(sum(served.graphs.values()))),
        (data, VOID + "entities", count_of(sum(manifest.terms.values()) + sum(manifest.claims.values()))),
        (data, OWL + "versionInfo", ox.Literal(manifest.version)),
        (data, DCTERMS + "identifier", ox.Literal(f"sha256:{manifest.sha256}")),
        (data, DCTERMS + "conformsTo", iri(manifest.ontology)),
        (data, RDFS + "seeAlso", iri(examples)),
    ]
    if manifest.built:
        said.append((data, DCTERMS + "issued", ox.Literal(manifest.built, datatype=iri(XSD + "date"))))
    said += [(data, VOID + "vocabulary", iri(name)) for name in (SV, RDFS, SKOS, DCTERMS, OWL)]
    for name, count in sorted(served.classes.items()):
        part = iri(f"{dataset}-{name.rpartition('#')[2].rpartition('/')[2]}")
        said += [
            (data, VOID + "classPartition", part),
            (part, RDF + "type", iri(VOID + "Dataset")),
            (part, VOID + "class", iri(name)),
            (part, VOID + "entities", count_of(count)),
        ]
    for name, count in sorted(served.graphs.items()):
        said += [
            (data, VOID + "subset", iri(name)),
            (iri(name), RDF + "type", iri(VOID + "Dataset")),
            (iri(name), VOID + "triples", count_of(count)),
        ]
    return triples_of(said + header_of(served, data))
