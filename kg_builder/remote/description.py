"""What a server says of the release it holds: a VoID description in a graph of its own, written last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

import pyoxigraph as ox

from kg_builder.graph.store import Manifest
from kg_builder.remote import texts
from kg_builder.remote.client import Client, EndpointError
from kg_builder.vocabulary import BASE, DCTERMS, OWL, RDF, XSD, compact, expand

VOID: Final = "http://rdfs.org/ns/void#"
#: The graph of the description. While a release is put in the place of another it is not there.
GRAPH_RELEASE: Final = BASE + "graph/release"
#: Where `salvage-kg serve` describes what it serves, which nobody loaded into it.
WELL_KNOWN: Final = "/.well-known/void"
_SHA256: Final = "sha256:"


@dataclass(frozen=True, slots=True)
class Described:
    """A release as a server describes it.

    Attributes:
        version, built, sha256: as the manifest of the release has them.
        graphs: IRI of each graph → number of its statements.
    """

    version: str
    built: str
    sha256: str
    graphs: Mapping[str, int]

    @classmethod
    def of(cls, manifest: Manifest) -> Described:
        """Return how a release is described."""
        return cls(
            manifest.version,
            manifest.built,
            manifest.sha256,
            {expand(graph): size for graph, size in sorted(manifest.quads.items())},
        )

    @property
    def manifest(self) -> Manifest:
        """The release as its manifest would have it, without what the server does not tell."""
        return Manifest(
            version=self.version, built=self.built, code_version="", sha256=self.sha256, ontology=BASE + "ontology",
            version_iri=f"{BASE}release/{self.version}", quads={compact(g): n for g, n in self.graphs.items()},
            terms={}, claims={}, rows={}, files={}, inputs={},
        )  # fmt: skip

    def triples(self) -> list[ox.Triple]:
        """Return the description as VoID."""
        data, iri = ox.NamedNode(f"{BASE}release/{self.version}"), ox.NamedNode
        said: list[tuple[ox.NamedNode, str, ox.NamedNode | ox.Literal]] = [
            (data, RDF + "type", iri(VOID + "Dataset")),
            (data, OWL + "versionInfo", ox.Literal(self.version)),
            (data, DCTERMS + "identifier", ox.Literal(_SHA256 + self.sha256)),
            (data, DCTERMS + "issued", ox.Literal(self.built)),
        ]
        for graph, size in self.graphs.items():
            number = ox.Literal(str(size), datatype=iri(XSD + "integer"))
            said += [(data, VOID + "subset", iri(graph)), (iri(graph), VOID + "triples", number)]
        return [ox.Triple(subject, iri(predicate), value) for subject, predicate, value in said]


def read_description(client: Client) -> Described | None:
    """Return which release a server holds; None if it holds none, or one whose load was broken off.

    Raises:
        EndpointError: if the server does not answer.
    """
    text = texts.construct("?s ?p ?o .")
    return _read(client.construct(text, [GRAPH_RELEASE], doing="asking which release is there"))


def read_served(client: Client) -> Described | None:
    """Return the release that a `salvage-kg serve` describes beside its endpoint; None where nothing does."""
    try:
        return _read(client.get(urljoin(client.endpoint.query, WELL_KNOWN), doing="asking which release is there"))
    except EndpointError:
        return None


def _read(triples: Iterable[ox.Triple]) -> Described | None:
    said: dict[str, dict[str, list[str]]] = {}
    for t in triples:
        if isinstance(t.subject, ox.NamedNode) and isinstance(t.object, ox.NamedNode | ox.Literal):
            said.setdefault(t.subject.value, {}).setdefault(t.predicate.value, []).append(t.object.value)
    for about in said.values():
        identifiers = [text for text in about.get(DCTERMS + "identifier", ()) if text.startswith(_SHA256)]
        versions = about.get(OWL + "versionInfo", ())
        if len(identifiers) == 1 and len(versions) == 1:
            graphs = {
                graph: int(said[graph][VOID + "triples"][0])
                for graph in sorted(about.get(VOID + "subset", ()))
                if said.get(graph, {}).get(VOID + "triples", [""])[0].isdecimal()
            }
            built = min(about.get(DCTERMS + "issued", ()), default="")
            return Described(versions[0], built, identifiers[0].removeprefix(_SHA256), graphs)
    return None
