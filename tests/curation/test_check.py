"""The layers of a check: which is asked, what it says, and where it says the fault is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyoxigraph as ox
import pytest

from kg_builder import knowledge
from kg_builder.curation import check
from kg_builder.graph import causes, dl, owlapi, release, shapes
from kg_builder.issues import Issue, ReasoningError
from kg_builder.vocabulary import GRAPH_ASSERTED, GRAPH_INFERRED, RDF, RDFS, expand

ALPHA = ox.NamedNode(expand("drug:alpha"))
LABEL = ox.NamedNode(RDFS + "label")
QUERY = """\
#+ id: drug-without-friend
#+ summary: Drugs that no one befriends.
#+ returns:
#+   - {name: drug, type: drug}
SELECT ?drug WHERE { ?drug a <https://w3id.org/salvage-kg/ontology#Drug> } ORDER BY ?drug
"""


def quads() -> list[ox.Quad]:
    drug = ox.NamedNode("https://w3id.org/salvage-kg/ontology#Drug")
    stated, inferred = ox.NamedNode(GRAPH_ASSERTED), ox.NamedNode(GRAPH_INFERRED)
    return [
        ox.Quad(ALPHA, ox.NamedNode(RDF + "type"), drug, stated),
        ox.Quad(ALPHA, LABEL, ox.Literal("alpha"), inferred),
    ]


@pytest.fixture
def tables() -> Any:
    """Tables that state one drug, in line 7."""
    row = SimpleNamespace(id="drug:alpha", read=SimpleNamespace(path="drugs.tsv", line=7))
    return SimpleNamespace(resolution=SimpleNamespace(rows=[row]), index=None)


@pytest.fixture
def layers(monkeypatch: pytest.MonkeyPatch, tables: Any) -> dict[str, Any]:
    """Replace what each layer calls; what is in the mapping is what it finds."""
    found: dict[str, Any] = {"tables": [], "assemble": None, "shapes": []}

    def assemble(*_: object, **__: object) -> Any:
        if found["assemble"]:
            raise found["assemble"]
        return SimpleNamespace(quads=quads())

    monkeypatch.setattr(knowledge, "load_knowledge", lambda root: tables)
    monkeypatch.setattr(knowledge, "check_knowledge", lambda read: found["tables"])
    monkeypatch.setattr(release, "assemble", assemble)
    monkeypatch.setattr(shapes, "validate_shapes", lambda data, folder: found["shapes"])
    monkeypatch.setattr(check, "run_check_queries", lambda *_: iter(()))
    return found


def test_errors_of_tables_end_the_check(layers: dict[str, Any]) -> None:
    layers["tables"] = [Issue("drugs.tsv", 7, "label", "T001", "wrong")]
    layers["shapes"] = [Issue("drug:alpha", 0, "", "V001", "not looked at")]
    assert check.check_all(Path()) == layers["tables"]


def test_warnings_do_not_end_the_check(layers: dict[str, Any]) -> None:
    warning = Issue("drugs.tsv", 7, "label", "T001", "odd", severity="warning")
    layers["tables"] = [warning]
    layers["shapes"] = [Issue("drug:alpha", 0, "rdfs:label", "V001", "too few values")]
    told = check.check_all(Path())
    assert {issue.code for issue in told} == {"T001", "V001"}


def test_a_contradiction_is_told_as_an_issue(layers: dict[str, Any]) -> None:
    layers["assemble"] = ReasoningError([Issue("graph:asserted", 0, "", "O101", "clash")])
    assert [issue.code for issue in check.check_all(Path())] == ["O101"]


def test_a_missing_reasoner_is_no_fault_of_the_data(layers: dict[str, Any]) -> None:
    layers["assemble"] = ReasoningError([Issue("reasoner", 0, "", "O103", "no Java")])
    with pytest.raises(ReasoningError):
        check.check_all(Path())


def test_a_shape_is_told_at_the_row_that_states_the_term(monkeypatch: pytest.MonkeyPatch, tables: Any) -> None:
    seen: list[str] = []

    def validate(data: str, folder: Path) -> list[Issue]:
        seen.append(data)
        return [
            Issue("drug:alpha", 0, "rdfs:label", "V001", "too few values", "expected: a label"),
            Issue("drug:beta", 0, "", "V002", "too many values"),
        ]

    monkeypatch.setattr(shapes, "validate_shapes", validate)
    told = [str(issue) for issue in check.check_shapes(quads(), tables, Path())]
    assert told == [
        "drugs.tsv:7: rdfs:label: drug:alpha: too few values; expected: a label [V001]",
        "drug:beta: too many values [V002]",
    ]
    assert len(list(ox.parse(seen[0], format=ox.RdfFormat.N_TRIPLES))) == 2


def test_each_row_of_a_check_query_is_a_fault(tmp_path: Path, tables: Any) -> None:
    (tmp_path / "drug-without-friend.rq").write_text(QUERY, encoding="utf-8")
    assert [str(issue) for issue in check.run_check_queries(quads(), tables, tmp_path)] == [
        "drugs.tsv:7: drug-without-friend: drug drug:alpha; Drugs that no one befriends. [Q100]"
    ]
    assert list(check.run_check_queries([], tables, tmp_path)) == []


def test_classes_without_possible_members_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = dl.Consistency(True, 0.1, (expand("sv:Drug"),))
    monkeypatch.setattr(causes, "Causes", lambda tables, core: SimpleNamespace(triples=[]))
    monkeypatch.setattr(dl, "check_consistency", lambda triples: verdict)
    told = check.check_dl(SimpleNamespace(), Path())  # type: ignore[arg-type]
    assert [(issue.code, issue.column) for issue in told] == [("O111", "sv:Drug")]


def test_what_an_editor_would_stumble_over_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    report = owlapi.OntologyReport(
        path="salvage.ttl", iri="i", imports=(), unresolved=("urn:x",), axioms=1, violations=("undeclared y",),
        is_consistent=False, seconds=0.1,
    )  # fmt: skip
    monkeypatch.setattr(owlapi, "inspect_ontology", lambda path: report)
    assert [issue.code for issue in check.check_profile(Path("salvage.ttl"))] == ["O112", "O113", "O110"]
