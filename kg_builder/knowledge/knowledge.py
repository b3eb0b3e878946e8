"""Curation tables to knowledge: read, resolve, emit; the outermost module of this folder that touches files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pyoxigraph import BlankNode, NamedNode, Quad, RdfFormat, parse

from kg_builder.issues import Issue
from kg_builder.knowledge.emit import Emission, emit
from kg_builder.knowledge.names import NameIndex
from kg_builder.knowledge.resolve import Resolution, ResolvedRow, resolve_tables
from kg_builder.knowledge.rows import TABLES
from kg_builder.knowledge.statements import ASSERTED, Row, Statements
from kg_builder.knowledge.tables import Table, read_table
from kg_builder.vocabulary import GRAPH_CORE


@dataclass(slots=True)
class Knowledge:
    """All that the curation tables say.

    Attributes:
        root: the folder that was read.
        tables: one for each file, in reading order: as in :data:`TABLES`, then by path.
        resolution: resolved rows, name index, readers of alterations and conditions.
        issues: all faults of cells and names.
    """

    root: Path
    tables: list[Table]
    resolution: Resolution
    issues: list[Issue]
    _emission: Emission | None = field(default=None, repr=False)

    @property
    def emission(self) -> Emission:
        """The statements of the tables, and which row each comes from; made when first asked for."""
        if self._emission is None:
            self._emission = emit(self.resolution)
        return self._emission

    @property
    def row_map(self) -> Mapping[Row, tuple[str, int]]:
        """The file and line that first makes each statement of the tables; ("", 0) where no row alone does."""
        return self.emission.row_map()

    @property
    def index(self) -> NameIndex:
        """Names of all terms."""
        return self.resolution.index

    def rows(self, table: str) -> list[ResolvedRow]:
        """Return the resolved rows of a table, over all folders."""
        return [row for row in self.resolution.rows if row.read.table == table]


def load_knowledge(root: Path) -> Knowledge:
    """Read every ``*.tsv`` below a folder.

    Args:
        root: ``ontology/knowledge`` of a checkout, or a folder like it. Paths in messages start where a
            reader of the messages looks: ``ontology/knowledge/hiv/resistances.tsv``.
    Returns:
        The knowledge with all faults collected in ``issues``; rows at fault are left out.
    Raises:
        FileNotFoundError: if there is no such folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {root}")
    base = root.parent.parent if root.resolve().parts[-2:] == ("ontology", "knowledge") else root
    order = {name: place for place, name in enumerate(TABLES)}
    files = sorted(root.rglob("*.tsv"), key=lambda f: (order.get(f.stem, len(order)), f.relative_to(root).as_posix()))
    tables = [read_table(file, base) for file in files]
    issues = [issue for table in tables for issue in table.issues]
    issues += _repeated_ids(tables)
    resolution = resolve_tables(tables)
    return Knowledge(root, tables, resolution, sorted([*issues, *resolution.issues]))


def build_statements(knowledge: Knowledge, core_dir: Path | None = None) -> Statements:
    """Return the statements of the core ontology (graph:core) and of the tables (graph:asserted)."""
    found = Statements.of(read_core(core_dir) if core_dir else ())
    found.extend(knowledge.emission.rows, ASSERTED)
    return found


def read_core(core_dir: Path) -> list[Quad]:
    """Return the triples of all ``*.ttl`` of a folder, in graph:core; blank nodes are named by file and place.

    Raises:
        SyntaxError: if a file is no Turtle.
    """
    return [quad for file in sorted(core_dir.glob("*.ttl")) for quad in read_core_file(file)]


def read_core_file(file: Path) -> list[Quad]:
    """Return the triples of one file of the core ontology, as :func:`read_core` does.

    Raises:
        SyntaxError: if it is no Turtle.
    """
    graph = NamedNode(GRAPH_CORE)
    names: dict[BlankNode, BlankNode] = {}

    def own(term: object) -> object:
        if isinstance(term, BlankNode):
            return names.setdefault(term, BlankNode(f"{file.stem}{len(names)}"))
        return term

    return [
        Quad(own(quad.subject), quad.predicate, own(quad.object), graph)  # type: ignore[arg-type]
        for quad in parse(path=str(file), format=RdfFormat.TURTLE)
    ]


def _repeated_ids(tables: list[Table]) -> list[Issue]:
    """Return a fault for every id that stands twice, in one table or over several."""
    first: dict[str, tuple[str, int]] = {}
    issues: list[Issue] = []
    for table in tables:
        for read in table.rows:
            if (where := first.get(read.row.id)) is not None:
                hint = f"it stands at {where[0]}:{where[1]} already; delete one or give it an id of its own"
                issues.append(Issue(read.path, read.line, "id", "T012", f"'{read.row.id}' stands twice", hint))
            else:
                first[read.row.id] = (read.path, read.line)
    return issues
