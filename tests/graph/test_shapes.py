"""The shapes say what the row models say, and pyrudof and pyshacl judge alike."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import pyshacl
import pytest
from annotated_types import Ge, Le
from rdflib import RDF, SH, Graph, Namespace, URIRef
from rdflib.collection import Collection
from rdflib.term import Node

from kg_builder.graph.shapes import validate_shapes
from kg_builder.issues import StoreError
from kg_builder.knowledge.rows import TABLES, ClaimRow, Conditions, Emit, GenericTerm, Ref, Row
from kg_builder.vocabulary import BASE, KINDS, PREFIXES, compact, expand

ROOT = Path(__file__).parents[2]
SHAPES = ROOT / "ontology" / "shapes"
SV = Namespace(BASE + "ontology#")
XSD = Namespace("http://www.w3.org/2001/XMLSchema#")

#: Class of the subject of each term table that does not hold claims.
SUBJECTS = {
    "sources": ["Source"], "genes": ["Gene"], "alterations": ["Alteration"], "parameters": ["Parameter"],
    "case_fields": ["CaseField"], "modifiables": ["ModifiableFact"], "mechanisms": ["Mechanism"],
    "classes": ["DrugClass"], "drugs": ["Drug"],
    "regimens": ["Regimen"], "algorithms": ["Algorithm"], "drugcodes": ["DrugCode"], "levels": ["ResistanceLevel"],
    "terms": [
        "Action", "Allergy", "BindingSite", "BiopsyResult", "Comorbidity", "Disease", "EvidenceLevel", "FailureMode",
        "Goal", "Histology", "ImagingFinding", "InfectionSite", "Modality", "Organism", "PatientState", "Region",
        "Role", "Sex", "Target", "Toxicity", "Warning",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def shapes() -> Graph:
    graph = Graph()
    for file in sorted(SHAPES.glob("*.ttl")):
        graph.parse(file)
    return graph


@pytest.fixture(scope="module")
def core() -> str:
    graph = Graph()
    for file in sorted((ROOT / "ontology" / "core").glob("*.ttl")):
        graph.parse(file)
    return graph.serialize(format="nt")


# --- shapes against row models -----------------------------------------------------------------


def constraints(shapes: Graph, cls: str, path: URIRef) -> dict[Node, list[Node]]:
    """All that the shapes of a class say of one property, those of ``sh:node`` included."""
    found: dict[Node, list[Node]] = {}
    for shape in shapes.subjects(SH.targetClass, SV[cls]):
        for prop in shapes.objects(shape, SH.property):
            if shapes.value(prop, SH.path) == path:
                for group in (prop, *shapes.objects(prop, SH.node)):
                    for predicate, value in shapes.predicate_objects(group):
                        found.setdefault(predicate, []).append(value)
    return found


def expected_classes(shapes: Graph, said: dict[Node, list[Node]]) -> set[str]:
    choices = [member for head in said.get(SH["or"], []) for member in Collection(shapes, head)]
    classes = [*said.get(SH["class"], []), *(c for m in choices for c in shapes.objects(m, SH["class"]))]
    return {str(c).removeprefix(SV) for c in classes}


def faults_of_column(shapes: Graph, model: type[Row], name: str, cls: str) -> Iterator[str]:
    field = model.model_fields[name]
    emit = next(m for m in field.metadata if isinstance(m, Emit))
    ref = next((m for m in field.metadata if isinstance(m, Ref)), None)
    said = constraints(shapes, cls, URIRef(expand(emit.predicate if ":" in emit.predicate else f"sv:{emit.predicate}")))
    one = field.annotation
    is_many = get_origin(one) is tuple
    literal = next((a for a in (one, *get_args(one)) if get_origin(a) is Literal), None)
    inner = next((a for a in get_args(one) if a not in (NoneType, Ellipsis)), one) if literal is None else str
    if not said:
        yield f"{cls}.{name}: no shape"
    if (field.is_required() or min_length(field.metadata)) and not counts(said, SH.minCount):
        yield f"{cls}.{name}: required, but no sh:minCount"
    if not is_many and counts(said, SH.maxCount) != {1}:
        yield f"{cls}.{name}: one value, but no sh:maxCount 1"
    if literal is not None:
        wanted = {URIRef(expand(f"{emit.prefix}:{c}")) if emit.prefix else c for c in get_args(literal) if c}
        listed = {v if isinstance(v, URIRef) else str(v) for h in said.get(SH["in"], []) for v in Collection(shapes, h)}
        if wanted != listed:
            yield f"{cls}.{name}: {sorted(map(str, wanted))} in the model, {sorted(map(str, listed))} in the shape"
    elif ref is not None and ref.kinds:
        wanted_classes = {KINDS[kind] for kind in ref.kinds}
        if (found := expected_classes(shapes, said)) != wanted_classes:
            yield f"{cls}.{name}: {wanted_classes} in the model, {found} in the shape"
    elif ref is None and not emit.prefix:
        datatype = {str: XSD.string, int: XSD.integer, bool: XSD.boolean, Decimal: XSD.decimal}[inner]
        if said.get(SH.datatype) != [datatype]:
            yield f"{cls}.{name}: {datatype} expected, {said.get(SH.datatype)} in the shape"
    for bound in field.metadata:
        limits = {Ge: SH.minInclusive, Le: SH.maxInclusive}.get(type(bound))
        if limits is not None and counts(said, limits) != {bound.ge if isinstance(bound, Ge) else bound.le}:
            yield f"{cls}.{name}: {bound} in the model, {counts(said, limits)} in the shape"


def counts(said: dict[Node, list[Node]], predicate: URIRef) -> set[Any]:
    return {value.toPython() for value in said.get(predicate, [])}  # type: ignore[attr-defined]


def min_length(metadata: list[Any]) -> bool:
    return any(getattr(m, "min_length", 0) for m in metadata)


@pytest.mark.parametrize("table", sorted(TABLES))
def test_shapes_agree_with_the_row_model(shapes: Graph, table: str) -> None:
    model = TABLES[table]
    classes = [model.claim_class] if issubclass(model, ClaimRow) else SUBJECTS[table]
    faults = []
    for cls in classes:
        for name, field in model.model_fields.items():
            if any(isinstance(m, Emit) for m in field.metadata):
                faults += faults_of_column(shapes, model, name, cls)
            for link in (m for m in field.metadata if isinstance(m, Conditions)):
                for path in (link.predicate, link.count):
                    if not constraints(shapes, cls, SV[path]):
                        faults.append(f"{cls}.{name}: no shape of {path}")
        if model is GenericTerm and expected_classes(shapes, constraints(shapes, cls, SV["broader"])) != {cls}:
            faults.append(f"{cls}: broader may lead to another kind")
    assert faults == []


def test_only_core_constraints_that_both_engines_know(shapes: Graph) -> None:
    used = {str(p).removeprefix(str(SH)) for p in shapes.predicates() if str(p).startswith(str(SH))}
    assert used <= {
        "targetClass", "property", "path", "node", "or", "not", "minCount", "maxCount", "datatype", "nodeKind", "class",
        "in", "hasValue", "pattern", "minLength", "minInclusive", "maxInclusive", "lessThan", "lessThanOrEquals",
        "disjoint", "message", "inversePath",
    }  # fmt: skip


def test_every_named_property_shape_is_used_and_says_what_it_expects(shapes: Graph) -> None:
    named = set(shapes.subjects(RDF.type, SH.PropertyShape))
    assert named == {p for p in shapes.objects(None, SH.property) if isinstance(p, URIRef)}
    assert [p for p in named if shapes.value(p, SH.message) is None] == []


# --- verdicts on data --------------------------------------------------------------------------

HEAD = "".join(f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in PREFIXES.items())
GOOD = """
drug:a a sv:Drug ; rdfs:label "a" ; skos:altLabel "A-1" ; obo:IAO_0000115 "A made-up drug." ; sv:memberOf class:c ;
    sv:hasTrait trait:long-acting ; sv:hasCode drugcode:A .
