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

from kg_builder.graph.layout import Layout, Pair, type_first
from kg_builder.graph.serialise import TurtleWriter, XmlWriter
from kg_builder.graph.slices import SHARED, TERMS, Cutter, slice_name
from kg_builder.graph.store import QUADS
from kg_builder.knowledge.statements import CORE, GRAPHS, INFERRED, MAPPINGS, Statements
from kg_builder.vocabulary import OWL, PREFIXES, RDF, RDFS, SV

#: Predicate, object, place of the statement.
Placed = tuple[str, str, int]

#: Inferred predicates that say nothing in an ontology editor, or that OWL DL keeps for its own syntax.
_NOT_AXIOMS: Final = {OWL + "sameAs", OWL + "differentFrom", RDFS + "subPropertyOf", RDFS + "domain", RDFS + "range"}
#: Inferred properties that an editor's reasoner shows again from what stands in the file: closures of stated edges,
#: and the indexes that the rules start from. They are in the quads and left out of the files for people.
_SHOWN_ANYWAY: Final = {
    SV + name
    for name in (
        "appliesTo", "appliesFrom", "appliesOver", "appliesWith", "isKindOf", "reaches", "contains", "keyCondition",
        "relevantTo", "conditionToCheck", "groundIn", "ofClaim", "narrowerThan", "hasTrait",
    )
}  # fmt: skip
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


def write_files(statements: Statements, folder: Path, also: Mapping[str, Path]) -> dict[str, OutputFile]:
    """Write every file of a release but its manifest; return them by name, closed.

    Args:
        statements: with canonical blank nodes.
        folder: where the files are made.
        also: name → file to be copied, UTF-8.
    """
    with ThreadPoolExecutor(1) as thread:
        files = _Files(folder, thread)
        for name, path in sorted(also.items()):
            files.write(name, path.read_text(encoding="utf-8"))
        about = _by_subject(statements)
        _write_quads(about, files)
        _write_cuts(about, Cutter(statements), files)
        _write_ontology(about, statements, files)
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


def _write_ontology(about: Mapping[str, list[Placed]], statements: Statements, files: _Files) -> None:
    """Write the ontology for editors, as asserted and with what was inferred."""
    is_axiom = _Axioms(statements)
    stated: dict[str, list[Pair]] = {}
    added: dict[str, list[Pair]] = {}
    whole: dict[str, list[Pair]] = {}
    for subject, rows in about.items():
        own = [(predicate, value) for predicate, value, place in rows if place < INFERRED]
        new = [(p, o) for p, o, place in rows if place >= INFERRED and is_axiom(subject, p, o)]
        if own:
            stated[subject] = type_first(own)
        if new:
            added[subject] = type_first(new)
        if own or new:
            whole[subject] = type_first(sorted([*own, *new])) if new else stated[subject]
    layout = Layout(whole)
    subjects = layout.subjects()
    turtle, xml = TurtleWriter(layout, PREFIXES), XmlWriter(layout, PREFIXES)
    blocks = {subject: turtle.block(subject, stated[subject]) for subject in subjects if subject in stated}
    files.write("asserted.ttl", turtle.document(blocks.values()))
    blocks |= {subject: turtle.block(subject, whole[subject]) for subject in subjects if subject in added}
    files.write("knowledge.ttl", turtle.document(blocks[subject] for subject in subjects))
    blocks = {subject: xml.block(subject, stated[subject]) for subject in subjects if subject in stated}
    files.write("asserted.owl", xml.document(blocks.values()))
    for subject in subjects:
        if subject in added:
            blocks[subject] = xml.block(subject, whole[subject]) + xml.annotations(subject, added[subject])
    files.write("knowledge.owl", xml.document(blocks[subject] for subject in subjects))


class _Axioms:
    """Tells the inferred statements that OWL DL can state and that tell an editor's user something.

    Left out are statements about the vocabulary of OWL itself, of a term about itself, and those of a
    property that the core declares as the inverse of another: an editor shows them from the other end.
    """

    def __init__(self, statements: Statements) -> None:
        inverses = statements.about(f"<{OWL}inverseOf>")
        told = {s for s, values in inverses.items() if any(place == CORE for place in values.values())}
        self._silent = told | {f"<{iri}>" for iri in _NOT_AXIOMS | _SHOWN_ANYWAY}

    def __call__(self, subject: str, predicate: str, value: str) -> bool:
        own = tuple(f"<{iri}" for iri in (OWL, RDF, RDFS))
        if subject == value or predicate in self._silent or predicate.startswith(f"<{SV}ground"):
            return False
        return not subject.startswith(own) and not value.startswith(own)
