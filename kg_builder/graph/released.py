"""What was released stays: an IRI of the last release that nothing states any more is kept as a deprecated one.

``ontology/released/`` holds the IRIs of the last release, kind by kind (``iris.txt``), and what became of those that
were given up (``retired.tsv``: id, replaced_by, since, reason; sorted by id). Conditions are not listed: they are
named by what they say.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kg_builder.issues import Issue, TableError
from kg_builder.knowledge.statements import ASSERTED, INFERRED, Row, Statements
from kg_builder.knowledge.terms import TRUE, TYPE, iri, literal, sv
from kg_builder.vocabulary import BASE, DEFINITION, PREFIXES, SV, compact, expand

FOLDER: Final = "released"
IRIS: Final = "iris.txt"
RETIRED: Final = "retired.tsv"
COLUMNS: Final = ("id", "replaced_by", "since", "reason")

_HEAD: Final = """\
# The IRIs of release {version}, kind by kind. Written by tools/list_released.py when a release is published;
# an IRI that stands here never disappears (docs/protege.md).
"""
_VERSION: Final = "# The IRIs of release "
_DEPRECATED: Final = sv("owl:deprecated")
#: Prefixes whose IRIs name no term: those of graphs, cases and conditions.
_UNLISTED: Final = {"graph", "case", "finding", "condition"}


@dataclass(frozen=True, slots=True)
class Retirement:
    """What became of a released IRI: a row of ``retired.tsv``."""

    replaced_by: tuple[str, ...]
    since: str
    reason: str


@dataclass(frozen=True, slots=True)
class Released:
    """The last release.

    Attributes:
        version: its version; empty if nothing was released yet.
        iris: CURIEs of its terms, claims, classes and properties.
        retired: CURIE → what became of it.
        path: name of ``retired.tsv`` in messages.
    """

    version: str = ""
    iris: frozenset[str] = frozenset()
    retired: Mapping[str, Retirement] = field(default_factory=dict)
    path: str = RETIRED


def read_released(folder: Path) -> Released:
    """Read what was released last; nothing if there is no such folder.

    Raises:
        TableError: O114 for each line that cannot be read.
    """
    if not folder.is_dir():
        return Released()
    path = "/".join((folder / RETIRED).resolve().parts[-3:])
    issues: list[Issue] = []
    version, curies = "", set()
    prefix = ""
    lines = (folder / IRIS).read_text(encoding="utf-8").splitlines() if (folder / IRIS).is_file() else []
    for number, line in enumerate(lines, start=1):
        if line.startswith(_VERSION):
            version = line.removeprefix(_VERSION).partition(",")[0]
        elif line.startswith("["):
            prefix = line.strip("[]")
        elif line and not line.startswith("#"):
            curies.add(f"{prefix}:{line}")
        if prefix and prefix not in PREFIXES:
            issues.append(_issue(path.replace(RETIRED, IRIS), number, "", f"unknown prefix '{prefix}'", "restore it"))
            break
    retired = dict(_read_retired(folder / RETIRED, path, issues))
    if issues:
        raise TableError(issues)
    return Released(version, frozenset(curies), retired, path)


def _read_retired(file: Path, path: str, issues: list[Issue]) -> Iterator[tuple[str, Retirement]]:
    with file.open(encoding="utf-8", newline="") as stream:
        lines = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        if tuple(next(lines, ())) != COLUMNS:
            issues.append(
                _issue(path, 1, "", "the header row does not name the columns", f"write {', '.join(COLUMNS)}")
            )
            return
        for number, cells in enumerate(lines, start=2):
            if len(cells) != len(COLUMNS):
                hint = f"a row has {len(COLUMNS)}, with tabs between"
                issues.append(_issue(path, number, "", f"{len(cells)} cells", hint))
                continue
            curie, others, since, reason = cells
            names = tuple(other for other in others.split("|") if other)
            for name in (curie, *names):
                if name.partition(":")[0] not in PREFIXES:
                    issues.append(_issue(path, number, "id", f"'{name}' is no CURIE of ours", "write kind:slug"))
            yield curie, Retirement(names, since, reason)


def _issue(path: str, line: int, column: str, message: str, hint: str) -> Issue:
    return Issue(path=path, line=line, column=column, code="O114", message=message, hint=hint)


def retire(statements: Statements, released: Released) -> list[str]:
    """Keep each released IRI that nothing states any more, as a deprecated one; return their CURIEs.

    Such an IRI has a label, and says what replaces it where ``retired.tsv`` does. It is of no class of ours, so that
    no rule and no list meets it. Words of the vocabulary are not kept so: the core deprecates them itself, and a test
    asks for it.

    Raises:
        TableError: O114 for each retired IRI that is still stated, was never released, or is replaced by something
            that is not stated.
    """
    stated = {subject for predicate in statements.predicates() for subject in statements.about(predicate)}
    if issues := list(_check_retired(released, stated)):
        raise TableError(issues)
    gone = sorted(curie for curie in released.iris if iri(expand(curie)) not in stated and not curie.startswith("sv:"))
    for curie in gone:
        statements.extend(_stub(curie, released.retired.get(curie)), ASSERTED)
    return gone


def _check_retired(released: Released, stated: set[str]) -> Iterator[Issue]:
    for number, (curie, retirement) in enumerate(released.retired.items(), start=2):
        if iri(expand(curie)) in stated:
            yield _issue(released.path, number, "id", f"'{curie}' is stated still", "delete it there, or this row")
        elif curie not in released.iris:
            yield _issue(released.path, number, "id", f"'{curie}' was never released", "delete this row")
        for other in retirement.replaced_by:
            if iri(expand(other)) not in stated:
                yield _issue(released.path, number, "replaced_by", f"'{other}' is not stated", "name a term that is")


def _stub(curie: str, retirement: Retirement | None) -> Iterator[Row]:
    node = iri(expand(curie))
    yield node, TYPE, sv("owl:Class" if curie.startswith("drugs:") else "owl:NamedIndividual")
    yield node, _DEPRECATED, TRUE
    yield node, sv("rdfs:label"), literal(f"retired: {curie}")
    why = retirement.reason if retirement else ""
    yield node, iri(DEFINITION), literal(f"A retired {curie.partition(':')[0]}, kept so that its IRI means no other."
                                         + (f" {why}" if why else ""))  # fmt: skip
    for other in retirement.replaced_by if retirement else ():
        yield node, sv("dcterms:isReplacedBy"), iri(expand(other))


def list_iris(statements: Statements) -> list[str]:
    """Return the CURIEs of all that a release names: terms, claims, classes and properties of ours, sorted."""
    names = {
        compact(subject[1:-1])
        for subject, values in statements.about(TYPE).items()
        if subject.startswith((f"<{BASE}", f"<{SV}")) and any(place < INFERRED for place in values.values())
    }
    return sorted(name for name in names if name.partition(":")[0] in PREFIXES.keys() - _UNLISTED)


def write_iris(curies: Iterable[str], version: str) -> str:
    """Return the text of ``iris.txt``."""
    by_prefix: dict[str, list[str]] = {}
    for curie in sorted(curies):
        prefix, _, slug = curie.partition(":")
        by_prefix.setdefault(prefix, []).append(slug)
    parts = [f"[{prefix}]\n" + "".join(f"{slug}\n" for slug in slugs) for prefix, slugs in by_prefix.items()]
    return _HEAD.format(version=version) + "\n" + "\n".join(parts)


def list_changes(statements: Statements, released: Released, gone: Sequence[str]) -> str:
    """Return what changed since the last release, as a table: change, id, label, replaced_by, reason."""
    labels = statements.about(sv("rdfs:label"))
    rows = [("change", "id", "label", "replaced_by", "reason")]
    for curie in sorted({*list_iris(statements)} - released.iris if released.version else ()):
        label = next(iter(labels.get(iri(expand(curie)), ())), '""')
        rows.append(("added", curie, label[1 : label.rindex('"')], "", ""))
    for curie in gone:
        retirement = released.retired.get(curie, Retirement((), "", ""))
        rows.append(("retired", curie, "", "|".join(retirement.replaced_by), retirement.reason))
    return "".join("\t".join(row) + "\n" for row in rows)


def count_changes(changes: str, released: Released) -> str:
    """Return a change list in a sentence, for the header of the ontology."""
    if not released.version:
        return "Nothing was released before."
    kinds = [line.partition("\t")[0] for line in changes.splitlines()[1:]]
    counts = ", ".join(f"{kinds.count(kind):,} {kind}" for kind in ("added", "retired"))
    return f"Since release {released.version}: {counts}; changes.tsv lists them."
