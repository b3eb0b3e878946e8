"""Questions to the knowledge graph: query files with a header, parameters bound as checked terms."""

from kg_builder.ask.bind import BoundQuery, Names, bind
from kg_builder.ask.files import QueryFile, find_query, load_catalogue, load_query, load_untrusted_query
from kg_builder.ask.run import Cell, Iri, Rows, run, run_rdflib

__all__ = [
    "BoundQuery",
    "Cell",
    "Iri",
    "Names",
    "QueryFile",
    "Rows",
    "bind",
    "find_query",
    "load_catalogue",
    "load_query",
    "load_untrusted_query",
    "run",
    "run_rdflib",
]
