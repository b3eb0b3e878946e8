"""No released IRI ever disappears: one that nothing states any more is kept, deprecated."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyoxigraph import NamedNode, Store

from kg_builder.graph.release import assemble, build_release
from kg_builder.graph.released import IRIS, RETIRED, Released, list_iris, read_released, write_iris
from kg_builder.graph.slices import TERMS
from kg_builder.graph.store import find_release, open_cut
from kg_builder.issues import TableError
from kg_builder.knowledge.rows import TABLES, columns
from kg_builder.knowledge.statements import Statements
from kg_builder.knowledge.terms import TYPE, iri, node, sv
from kg_builder.vocabulary import expand

ROOT = Path(__file__).parents[2]
ONTOLOGY = ROOT / "ontology"
HEAD = "id\treplaced_by\tsince\treason\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An ontology with one drug, and a release before it that had two."""
    for name in ("knowledge", "released"):
        (tmp_path / name).mkdir()
    names = columns(TABLES["drugs"])
    cells = {"id": "drug:new", "label": "new", "definition": "A drug."}
    rows = ("\t".join(row) for row in (names, [cells.get(name, "") for name in names]))
    (tmp_path / "knowledge" / "drugs.tsv").write_text("".join(f"{row}\n" for row in rows))
    (tmp_path / "released" / IRIS).write_text(write_iris(["drug:old", "claim:gone", "drugs:kin"], "2020-01-01"))
    (tmp_path / "released" / RETIRED).write_text(HEAD + "drug:old\tdrug:new\t2020-06-01\tThe two are one.\n")
    return tmp_path


def build(home: Path) -> Statements:
    return assemble(home / "knowledge", ONTOLOGY / "core").statements


def test_what_was_given_up_is_kept_as_deprecated(home: Path) -> None:
    statements = build(home)
    for curie in ("drug:old", "claim:gone", "drugs:kin"):
        about = {p: set(statements.objects(node(curie), p)) for p in statements.predicates()}
        assert about[sv("owl:deprecated")] == {'"true"^^<http://www.w3.org/2001/XMLSchema#boolean>'}
        assert about[sv("rdfs:label")] == {f'"retired: {curie}"'}
        assert about[TYPE] <= {sv("owl:NamedIndividual"), sv("owl:Class")}, "no rule meets it"
    assert set(statements.objects(node("drug:old"), sv("dcterms:isReplacedBy"))) == {node("drug:new")}
    assert {"drug:old", "claim:gone", "drugs:kin", "drug:new"} <= set(list_iris(statements))


def test_a_retired_term_is_listed_and_cannot_be_named_in_a_case(home: Path, tmp_path: Path) -> None:
    build_release(home / "knowledge", ONTOLOGY / "core", tmp_path / "out")
    release = find_release(tmp_path / "out")
    changes = [line.split("\t") for line in (release / "changes.tsv").read_text().splitlines()]
    assert ["added", "drug:new", "new", "", ""] in changes
    assert ["retired", "drug:old", "", "drug:new", "The two are one."] in changes
    names: Store = open_cut(release, TERMS)
    subjects = {quad.subject for quad in names}
    assert NamedNode(expand("drug:new")) in subjects
    assert NamedNode(expand("drug:old")) not in subjects


@pytest.mark.parametrize(
    ("row", "line", "message"),
    [
        ("drug:new\t\t\t", 2, "'drug:new' is stated still"),
        ("drug:never\t\t\t", 2, "'drug:never' was never released"),
        ("drug:old\tdrug:nowhere\t\t", 2, "'drug:nowhere' is not stated"),
        ("drug:old\t\t", 2, "3 cells"),
        ("old\t\t\t", 2, "'old' is no CURIE of ours"),
    ],
)
def test_a_fault_of_the_table_is_told(home: Path, row: str, line: int, message: str) -> None:
    (home / "released" / IRIS).write_text(write_iris(["drug:old", "drug:new"], "2020-01-01"))
    (home / "released" / RETIRED).write_text(f"{HEAD}{row}\n")
    with pytest.raises(TableError) as caught:
        build(home)
    (issue,) = [issue for issue in caught.value.issues if message in issue.message]
    assert (issue.code, issue.line) == ("O114", line) and issue.hint


def test_a_header_row_of_others_is_told(home: Path) -> None:
    (home / "released" / RETIRED).write_text("id\twhy\n")
    with pytest.raises(TableError, match="does not name the columns"):
        read_released(home / "released")


def test_the_list_is_read_as_it_was_written(home: Path) -> None:
    found = read_released(home / "released")
    assert (found.version, found.iris) == ("2020-01-01", {"drug:old", "claim:gone", "drugs:kin"})
    assert read_released(home / "nowhere") == Released()


@pytest.mark.slow
def test_no_released_iri_disappears() -> None:
    """The knowledge as it stands, against the list of the last release."""
    statements = assemble(ONTOLOGY / "knowledge", ONTOLOGY / "core").statements
    stated = {subject for predicate in statements.predicates() for subject in statements.about(predicate)}
    released = read_released(ONTOLOGY / "released")
    assert len(released.iris) > 10_000
    assert sorted(curie for curie in released.iris if iri(expand(curie)) not in stated) == []
