"""SSSOM tables become SKOS statements about our terms; what is wrong in them is told by line and column."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

import pytest
import yaml

from kg_builder.knowledge import load_knowledge
from kg_builder.knowledge.mappings import COLUMNS, MappingSet, TermMapping, emit_mappings, load_mappings, read_mappings
from kg_builder.knowledge.names import NameIndex
from kg_builder.vocabulary import SKOS

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "ontology" / "mappings"
SHARED = Path(os.environ.get("SALVAGE_KG_DATA", ROOT.parent / "shared" / "data"))
XREF = SHARED / "mappings" / "xref.tsv"
needs_xref = pytest.mark.skipif(
    not XREF.is_file(), reason=f"no table of identifiers at {XREF}; set SALVAGE_KG_DATA to the folder of reference data"
)
#: vocabulary -> least number of mappings that a complete table has
LEAST = {"aro": 90, "atc": 300, "chebi": 190, "doid": 12, "mondo": 18, "ncit": 170, "rxnorm": 180}

INDEX = NameIndex.from_terms(
    [("drug:a", "alphamycin", ("AMC",)), ("drug:b", "betamycin", ()), ("class:mycin", "mycin", ())]
)
HEAD = """#mapping_set_id: "https://example.org/x.sssom.tsv"
#license: "https://creativecommons.org/licenses/by/4.0/"
#object_source: "http://example.org/x/"
#curie_map:
#  X: "http://example.org/x/"
#  drug: "https://w3id.org/salvage-kg/drug/"
"""
ROW_A = ("drug:a", "alphamycin", "skos:exactMatch", "X:1", "Alphamycin", "semapv:LexicalMatching", "X, label", "")
ROW_B = ("drug:b", "betamycin", "skos:closeMatch", "X:2", "", "semapv:MappingChaining", "Y, by way of Z", "inferred")


def table(*rows: tuple[str, ...], head: str = HEAD) -> str:
    return head + "\n".join("\t".join(row) for row in (COLUMNS, *rows)) + "\n"


def with_cell(row: tuple[str, ...], column: str, text: str) -> tuple[str, ...]:
    place = COLUMNS.index(column)
    return (*row[:place], text, *row[place + 1 :])


def read(text: str) -> MappingSet:
    return read_mappings(text.encode(), "x.sssom.tsv", INDEX)


def test_rows_become_skos_statements_in_the_graph_of_mappings() -> None:
    found = read(table(ROW_A, ROW_B))
    assert found.issues == []
    assert [(m.predicate, m.justification, m.comment, m.line) for m in found.mappings] == [
        ("exactMatch", "LexicalMatching", "", 8),
        ("closeMatch", "MappingChaining", "inferred", 9),
    ]
    assert emit_mappings(found.mappings) == [
        ("<https://w3id.org/salvage-kg/drug/a>", f"<{SKOS}exactMatch>", "<http://example.org/x/1>"),
        ("<https://w3id.org/salvage-kg/drug/b>", f"<{SKOS}closeMatch>", "<http://example.org/x/2>"),
    ]


SOUND = table(ROW_A, ROW_B)
FAULTS = {
    "CR LF": ("M001", 1, "", SOUND.replace("\n", "\r\n")),
    "metadata no YAML": ("M002", 3, "", SOUND.replace("#license: ", "#license: [")),
    "metadata no mapping": ("M002", 1, "", table(ROW_A, head="#words\n")),
    "no licence": ("M002", 1, "license", SOUND.replace("#license", "#licence")),
    "no prefixes": ("M002", 1, "curie_map", SOUND.replace("#curie_map", "#curiemap")),
    "our prefix elsewhere": ("M002", 1, "curie_map", SOUND.replace("salvage-kg/drug/", "other/drug/")),
    "header row": ("M003", 7, "", SOUND.replace("object_label", "label")),
    "no header row": ("M003", 7, "", HEAD),
    "cell too few": ("M004", 8, "", SOUND.replace("X, label\t", "X, label")),
    "blank line": ("M004", 9, "", SOUND.replace("drug:b", "\ndrug:b")),
    "no source": ("M005", 8, "source", table(with_cell(ROW_A, "source", ""), ROW_B)),
    "no justification": ("M005", 8, "mapping_justification", table(with_cell(ROW_A, "mapping_justification", ""))),
    "unknown subject": ("M006", 8, "subject_id", table(with_cell(ROW_A, "subject_id", "drug:alphamicin"))),
    "subject of the other": ("M006", 8, "subject_id", table(with_cell(ROW_A, "subject_id", "X:1"))),
    "predicate": ("M007", 8, "predicate_id", table(with_cell(ROW_A, "predicate_id", "owl:sameAs"))),
    "justification": ("M007", 8, "mapping_justification", table(with_cell(ROW_A, "mapping_justification", "semapv:X"))),
    "object without prefix": ("M008", 8, "object_id", table(with_cell(ROW_A, "object_id", "1"))),
    "object of unknown prefix": ("M008", 8, "object_id", table(with_cell(ROW_A, "object_id", "Z:1"))),
    "object of ours": ("M008", 8, "object_id", table(with_cell(ROW_A, "object_id", "drug:b"))),
    "two objects": ("M008", 8, "object_id", table(with_cell(ROW_A, "object_id", "X:1 X:2"))),
    "label of another": ("M009", 8, "subject_label", table(with_cell(ROW_A, "subject_label", "betamycin"))),
    "not sorted": ("M010", 9, "subject_id", table(ROW_B, ROW_A)),
    "twice": ("M010", 9, "object_id", table(ROW_A, with_cell(ROW_A, "predicate_id", "skos:closeMatch"))),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_told_with_place_and_repair(name: str) -> None:
    code, line, column, text = FAULTS[name]
    issues = read(text).issues
    assert [(i.code, i.line, i.column) for i in issues][:1] == [(code, line, column)]
    assert all(i.hint and i.severity == "error" and i.path == "x.sssom.tsv" for i in issues)


def test_fault_of_encoding_names_the_line() -> None:
    issues = read_mappings(table(ROW_A, ROW_B).replace("Alphamycin", "Alph\xe4").encode("latin-1"), "x", INDEX).issues
    assert [(i.code, i.line) for i in issues] == [("M001", 8)]


def test_every_code_has_an_example() -> None:
    source = (ROOT / "kg_builder" / "knowledge" / "mappings.py").read_text(encoding="utf-8")
    assert set(re.findall(r'"(M\d{3})"', source)) == {code for code, *_ in FAULTS.values()}


def test_row_at_fault_is_left_out_and_the_others_are_kept() -> None:
    found = read(table(with_cell(ROW_A, "object_id", "Z:1"), ROW_B))
    assert [m.subject for m in found.mappings] == ["drug:b"]


def test_unknown_subject_is_told_with_the_nearest() -> None:
    (issue,) = read(table(with_cell(ROW_A, "subject_id", "drug:alphamicin"))).issues
    assert "nearest: alphamycin" in str(issue)


@lru_cache(maxsize=1)
def shipped() -> tuple[list[TermMapping], list[str], NameIndex]:
    index = load_knowledge(ROOT / "ontology" / "knowledge").index
    mappings, issues = load_mappings(SHIPPED, index)
    return mappings, [str(i) for i in issues], index


def test_shipped_tables_are_without_fault_and_complete() -> None:
    mappings, issues, _ = shipped()
    assert issues == []
    files = {f.name.removesuffix(".sssom.tsv") for f in SHIPPED.iterdir()}
    assert files == set(LEAST)
    counted = Counter(m.path.rpartition("/")[2].removesuffix(".sssom.tsv") for m in mappings)
    assert {name: n for name, n in LEAST.items() if counted[name] < n} == {}


def test_an_exact_match_joins_no_two_terms_of_ours() -> None:
    """skos:exactMatch is transitive: two of our terms on one object would be one term."""
    mappings, _, _ = shipped()
    subjects: dict[str, set[str]] = {}
    for mapping in mappings:
        if mapping.predicate == "exactMatch":
            subjects.setdefault(mapping.object_iri, set()).add(mapping.subject)
    assert {iri: terms for iri, terms in subjects.items() if len(terms) > 1} == {}


def test_an_exact_match_joins_no_two_terms_of_another_vocabulary() -> None:
    mappings, _, _ = shipped()
    pairs = Counter((m.path, m.subject) for m in mappings if m.predicate == "exactMatch")
    assert [pair for pair, n in pairs.items() if n > 1] == []


@needs_xref
def test_identifiers_are_those_that_were_read() -> None:
    """Every object stands in the table of identifiers, in its vocabulary's column; inferred ones are never exact."""
    mappings, _, _ = shipped()
    with XREF.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(rows) > 300
    inferred = {row["rxnorm"] for row in rows if "(inferred" in row["source_of_id"]}
    for name in LEAST:
        prefix = next(iter(yaml_prefixes(name)))
        known = {c.rpartition(":")[2] for row in rows for c in row[name].split("|") if c}
        iri = yaml_prefixes(name)[prefix]
        used = {m.object_iri.removeprefix(iri): m for m in mappings if m.path.endswith(f"/{name}.sssom.tsv")}
        assert set(used) <= known
        if name == "rxnorm":
            assert inferred & set(used)
            assert {code for code in inferred & set(used) if used[code].predicate == "exactMatch"} == set()


@needs_xref
def test_every_drug_with_identifiers_is_a_term_and_mapped() -> None:
    mappings, _, index = shipped()
    mapped = {m.subject for m in mappings}
    with XREF.open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if r["entity_kind"] == "drug"]
    missing = [row["name"] for row in rows if any(row[name] for name in LEAST)
               if not mapped & set(index.find(row["name"], ("drug",)))]  # fmt: skip
    assert missing == []


def yaml_prefixes(name: str) -> dict[str, str]:
    """Return the prefixes in a shipped table's metadata, the other vocabulary's first."""
    lines = (SHIPPED / f"{name}.sssom.tsv").read_text(encoding="utf-8").splitlines()
    metadata = yaml.safe_load("\n".join(line[1:] for line in lines if line.startswith("#")))
    return dict(metadata["curie_map"])
