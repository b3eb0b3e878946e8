"""Import HIVDB: its published algorithm (ASI2 XML, :mod:`kg_builder.sources.asi`) becomes rows of our tables.

How a score is made, by the file and by the rows alike: an item matches when for each of its conditions the
case has, at that position, at least one of the residues (so a mixture matches by any part of it). The
highest matched score of a group counts, 0 if none is matched; groups add up; the level is the range that
the sum falls into. Comment texts are not taken over.

Ids carry the algorithm's name and not its version: ``algorithm:hivdb``, ``drugcode:hivdb-<code>``,
``level:hivdb-<order>``, ``claim:hivdb-<code>-<residues>``. The version stands in the algorithm's row and in
the source, ``source:hivdb-<version>``. So importing another version over the folder of the last *replaces*
it: drugs stay linked to their codes, and a comparison of two releases shows which scores changed. Two
versions of one algorithm cannot stand side by side: their ids clash, and the check says so.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from kg_builder.issues import Issue, SourceError
from kg_builder.knowledge.rows import AlgorithmRow, DrugCodeRow, GeneRow, LevelRow, Row, ScoreRuleRow, SourceRow
from kg_builder.sources.asi import Algorithm, Drug, Level, ScoreRange, read_algorithm
from kg_builder.sources.asi_rule import Group, Item, Residues
from kg_builder.sources.barrier import least_mutations
from kg_builder.sources.importer import Importer

__all__ = ["Algorithm", "find_faults", "import_file", "read_algorithm", "read_genes", "source_row", "to_rows"]

Degree = Literal["none", "partial", "full"]

#: How far each level takes activity away, by S, I and R of the levels in order. Five levels: the first of
#: two intermediate ones leaves part of the activity, the second none; other systems go by S, I, R alone.
_DEGREES: Final[dict[str, tuple[Degree, ...]]] = {"SSIIR": ("none", "none", "partial", "full", "full")}
_DEGREE_OF: Final[dict[str, Degree]] = {"S": "none", "I": "partial", "R": "full"}

#: Publisher and licence of algorithms known by name; another one's file is its own publisher.
_PUBLISHERS: Final = {"HIVDB": ("HIVDB team, Stanford University", "Unlicense (public domain)")}

_UNBOUND: Final = 1_000_000
_CHANGES: Final = {"d": "del", "i": "ins", "*": "stop"}


def make_tables(algorithm: Algorithm, knowledge: Path, _: Path) -> tuple[dict[str, list[Row]], list[Issue]]:
    """Return the rows of an algorithm and of its source, and what :func:`find_faults` finds.

    Raises:
        SourceError: as :func:`read_genes` and :func:`to_rows`.
    """
    source, genes = source_row(algorithm), read_genes(knowledge)
    tables = to_rows(algorithm, source.id, genes)
    return {**tables, "sources": [source]}, find_faults(algorithm, genes)


def describe(algorithm: Algorithm) -> str:
    """Return an algorithm's name and size in words."""
    return f"{algorithm.name} {algorithm.version}: {len(algorithm.drugs)} drugs, {algorithm.item_count} items"


def read_genes(knowledge: Path) -> dict[str, GeneRow]:
    """Return the genes of every ``genes.tsv`` under a folder, by label.

    Raises:
        SourceError: S013 if there is no such table or a row of it is at fault.
    """
    genes: dict[str, GeneRow] = {}
    issues = []
    paths = sorted(knowledge.rglob("genes.tsv"))
    for path in paths:
        with path.open(encoding="utf-8", newline="") as stream:
            for line, cells in enumerate(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE), start=2):
                filled = {column: text for column, text in cells.items() if text}
                synonyms = tuple(name for name in filled.pop("synonyms", "").split("|") if name)
                try:
                    gene = GeneRow.model_validate({**filled, "synonyms": synonyms})
                except ValidationError as error:
                    message = f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}"
                    issues.append(Issue(str(path), line, "", "S013", message, "repair the row"))
                else:
                    genes[gene.label] = gene
    if not paths:
        hint = "name the folder of the knowledge tables"
        issues.append(Issue(str(knowledge), 0, "", "S013", "holds no genes.tsv", hint))
    if issues:
        raise SourceError(issues)
    return genes


