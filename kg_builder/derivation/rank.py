"""The order of active options: lexicographic over named keys, each written into the answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from kg_builder.derivation.casegraph import CaseGraph, KnowledgeReader, local_name
from kg_builder.vocabulary import BASE, compact

#: How well established an indication is; 0 is best.
STANDINGS = {"current": 0, "alternative": 1, "former": 2}
#: Statuses of options, best first.
STATUSES = {"active": 0, "partial": 1, "retained": 2, "not-active": 3, "excluded": 4}
#: Kinds of options that are ranked, each by itself.
RANKED = ("drug", "modality")
_BARRIER = {"high": 0, "intermediate": 1, "low": 2}
UNKNOWN = 9
SUPPORTIVE = BASE + "trait/supportive"
Keys = dict[str, int | str]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The drugs and modalities of a case in order, with the rank of the active ones within their kind and its keys."""

    order: tuple[str, ...]
    ranks: dict[str, int]
    keys: dict[str, Keys]


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


def _read_indication(know: KnowledgeReader, claim: str) -> tuple[int, int]:
    """Return how well established the use is, and the grade of the evidence."""
    said = know.describe(claim)
    evidence = int(know.first(said["hasEvidence"][0], "order", str(UNKNOWN))) if "hasEvidence" in said else UNKNOWN
    return STANDINGS[local_name(said["indicationStatus"][0])], evidence


def _read_barrier(know: KnowledgeReader, claim: str) -> int:
    return _BARRIER[know.first(claim, "barrierHeight")]


def rank_keys(graph: CaseGraph, agents: Iterable[str]) -> dict[str, Keys]:
    """Return the ranking keys of active options; smaller is better, in the order written."""
    know = graph.knowledge
    place: dict[str, tuple[int, int]] = {}
    barrier: dict[str, int] = {}
    wanted = set(agents)
    for agent in wanted:
        uses = [know.remember(_read_indication, claim) for claim in graph.grounds(agent, "Indication")]
        place[agent] = min(uses, default=(UNKNOWN, UNKNOWN))
        heights = [know.remember(_read_barrier, claim) for claim in graph.grounds(agent, "Barrier")]
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
        found = graph.findings.get(agent, ())
        reasons = {f.reason for f in found if f.effect == "favours"}
        status, evidence = place[agent]
        keys[agent] = {
            "supportive": 1 if SUPPORTIVE in know.describe(agent).get("hasTrait", ()) else 0,
            "preferred_above": above.get(agent, 0),
            "indication": status,
            "evidence": evidence,
            "marker_directed": 0 if "marker-directed" in reasons else 1,
            "barrier": barrier[agent],
            "new_target": 0 if "new-target" in reasons else 1,
            "cautions": sum(f.effect == "cautions" for f in found),
            "label": know.label(agent),
        }
    return keys


def rank_options(graph: CaseGraph) -> Ranking:
    """Rank the active drugs and the active modalities of a case; put all of them in order: by status, rank, name."""
    kinds = {agent: compact(agent).partition(":")[0] for agent in graph.statuses}
    ranks: dict[str, int] = {}
    keys: dict[str, Keys] = {}
    for kind in RANKED:
        active = [a for a, (status, _) in graph.statuses.items() if status == "active" and kinds[a] == kind]
        found = rank_keys(graph, active)
        for place, agent in enumerate(sorted(active, key=lambda a: (tuple(found[a].values()), a)), 1):
            ranks[agent] = place
        keys.update(found)
    options = [agent for agent in graph.statuses if kinds[agent] in RANKED]
    label = graph.knowledge.label
    options.sort(key=lambda a: (STATUSES[graph.statuses[a][0]], ranks.get(a, 0), label(a), a))
    return Ranking(tuple(options), ranks, keys)
