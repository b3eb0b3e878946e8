"""Times `what-if` and `plan` on the open cases.

    python benchmarks/bench_whatif.py [CASE…]

CASE are the ids to take (default: all). Times are CPU seconds of one process with the knowledge loaded.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import CASES, ROOT, print_table

from kg_builder import Case, KnowledgeGraph
from kg_builder.derivation.prepare import prepare_case

RELEASE = Path(os.environ.get("SALVAGE_KG_RELEASE", ROOT / "build"))
EXTRA = ("expect", "why", "source")
HEADS = ("case", "what-if s", "derived", "complete to", "changes", "tests", "plan s", "regimens", "one case ms")


def measure(kg: KnowledgeGraph, case: Case) -> tuple[str, ...]:
    """Return one row."""
    engine, prepared = kg._engine(case), prepare_case(case, kg._context, path="")
    engine.derive_options(prepared)
    once = min(clock(lambda: engine.derive_options(prepared))[0] for _ in range(5))
    thought, found = clock(lambda: kg.what_if(case))
    planned, plan = clock(lambda: kg.plan(case))
    searched = found.searched
    return (
        case.id,
        f"{thought:.2f}",
        str(searched.derived),
        f"{searched.usable_complete_to}/{searched.first_complete_to}",
        str(len(found.changes)),
        str(len(found.tests)),
        f"{planned:.2f}",
        str(plan.looked_at),
        f"{once * 1000:.1f}",
    )


def clock(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of processor time that some work takes, and what comes of it."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def main() -> None:
    path = CASES / "cases" / "open.jsonl"
    if not path.exists():
        print(f"no cases at {path}; set SALVAGE_KG_CASES")
        return
    chosen = set(sys.argv[1:])
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    cases = [Case.model_validate({k: v for k, v in line.items() if k not in EXTRA}) for line in lines]
    rows: list[tuple[str, ...]] = [HEADS]
    kg = KnowledgeGraph.open(RELEASE)
    for case in cases:
        if not chosen or case.id in chosen:
            rows.append(measure(kg, case))
            print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    print_table("What would change the answer, and a line ahead", rows)
    print(f"slowest what-if: {max(float(row[1]) for row in rows[1:]):.2f} s of CPU")


if __name__ == "__main__":
    main()
