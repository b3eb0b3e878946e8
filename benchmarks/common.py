"""What the benchmarks share: where the data is, how a time is taken, how a table is printed."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("SALVAGE_KG_DATA", ROOT.parent / "shared" / "data"))
CASES = Path(os.environ.get("SALVAGE_KG_CASES", ROOT.parent / "shared"))


def best_of(work: Callable[[], object], times: int) -> float:
    """Return the shortest of several runs, in seconds of wall time."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def median_of(work: Callable[[], object], times: int) -> float:
    """Return the median of several runs, in seconds of wall time."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def print_table(title: str, rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns, the first row as head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    print(title)
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()
