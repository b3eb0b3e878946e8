"""Opening a release: whole, missing, damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from pyoxigraph import Literal, NamedNode, Quad

from kg_builder.graph.release import Assembled, write_release
from kg_builder.graph.store import Manifest, find_release, open_release, read_manifest, verify_release
from kg_builder.issues import StoreError
from kg_builder.knowledge.statements import Statements
from kg_builder.vocabulary import BASE, GRAPH_ASSERTED, GRAPH_CORE, GRAPH_INFERRED, OWL, RDF, RDFS, SV, expand

TYPE = NamedNode(RDF + "type")


def make_quads(label: str = "alpha") -> list[Quad]:
    core, asserted, inferred = map(NamedNode, (GRAPH_CORE, GRAPH_ASSERTED, GRAPH_INFERRED))
    whole, drug = NamedNode(BASE + "ontology"), NamedNode(expand("drug:alpha"))
    return [
        Quad(whole, TYPE, NamedNode(OWL + "Ontology"), core),
        Quad(whole, NamedNode(OWL + "versionIRI"), NamedNode(BASE + "release/1"), core),
        Quad(NamedNode(SV + "Drug"), TYPE, NamedNode(OWL + "Class"), core),
        Quad(drug, TYPE, NamedNode(SV + "Drug"), asserted),
        Quad(drug, NamedNode(RDFS + "label"), Literal(label), asserted),
        Quad(drug, TYPE, NamedNode(SV + "Term"), inferred),
    ]


def make_release(directory: Path, label: str = "alpha") -> Manifest:
    directory.mkdir(exist_ok=True)
    return write_release(Assembled(Statements.of(make_quads(label)), "1", "2020-01-01"), directory, inputs={})


def test_a_release_is_read_as_it_was_written(tmp_path: Path) -> None:
    manifest = make_release(tmp_path)
    assert set(open_release(tmp_path)) == set(make_quads())
    assert read_manifest(tmp_path) == manifest == verify_release(tmp_path)


def test_the_directory_of_one_release_can_be_opened_too(tmp_path: Path) -> None:
    make_release(tmp_path)
    release = find_release(tmp_path)
    assert release.parent == tmp_path
    assert len(open_release(str(release))) == len(make_quads())


@pytest.mark.parametrize("make", [lambda d: None, lambda d: d.mkdir()])
def test_nothing_there_is_told_with_the_repair(tmp_path: Path, make: object) -> None:
    make(tmp_path / "none")  # type: ignore[operator]
    with pytest.raises(StoreError, match=r"none: no release of the knowledge graph here; run `salvage-kg build`"):
        open_release(tmp_path / "none")


@pytest.mark.parametrize("text", ["", "0123456789abcdef\n", "../elsewhere\n", "/etc\n", "..\n"])
def test_a_pointer_to_no_release_is_told(tmp_path: Path, text: str) -> None:
    make_release(tmp_path)
    (tmp_path / "current").write_text(text)
    with pytest.raises(StoreError, match=r"which is no release; run `salvage-kg build`"):
        open_release(tmp_path)


def test_damaged_quads_are_not_loaded(tmp_path: Path) -> None:
    make_release(tmp_path)
    path = find_release(tmp_path) / "knowledge.nq.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"alpha", b"omega")))
    with pytest.raises(StoreError, match=r"knowledge.nq.gz: damaged: its sha256 .* run `salvage-kg build`"):
        open_release(tmp_path)


def test_truncated_quads_are_not_loaded(tmp_path: Path) -> None:
    make_release(tmp_path)
    path = find_release(tmp_path) / "knowledge.nq.gz"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(StoreError, match="damaged"):
        open_release(tmp_path)


def test_missing_quads_are_told(tmp_path: Path) -> None:
    make_release(tmp_path)
    (find_release(tmp_path) / "knowledge.nq.gz").unlink()
    with pytest.raises(StoreError, match=r"knowledge.nq.gz: missing; run `salvage-kg build`"):
        open_release(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version": 1'])
def test_a_damaged_manifest_is_told(tmp_path: Path, text: str) -> None:
    make_release(tmp_path)
    (find_release(tmp_path) / "manifest.json").write_text(text)
    with pytest.raises(
        StoreError, match=r"manifest.json: damaged, or written by another version: .*run `salvage-kg build`"
    ):
        open_release(tmp_path)


def test_any_damaged_file_is_found_by_verify(tmp_path: Path) -> None:
    make_release(tmp_path)
    with (find_release(tmp_path) / "knowledge.ttl").open("a") as handle:
        handle.write("# more\n")
    with pytest.raises(StoreError, match=r"knowledge.ttl: damaged"):
        verify_release(tmp_path)


def test_a_release_replaced_while_it_is_opened_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_release(tmp_path)
    from kg_builder.graph import store

    found: list[Path] = []

    def find_then_rebuild(directory: Path) -> Path:
        release = find_release(directory)
        if directory == tmp_path and not found:
            found.append(release)
            make_release(tmp_path, label="omega")
        return release

    monkeypatch.setattr(store, "find_release", find_then_rebuild)
    assert set(open_release(tmp_path)) == set(make_quads("omega"))
    assert not found[0].exists()
