"""Build a release: tables and core ontology in, a directory with graph, ontology files and manifest out.

Two builds of the same input give the same bytes. A release is written beside the live one and then named
in the file ``current`` by one rename, so that a build killed at any moment leaves the former one whole.
"""

from __future__ import annotations

import fcntl
import gc
import os
import re
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pyoxigraph import Quad, RdfFormat, parse

from kg_builder import knowledge
from kg_builder.graph.layout import name_blank_nodes
from kg_builder.graph.materialise import InconsistencyError, materialise
from kg_builder.graph.release_files import OutputFile, write_files
from kg_builder.graph.released import FOLDER, count_changes, list_changes, read_released, retire
from kg_builder.graph.store import CURRENT, MANIFEST, QUADS, Manifest, find_release, sha256_of, verify_release
from kg_builder.issues import ReasoningError, StoreError, TableError
from kg_builder.knowledge.mappings import emit_mappings, load_mappings
from kg_builder.knowledge.statements import CORE, GRAPHS, INFERRED, MAPPINGS, Statements, read_triples
from kg_builder.knowledge.terms import TYPE, iri, literal, sv
from kg_builder.places import find_home
from kg_builder.vocabulary import BASE, KINDS, SV, compact

Progress = Callable[[str], None]

#: The ontology of the whole, beside the directory of the core: its header and what no module says alone.
ROOT = "salvage.ttl"
#: Folder of a release that holds the rules of derivation, so that a proof can be checked with the release alone.
RULES = "rules"

#: What changed since the last release.
CHANGES = "changes.tsv"
#: Version IRIs begin with this.
RELEASE = f"{BASE}release/"
_CITATION = f"salvage-kg contributors: salvage-kg, knowledge of release {{version}}. {RELEASE}{{version}}"
_ONTOLOGY = sv("owl:Ontology")
#: What the header of the whole says anew.
_REPLACED = {TYPE, sv("owl:versionIRI"), sv("owl:versionInfo"), sv("owl:imports")}
_TEMPORARY = ".new-"
_RELEASE_NAME = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Assembled:
    """The knowledge graph in memory, with the version it is to bear."""

    statements: Statements
    version: str
    built: str
    #: what changed since the last release, a table
    changes: str = ""

    @property
    def quads(self) -> list[Quad]:
        """The statements as quads, in no order; made anew each time."""
        return self.statements.quads()