drug:p a sv:Drug ; rdfs:label "p" ; obo:IAO_0000115 "A product of a." ; sv:hasActiveIngredient drug:a .
class:c a sv:DrugClass ; rdfs:label "c" ; obo:IAO_0000115 "A made-up class." .
role:r a sv:Role ; rdfs:label "r" ; obo:IAO_0000115 "A made-up role." .
disease:d a sv:Disease ; rdfs:label "d" ; obo:IAO_0000115 "A made-up disease." .
gene:g a sv:Gene ; rdfs:label "g" ; obo:IAO_0000115 "A made-up gene." ; sv:molecule "protein" ; sv:residueCount 99 .
alteration:x a sv:Alteration ; rdfs:label "x" ; obo:IAO_0000115 "A made-up change." ; sv:inGene gene:g .
parameter:n a sv:Parameter ; rdfs:label "n" ; obo:IAO_0000115 "A made-up number." ; sv:unit "1" ;
    sv:plausibleMinimum 0.0 ; sv:plausibleMaximum 10.0 .
field:f a sv:CaseField ; rdfs:label "patient.n" ; sv:casePath "patient.n" ; sv:statesParameter parameter:n .
evidence:A a sv:EvidenceLevel ; rdfs:label "A" ; obo:IAO_0000115 "The best of all." ; sv:order 1 .
region:w a sv:Region ; rdfs:label "w" ; obo:IAO_0000115 "The whole world." .
warning:w a sv:Warning ; rdfs:label "w" ; obo:IAO_0000115 "A made-up warning." .
source:s a sv:Source ; rdfs:label "s" ; sv:sourceKind "data set" ; sv:publishedBy "b" ; sv:publicationYear 2024 ;
    sv:sourceVersion "1" .
