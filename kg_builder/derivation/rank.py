"""The order of active options: lexicographic over named keys, each written into the answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from kg_builder.derivation.casegraph import CaseGraph
from kg_builder.vocabulary import BASE, compact

_STATUS = {"current": 0, "alternative": 1, "former": 2}
_BARRIER = {"high": 0, "intermediate": 1, "low": 2}
UNKNOWN = 9
SUPPORTIVE = BASE + "trait/supportive"
Keys = dict[str, int | str]


def count_preferred(pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return how many options stand above each, by preferences and what follows from them.

    Args:
        pairs: (preferred, other).
    >>> count_preferred([("a", "b"), ("b", "c")])
    {'b': 1, 'c': 2}
    """
    above: dict[str, set[str]] = defaultdict(set)
    for first, second in pairs:
        above[second].add(first)
    counts = {}
    for option in above:
        reached: set[str] = set()
        stack = list(above[option])
        while stack:
            node = stack.pop()
            if node not in reached:
                reached.add(node)
                stack.extend(above.get(node, ()))
        counts[option] = len(reached - {option})
    return counts


def rank_keys(graph: CaseGraph, agents: Iterable[str]) -> dict[str, Keys]:
    """Return the ranking keys of active options; smaller is better, in the order written."""
    know = graph.knowledge
    place: dict[str, tuple[int, int]] = {}
    barrier: dict[str, int] = {}
    wanted = set(agents)
    for agent in wanted:
        for claim in graph.grounds(agent, "Indication"):
            said = know.describe(claim)
            evidence = (
                int(know.first(said["hasEvidence"][0], "order", str(UNKNOWN))) if "hasEvidence" in said else UNKNOWN
            )
            here = (_STATUS[compact(said["indicationStatus"][0]).partition(":")[2]], evidence)
            place[agent] = min(place.get(agent, here), here)
        heights = [_BARRIER[know.first(claim, "barrierHeight")] for claim in graph.grounds(agent, "Barrier")]
        barrier[agent] = min(heights, default=UNKNOWN)
    pairs = [
        (agent, other)
        for agent in wanted
        for claim in graph.grounds(agent, "Preference")
        for other in wanted.intersection(know.describe(claim).get("appliesOver", ()))
        if other != agent
    ]
    above = count_preferred(pairs)
    keys: dict[str, Keys] = {}
    for agent in wanted:
        reasons = {f.reason for f in graph.findings.get(agent, ()) if f.effect == "favours"}
        status, evidence = place.get(agent, (UNKNOWN, UNKNOWN))
        keys[agent] = {
            "supportive": 1 if SUPPORTIVE in know.describe(agent).get("hasTrait", ()) else 0,
            "preferred_above": above.get(agent, 0),
            "indication": status,
            "evidence": evidence,
            "marker_directed": 0 if "marker-directed" in reasons else 1,
            "barrier": barrier.get(agent, UNKNOWN),
            "new_target": 0 if "new-target" in reasons else 1,
            "cautions": sum(f.effect == "cautions" for f in graph.findings.get(agent, ())),
            "label": know.label(agent),
        }
    return keys