def build_release(
    knowledge_root: Path,
    core_dir: Path,
    out_dir: Path,
    *,
    version: str | None = None,
    progress: Progress = lambda step: None,
) -> Manifest:
    """Build the knowledge graph and make it the live release of ``out_dir``.

    Args:
        knowledge_root: directory of curation tables, ``ontology/knowledge``.
        core_dir: directory of the core ontology, ``ontology/core``; ``salvage.ttl`` beside it, where there
            is one, gives title, licence and creators.
        out_dir: directory of releases; made if it does not exist.
        version: version of the knowledge; the date of the newest claim if not given.
        progress: called with the name of each step as it begins.
    Returns:
        The manifest of the release.
    Raises:
        TableError: with every issue, if the tables have errors; nothing is written then.
        ReasoningError: if the reasoner finds a contradiction.
        StoreError: if another build is at work in ``out_dir``.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    with _lock(out_dir), _no_collection():
        assembled = assemble(knowledge_root, core_dir, version=version, progress=progress)
        progress("write release")
        inputs = _list_inputs(knowledge_root, core_dir)
        return write_release(assembled, out_dir, inputs=inputs)


def assemble(
    knowledge_root: Path,
    core_dir: Path,
    *,
    version: str | None = None,
    progress: Progress = lambda step: None,
    tables: knowledge.Knowledge | None = None,
) -> Assembled:
    """Read, check, emit and reason; write nothing.

    Args:
        knowledge_root, core_dir, version, progress: as :func:`build_release`.
        tables: what the tables say, where they have been read and checked already.
    Raises:
        TableError, ReasoningError: as :func:`build_release`.
    """
    if tables is None:
        progress("read tables")
        tables = knowledge.load_knowledge(knowledge_root)
        progress("check tables")
        issues = [issue for issue in knowledge.check_knowledge(tables) if issue.severity == "error"]
        if issues:
            raise TableError(sorted(issues))
    progress("emit statements")
    statements = knowledge.build_statements(tables, core_dir)
    mappings, faults = load_mappings(knowledge_root.parent / "mappings", tables.index)
    if faults:
        raise TableError(faults)
    statements.extend(emit_mappings(mappings), MAPPINGS)
    del tables
    header = _add_root(statements, core_dir)
    progress("reason")
    try:
        materialise(statements)
    except InconsistencyError as error:
        from kg_builder.graph.causes import explain_clashes

        raise ReasoningError(explain_clashes(knowledge_root, core_dir) or error.issues) from error
    knowledge.derive_narrower(statements)
    knowledge.derive_reflexive(statements)
    knowledge.derive_indexes(statements)
    released = read_released(knowledge_root.parent / FOLDER)
    changes = list_changes(statements, released, retire(statements, released))
    progress("name blank nodes")
    built = max((date.split('"')[1] for date in statements.of_object(sv("curatedOn"))), default="")
    version = version or built or "0"
    notes = {
        sv("dcterms:bibliographicCitation"): literal(_CITATION.format(version=version)),
        sv("skos:changeNote"): literal(count_changes(changes, released)),
        **({sv("dcterms:created"): literal(built)} if built else {}),
    }
    if released.version not in ("", version):
        notes[sv("owl:priorVersion")] = iri(RELEASE + released.version)
    _state_header(statements, header, version, notes)
    return Assembled(name_blank_nodes(statements), version, built, changes)


def _add_root(statements: Statements, core_dir: Path) -> str:
    """Add the axioms of ``salvage.ttl`` beside the core, where there is one; return the ontology they are about."""
    root = core_dir.parent / ROOT
    rows = (
        list(read_triples(q.triple for q in parse(path=str(root), format=RdfFormat.TURTLE))) if root.is_file() else []
    )
    statements.extend(rows, CORE)
    headers = (subject for subject, predicate, value in rows if predicate == TYPE and value == _ONTOLOGY)
    return next(headers, f"<{BASE}ontology>")


def _state_header(statements: Statements, whole: str, version: str, notes: Mapping[str, str]) -> None:
    """Replace the headers of the single ontology files by one of the whole, with version IRI, notes and no imports."""
    for part in [*statements.subjects(TYPE, _ONTOLOGY)]:
        if part != whole:
            statements.remove_subject(part)
    kept = [(p, o) for p in statements.predicates() if p not in _REPLACED for o in statements.objects(whole, p)]
    statements.remove_subject(whole)
    rows = [
        *((whole, predicate, value) for predicate, value in kept),
        (whole, TYPE, _ONTOLOGY),
        (whole, sv("owl:versionIRI"), iri(RELEASE + version)),
        (whole, sv("owl:versionInfo"), literal(version)),
        *((whole, predicate, value) for predicate, value in notes.items()),
    ]
    statements.extend(rows, CORE)


def write_release(assembled: Assembled, out_dir: Path, *, inputs: Mapping[str, Path]) -> Manifest:
    """Write the files of a release and make it the live one of ``out_dir``, in one step for its readers.

    Args:
        assembled: the graph; its blank nodes have canonical names.
        out_dir: directory of releases; the caller holds its lock.
        inputs: name → file the graph was made from; hashed, and rows of tables counted, for the manifest.
    """
    _remove_leftovers(out_dir)
    scratch = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=out_dir))
    scratch.chmod(0o755)
    rules = find_home("queries", "derive").glob("*.rq")
    also = {f"{RULES}/{path.name}": path.read_text(encoding="utf-8") for path in rules}
    files = write_files(assembled.statements, scratch, also | {CHANGES: assembled.changes})
    manifest = _describe(assembled, files, inputs)
    text = manifest.to_json()
    _write_durably(scratch / MANIFEST, text)
    _sync_directory(scratch / RULES)
    _sync_directory(scratch)
    release = out_dir / sha256_of(text)[:16]
    if _is_whole(release):
        shutil.rmtree(scratch)
    else:
        shutil.rmtree(release, ignore_errors=True)
        scratch.rename(release)
    pointer = out_dir / f"{_TEMPORARY}{CURRENT}"
    _write_durably(pointer, f"{release.name}\n".encode())
    pointer.replace(out_dir / CURRENT)
    _sync_directory(out_dir)
    _remove_leftovers(out_dir, keep=release.name)
    return manifest


def _describe(assembled: Assembled, files: Mapping[str, OutputFile], inputs: Mapping[str, Path]) -> Manifest:
    graphs: Counter[str] = Counter()
    for _, place in assembled.statements.placed():
        graphs[compact(GRAPHS[min(place, INFERRED)])] += 1
    classes = {SV + name: kind for kind, name in KINDS.items()}
    terms: Counter[str] = Counter()
    claims: Counter[str] = Counter()
    for subject, values in assembled.statements.about(TYPE).items():
        for value in (value[1:-1] for value, place in values.items() if place < INFERRED):
            if subject.startswith(f"<{BASE}claim/") and value.startswith(SV):
                claims[value] += 1
            elif value in classes:
                terms[classes[value]] += 1
    rows: dict[str, dict[str, int]] = defaultdict(dict)
    for name, path in sorted(inputs.items()):
        if name.endswith(".tsv") and not name.startswith(("mappings/", f"{FOLDER}/")):
            folder, _, table = name.removesuffix(".tsv").rpartition("/")
            rows[folder][table] = sum(1 for line in path.read_bytes().splitlines() if line.strip()) - 1
    return Manifest(
        version=assembled.version,
        built=assembled.built,
        code_version=code_version(),
        sha256=files[QUADS].content_sha256,
        **_header(assembled.statements),
        quads={compact(graph): count for graph, count in sorted(graphs.items())},
        terms=dict(sorted(terms.items())),
        claims={compact(name): count for name, count in sorted(claims.items())},
        rows=rows,
        files={name: file.sha256 for name, file in sorted(files.items())},
        inputs={name: sha256_of(path.read_bytes()) for name, path in sorted(inputs.items())},
    )


def _header(statements: Statements) -> dict[str, str]:
    for subject, values in statements.about(sv("owl:versionIRI")).items():
        for value in values:
            return {"ontology": subject[1:-1], "version_iri": value[1:-1]}
    return {}


def code_version() -> str:
    """Return the version of the installed program, ``unreleased`` for a source tree that is not installed."""
    try:
        return metadata.version("salvage-kg")
    except metadata.PackageNotFoundError:
        return "unreleased"


def _list_inputs(knowledge_root: Path, core_dir: Path) -> dict[str, Path]:
    """Return name → file: tables by their place under the root, ontology files as ``core/…``."""
    tables = {path.relative_to(knowledge_root).as_posix(): path for path in knowledge_root.rglob("*.tsv")}
    core = {f"core/{path.name}": path for path in core_dir.glob("*.ttl")}
    core |= {f"mappings/{path.name}": path for path in (knowledge_root.parent / "mappings").glob("*.sssom.tsv")}
    core |= {f"{FOLDER}/{path.name}": path for path in (knowledge_root.parent / FOLDER).glob("*.t*")}
    root = core_dir.parent / ROOT
    return tables | core | ({ROOT: root} if root.is_file() else {})


@contextmanager
def _no_collection() -> Iterator[None]:
    """Switch the garbage collector off: what a build makes lives to its end; walking it takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _lock(out_dir: Path) -> Iterator[None]:
    """Hold the directory of releases; the kernel lets go when the process ends, however it ends."""
    with (out_dir / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"{out_dir}: another build is at work here; try again when it has ended") from None
        yield


def _is_whole(release: Path) -> bool:
    try:
        verify_release(find_release(release))
    except StoreError:
        return False
    return True


def _remove_leftovers(out_dir: Path, keep: str | None = None) -> None:
    """Remove what killed builds left; with ``keep``, also the releases before it."""
    for path in out_dir.iterdir():
        old = keep is not None and path.name != keep and _RELEASE_NAME.fullmatch(path.name)
        if path.is_dir() and (path.name.startswith(_TEMPORARY) or old):
            shutil.rmtree(path)


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
