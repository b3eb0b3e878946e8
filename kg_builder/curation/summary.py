"""How much is known of what: the knowledge table of the README, one row a folder of tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from kg_builder.knowledge import Knowledge
from kg_builder.knowledge.columns import kinds_of_table
from kg_builder.knowledge.names import kind_of

BEGIN: Final = "<!-- knowledge table: written by `make knowledge-table` -->"
END: Final = "<!-- end of knowledge table -->"

_RESISTANCE: Final = {
    "resistances", "sensitivities", "cross_resistances", "same_targets", "selections", "intrinsic_resistances",
    "prevalences", "prevalence_thresholds",
}  # fmt: skip
_OWN: Final = {"indications", "scores", "interactions", "constraints"}
#: Columns of counts, in order, as the table heads them.
COUNTS: Final = (
    "terms", "drugs used", "indications", "resistance", "scores", "interactions", "constraints", "other claims",
    "sources",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SystemCount:
    """What one folder holds.

    Attributes:
        folder: its name.
        title: the diseases it has indications for, or the folder's name where it has none.
        counts: rows by column of :data:`COUNTS`; 'drugs used' are drugs that an indication names, itself or as
            component of a regimen.
    """

    folder: str
    title: str
    counts: Mapping[str, int]


def count_systems(knowledge: Knowledge) -> list[SystemCount]:
    """Count terms and claims by folder and kind: folders of diseases first, by title, then what diseases share."""
    counts: dict[str, Counter[str]] = {}
    diseases: dict[str, set[str]] = {}
    drugs: dict[str, set[str]] = {}
    parts = {row.id: row.refs["components"] for row in knowledge.rows("regimens")}
    for row in knowledge.resolution.rows:
        folder = row.read.path.rpartition("/")[0].rpartition("/")[2]
        counts.setdefault(folder, Counter())[_column_of(row.read.table)] += 1
        if row.read.table == "indications":
            diseases.setdefault(folder, set()).update(row.refs["disease"])
            agent = row.refs["agent"][0]
            drugs.setdefault(folder, set()).update(a for a in (agent, *parts.get(agent, ())) if kind_of(a) == "drug")
    found = []
    for folder, counted in counts.items():
        labels = sorted((knowledge.index.label(d) for d in diseases.get(folder, ())), key=str.casefold)
        number = {**counted, "drugs used": len(drugs.get(folder, ()))}
        title = ", ".join(labels)
        title = title[0].upper() + title[1:] if title else folder
        found.append(SystemCount(folder, title, {c: number.get(c, 0) for c in COUNTS}))
    return sorted(found, key=lambda s: (s.folder not in diseases, s.title.casefold()))


def write_summary(systems: Iterable[SystemCount], *, links: str = "ontology/knowledge") -> str:
    """Return the counts as a Markdown table; zeros are left blank, the last row adds up.

    Args:
        systems: one row each.
        links: path of the folders, as the reader of the table is to follow it.
    """
    rows = list(systems)
    lines = ["| system | " + " | ".join(COUNTS) + " |", "|---|" + "--:|" * len(COUNTS)]
    for row in rows:
        lines.append(f"| [{row.title}]({links}/{row.folder}) | " + _numbers(row.counts) + " |")
    total = {c: sum(row.counts[c] for row in rows) for c in COUNTS if c != "drugs used"}
    lines.append("| all | " + _numbers(total) + " |")
    return "\n".join(lines) + "\n"


def replace_block(page: str, table: str) -> str:
    """Return the page with what stands between :data:`BEGIN` and :data:`END` replaced by the table.

    Raises:
        ValueError: if the marks do not stand once each, in order.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f"the page must hold {BEGIN!r} and then {END!r}, once each")
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table}{END}{rest.partition(END)[2]}"


def _column_of(table: str) -> str:
    if table == "sources" or table in _OWN:
        return table
    if table in _RESISTANCE:
        return "resistance"
    return "other claims" if kinds_of_table(table) == ("claim",) else "terms"


def _numbers(counts: Mapping[str, int]) -> str:
    return " | ".join(f"{counts[c]:,}" if counts.get(c) else "" for c in COUNTS)