def source_row(algorithm: Algorithm) -> SourceRow:
    """Return the row that says where the claims of an algorithm come from."""
    body, licence = _PUBLISHERS.get(algorithm.name, (algorithm.name, ""))
    return SourceRow(
        id=f"source:{_slug(algorithm.name)}-{_slug(algorithm.version, keep='.')}",
        title=f"{algorithm.name} {algorithm.version}: genotypic resistance interpretation algorithm (ASI2)",
        kind="data set",
        body=body,
        year=int(algorithm.date[:4]),
        version=algorithm.version,
        licence=licence,
    )


def to_rows(algorithm: Algorithm, source_id: str, genes: Mapping[str, GeneRow]) -> dict[str, list[Row]]:
    """Return the rows that say what the algorithm says, by table.

    Args:
        algorithm: as read.
        source_id: CURIE of the source that the claims cite.
        genes: genes by label, with the reference sequence of each gene that is scored.
    Raises:
        SourceError: S013 where a gene has no reference sequence, a position lies beyond it, or the file
            writes another reference residue; S014 where two drug codes give one id, or a name gives none.
    """
    stem = _slug(algorithm.name)
    errors = [issue for issue in find_faults(algorithm, genes) if issue.severity == "error"]
    if errors:
        raise SourceError(errors)
    family = f"algorithm:{stem}"
    codes: list[Row] = []
    levels: list[Row] = [*_levels(algorithm, f"level:{stem}", algorithm.ranges, family, None)]
    scores: list[Row] = []
    for order, drug in enumerate(algorithm.drugs, start=1):
        slug = _slug(drug.code)
        code = f"drugcode:{stem}-{slug}"
        gene = genes[drug.gene]
        highest = max(drug.ranges or algorithm.ranges, key=lambda r: r.level)
        barrier = None if highest.minimum is None else least_mutations(drug.groups, highest.minimum)
        codes.append(
            DrugCodeRow(id=code, label=drug.code, algorithm=family, gene=gene.id, order=order, least_mutations=barrier)
        )
        levels += _levels(algorithm, f"level:{stem}-{slug}", drug.ranges, family, code)
        scores += _scores(drug, code, f"claim:{stem}-{slug}", gene, source_id, f"{stem}-import", algorithm.date)
    row = AlgorithmRow(
        id=family,
        label=algorithm.name,
        definition="Published algorithm that scores the alterations of a genotype for each drug, adds the scores up "
        "and turns the sum into a level of resistance.",
        version=algorithm.version,
        released=algorithm.date,
        source=source_id,
        current=True,
    )
    return {"algorithms": [row], "drugcodes": codes, "levels": levels, "scores": scores}


def find_faults(algorithm: Algorithm, genes: Mapping[str, GeneRow]) -> list[Issue]:
    """Return what keeps an algorithm from becoming rows (errors), and what is left out of them (warnings).

    An item of score 0 at a position beyond its gene is how HIVDB 9.2 to 9.4.1 hold the place of a drug
    that they do not score yet. It can never count, so it gets no row and a warning (S015); its drug's
    score is always 0, as the algorithm has it.
    """
    issues = []
    slugs = Counter(_slug(drug.code) for drug in algorithm.drugs)
    for name in (algorithm.name, algorithm.version, *(drug.code for drug in algorithm.drugs)):
        if not _slug(name):
            issues.append(Issue(algorithm.path, 0, "", "S014", f"the name {name!r} gives no id", "use letters, digits"))
    for drug in algorithm.drugs:
        where = f"DRUG {drug.code}"
        if slugs[_slug(drug.code)] > 1:
            issues.append(Issue(algorithm.path, 0, where, "S014", "another drug code gives the same id", "rename one"))
        gene = genes.get(drug.gene)
        if gene is None or not gene.reference:
            hint = "add the gene and its reference to a genes.tsv"
            issues.append(Issue(algorithm.path, 0, where, "S013", f"no reference sequence of gene {drug.gene!r}", hint))
            continue
        for item in (item for group in drug.groups for item in group):
            for residues in item.conditions:
                message = _misplaced(residues, gene)
                if message and _is_placeholder(item, gene):
                    note = f"{message}; the item scores 0 and only holds a place: it gets no row"
                    issues.append(Issue(algorithm.path, item.line, where, "S015", note, severity="warning"))
                elif message:
                    issues.append(Issue(algorithm.path, item.line, where, "S013", message, "compare the numbering"))
    return sorted(issues)


def _is_placeholder(item: Item, gene: GeneRow) -> bool:
    return item.score == 0 and any(residues.position > len(gene.reference) for residues in item.conditions)


