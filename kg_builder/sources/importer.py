"""What every import does: read a published file, make rows that stand beside the knowledge, write the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from kg_builder.issues import Issue
from kg_builder.knowledge.rows import Row
from kg_builder.places import find_home
from kg_builder.sources.write import write_tables

Content = TypeVar("Content")
Made = tuple[Mapping[str, Sequence[Row]], Sequence[Issue]]


@dataclass(frozen=True, slots=True)
class Importer(Generic[Content]):
    """The import of one source.

    Attributes:
        read: reads the published file.
        describe: says in a few words what was read.
        make: from what was read, the folder of the knowledge and the folder to write into: the rows by table, and
            warnings of what is left out.
    """

    read: Callable[[Path], Content]
    describe: Callable[[Content], str]
    make: Callable[[Content, Path, Path], Made]

    def import_file(
        self,
        path: Path,
        out_dir: Path,
        *,
        knowledge: Path | None = None,
        progress: Callable[[str], None] | None = None,
        report: Callable[[Issue], None] | None = None,
    ) -> dict[str, int]:
        """Read a published file and write its tables into a folder, over those of an earlier import.

        Args:
            path: the file as published, plain or gzip where the source is published so.
            out_dir: folder for the tables; made if it does not exist.
            knowledge: folder of the knowledge the tables are to stand beside; the project's own if not given.
            progress: called with a line of text at each step.
            report: called with each warning: what is left out, and how much of it.
        Returns:
            Number of rows of each table.
        Raises:
            SourceError: as ``read``, ``make`` and :func:`~kg_builder.sources.write.write_tables`; nothing is
                written then.
        """
        tell = progress or (lambda _: None)
        tell(f"reading {path}")
        content = self.read(path)
        tell(self.describe(content))
        tables, warnings = self.make(content, knowledge or find_home("ontology", "knowledge"), out_dir)
        for issue in warnings if report else ():
            report(issue)  # type: ignore[misc]
        tell(f"writing {out_dir}")
        return write_tables(tables, out_dir)