algorithm:l a sv:Algorithm ; rdfs:label "l" ; obo:IAO_0000115 "A made-up algorithm." ; sv:algorithmVersion "1" ;
    sv:released "2024-01-01" ; dcterms:source source:s ; sv:isCurrent true .
drugcode:A a sv:DrugCode ; rdfs:label "A" ; sv:ofAlgorithm algorithm:l ; sv:scoredOn gene:g ; sv:order 1 .
level:l1 a sv:ResistanceLevel ; rdfs:label "low" ; sv:ofAlgorithm algorithm:l ; sv:order 1 ; sv:sir "S" ;
    sv:minimumScore -10.0 ; sv:maximumScore 9.0 ; sv:hasDegree degree:none .
condition:fact a sv:Condition ; rdfs:label "marker x" ; sv:conditionKind kind:marker ; sv:conditionTerm alteration:x ;
    sv:conditionPhase 1 .
condition:number a sv:NumericCondition ; rdfs:label "n < 3" ; sv:onParameter parameter:n ; sv:comparator "<" ;
    sv:limit 3.0 ; sv:conditionPhase 1 .
claim:indication a sv:Indication ; rdfs:label "use" ; sv:concernsAgent drug:a ; sv:forDisease disease:d ;
    sv:indicationStatus status:current ; sv:hasEvidence evidence:A ; dcterms:source source:s ; sv:curatedBy "me" ;
    sv:curatedOn "2024-01-01" ; sv:conditionCount 0 .
claim:resistance a sv:Resistance ; rdfs:label "fails" ; sv:concernsAgent class:c ; sv:hasDegree degree:full ;
    dcterms:source source:s ; sv:curatedBy "me" ; sv:curatedOn "2024-01-01" ; sv:conditionCount 2 ;
    sv:hasCondition condition:fact , condition:number .
claim:interaction a sv:Interaction ; rdfs:label "meets" ; sv:concernsSubstance drug:a ; sv:precipitant role:r ;
    sv:hasEffect effect:cautions ; sv:givesWarning warning:w ; dcterms:source source:s ; sv:curatedBy "me" ;
    sv:curatedOn "2024-01-01" ; sv:conditionCount 0 .
claim:preference a sv:Preference ; rdfs:label "first" ; sv:concernsAgent drug:p ; sv:preferredOver drug:a ;
    dcterms:source source:s ; sv:curatedBy "me" ; sv:curatedOn "2024-01-01" ; sv:conditionCount 0 .
