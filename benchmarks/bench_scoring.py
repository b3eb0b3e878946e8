"""Scores 1,000 genotypes in the graph engine and, in the same run, with sierra-local's scorer.

Both are given the same genotypes already read into their own form: facts in the store here, dictionaries of
positions there. The scores are compared before anything is timed.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pyoxigraph as ox
from common import CASES, DATA, best_of, print_table

from kg_builder import Case, KnowledgeGraph
from kg_builder.derivation.prepare import prepare_case
from kg_builder.derivation.susceptibility import write_genotype
from kg_builder.places import find_home

COUNT = 1_000
RUNS = 5
_MUTATION = re.compile(r"(\w+):([A-Z])(\d+)(\w+)")


def read_genotypes(path: Path) -> list[dict[str, Any]]:
    """Return ``COUNT`` genotypes with expected scores, the file repeated as often as needed, each with its own id."""
    known = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{**genotype, "id": f"{genotype['id']}-{n}"} for n, genotype in enumerate(islice(cycle(known), COUNT))]


def to_positions(mutations: list[str]) -> dict[str, dict[int, tuple[str, str]]]:
    """Return a genotype in the peer's form: gene, position, (reference, residues; `_` insertion, `-` deletion)."""
    genes: dict[str, dict[int, tuple[str, str]]] = {"PR": {}, "RT": {}, "IN": {}, "CA": {}}
    for mutation in mutations:
        gene, reference, position, residues = _MUTATION.fullmatch(mutation).groups()  # type: ignore[union-attr]
        genes[gene][int(position)] = (reference, {"ins": "_", "del": "-"}.get(residues, residues))
    return genes


def main() -> None:
    genotypes_file, algorithm = CASES / "hiv" / "genotypes_open.jsonl", DATA / "hivdb" / "HIVDB_10.2.xml"
    if not genotypes_file.exists() or not algorithm.exists():
        print(f"no reference data: {genotypes_file} or {algorithm} is missing")
        return
    try:
        from sierralocal import score_alg
        from sierralocal.hivdb import HIVdb
    except ImportError:
        print("the peer is not installed: pip install --no-deps sierralocal")
        return
    genotypes = read_genotypes(genotypes_file)
    graph = KnowledgeGraph.open()
    cases = [Case(id=g["id"], disease="HIV-1 infection", findings={"alterations": g["mutations"]}) for g in genotypes]
    engine = graph._engine(cases[0])
    batch = ox.NamedNode("urn:batch")
    context = graph._context
    prepared = [prepare_case(case, context, path="") for case in cases]
    for one in prepared:
        engine.store.extend(write_genotype(one, batch))
    query = (find_home("queries", "score") / "score-cases.rq").read_text(encoding="utf-8")

    def score_here() -> list[tuple[str, str, str]]:
        rows = engine.store.query(query, use_default_graph_as_union=True)
        return [(r["case"].value, r["code"].value, r["score"].value) for r in rows]  # type: ignore[union-attr,index]

    with contextlib.redirect_stdout(io.StringIO()):
        peer = HIVdb(asi2=str(algorithm))
    peer.definitions, peer.drugs = peer.parse_definitions(peer.root), peer.parse_drugs(peer.root)
    positions = [to_positions(g["mutations"]) for g in genotypes]

    def score_there() -> list[dict[str, float]]:
        found = []
        for genes in positions:
            scores: dict[str, float] = {}
            for gene, mutations in genes.items():
                scored = score_alg.score_drugs(peer, gene, mutations)
                scores.update({drug: total for drug, (total, *_) in scored.items()})
            found.append(scores)
        return found

    codes = {code.iri: code.label for code in engine.algorithm.codes}
    ours: dict[str, dict[str, float]] = {one.iri: dict.fromkeys(codes.values(), 0.0) for one in prepared}
    for case, code, score in score_here():
        ours[case][codes[code]] = float(score)
    differing = sum(
        ours[one.iri] != g["scores"] or any(theirs[d] != s for d, s in g["scores"].items() if d in theirs)
        for one, g, theirs in zip(prepared, genotypes, score_there(), strict=True)
    )
    here, there = best_of(score_here, RUNS), best_of(score_there, RUNS)
    engine.store.remove_graph(batch)
    whole = best_of(lambda: list(graph.susceptibility(cases)), 1)
    rows = [
        ("scorer", "s for 1,000", "ms each", "times the peer's speed"),
        ("graph engine (score-cases.rq)", f"{here:.3f}", f"{1000 * here / COUNT:.3f}", f"{there / here:.1f}"),
        ("sierra-local 0.4 (score_drugs)", f"{there:.3f}", f"{1000 * there / COUNT:.3f}", "1.0"),
        (
            "`susceptibility`, names to levels and items",
            f"{whole:.3f}",
            f"{1000 * whole / COUNT:.3f}",
            f"{there / whole:.1f}",
        ),
    ]
    print_table(f"Scoring {COUNT} genotypes, best of {RUNS}; {differing} differ from the published scores", rows)


if __name__ == "__main__":
    main()
