"""Changed cases of one case, derived together, and what each says of its options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kg_builder.derivation.casegraph import CaseGraph
from kg_builder.derivation.changes import Changer, Move
from kg_builder.derivation.engine import Engine
from kg_builder.derivation.facts import Prepared
from kg_builder.derivation.rank import rank_options
from kg_builder.issues import CaseError
from kg_builder.vocabulary import compact

Moves = frozenset[Move]


@dataclass(frozen=True)
class State:
    """What one derived case says of its options; IRIs throughout."""

    graph: CaseGraph
    statuses: Mapping[str, str]
    ranks: Mapping[str, int]
    keys: Mapping[str, tuple[int | str, ...]]

    @classmethod
    def of(cls, graph: CaseGraph) -> State:
        """Read status and rank of every option."""
        ranking = rank_options(graph)
        statuses = {agent: graph.statuses[agent][0] for agent in ranking.order}
        keys = {agent: tuple(found.values()) for agent, found in ranking.keys.items()}
        return cls(graph, statuses, ranking.ranks, keys)

    @property
    def first(self) -> dict[str, str]:
        """Return the option that is first, by kind."""
        return find_first(self.statuses, self.keys)


@dataclass
class Deriver:
    """Derives changed cases of one case, each once, many at a time; ``most`` of them in all."""

    engine: Engine
    changer: Changer
    most: int
    states: dict[Moves, State | None] = field(default_factory=dict)
    derived: int = 0

    def derive(self, wanted: Iterable[Moves]) -> bool:
        """Derive these sets of changes; one that contradicts the case becomes None. False if it was too much."""
        batch: dict[Moves, Prepared] = {}
        wanted = list(dict.fromkeys(wanted))
        for moves in wanted:
            if moves in self.states:
                continue
            if self.derived + len(batch) >= self.most:
                break
            try:
                batch[moves] = self.changer.prepare(moves, name=f"~{len(self.states) + len(batch)}")
            except CaseError:
                self.states[moves] = None
        for moves, prepared in batch.items():
            self.states[moves] = State.of(self.engine.derive_options(prepared))
        self.derived += len(batch)
        return all(moves in self.states for moves in wanted)


def find_first(statuses: Mapping[str, str], keys: Mapping[str, tuple[int | str, ...]]) -> dict[str, str]:
    """Return the active option with the least keys, by kind (``drug``, ``modality``)."""
    found: dict[str, str] = {}
    for option, status in statuses.items():
        kind = compact(option).partition(":")[0]
        if status == "active" and (kind not in found or (keys[option], option) < (keys[found[kind]], found[kind])):
            found[kind] = option
    return found
