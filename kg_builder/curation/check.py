"""All checks in one go, from the tables up: cells and names, axioms, check queries, description logic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kg_builder.issues import Issue, ReasoningError, TableError
from kg_builder.places import find_home
from kg_builder.vocabulary import GRAPH_ASSERTED, GRAPH_CORE, compact

if TYPE_CHECKING:
    from pyoxigraph import Quad

    from kg_builder.ask import Rows
    from kg_builder.knowledge import Knowledge

Progress = Callable[[str], None]

#: Messages of the reasoners about themselves, not about the ontology.
NOT_ABOUT_DATA = {"O103", "O104"}


def check_all(ontology: Path, *, dl: bool = False, progress: Progress = lambda step: None) -> list[Issue]:
    """Return every fault of an ontology folder, sorted; a layer with errors keeps those above from being looked at.

    Args:
        ontology: folder with ``core`` and ``knowledge``.
        dl: also ask a description-logic reasoner (extra ``dl``; some seconds).
        progress: called with the name of each step.
    Raises:
        ReasoningError: if a reasoner is missing or fails.
    """
    return sorted(set(_find_issues(ontology, dl, progress)))


def _find_issues(ontology: Path, dl: bool, progress: Progress) -> Iterator[Issue]:
    from kg_builder import knowledge
    from kg_builder.graph.release import assemble

    progress("read tables")
    tables = knowledge.load_knowledge(ontology / "knowledge")
    issues = knowledge.check_knowledge(tables)
    yield from issues
    if any(issue.severity == "error" for issue in issues):
        return
    try:
        quads = assemble(ontology / "knowledge", ontology / "core", progress=progress, tables=tables).quads
    except (TableError, ReasoningError) as error:
        if not error.issues or any(issue.code in NOT_ABOUT_DATA for issue in error.issues):
            raise
        yield from error.issues
        return
    progress("validate shapes")
    yield from check_shapes(_stated(quads), tables, ontology / "shapes")
    progress("ask check queries")
    yield from run_check_queries(quads, tables, find_home("queries", "check"))
    if dl:
        progress("ask the description-logic reasoner")
        yield from check_dl(tables, ontology / "core")
        progress("open the ontology in the OWLAPI")
        yield from check_profile(ontology / "salvage.ttl")


def check_shapes(stated: Iterable[Quad], tables: Knowledge, shapes: Path) -> Iterator[Issue]:
    """Yield what violates the shapes, at the row that states the term or claim.

    Raises:
        StoreError: if there are no shapes, or they cannot be read.
    """
    from kg_builder.graph.shapes import validate_shapes

    places = _places(tables)
    data = "".join(f"{quad.triple} .\n" for quad in stated)
    for issue in validate_shapes(data, shapes):
        path, line = places.get(issue.path, (issue.path, 0))
        said = issue.message if path == issue.path else f"{issue.path}: {issue.message}"
        yield replace(issue, path=path, line=line, message=said)


def run_check_queries(quads: Iterable[Quad], tables: Knowledge, directory: Path) -> Iterator[Issue]:
    """Yield Q100 for each row that a check query returns: check queries find only what is wrong.

    Args:
        quads: the graph, inferred statements included.
        tables: what the graph was made from; says file and line of a term or claim.
        directory: where the queries are.
    """
    from pyoxigraph import Store

    from kg_builder.ask import bind, load_catalogue, run

    places = _places(tables)
    store = Store()
    store.bulk_extend(quads)
    for query in load_catalogue(directory).values():
        yield from _tell_rows(query.header.id, query.header.summary, run(store, bind(query, {}, tables.index)), places)


def _stated(quads: Iterable[Quad]) -> list[Quad]:
    """Return what people said, without what was inferred."""
    return [quad for quad in quads if getattr(quad.graph_name, "value", "") in (GRAPH_CORE, GRAPH_ASSERTED)]


def _places(tables: Knowledge) -> dict[str, tuple[str, int]]:
    return {row.id: (row.read.path, row.read.line) for row in tables.resolution.rows}


def _tell_rows(name: str, summary: str, rows: Rows, places: Mapping[str, tuple[str, int]]) -> Iterator[Issue]:
    for row in rows.rows:
        cells = [str(getattr(cell, "curie", cell)) for cell in row if cell is not None]
        path, line = next((places[cell] for cell in cells if cell in places), (f"queries/check/{name}.rq", 0))
        said = ", ".join(f"{column} {cell}" for column, cell in zip(rows.columns, cells, strict=False))
        yield Issue(path, line, "", "Q100", f"{name}: {said}", summary)


def check_dl(tables: Knowledge, core: Path) -> Iterator[Issue]:
    """Yield O110 for each minimal set of statements that contradict each other, told as the rows and axioms that make
    them, and O111 for each class that can have no member.

    Raises:
        ReasoningError: if a reasoner is missing or fails.
    """
    from kg_builder.graph.causes import Causes
    from kg_builder.graph.dl import check_consistency, explain_inconsistency

    causes = Causes(tables, core)
    verdict = check_consistency(causes.triples)
    if not verdict.consistent:
        for clash in explain_inconsistency(causes.triples):
            yield causes.tell(clash, "O110")
    for iri in verdict.unsatisfiable:
        yield Issue(
            "ontology/core", 0, compact(iri), "O111", "can have no member", "two of its axioms exclude each other"
        )


def check_profile(root: Path) -> Iterator[Issue]:
    """Open the ontology as an editor does; yield O112 for an import that leads nowhere, O113 for each departure from
    OWL 2 DL, O110 if it is inconsistent.

    Raises:
        ReasoningError: if the OWLAPI is missing or fails.
    """
    from kg_builder.graph.owlapi import inspect_ontology

    report = inspect_ontology(root)
    for iri in report.unresolved:
        yield Issue(str(root), 0, "", "O112", f"import {iri} leads nowhere", "add it to catalog-v001.xml")
    for violation in report.violations:
        yield Issue(str(root), 0, "", "O113", f"not OWL 2 DL: {violation}", "rephrase or declare it")
    if report.is_consistent is False:
        yield Issue(str(root), 0, "", "O110", "the ontology is inconsistent", "build the graph to see why")
