"""Proves every conclusion of all cases at hand and checks each proof with the verifier; alters proofs and checks again.

    python benchmarks/bench_proofs.py [ALTERED] [CASE…]

ALTERED is the number of altered proofs a case (default 40), CASE the ids to take (default: all).
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from common import CASES, ROOT, print_table
from rdflib import RDF, Literal, URIRef

from kg_builder import Case, KnowledgeGraph
from kg_builder.render.proof import write_steps_json, write_steps_turtle

RELEASE = Path(os.environ.get("SALVAGE_KG_RELEASE", ROOT / "build"))
EXTRA = ("expect", "why", "source")


def load_verifier() -> Any:
    spec = importlib.util.spec_from_file_location("verify_proof", ROOT / "tools" / "verify_proof.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["verify_proof"] = module
    spec.loader.exec_module(module)
    return module


def read_all() -> Iterator[Case]:
    """Yield the open clinical cases, where they are at hand, and the examples."""
    path = CASES / "cases" / "open.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        yield Case.model_validate({k: v for k, v in json.loads(line).items() if k not in EXTRA})
    for path in sorted((ROOT / "examples").glob("*.*")):
        if path.suffix in (".json", ".yaml"):
            yield Case.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def alter(said: set[Any], chance: random.Random, prov: Any) -> set[Any]:
    """Return a proof with one premise, conclusion, source, rule, hash or repeated conclusion altered or left out."""
    while True:
        subject, predicate, value = chance.choice(sorted(said))
        if predicate == prov.hadMember:
            continue  # a table of contents
        others = sorted({o for _, p, o in said if p == predicate and (subject, p, o) not in said})
        way = chance.choice(("left out", "swapped", "invented", "added"))
        invented = Literal("made up") if isinstance(value, Literal) else URIRef(f"{value}-made-up")
        if way == "added":
            return said | {(subject, predicate, invented)}
        if way == "invented" or (way == "swapped" and not others):
            return said - {(subject, predicate, value)} | {(subject, predicate, invented)}
        if way == "swapped":
            return said - {(subject, predicate, value)} | {(subject, predicate, chance.choice(others))}
        if (subject, RDF.type, RDF.Statement) in said or (subject, RDF.type, prov.Activity) in said:
            return said - {(subject, predicate, value)}  # anything else may be left out of a sound proof


def main() -> None:
    arguments = sys.argv[1:]
    count, chosen = int(arguments[0]) if arguments else 40, set(arguments[1:])
    verify, kg = load_verifier(), KnowledgeGraph.open(RELEASE)
    start = time.process_time()
    release = verify.Release(RELEASE)
    print(f"release read by the verifier in {time.process_time() - start:.1f} s of CPU\n")
    head = ("case", "statuses", "proven", "steps", "premises", "kB", "accepted", "altered", "rejected")
    rows = [(*head, "prove s", "derive s", "check s")]
    totals = [0] * 6
    for case in read_all():
        if chosen and case.id not in chosen:
            continue
        start = time.process_time()
        proof = kg.prove(case)
        text = write_steps_turtle(proof)
        proved = time.process_time()
        view = verify.Case(release, kg.case_graph(case))
        derived = time.process_time()
        said = set(verify.parse(text, "turtle"))
        same = said == set(verify.parse(write_steps_json(proof), "json-ld"))
        read = time.process_time()
        verdict = verify.Verifier(release, view, said)
        checked = time.process_time()
        chance = random.Random(case.id)  # noqa: S311 the same choice each time, no secret
        rejected = 0
        for _ in range(count):
            altered = alter(said, chance, verify.PROV)
            if verify.Verifier(release, view, altered).faults:
                rejected += 1
            else:
                print(f"{case.id}: accepted although altered: {sorted(altered ^ said)}")
        for fault in verdict.faults[:5]:
            print(f"{case.id}: {fault}")
        premises = sum(len(step.used) for step in proof.steps)
        proven = len(view.statuses & verdict.proven)
        accepted = "yes" if same and not verdict.faults else "NO"
        counts = (len(view.statuses), proven, len(proof.steps), premises)
        times = (f"{x:.1f}" for x in (proved - start, derived - proved, checked - read))
        rows.append((case.id, *map(str, counts), f"{len(text) // 1024}", accepted, str(count), str(rejected), *times))
        totals = [a + b for a, b in zip(totals, (*counts, count, rejected), strict=True)]
        print(" ".join(rows[-1]), file=sys.stderr, flush=True)
    statuses, proven, steps, premises, tried, rejected = map(str, totals)
    verdicts = {row[6] for row in rows[1:]}
    rows.append(("all", statuses, proven, steps, premises, "", "/".join(sorted(verdicts)), tried, rejected, "", "", ""))
    print_table("Proofs of every conclusion", rows)


if __name__ == "__main__":
    main()
