"""Times `options` of one case: warm in Python, as a whole command, and the same rules on rdflib."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import rdflib
import rdflib.plugins.sparql
from common import CASES, ROOT, best_of, median_of, print_table

from kg_builder import Case, KnowledgeGraph
from kg_builder.derivation.prepare import prepare_case

EXAMPLE = ROOT / "examples" / "hiv-three-class-failure.json"


def read_cases() -> list[Case]:
    """Return the open clinical cases, or the example where they are not at hand."""
    path = CASES / "cases" / "open.jsonl"
    if not path.exists():
        return [Case.model_validate(json.loads(EXAMPLE.read_text(encoding="utf-8")))]
    extra = ("expect", "why", "source")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Case.model_validate({k: v for k, v in row.items() if k not in extra}) for row in rows]


def time_rdflib(graph: KnowledgeGraph, case: Case) -> tuple[float, float]:
    """Return seconds for the rules of one case on pyoxigraph and on rdflib, given equal input to each rule."""
    rdflib.plugins.sparql.SPARQL_LOAD_GRAPHS = False
    engine = graph._engine(case)
    here: list[float] = []
    prepared = prepare_case(case, graph._context, path="")
    there = rdflib.Graph()
    there.parse(data=_ntriples(engine.store), format="nt")
    with engine.derive(prepared) as derived:
        there.parse(data=_ntriples(engine.store, derived.iri), format="nt")
        elapsed = 0.0
        for rule in engine.rules.values():
            start = time.perf_counter()
            list(engine.store.query(rule.text, use_default_graph_as_union=True))  # type: ignore[arg-type]
            here.append(time.perf_counter() - start)
            start = time.perf_counter()
            list(there.query(rule.text))
            elapsed += time.perf_counter() - start
    return sum(here), elapsed


def _ntriples(store: object, graph: str | None = None) -> str:
    import pyoxigraph as ox

    assert isinstance(store, ox.Store)
    name = ox.NamedNode(graph) if graph else None
    triples = (quad.triple for quad in store.quads_for_pattern(None, None, None, name))
    return (ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES) or b"").decode()


def run_command() -> None:
    program = Path(sys.executable).parent / "salvage-kg"
    subprocess.run([program, "options", EXAMPLE, "--quiet"], check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def time_all(
    graph: KnowledgeGraph, cases: list[Case], measure: Callable[[Callable[[], object], int], float]
) -> list[float]:
    for case in cases:
        graph.options(case)
    return [1000 * measure(lambda case=case: graph.options(case), 9) for case in cases]  # type: ignore[misc]


def main() -> None:
    cases, graph = read_cases(), KnowledgeGraph.open()
    medians, bests = time_all(graph, cases, median_of), time_all(graph, cases, best_of)
    medians.sort()
    rows = [
        ("`options`", "milliseconds"),
        (f"warm in Python, median over {len(cases)} cases of their medians", f"{medians[len(medians) // 2]:.1f}"),
        ("warm in Python, slowest case's median", f"{medians[-1]:.1f}"),
        ("warm in Python, median of the best of 9", f"{sorted(bests)[len(bests) // 2]:.1f}"),
        ("the whole command, best of 5", f"{1000 * best_of(run_command, 5):.0f}"),
    ]
    print_table("One case", rows)
    oxigraph, other = time_rdflib(graph, cases[0])
    print_table(
        "Every rule once on the same graph",
        [
            ("engine", "s", "times the time"),
            ("pyoxigraph", f"{oxigraph:.3f}", "1.0"),
            ("rdflib", f"{other:.3f}", f"{other / oxigraph:.0f}"),
        ],
    )


if __name__ == "__main__":
    main()