def _misplaced(residues: Residues, gene: GeneRow) -> str:
    if not 1 <= residues.position <= len(gene.reference):
        return f"{residues}: {gene.label} has {len(gene.reference)} residues"
    known = gene.reference[residues.position - 1]
    if residues.reference not in ("", known):
        return f"{residues.reference}{residues}: the reference residue of {gene.label} is {known}"
    return ""


def _levels(
    algorithm: Algorithm, stem: str, ranges: tuple[ScoreRange, ...], family: str, code: str | None
) -> list[LevelRow]:
    level_of = {level.order: level for level in algorithm.levels}
    repeated = Counter(score_range.level for score_range in ranges)
    rows = []
    for place, score_range in enumerate(ranges, start=1):
        level = level_of[score_range.level]
        part = f"-{place}" if repeated[level.order] > 1 else ""
        rows.append(
            LevelRow(
                id=f"{stem}-{level.order}{part}",
                algorithm=family,
                code=code,
                order=level.order,
                label=level.label,
                sir=level.sir,
                minimum=-_UNBOUND if score_range.minimum is None else score_range.minimum,
                maximum=_UNBOUND if score_range.maximum is None else score_range.maximum,
                degree=_degree(algorithm.levels, level),
            )
        )
    return rows


def _degree(levels: tuple[Level, ...], level: Level) -> Degree:
    ordered = sorted(levels, key=lambda each: each.order)
    degrees = _DEGREES.get("".join(each.sir for each in ordered))
    return degrees[ordered.index(level)] if degrees else _DEGREE_OF[level.sir]


def _scores(
    drug: Drug, code: str, stem: str, gene: GeneRow, source_id: str, curator: str, date: str
) -> list[ScoreRuleRow]:
    slugs: Counter[str] = Counter()
    names: Counter[str] = Counter()
    rows = []
    for group in drug.groups:
        name = _group_name(group)
        names[name] += 1
        for item in group:
            if _is_placeholder(item, gene):
                continue
            slug = "-".join(_residues_slug(residues, gene) for residues in item.conditions)
            slugs[slug] += 1
            rows.append(
                ScoreRuleRow(
                    id=f"{stem}-{slug}{_again(slugs[slug])}",
                    code=code,
                    group=name + _again(names[name]),
                    score=item.score,
                    conditions=_conditions(item, gene),
                    source=(source_id,),
                    locator=f"DRUG {drug.code}: {item}",
                    curator=curator,
                    date=date,
                )
            )
    return rows


def _again(count: int) -> str:
    """Number the second and later of what has one name within a drug."""
    return f"-{count}" if count > 1 else ""


def _group_name(group: Group) -> str:
    """Name a group by its positions (``12``), or a combination on its own by its residues (``12AC+34D``)."""
    if len(group) == 1 and len(group[0].conditions) > 1:
        return "+".join(map(str, group[0].conditions))
    positions = {tuple(residues.position for residues in item.conditions) for item in group}
    return ",".join("+".join(map(str, places)) for places in sorted(positions))


def _conditions(item: Item, gene: GeneRow) -> str:
    """Write an item in the condition language, each residue as ``<gene>:<reference><position><residue>``."""
    return "; ".join(
        "marker "
        + " or ".join(
            f"{gene.label}:{_reference(residues, gene)}{residues.position}{_change(letter)}"
            for letter in residues.residues
        )
        for residues in item.conditions
    )


def _change(letter: str) -> str:
    return _CHANGES[letter] if letter in "di" else letter


def _residues_slug(residues: Residues, gene: GeneRow) -> str:
    """Return ``m12ac``, ``m12-del``, ``m12a-del-ins``: letters, then each change that is no letter."""
    letters = "".join(letter for letter in residues.residues if letter.isupper())
    others = [_CHANGES[letter] for letter in residues.residues if not letter.isupper()]
    return "-".join([f"{_reference(residues, gene)}{residues.position}{letters}".lower(), *others])


def _reference(residues: Residues, gene: GeneRow) -> str:
    return gene.reference[residues.position - 1]


def _slug(text: str, *, keep: str = "") -> str:
    """Return text in lower case with one hyphen for each run of other signs.

    >>> _slug("ABC/x"), _slug("10.2-1", keep=".")
    ('abc-x', '10.2-1')
    """
    return re.sub(rf"[^a-z0-9{re.escape(keep)}]+", "-", text.lower()).strip("-")


import_file = Importer(read_algorithm, describe, make_tables).import_file
