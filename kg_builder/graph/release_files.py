"""The files of a release: quads, cuts, and the ontology for people and editors.

Statements are taken subject by subject, in order; a second thread compresses, hashes and writes what is ready.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from kg_builder.graph.editor import ASSERTED_IRI, REASONING_IRI, WHOLE_IRI, EditorView, Placed
from kg_builder.graph.layout import Layout
from kg_builder.graph.serialise import TurtleWriter, XmlWriter
from kg_builder.graph.slices import SHARED, TERMS, Cutter, slice_name
from kg_builder.graph.store import QUADS
from kg_builder.knowledge.statements import GRAPHS, INFERRED, MAPPINGS, Statements
from kg_builder.vocabulary import OWL, PREFIXES

CATALOG: Final = "catalog-v001.xml"
_CATALOG_HEAD: Final = """\
<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<catalog prefer="public" xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">
"""
_ONTOLOGIES: Final = {WHOLE_IRI: "knowledge.owl", ASSERTED_IRI: "asserted.owl", REASONING_IRI: "reasoning.owl"}
#: Characters of a file that are handed over together.
_CHUNK: Final = 1 << 20


class OutputFile:
    """A file that grows while a thread writes it; ``.gz`` is compressed, without date or name.

    Attributes:
        sha256: of the bytes in the file, once it is closed.
        content_sha256: of what was written, before compression.
    """

    def __init__(self, path: Path, thread: Executor) -> None:
        self.path = path
        self._thread = thread
        self._parts: list[str] = []
        self._length = 0
        self._handle = path.open("wb")
        self._zip = zlib.compressobj(6, zlib.DEFLATED, 31) if path.suffix == ".gz" else None
        self._hash, self._content_hash = hashlib.sha256(), hashlib.sha256()
        self._last: Future[None] | None = None

    def write(self, text: str) -> None:
        """Add text to the file."""
        self._parts.append(text)
        self._length += len(text)
        if self._length >= _CHUNK:
            self._hand_over()

    def close(self) -> None:
        """Write what is left to the disk."""
        self._hand_over()
        self._thread.submit(self._finish).result()
        self.sha256, self.content_sha256 = self._hash.hexdigest(), self._content_hash.hexdigest()

    def _hand_over(self) -> None:
        if self._last is not None:
            self._last.result()  # no more than one part waits
        self._last = self._thread.submit(self._put, "".join(self._parts).encode())
        self._parts.clear()
        self._length = 0

    def _put(self, data: bytes) -> None:
        self._content_hash.update(data)
        self._keep(self._zip.compress(data) if self._zip else data)

    def _keep(self, data: bytes) -> None:
        self._hash.update(data)
        self._handle.write(data)

    def _finish(self) -> None:
        with self._handle:
            if self._zip:
                self._keep(self._zip.flush())
            self._handle.flush()
            os.fsync(self._handle.fileno())


def write_files(statements: Statements, folder: Path, also: Mapping[str, str]) -> dict[str, OutputFile]:
    """Write every file of a release but its manifest; return them by name, closed.

    Args:
        statements: with canonical blank nodes.
        folder: where the files are made.
        also: name → text of further files.
    """
    with ThreadPoolExecutor(1) as thread:
        files = _Files(folder, thread)
        for name, text in sorted(also.items()):
            files.write(name, text)
        about = _by_subject(statements)
        _write_quads(about, files)
        _write_cuts(about, Cutter(statements), files)
        view = EditorView(about, statements)
        _write_ontology(view, files)
        _write_catalog(view, files)
        files.close()
    return files.made


class _Files:
    def __init__(self, folder: Path, thread: Executor) -> None:
        self._folder, self._thread = folder, thread
        self.made: dict[str, OutputFile] = {}

    def write(self, name: str, text: str) -> None:
        if name not in self.made:
            (self._folder / name).parent.mkdir(exist_ok=True)
            self.made[name] = OutputFile(self._folder / name, self._thread)
        self.made[name].write(text)

    def close(self) -> None:
        for file in self.made.values():
            file.close()


def _by_subject(statements: Statements) -> dict[str, list[Placed]]:
    """Return subject → its statements, all in order."""
    found: dict[str, list[Placed]] = defaultdict(list)
    for (subject, predicate, value), place in statements.placed():
        found[subject].append((predicate, value, place))
    return {subject: sorted(found[subject]) for subject in sorted(found)}


def _write_quads(about: Mapping[str, list[Placed]], files: _Files) -> None:
    """Write canonical N-Quads: one line a statement, lines sorted."""
    ends = [f" <{graph}> .\n" for graph in GRAPHS]
    for subject, rows in about.items():
        lines = (f"{subject} {predicate} {value}{ends[min(place, INFERRED)]}" for predicate, value, place in rows)
        files.write(QUADS, "".join(lines))


def _write_cuts(about: Mapping[str, list[Placed]], cutter: Cutter, files: _Files) -> None:
    names = [slice_name(disease) for disease in cutter.diseases]
    for name in (TERMS, SHARED, *names):
        files.write(name, "")
    for subject, rows in about.items():
        pairs = [(predicate, value) for predicate, value, place in rows if place != MAPPINGS]
        files.write(TERMS, "".join(cutter.cut_terms(subject, pairs)))
        for number, line in cutter.cut_diseases(subject, pairs):
            files.write(SHARED if number is None else names[number], line)


def _write_ontology(view: EditorView, files: _Files) -> None:
    """Write the ontology for editors: as asserted, with what was inferred, and what a reasoner needs."""
    layout = Layout(view.whole)
    subjects = layout.subjects()
    for suffix, writer in ((".ttl", TurtleWriter(layout, PREFIXES)), (".owl", XmlWriter(layout, PREFIXES))):
        blocks = {
            subject: writer.block(subject, view.stated[subject]) for subject in subjects if subject in view.stated
        }
        own = {WHOLE_IRI: writer.block(ASSERTED_IRI, view.header(ASSERTED_IRI))} if WHOLE_IRI in blocks else {}
        files.write(f"asserted{suffix}", writer.document((blocks | own).values()))
        for subject, pairs in view.added.items():
            blocks[subject] = writer.block(subject, view.whole[subject])
            blocks[subject] += writer.annotations(subject, pairs)
        files.write(f"knowledge{suffix}", writer.document(blocks[subject] for subject in subjects))
        del blocks, own
    layout = Layout(view.for_reasoning())
    writer = XmlWriter(layout, PREFIXES)
    files.write("reasoning.owl", writer.document(map(writer.block, layout.subjects())))


def _write_catalog(view: EditorView, files: _Files) -> None:
    """Write the catalog by which an editor finds the ontologies of the release beside it, offline."""
    lines = []
    for ontology, name in _ONTOLOGIES.items():
        header = view.stated.get(WHOLE_IRI, []) if ontology == WHOLE_IRI else view.header(ontology)
        versions = [value for predicate, value in header if predicate == f"<{OWL}versionIRI>"]
        for number, iri in enumerate([ontology, *versions]):
            what = f"{name} by version" if number else name
            lines.append(f'    <uri id="{what}" name="{iri[1:-1]}" uri="{name}"/>\n')
    files.write(CATALOG, _CATALOG_HEAD + "".join(lines) + "</catalog>\n")
