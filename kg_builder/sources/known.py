"""What the knowledge already holds, which imported tables are to stand beside."""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kg_builder.issues import Issue, SourceError
from kg_builder.knowledge.alterations import Gene
from kg_builder.knowledge.conditions import FactCondition
from kg_builder.knowledge.names import NameIndex
from kg_builder.knowledge.resolve import ResolvedRow, gene_of, resolve_tables
from kg_builder.knowledge.rows import TABLES, ClaimRow, GeneRow
from kg_builder.knowledge.tables import read_table


@dataclass
class Known:
    """Rows and names of the knowledge; rows at fault are not among them."""

    rows: list[ResolvedRow]
    index: NameIndex

    @cached_property
    def ids(self) -> frozenset[str]:
        """CURIEs of all terms and claims."""
        return frozenset(row.id for row in self.rows)

    def genes(self) -> list[Gene]:
        """Return the genes as the grammar of alterations needs them."""
        return [gene_of(row.read.row) for row in self.rows if isinstance(row.read.row, GeneRow)]

    def broader(self, kind: str) -> dict[str, set[str]]:
        """Return each term of a kind with the terms its row names as broader."""
        return {row.id: set(row.refs.get("broader", ())) for row in self.rows if row.id.startswith(f"{kind}:")}

    def said_of(self, source: str) -> set[tuple[str, str]]:
        """Return (agent, alteration) of resistances and sensitivities that a source is cited for.

        Only claims that ask for one alteration, or for one of several; other conditions may exclude but not ask.
        """
        said = set()
        for row in self.rows:
            if row.read.table not in ("resistances", "sensitivities") or source not in row.refs.get("source", ()):
                continue
            asked = [c for c in row.conditions["conditions"] if not (isinstance(c, FactCondition) and c.is_negated)]
            if len(asked) == 1 and isinstance(asked[0], FactCondition) and asked[0].kind == "marker":
                said |= {(row.refs["agent"][0], term) for term in asked[0].terms}
        return said


def read_known(knowledge: Path, out_dir: Path, stems: Collection[str]) -> Known:
    """Read the tables below a folder, but for those that an import is going to replace.

    Args:
        knowledge: folder of knowledge tables.
        out_dir: folder the import writes into; within the knowledge or not.
        stems: names of the tables it writes.
    Raises:
        SourceError: S013 if the folder holds no tables.
    """
    order = {name: place for place, name in enumerate(TABLES)}
    replaced = {(out_dir / f"{stem}.tsv").resolve() for stem in stems}
    files = [file for file in knowledge.rglob("*.tsv") if file.stem in TABLES and file.resolve() not in replaced]
    if not files:
        hint = "name the folder of the knowledge tables"
        raise SourceError([Issue(str(knowledge), 0, "", "S013", "holds no knowledge tables", hint)])
    files.sort(key=lambda file: (order[file.stem], file.as_posix()))
    resolution = resolve_tables([read_table(file, knowledge) for file in files])
    return Known(resolution.rows, resolution.index)


def refuse_foreign(out_dir: Path, stems: Collection[str], curator: str) -> None:
    """Make sure that no claims of others are overwritten.

    Raises:
        SourceError: S009 for each table of claims in the folder that has a row of another curator.
    """
    issues = []
    for stem in sorted(stems):
        file = out_dir / f"{stem}.tsv"
        if not issubclass(TABLES[stem], ClaimRow) or not file.is_file():
            continue
        with file.open(encoding="utf-8", newline="") as stream:
            for line, cells in enumerate(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE), start=2):
                if cells.get("curator") != curator:
                    message = f"'{cells.get('id')}' was not written by this import, which would replace the table"
                    issues.append(Issue(str(file), line, "curator", "S009", message, "give a folder of its own: --out"))
                    break
    if issues:
        raise SourceError(issues)
