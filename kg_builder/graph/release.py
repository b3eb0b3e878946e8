"""Build a release: tables and core ontology in, a directory with graph, ontology files and manifest out.

Two builds of the same input give the same bytes. A release is written beside the live one and then named
in the file ``current`` by one rename, so that a build killed at any moment leaves the former one whole.
"""

from __future__ import annotations

import fcntl
import gc
import gzip
import os
import re
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pyoxigraph import Literal, NamedNode, Quad, RdfFormat, Store, parse

from kg_builder import knowledge
from kg_builder.graph.materialise import materialise
from kg_builder.graph.serialise import Line, name_blank_nodes, write_nquads, write_rdfxml, write_turtle
from kg_builder.graph.slices import TERMS, cut_diseases, cut_terms, slice_name
from kg_builder.graph.store import CURRENT, MANIFEST, QUADS, Manifest, find_release, sha256_of, verify_release
from kg_builder.issues import StoreError, TableError
from kg_builder.knowledge.mappings import emit_mappings, load_mappings
from kg_builder.vocabulary import (
    BASE,
    DEFINITION,
    GRAPH_ASSERTED,
    GRAPH_CORE,
    GRAPH_INFERRED,
    GRAPH_MAPPINGS,
    KINDS,
    OWL,
    PREFIXES,
    RDF,
    RDFS,
    SV,
    compact,
)

Progress = Callable[[str], None]

#: The ontology of the whole, beside the directory of the core: its header and what no module says alone.
ROOT = "salvage.ttl"

#: A statement found in several graphs is kept in the first of these.
GRAPHS = (GRAPH_CORE, GRAPH_ASSERTED, GRAPH_MAPPINGS, GRAPH_INFERRED)

