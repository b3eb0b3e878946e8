"""Building a release: refusal, bytes, atomic swap, lock, and files that others can read."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import rdflib
from pyoxigraph import BlankNode, Literal, NamedNode, Quad, RdfFormat, serialize
from rdflib.compare import isomorphic

from kg_builder.graph.layout import name_blank_nodes
from kg_builder.graph.owlapi import read_catalog
from kg_builder.graph.release import Assembled, build_release, write_release
from kg_builder.graph.serialise import write_rdfxml, write_turtle
from kg_builder.graph.store import find_release, open_release, verify_release
from kg_builder.issues import StoreError, TableError
from kg_builder.knowledge.statements import INFERRED, Statements, to_triples
from kg_builder.vocabulary import (
    BASE,
    GRAPH_ASSERTED,
    GRAPH_CORE,
    GRAPH_INFERRED,
    OWL,
    PREFIXES,
    RDF,
    RDFS,
    SV,
    XSD,
    compact,
    expand,
)

ROOT = Path(__file__).parents[2]
CORE = ROOT / "ontology" / "core"

TABLES = {
    "common/sources.tsv": [
        ("id", "title", "kind", "body", "year", "version", "identifier", "licence"),
        ("source:book", "The book", "textbook", "The press", "2001", "", "", ""),
    ],
    "common/mechanisms.tsv": [
        ("id", "label", "synonyms", "definition", "broader", "targets", "binding_sites"),
        ("mechanism:block", "block", "", "Blocking.", "", "", ""),
    ],
    "pox/classes.tsv": [
        ("id", "label", "synonyms", "definition", "broader", "mechanisms"),
        ("class:alphine", "alphine", "", "A class.", "class:antivore", "block"),
        ("class:antivore", "antivore", "", "A wider class.", "", ""),
    ],
    "pox/drugs.tsv": [
        ("id", "label", "synonyms", "definition", "mechanisms", "classes", "ingredients", "enhancers", "roles", "codes",
         "tested_by", "traits"),
        ("drug:alpha", "alpha", "ALF", "A drug < & \" é.", "block", "", "", "", "", "", "", ""),
    ],
    "pox/barriers.tsv": [
        ("id", "agent", "barrier", "conditions", "note", "evidence", "source", "locator", "curator", "date"),
        ("claim:b", "alphine", "high", "", "", "", "The book", "p. 1", "test", "2021-05-06"),
    ],
}  # fmt: skip


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    root = tmp_path / "knowledge"
    for name, rows in TABLES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return root


def content(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_a_build_holds_what_the_tables_say_and_what_follows(tables: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    manifest = build_release(tables, CORE, tmp_path / "out", progress=steps.append)
    store = open_release(tmp_path / "out")
    alpha, member_of = NamedNode(expand("drug:alpha")), NamedNode(SV + "memberOf")
    members = store.quads_for_pattern(alpha, member_of, None, NamedNode(GRAPH_INFERRED))
    assert {compact(q.object.value) for q in members} == {"class:alphine", "class:antivore"}
    assert steps == ["read tables", "check tables", "emit statements", "reason", "name blank nodes", "write release"]
    assert (manifest.version, manifest.built) == ("2021-05-06", "2021-05-06")
    assert manifest.ontology == BASE + "ontology"
    assert manifest.terms["drug"] == 1 and manifest.terms["class"] == 2
    assert manifest.claims == {"sv:Barrier": 1}
    assert manifest.rows == {
        "common": {"mechanisms": 1, "sources": 1},
        "pox": {"barriers": 1, "classes": 2, "drugs": 1},
    }
    assert sum(manifest.quads.values()) == len(store)
    assert manifest.inputs["pox/drugs.tsv"] == hashlib.sha256((tables / "pox/drugs.tsv").read_bytes()).hexdigest()


def test_two_builds_are_equal_byte_for_byte(tables: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from kg_builder.graph.release import build_release; "
        "build_release(*map(Path, sys.argv[1:]))"
    )
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", code, str(tables), str(CORE), str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
        )
    first, second = content(tmp_path / "1"), content(tmp_path / "2")
    assert first == second
    files = verify_release(tmp_path / "1").files
    assert files.keys() >= {"knowledge.nq.gz", "asserted.ttl", "knowledge.ttl", "knowledge.owl"}
    assert len(first) == len(files) + 3  # the manifest, the pointer, the lock


def test_no_statement_stands_in_two_graphs(tables: Path, tmp_path: Path) -> None:
    build_release(tables, CORE, tmp_path / "out")
    store = open_release(tmp_path / "out")
    assert len({(q.subject, q.predicate, q.object) for q in store}) == len(store)


def test_tables_with_errors_are_refused_with_all_issues(tables: Path, tmp_path: Path) -> None:
    build_release(tables, CORE, tmp_path / "out")
    before = content(tmp_path / "out")
    drugs = tables / "pox" / "drugs.tsv"
    drugs.write_text(drugs.read_text().replace("\tblock\t", "\tblok\t"))
    barriers = tables / "pox" / "barriers.tsv"
    barriers.write_text(barriers.read_text().replace("\thigh\t", "\thihg\t"))
    with pytest.raises(TableError) as caught:
        build_release(tables, CORE, tmp_path / "out")
    assert {Path(issue.path).name for issue in caught.value.issues} >= {"drugs.tsv", "barriers.tsv"}
    assert content(tmp_path / "out") == before


def test_a_rebuild_replaces_the_release_and_removes_the_old_one(tables: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build_release(tables, CORE, out)
    old = find_release(out)
    build_release(tables, CORE, out, version="2.0")
    new = find_release(out)
    assert new != old and not old.exists()
    assert verify_release(out).version == "2.0"
    assert sorted(p.name for p in out.iterdir()) == sorted([".lock", "current", new.name])


def test_a_damaged_release_is_repaired_by_a_rebuild(tables: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build_release(tables, CORE, out)
    (find_release(out) / "knowledge.owl").write_text("<")
    build_release(tables, CORE, out)
    verify_release(out)


def test_a_build_killed_at_any_moment_leaves_the_former_release_whole(tables: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build_release(tables, CORE, out, version="1")
    code = (
        "import sys; from pathlib import Path; from kg_builder.graph import release\n"
        "from kg_builder.graph.release_files import OutputFile\n"
        "def pause(name): print(name, flush=True); sys.stdin.readline()\n"
        "def slow_close(file, close=OutputFile.close): close(file); pause(file.path.name)\n"
        "def slow(path, data, write=release._write_durably): write(path, data); pause(path.name)\n"
        "OutputFile.close, release._write_durably = slow_close, slow\n"
        "release.build_release(*map(Path, sys.argv[1:]), version='2')"
    )
    count = len(verify_release(out).files)
    for stop in (1, 2, count, count + 1, count + 2):  # some file, the last one, the manifest, the pointer
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(tables), str(CORE), str(out)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert child.stdin and child.stdout
        for _ in range(stop):
            assert child.stdout.readline()
            if _ < stop - 1:
                child.stdin.write("\n")
                child.stdin.flush()
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdin.close()
        child.stdout.close()
        assert verify_release(out).version == "1", f"killed after {stop} files"
    assert any(p.name.startswith(".new-") for p in out.iterdir())
    build_release(tables, CORE, out, version="2")
    assert verify_release(out).version == "2"
    assert not [p for p in out.iterdir() if p.is_dir() and p.name != find_release(out).name]


def test_two_builds_at_once_are_refused(tables: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with (out / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=r"out: another build is at work here; try again when it has ended"):
            build_release(tables, CORE, out)
    build_release(tables, CORE, out)


# --- files -----------------------------------------------------------------------------------


@pytest.fixture
def release(tables: Path, tmp_path: Path) -> Path:
    build_release(tables, CORE, tmp_path / "out")
    return find_release(tmp_path / "out")


def test_ontology_files_hold_the_same_statements_for_rdflib(release: Path) -> None:
    turtle_graph = rdflib.Graph().parse(release / "knowledge.ttl")
    owl_graph = rdflib.Graph().parse(release / "knowledge.owl", format="xml")
    annotated, again = take_annotated(turtle_graph), take_annotated(owl_graph)
    assert annotated == again
    assert isomorphic(turtle_graph, owl_graph)
    asserted = rdflib.Graph().parse(release / "asserted.ttl")
    assert isomorphic(asserted, rdflib.Graph().parse(release / "asserted.owl", format="xml"))
    header = rdflib.URIRef(BASE + "ontology")
    nodes = {t for t in turtle_graph if isinstance(t[0], rdflib.BNode) or isinstance(t[2], rdflib.BNode)}
    assert annotated == {t for t in set(turtle_graph) - set(asserted) - nodes if t[0] != header}
    member = (
        rdflib.URIRef(expand("drug:alpha")),
        rdflib.URIRef(SV + "memberOf"),
        rdflib.URIRef(expand("class:antivore")),
    )
    assert member in annotated


def take_annotated(graph: rdflib.Graph) -> set[tuple[Any, ...]]:
    """Take the axioms that mark what is inferred out of a graph and return the statements that they mark."""
    axioms = list(graph.subjects(rdflib.URIRef(SV + "isInferred"), rdflib.Literal(True)))
    parts = [rdflib.OWL[f"annotated{part}"] for part in ("Source", "Property", "Target")]
    marked = {tuple(graph.value(axiom, part) for part in parts) for axiom in axioms}
    for axiom in axioms:
        graph.remove((axiom, None, None))
    return marked


def test_there_is_one_header_and_no_import(release: Path) -> None:
    graph = rdflib.Graph().parse(release / "knowledge.ttl")
    headers = list(graph.subjects(rdflib.RDF.type, rdflib.OWL.Ontology))
    assert headers == [rdflib.URIRef(BASE + "ontology")]
    assert list(graph.objects(None, rdflib.OWL.imports)) == []
    assert list(graph.objects(headers[0], rdflib.OWL.versionIRI)) == [rdflib.URIRef(BASE + "release/2021-05-06")]
    assert rdflib.Literal("salvage-kg ontology") in set(graph.objects(headers[0], rdflib.DCTERMS.title))


def test_each_ontology_file_is_an_ontology_of_its_own(release: Path) -> None:
    """So that an editor can hold them side by side; the catalog leads from their IRIs to the files."""
    catalog = read_catalog(release / "catalog-v001.xml")
    assert len(catalog) == 6
    for name, part in (("knowledge", ""), ("asserted", "/asserted"), ("reasoning", "/reasoning")):
        graph = rdflib.Graph().parse(release / f"{name}.owl", format="xml")
        (header,) = graph.subjects(rdflib.RDF.type, rdflib.OWL.Ontology)
        (version,) = graph.objects(header, rdflib.OWL.versionIRI)
        assert (str(header), str(version)) == (f"{BASE}ontology{part}", f"{BASE}release/2021-05-06{part}")
        assert catalog[str(header)] == catalog[str(version)] == (release / f"{name}.owl").resolve()
        said = {rdflib.DCTERMS.license, rdflib.DCTERMS.bibliographicCitation, rdflib.SKOS.changeNote}
        assert said <= set(graph.predicates(header, None))


def test_asserted_holds_nothing_inferred(release: Path) -> None:
    graph = rdflib.Graph().parse(release / "asserted.ttl")
    assert (rdflib.URIRef(expand("drug:alpha")), rdflib.URIRef(SV + "memberOf"), None) not in graph


def test_the_quads_are_sorted_and_without_date(release: Path) -> None:
    data = (release / "knowledge.nq.gz").read_bytes()
    assert data[4:8] == b"\0\0\0\0"
    lines = gzip.decompress(data).splitlines()
    assert lines == sorted(set(lines))
    assert (
        json.loads((release / "manifest.json").read_text())["sha256"]
        == hashlib.sha256(gzip.decompress(data)).hexdigest()
    )


def test_knowledge_is_owl_dl_for_the_owlapi(release: Path) -> None:
    pytest.importorskip("jpype", reason="the extra `dl` is not installed")
    from kg_builder.graph.owlapi import inspect_ontology

    report = inspect_ontology(release / "knowledge.owl")
    assert report.violations == () and report.unresolved == ()
    assert report.is_consistent


# --- serialisers -----------------------------------------------------------------------------


def quad(s: NamedNode | BlankNode, p: str, o: NamedNode | BlankNode | Literal, graph: str = GRAPH_CORE) -> Quad:
    return Quad(s, NamedNode(p), o, NamedNode(graph))


def awkward() -> list[Quad]:
    """Blank nodes in every position: nested, shared, on a cycle, lists with literals and shared tails."""
    x, y = NamedNode(expand("drug:x")), NamedNode("http://example.org/a b(c),d;é/".replace(" ", "%20"))
    nested, shared, one, two, head, tail, other, alone = (BlankNode() for _ in range(8))
    nil, first, rest = NamedNode(RDF + "nil"), RDF + "first", RDF + "rest"
    return [
        quad(x, SV + "p", nested),
        quad(nested, SV + "q", Literal("in\n\"'\\ \t\r<&>\x85\u2028\U0001f48a", language="en")),
        quad(nested, SV + "p", BlankNode("leaf")),
        quad(x, SV + "p", shared),
        quad(y, SV + "p", shared),
        quad(shared, SV + "q", Literal("1.50", datatype=NamedNode(XSD + "decimal"))),
        quad(one, SV + "p", two),
        quad(two, SV + "p", one),
        quad(x, SV + "list", head),
        quad(head, first, Literal("a")),
        quad(head, rest, tail),
        quad(other, first, y),
        quad(other, rest, tail),
        quad(tail, first, x),
        quad(tail, rest, nil),
        quad(y, SV + "list", other),
        quad(alone, SV + "q", Literal(True)),
        quad(y, SV + "list", nil),
    ]


def test_awkward_graphs_survive_turtle_and_rdfxml() -> None:
    rows = list(name_blank_nodes(Statements.of(awkward())))
    triples = serialize(to_triples(rows), format=RdfFormat.N_TRIPLES)
    expected = rdflib.Graph().parse(data=triples, format="nt")
    assert len(expected) == len(awkward())
    assert isomorphic(expected, rdflib.Graph().parse(data=write_turtle(rows, PREFIXES), format="turtle"))
    xml = write_rdfxml(rows, PREFIXES)
    assert isomorphic(expected, rdflib.Graph().parse(data=xml, format="xml"))


def test_order_and_names_of_blank_nodes_do_not_depend_on_the_input() -> None:
    one, two = (name_blank_nodes(Statements.of(quads)) for quads in (awkward(), reversed(awkward())))
    assert sorted(one) == sorted(two)
    assert write_turtle(one, PREFIXES) == write_turtle(two, PREFIXES)
    assert write_rdfxml(one, PREFIXES) == write_rdfxml(two, PREFIXES)


def test_lists_and_class_expressions_are_written_where_they_are_used() -> None:
    members, item = BlankNode(), BlankNode()
    quads = [
        quad(NamedNode(expand("drugs:x")), OWL + "unionOf", members),
        quad(members, RDF + "first", item),
        quad(members, RDF + "rest", NamedNode(RDF + "nil")),
        quad(item, RDFS + "label", Literal("one")),
    ]
    rows = Statements.of(quads)
    assert '( [\n        rdfs:label "one"\n    ] )' in write_turtle(rows, PREFIXES)
    root = ET.fromstring(write_rdfxml(rows, PREFIXES))
    assert [child.tag for child in root] == [f"{{{RDF}}}Description"]
    assert root[0][0].attrib == {f"{{{RDF}}}parseType": "Collection"}


@pytest.mark.parametrize(
    ("predicate", "value", "message"),
    [
        ("http://example.org/1x", "a", "cannot be written as an XML name"),
        (SV + "p", "a\x00b", "XML 1.0 cannot"),
        (SV + "p", "\ufffe", "XML 1.0 cannot"),
    ],
)
def test_what_xml_cannot_hold_is_told(predicate: str, value: str, message: str) -> None:
    quads = [quad(NamedNode(expand("drug:x")), predicate, Literal(value))]
    with pytest.raises(ValueError, match=message):
        write_rdfxml(Statements.of(quads), PREFIXES)


def test_a_statement_of_two_graphs_stays_in_the_first() -> None:
    x = NamedNode(expand("drug:x"))
    quads = [quad(x, SV + "p", x, g) for g in (GRAPH_INFERRED, GRAPH_ASSERTED, GRAPH_CORE)]
    assert Statements.of(quads).quads() == [quads[2]]
    again = Statements()
    assert [again.add(*row, place) for row, place in Statements.of(quads[:2]).placed()] == [True]
    assert not again.add(*next(iter(again)), INFERRED)
    assert again.quads() == [quads[1]]


def test_write_release_leaves_foreign_directories_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    quads = [
        quad(NamedNode(BASE + "ontology"), RDF + "type", NamedNode(OWL + "Ontology")),
        quad(NamedNode(BASE + "ontology"), OWL + "versionIRI", NamedNode(BASE + "release/1")),
    ]
    write_release(Assembled(Statements.of(quads), "1", ""), tmp_path, inputs={})
    assert (tmp_path / "notes").is_dir()
