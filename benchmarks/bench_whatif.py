"""Times `what-if` and `plan` on the open cases, and many cases derived together beside one by one.

    python benchmarks/bench_whatif.py [CASE…]

CASE are the ids to take (default: all). Times are CPU seconds of one process with the knowledge loaded.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from common import CASES, ROOT, print_table

from kg_builder import Case, KnowledgeGraph
from kg_builder.derivation.batch import derive_batch
from kg_builder.derivation.engine import Engine
from kg_builder.derivation.facts import Prepared
from kg_builder.derivation.prepare import prepare_case

RELEASE = Path(os.environ.get("SALVAGE_KG_RELEASE", ROOT / "build"))
EXTRA = ("expect", "why", "source")
HEADS = (
    "case", "what-if s", "derived", "complete to", "changes", "tests", "plan s", "regimens", "alone ms", "together ms",
)  # fmt: skip
#: Copies of a case derived together.
COPIES = 16


def measure(case: Case) -> tuple[str, ...]:
    """Return one row: each figure on a store of its own, since one that has seen many cases is slower."""
    kg, _ = load(case)
    start = time.process_time()
    found = kg.what_if(case)
    thought = time.process_time() - start
    kg, _ = load(case)
    start = time.process_time()
    plan = kg.plan(case)
    planned = time.process_time() - start
    kg, engine = load(case)
    copies = [case.model_copy(update={"id": f"{case.id} {i}"}) for i in range(COPIES)]
    prepared = [prepare_case(copy, kg._context, path="") for copy in copies]
    alone = min(derive(engine, [one]) for one in prepared[:3])
    together = derive(engine, prepared) / COPIES
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
        f"{alone * 1000:.0f}",
        f"{together * 1000:.0f}",
    )


def load(case: Case) -> tuple[KnowledgeGraph, Engine]:
    kg = KnowledgeGraph.open(RELEASE)
    return kg, kg._engine(case)


def derive(engine: Engine, cases: list[Prepared]) -> float:
    start = time.process_time()
    list(derive_batch(engine, cases))
    return time.process_time() - start


def main() -> None:
    path = CASES / "cases" / "open.jsonl"
    if not path.exists():
        print(f"no cases at {path}; set SALVAGE_KG_CASES")
        return
    chosen = set(sys.argv[1:])
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    cases = [Case.model_validate({k: v for k, v in line.items() if k not in EXTRA}) for line in lines]
    rows: list[tuple[str, ...]] = [HEADS]
    for case in cases:
        if not chosen or case.id in chosen:
            rows.append(measure(case))
            print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    print_table("What would change the answer, and a line ahead", rows)
    print(f"slowest what-if: {max(float(row[1]) for row in rows[1:]):.2f} s of CPU")


if __name__ == "__main__":
    main()