_TYPE = NamedNode(RDF + "type")
_ONTOLOGY = NamedNode(OWL + "Ontology")
_CURATED_ON = NamedNode(SV + "curatedOn")
_TEMPORARY = ".new-"
_RELEASE_NAME = re.compile(r"[0-9a-f]{16}")
#: Inferred predicates that say nothing in an ontology editor, or that OWL DL keeps for its own syntax.
_NOT_AXIOMS = {OWL + "sameAs", OWL + "differentFrom", RDFS + "subPropertyOf", RDFS + "domain", RDFS + "range"}
#: Inferred properties that an editor's reasoner shows again from what stands in the file: closures of stated edges,
#: and the indexes that the rules start from. They are in the quads and left out of the files for people.
_SHOWN_ANYWAY = {
    SV + name
    for name in (
        "appliesTo", "appliesFrom", "appliesOver", "appliesWith", "isKindOf", "reaches", "contains", "keyCondition",
        "relevantTo", "conditionToCheck", "groundIn", "ofClaim", "narrowerThan", "hasTrait",
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Assembled:
    """The knowledge graph in memory, with the version it is to bear."""

    quads: list[Quad]
    version: str
    built: str


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
    knowledge_root: Path, core_dir: Path, *, version: str | None = None, progress: Progress = lambda step: None
) -> Assembled:
    """Read, check, emit and reason; write nothing.

    Raises:
        TableError, ReasoningError: as :func:`build_release`.
    """
    progress("read tables")
    tables = knowledge.load_knowledge(knowledge_root)
    progress("check tables")
    issues = [issue for issue in knowledge.check_knowledge(tables) if issue.severity == "error"]
    if issues:
        raise TableError(sorted(issues))
    progress("emit quads")
    store = Store()
    store.bulk_extend(knowledge.build_quads(tables, core_dir))
    mappings, faults = load_mappings(knowledge_root.parent / "mappings", tables.index)
    if faults:
        raise TableError(faults)
    store.bulk_extend(emit_mappings(mappings))
    del tables
    header = _add_root(store, core_dir)
    progress("reason")
    materialise(store, tbox=GRAPH_CORE, asserted=[GRAPH_CORE, GRAPH_ASSERTED], inferred=GRAPH_INFERRED)
    knowledge.derive_narrower(store)
    knowledge.derive_reflexive(store)
    knowledge.derive_indexes(store)
    progress("name blank nodes")
    dates = store.quads_for_pattern(None, _CURATED_ON, None, None)
    built = max((q.object.value for q in dates if isinstance(q.object, Literal)), default="")
    version = version or built or "0"
    return Assembled(_state_header(one_graph_each(store), header, version), version, built)


def one_graph_each(quads: Store | Sequence[Quad]) -> list[Quad]:
    """Return the quads with canonical blank nodes, each statement only in the first of :data:`GRAPHS` that has it.

    A query over the union of all graphs would meet a statement once for each graph that holds it.
    """
    order = {graph: place for place, graph in enumerate(GRAPHS)}
    ranked = sorted(name_blank_nodes(quads), key=lambda q: order.get(_graph_of(q), len(order)))
    kept: dict[tuple[object, object, object], Quad] = {}
    for quad in ranked:
        kept.setdefault((quad.subject, quad.predicate, quad.object), quad)
    return list(kept.values())


def _graph_of(quad: Quad) -> str:
    return quad.graph_name.value if isinstance(quad.graph_name, NamedNode) else ""


def _add_root(store: Store, core_dir: Path) -> NamedNode:
    """Add the axioms of ``salvage.ttl`` beside the core, where there is one; return the IRI of the ontology."""
    root, core = core_dir.parent / ROOT, NamedNode(GRAPH_CORE)
    whole = NamedNode(BASE + "ontology")
    for quad in parse(path=str(root), format=RdfFormat.TURTLE) if root.is_file() else ():
        store.add(Quad(quad.subject, quad.predicate, quad.object, core))
        if quad.predicate == _TYPE and quad.object == _ONTOLOGY and isinstance(quad.subject, NamedNode):
            whole = quad.subject
    return whole


def _state_header(quads: list[Quad], whole: NamedNode, version: str) -> list[Quad]:
    """Replace the headers of the single ontology files by one of the whole, with version IRI and no imports."""
    core = NamedNode(GRAPH_CORE)
    mark = NamedNode(SV + "isInferred")
    added = [
        Quad(whole, _TYPE, _ONTOLOGY, core),
        Quad(whole, NamedNode(OWL + "versionIRI"), NamedNode(f"{BASE}release/{version}"), core),
        Quad(whole, NamedNode(OWL + "versionInfo"), Literal(version), core),
        Quad(mark, _TYPE, NamedNode(OWL + "AnnotationProperty"), core),
        Quad(mark, NamedNode(RDFS + "label"), Literal("is inferred"), core),
        Quad(mark, NamedNode(DEFINITION), Literal("Whether a reasoner added the annotated statement."), core),
    ]
    dropped = {OWL + "versionIRI", OWL + "versionInfo", OWL + "imports", RDF + "type"}
    parts = {q.subject for q in quads if q.predicate == _TYPE and q.object == _ONTOLOGY} - {whole}
    kept = (q for q in quads if q.subject not in parts and (q.subject != whole or q.predicate.value not in dropped))
    return list(dict.fromkeys([*kept, *added]))


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
    files: dict[str, str] = {}
    for name, data in _render(assembled.quads):
        _write_durably(scratch / name, data)
        files[name] = sha256_of(data)
    manifest = _describe(assembled, scratch, files, inputs)
    text = manifest.to_json()
    _write_durably(scratch / MANIFEST, text)
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


def _render(quads: list[Quad]) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, content) of each file but the manifest."""
    data = write_nquads(quads)
    yield QUADS, gzip.compress(data, 6, mtime=0)
    lines: dict[str, list[Line]] = defaultdict(list)
    for line in data.removesuffix(b"\n").split(b"\n"):
        statement, graph, _ = line.decode().rsplit(" ", 2)
        lines[graph[1:-1]].append(statement)
    del data, quads
    every = [line for graph in (GRAPH_CORE, GRAPH_ASSERTED, GRAPH_INFERRED) for line in lines[graph]]
    yield TERMS, _pack(cut_terms(every))
    for disease, cut in cut_diseases(every):
        yield slice_name(disease), _pack(cut)
    del every
    asserted = lines[GRAPH_CORE] + lines[GRAPH_ASSERTED] + lines[GRAPH_MAPPINGS]
    yield "asserted.ttl", write_turtle(asserted, PREFIXES)
    inferred = _axioms(lines[GRAPH_INFERRED], lines[GRAPH_CORE])
    yield "knowledge.ttl", write_turtle(asserted + inferred, PREFIXES)
    yield "knowledge.owl", write_rdfxml(asserted + inferred, PREFIXES, inferred=inferred)


def _pack(lines: list[Line]) -> bytes:
    return gzip.compress("".join(f"{line} .\n" for line in lines).encode(), 6, mtime=0)


def _axioms(inferred: list[Line], core: list[Line]) -> list[Line]:
    """Return the inferred statements that OWL DL can state and that tell an editor's user something.

    Left out are statements about the vocabulary of OWL itself, of a term about itself, and those of a
    property that the core declares as the inverse of another: an editor shows them from the other end.
    """
    inverses = {line.split(" ")[0] for line in core if line.split(" ")[1] == f"<{OWL}inverseOf>"}
    silent = inverses | {f"<{iri}>" for iri in _NOT_AXIOMS | _SHOWN_ANYWAY}
    own = tuple(f"<{iri}" for iri in (OWL, RDF, RDFS))
    found = []
    for line in inferred:
        subject, predicate, value = line.split(" ", 2)
        if predicate.startswith(f"<{SV}ground"):
            continue
        if subject != value and predicate not in silent and not subject.startswith(own) and not value.startswith(own):
            found.append(line)
    return found


def _describe(assembled: Assembled, release: Path, files: Mapping[str, str], inputs: Mapping[str, Path]) -> Manifest:
    graphs = Counter(map(_graph_of, assembled.quads))
    classes = {SV + name: kind for kind, name in KINDS.items()}
    terms: Counter[str] = Counter()
    claims: Counter[str] = Counter()
    header: dict[str, str] = {}
    for quad in assembled.quads:
        if _graph_of(quad) == GRAPH_INFERRED:
            continue
        if not isinstance(quad.subject, NamedNode) or not isinstance(quad.object, NamedNode):
            continue
        subject, value = quad.subject.value, quad.object.value
        if quad.predicate == _TYPE and subject.startswith(BASE + "claim/"):
            claims[value] += 1
        elif quad.predicate == _TYPE and value in classes:
            terms[classes[value]] += 1
        elif quad.predicate.value == OWL + "versionIRI":
            header = {"ontology": subject, "version_iri": value}
    rows: dict[str, dict[str, int]] = defaultdict(dict)
    for name, path in sorted(inputs.items()):
        if name.endswith(".tsv") and not name.startswith("mappings/"):
            folder, _, table = name.removesuffix(".tsv").rpartition("/")
            rows[folder][table] = sum(1 for line in path.read_bytes().splitlines() if line.strip()) - 1
    return Manifest(
        version=assembled.version,
        built=assembled.built,
        code_version=code_version(),
        sha256=sha256_of(gzip.decompress((release / QUADS).read_bytes())),
        **header,
        quads={compact(graph): count for graph, count in sorted(graphs.items())},
        terms=dict(sorted(terms.items())),
        claims={compact(name): count for name, count in sorted(claims.items())},
        rows=rows,
        files=dict(sorted(files.items())),
        inputs={name: sha256_of(path.read_bytes()) for name, path in sorted(inputs.items())},
    )


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
