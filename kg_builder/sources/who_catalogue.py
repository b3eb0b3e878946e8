"""Read the WHO catalogue of mutations as published: CSV, plain or gzip, one row a drug and variant.

The file has two blocks of statistics (one a data set), so that most column names stand twice. Only columns
whose name is unique are read; should one of these be missing or doubled, the file is refused.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kg_builder.issues import Issue, SourceError
from kg_builder.sources.text import read_text

#: Column of the file -> field of a :class:`Variant`.
_COLUMNS: Final = {
    "drug": "drug",
    "gene": "gene",
    "mutation": "mutation",
    "variant": "variant",
    "effect": "effect",
    "Additional grading criteria applied": "criterion",
    "FINAL CONFIDENCE GRADING": "grade",
    "Comment": "comment",
}
_GRADE: Final = re.compile(r"([1-5])\) \S.*")
_MAY_BE_EMPTY: Final = ("criterion", "comment")
_MAX_ISSUES: Final = 100


@dataclass(frozen=True, slots=True)
class Variant:
    """A row: how far a variant of a gene goes with resistance to a drug.

    ``grade``: 1 associated with resistance, 2 so in the interim, 3 uncertain, 4 not associated in the interim,
    5 not associated. ``effect`` is the file's word for the kind of variant (``missense_variant`` …).
    """

    line: int
    drug: str
    gene: str
    mutation: str
    effect: str
    criterion: str
    grade: int
    comment: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All rows in the order of the file, and what was amended in reading them."""

    path: str
    variants: tuple[Variant, ...]
    warnings: tuple[Issue, ...] = ()

    def count_grades(self) -> Counter[int]:
        """Return the number of rows of each grade."""
        return Counter(variant.grade for variant in self.variants)


def read_catalogue(path: Path) -> Catalogue:
    """Read the catalogue.

    Raises:
        SourceError: S001, S004, S007, S008 as :func:`~kg_builder.sources.text.read_text`; S030 a column is missing
            or stands twice; S031 a row has another number of cells or its quotes do not close; S032 a grade or an
            obligatory cell cannot be read. Faults of rows are collected, the first hundred of them.
            A blank gene that the column ``variant`` (``<gene>_<mutation>``) names is taken from there, with
            a warning (S036).
    """
    name = str(path)
    text = read_text(path)
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    issues: list[Issue] = []
    warnings: list[Issue] = []
    variants: list[Variant] = []
    try:
        header = next(rows, [])
        places = _places(name, header)
        line = rows.line_num + 1
        for cells in rows:
            here, line = line, rows.line_num + 1
            if len(issues) >= _MAX_ISSUES:
                break
            if len(cells) != len(header):
                message = f"{len(cells)} cells, but the header names {len(header)} columns"
                issues.append(Issue(name, here, "", "S031", message, "the row is cut short or a comma is not quoted"))
                continue
            values = {fieldname: cells[place].strip() for fieldname, place in places.items()}
            gene, _, rest = values.pop("variant").partition("_")
            if not values["gene"] and gene and rest == values["mutation"]:
                values["gene"] = gene
                message = f"the gene is blank; {gene}_{rest} names it"
                warnings.append(Issue(name, here, "gene", "S036", message, "nothing to do", "warning"))
            variant = _variant(name, here, values, issues)
            if variant:
                variants.append(variant)
    except csv.Error as error:
        message = f"no row of a CSV file: {error}"
        issues.append(Issue(name, rows.line_num, "", "S031", message, "fetch the file again"))
    if not issues and not variants:
        issues.append(Issue(name, 1, "", "S031", "the file has no rows", "fetch the file again"))
    if issues:
        raise SourceError(issues)
    return Catalogue(name, tuple(variants), tuple(warnings))


def _places(path: str, header: list[str]) -> dict[str, int]:
    counts = Counter(header)
    issues = []
    for column in _COLUMNS:
        if counts[column] != 1:
            what = "is missing" if not counts[column] else f"stands {counts[column]} times"
            hint = "give the catalogue as published, second edition"
            issues.append(Issue(path, 1, column, "S030", f"column '{column}' {what}", hint))
    if issues:
        raise SourceError(issues)
    return {fieldname: header.index(column) for column, fieldname in _COLUMNS.items()}


def _variant(path: str, line: int, values: dict[str, str], issues: list[Issue]) -> Variant | None:
    grade = _GRADE.fullmatch(values["grade"])
    column_of = {fieldname: column for column, fieldname in _COLUMNS.items()}
    faults = [f for f, value in values.items() if not value and f not in (*_MAY_BE_EMPTY, "grade")]
    for fieldname in faults:
        issues.append(Issue(path, line, column_of[fieldname], "S032", "is empty", "every row names it"))
    if not grade:
        hint = "write 1) to 5) and the grade in words"
        issues.append(Issue(path, line, column_of["grade"], "S032", f"'{values['grade']}' is no grade", hint))
    if not grade or faults:
        return None
    return Variant(
        line=line,
        drug=values["drug"],
        gene=values["gene"],
        mutation=values["mutation"],
        effect=values["effect"],
        criterion=values["criterion"],
        grade=int(grade[1]),
        comment=values["comment"],
    )