claim:prevalence a sv:Prevalence ; rdfs:label "how common" ; sv:concernsAgent drug:a ; sv:forDisease disease:d ;
    sv:inRegion region:w ; sv:observedIn 2020 ; sv:resistantCount 3 ; sv:testedCount 10 ; dcterms:source source:s ;
    sv:curatedBy "me" ; sv:curatedOn "2024-01-01" ; sv:conditionCount 0 .
case:c a sv:Case ; sv:hasFact <https://w3id.org/salvage-kg/case/c#/0> ; sv:hasFinding finding:f .
case:d a sv:Case .
<https://w3id.org/salvage-kg/case/c#/0> a sv:Fact ; sv:factKind kind:marker ; sv:states alteration:x .
<https://w3id.org/salvage-kg/case/c#/1> a sv:Fact , sv:Measurement ; sv:factIn case:d ; sv:factKind kind:measurement ;
    sv:onParameter parameter:n ; sv:value 2.5 .
finding:f a sv:Finding ; sv:ofRule rule:r ; sv:aboutAgent drug:a ; sv:hasReason reason:resistance-mutation ;
    sv:hasEffect effect:inactivates ; sv:hasDegree degree:full ; sv:because claim:resistance .
"""

#: What is replaced in GOOD, by what, and the focus node, property and code of the issue expected.
BAD = [
    ('rdfs:label "a" ; ', "", "drug:a", "rdfs:label", "V001"),
    ('rdfs:label "a" ;', 'rdfs:label "a" , "b" ;', "drug:a", "rdfs:label", "V002"),
    ('rdfs:label "a" ;', 'rdfs:label "a"@en ;', "drug:a", "rdfs:label", "V005"),
    ('obo:IAO_0000115 "A made-up class."', "rdfs:comment 3", "class:c", "obo:IAO_0000115", "V001"),
    ("A made-up drug.", "Drug.", "drug:a", "obo:IAO_0000115", "V007"),
    ('skos:altLabel "A-1"', 'skos:altLabel "a"', "drug:a", "skos:altLabel", "V008"),
    ("trait:long-acting", "trait:long-lasting", "drug:a", "sv:hasTrait", "V003"),
    ("sv:memberOf class:c", "sv:memberOf role:r", "drug:a", "sv:memberOf", "V004"),
    ("sv:residueCount 99", "sv:residueCount 0", "gene:g", "sv:residueCount", "V006"),
    ("sv:plausibleMinimum 0.0", "sv:plausibleMinimum 10.0", "parameter:n", "sv:plausibleMinimum", "V006"),
    ("sv:statesParameter parameter:n", "rdfs:seeAlso parameter:n", "field:f", "", "V009"),
    ("sv:publicationYear 2024", "sv:publicationYear 1066", "source:s", "sv:publicationYear", "V006"),
    ('sv:sourceVersion "1"', 'rdfs:comment "1"', "source:s", "", "V009"),
    ('sv:sourceKind "data set"', 'sv:sourceKind "rumour"', "source:s", "sv:sourceKind", "V003"),
    ('"2024-01-01" ; dcterms:source source:s ; sv:isCurrent', '"1 May" ; dcterms:source source:s ; sv:isCurrent',
     "algorithm:l", "sv:released", "V007"),
    ("sv:maximumScore 9.0", "sv:maximumScore -11.0", "level:l1", "sv:minimumScore", "V006"),
    ("sv:conditionTerm alteration:x", "rdfs:seeAlso alteration:x", "condition:fact", "", "V009"),
    ("sv:conditionKind kind:marker", "sv:conditionKind kind:nonsense", "condition:fact", "sv:conditionKind", "V004"),
    ('sv:comparator "<"', 'sv:comparator "less"', "condition:number", "sv:comparator", "V003"),
    ("sv:limit 3.0", "sv:limit 3", "condition:number", "sv:limit", "V005"),
    ("sv:hasEvidence evidence:A ; ", "", "claim:indication", "sv:hasEvidence", "V001"),
    ("sv:forDisease disease:d ;\n    sv:indication", "sv:forDisease drug:a ;\n    sv:indication",
     "claim:indication", "sv:forDisease", "V004"),
    ("status:current", "status:active", "claim:indication", "sv:indicationStatus", "V003"),
    ("sv:concernsAgent class:c", "sv:concernsAgent disease:d", "claim:resistance", "sv:concernsAgent", "V009"),
    ("sv:hasDegree degree:full ;\n    dcterms", "sv:hasDegree degree:none ;\n    dcterms",
     "claim:resistance", "sv:hasDegree", "V003"),
    ("sv:conditionCount 2", "sv:conditionCount 3", "claim:resistance", "", "V009"),
    ("condition:fact , condition:number", "condition:fact", "claim:resistance", "", "V009"),
    ("effect:cautions", "effect:favours", "claim:interaction", "sv:hasEffect", "V003"),
    ("sv:givesWarning warning:w", "sv:givesWarning role:r", "claim:interaction", "sv:givesWarning", "V009"),
    ("sv:preferredOver drug:a", "sv:preferredOver drug:p", "claim:preference", "sv:preferredOver", "V008"),
    ("sv:resistantCount 3", "sv:resistantCount 30", "claim:prevalence", "sv:resistantCount", "V006"),
    ("sv:testedCount 10", "sv:priority 10", "claim:prevalence", "", "V009"),
    ("sv:factIn case:d ;", "", "case:d", "", "V009"),
    ("sv:hasFact <https://w3id.org/salvage-kg/case/c#/0> ;", "", "case:c", "", "V009"),
    ("sv:value 2.5", "sv:value 2", "<#/1>", "sv:value", "V005"),
    ("sv:because claim:resistance", 'sv:because "hearsay"', "finding:f", "sv:because", "V004"),
    ("sv:ofRule rule:r ; ", "", "finding:f", "sv:ofRule", "V001"),
]  # fmt: skip


def test_good_data_conform(core: str) -> None:
    assert validate_shapes(core + HEAD + GOOD, SHAPES) == []


def test_core_alone_conforms(core: str) -> None:
    assert validate_shapes(core, SHAPES) == []


@pytest.mark.parametrize(("old", "new", "focus", "path", "code"), BAD, ids=[f"{b[2]}-{b[3]}-{b[4]}" for b in BAD])
def test_one_fault_gives_its_issue(core: str, old: str, new: str, focus: str, path: str, code: str) -> None:
    assert GOOD.count(old) == 1
    found = validate_shapes(core + HEAD + GOOD.replace(old, new), SHAPES)
    focus = "case:c#/1" if focus == "<#/1>" else focus
    assert (focus, path, code) in {(i.path, i.column, i.code) for i in found}
    assert all(i.hint for i in found)


@pytest.mark.slow
def test_pyrudof_and_pyshacl_judge_alike(core: str, shapes: Graph) -> None:
    """One graph for all faults, each in a copy of the good data under names of its own."""
    graph = Graph().parse(data=core, format="nt")
    for n, turtle in enumerate([GOOD, *(GOOD.replace(old, new) for old, new, *_ in BAD)]):
        copy = Graph().parse(data=HEAD + turtle, format="turtle")
        own = set(copy.subjects())
        for triple in copy:
            graph.add(tuple(URIRef(f"{t}.{n}") if t in own else t for t in triple))  # type: ignore[arg-type]
    ours = {(i.path, i.column) for i in validate_shapes(graph.serialize(format="nt"), SHAPES)}
    conforms, report, _ = pyshacl.validate(graph, shacl_graph=shapes)
    assert not conforms
    theirs = {
        (compact(str(report.value(r, SH.focusNode))), compact(str(report.value(r, SH.resultPath) or "")))
        for r in report.objects(None, SH.result)
    }
    assert ours == theirs
    assert len({node.rpartition(".")[2] for node, _ in ours}) == len(BAD), "each copy has its fault, the good one none"


def test_a_folder_without_shapes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="V011"):
        validate_shapes(GOOD, tmp_path)


def test_unreadable_data_are_an_error_with_the_line() -> None:
    with pytest.raises(StoreError, match=r"^data:2: .* \[V012\]$"):
        validate_shapes("<urn:a> <urn:b> <urn:c> .\n<urn:a> urn:b .\n", SHAPES)


def test_no_data_no_issue() -> None:
    assert validate_shapes("", SHAPES) == []
