"""What would change the answer: the smallest changes of modifiable facts that make an option usable, or another first.

An option that is not active has findings that stop it. Each set of changes that frees it must hit every one of them:
sets are built as hitting sets over what the findings rest on (:mod:`kg_builder.derivation.levers`), and each that hits
all that is known is derived; what then still stops the option must be hit as well (implicit hitting sets). So nothing
is told that was not derived, and up to the size searched nothing smaller is missed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

from kg_builder.derivation.answer import KnowledgeVersion
from kg_builder.derivation.case import Case
from kg_builder.derivation.changes import Changer, Move, read_modifiables
from kg_builder.derivation.claims import ClaimIndex
from kg_builder.derivation.context import Context
from kg_builder.derivation.engine import Engine
from kg_builder.derivation.levers import Levers
from kg_builder.derivation.next_tests import NextTests
from kg_builder.derivation.prepare import prepare_case
from kg_builder.derivation.rank import rank_keys
from kg_builder.derivation.variants import Deriver, Moves, State, find_first
from kg_builder.derivation.whatif_answer import Alternative, FirstThen, OptionThen, Searched, WhatIf
from kg_builder.issues import CaseError
from kg_builder.vocabulary import expand

#: Changes made at once, at most.
LARGEST = 3
#: Sets looked at, at most, whose effects are put together from those of single moves.
FORESEEN = 20_000
#: Changed cases derived to free options, at most; beyond it the answer says how far the search was complete.
MOST = 120
#: Further ones derived to find another first, at most; the same holds.
MOST_FIRST = 40


@dataclass(frozen=True)
class _Node:
    """One way on: an option, the changes so far, and what any set that frees it must hit."""

    option: str
    moves: Moves
    conflicts: tuple[Moves, ...]


class Search:
    """Looks for the smallest changes of one case."""

    def __init__(self, base: State, levers: Levers, deriver: Deriver, *, largest: int = LARGEST) -> None:
        self.base, self._levers, self._deriver, self._largest = base, levers, deriver, largest
        self.usable: dict[str, list[Moves]] = {}
        self.first: list[Moves] = []
        self.usable_complete_to = self.first_complete_to = largest

    # --- an option becomes usable -----------------------------------------------------------------

    def free_options(self) -> None:
        """Find for each option that is not active the smallest sets of changes that make it so."""
        waiting: dict[int, list[_Node]] = {size: [] for size in range(self._largest + 1)}
        for option, status in self.base.statuses.items():
            if status != "active":
                self._branch(_Node(option, frozenset(), self._conflicts(option, frozenset(), self.base)), waiting)
        for size in range(1, self._largest + 1):
            for is_far in (False, True):
                nodes = [n for n in dict.fromkeys(waiting[size]) if is_far == bool(_reach(n.moves))]
                nodes = [node for node in nodes if not self._is_covered(node)]
                ready = [node for node in nodes if all(conflict & node.moves for conflict in node.conflicts)]
                for node in nodes:
                    if node not in ready:
                        self._branch(node, waiting)
                if not self._deriver.derive(sorted({node.moves for node in ready}, key=_order)):
                    self.usable_complete_to = min(self.usable_complete_to, size - 1)
                for node in sorted(ready, key=lambda n: (_reach(n.moves), _order(n.moves), n.option)):
                    if (state := self._deriver.states.get(node.moves)) and not self._is_covered(node):
                        self._judge(node, state, waiting)

    def _judge(self, node: _Node, state: State, waiting: dict[int, list[_Node]]) -> None:
        if state.statuses.get(node.option) == "active":
            self.usable.setdefault(node.option, []).append(node.moves)
        else:
            left = self._conflicts(node.option, node.moves, state)
            self._branch(_Node(node.option, node.moves, node.conflicts + left), waiting)

    def _conflicts(self, option: str, moves: Moves, state: State) -> tuple[Moves, ...]:
        """Return for each finding that stops an option the further moves of which one at least is needed."""
        stops = [f for f in state.graph.findings.get(option, ()) if f.effect in ("excludes", "inactivates")]
        return tuple(dict.fromkeys(self._levers.of(finding, state.graph) - moves for finding in stops))

    def _branch(self, node: _Node, waiting: dict[int, list[_Node]]) -> None:
        """Extend a set by each change that hits what it does not hit yet; nothing if that cannot be."""
        left = sorted((c for c in node.conflicts if not c & node.moves), key=lambda c: (len(c), sorted(map(_key, c))))
        room = self._largest - len(node.moves)
        if not left or not left[0] or not room or _count_apart(left) > room:
            return
        taken = {move.slot for move in node.moves}
        for move in left[0]:
            if move.slot not in taken:
                waiting[len(node.moves) + 1].append(_Node(node.option, node.moves | {move}, node.conflicts))

    def _is_covered(self, node: _Node) -> bool:
        return any(is_within(found, node.moves) for found in self.usable.get(node.option, ()))

    # --- another option becomes first -------------------------------------------------------------

    def change_first(self) -> None:
        """Find the smallest sets of changes after which another option is first than now.

        Single moves are all tried. Of larger sets, all where that can be afforded; otherwise those derived already,
        those that together trigger a claim that none of them triggers alone, and those whose single effects put
        together would bring another first.
        """
        near = self._near_first()
        for size in range(1, self._largest + 1):
            for is_far in (False, True):
                wanted = [c for c in self._candidates(near, size) if is_far == bool(_reach(c))]
                wanted = [c for c in wanted if not any(is_within(found, c) for found in self.first)]
                if not self._deriver.derive(wanted):
                    self.first_complete_to = min(self.first_complete_to, size - 1)
                for moves in sorted(wanted, key=lambda c: (_reach(c), _order(c))):
                    state = self._deriver.states.get(moves)
                    is_new = not any(is_within(found, moves) for found in self.first)
                    if state and is_new and state.first != self.base.first:
                        self.first.append(moves)

    def _near_first(self) -> list[Move]:
        """Return the moves that could bring another option first: what frees one, helps one, or takes from the first.

        What may only take from an option that is behind is left out, unless its loss alone would let another pass.
        """
        near = {move for sets in self.usable.values() for moves in sets for move in moves}
        above = set(self.base.first.values()) | self._barriers()
        for option, status in self.base.statuses.items():
            if status == "active":
                near |= self._levers.helping(option, self.base.graph)
                if option in above:
                    near |= self._levers.about(option, self.base.graph)
        return sorted(near, key=_key)

    def _barriers(self) -> set[str]:
        """Return the options without which the keys of the others would put another first."""
        found = set()
        active = [option for option, status in self.base.statuses.items() if status == "active"]
        preferring = {o for o in active if self.base.graph.grounds(o, "Preference")}
        for option in preferring:
            rest = [other for other in active if other != option]
            keys = {other: tuple(k.values()) for other, k in rank_keys(self.base.graph, rest).items()}
            if find_first(dict.fromkeys(rest, "active"), keys) != self.base.first:
                found.add(option)
        return found

    def _candidates(self, near: Sequence[Move], size: int) -> list[Moves]:
        room = self._deriver.most - self._deriver.derived
        every = (frozenset(c) for c in combinations(near, size) if _is_one_each(c))
        if size == 1 or math.comb(len(near), size) <= room:
            return list(every)
        self.first_complete_to = min(self.first_complete_to, size - 1)
        derived = [moves for moves, state in self._deriver.states.items() if len(moves) == size and state]
        joined = [moves for moves in self._levers.joined(self.base.graph) if len(moves) == size]
        telling = [move for move in near if self._does_something(move)]
        sets = (frozenset(c) for c in combinations(telling, size) if _is_one_each(c))
        foreseen = [moves for moves in islice(sets, FORESEEN) if self._may_change_first(moves)]
        return sorted(dict.fromkeys([*derived, *joined, *foreseen]), key=lambda c: (c not in derived, _order(c)))

    def _does_something(self, move: Move) -> bool:
        state = self._deriver.states.get(frozenset({move}))
        return state is not None and (state.statuses, state.keys) != (self.base.statuses, self.base.keys)

    def _may_change_first(self, moves: Moves) -> bool:
        """Tell whether the single effects of some moves, put together, bring another option first, or collide."""
        statuses, keys = dict(self.base.statuses), dict(self.base.keys)
        touched: set[str] = set()
        for move in moves:
            state = self._deriver.states[frozenset({move})]
            assert state is not None
            for option, now in state.statuses.items():
                was = (self.base.statuses.get(option), self.base.keys.get(option))
                if (now, state.keys.get(option)) == was:
                    continue
                if option in touched:
                    return True
                touched.add(option)
                statuses[option] = now
                keys[option] = state.keys.get(option, ())
        return find_first(statuses, keys) != self.base.first

    # --- what was found ---------------------------------------------------------------------------

    def alternatives(self) -> tuple[Alternative, ...]:
        """Return what was found, smallest first; of equal size first what frees most options."""
        sets: dict[Moves, list[str]] = {}
        for option, found in self.usable.items():
            for moves in found:
                sets.setdefault(moves, []).append(option)
        for moves in self.first:
            sets.setdefault(moves, [])
        listed = [self._alternative(moves, freed) for moves, freed in sets.items()]
        return tuple(sorted(listed, key=lambda a: (len(a.changes), -len(a.usable), [c.text for c in a.changes])))

    def _alternative(self, moves: Moves, freed: Sequence[str]) -> Alternative:
        state = self._deriver.states[moves]
        assert state is not None
        then = {option: self._then(option, state) for option in self.base.statuses}
        first = [
            FirstThen(name=self._label(option), iri=option, was=self._label(self.base.first.get(kind, "")))
            for kind, option in sorted(state.first.items())
            if moves in self.first and self.base.first.get(kind) != option
        ]
        return Alternative(
            changes=tuple(move.change for move in sorted(moves, key=Move.order)),
            usable=tuple(sorted((then[o] for o in freed), key=lambda o: (o.rank or 0, o.name, o.iri))),
            first=tuple(first),
            lost=tuple(
                sorted(
                    (o for o in then.values() if o.was == "active" and o.status != "active"),
                    key=lambda o: (o.name, o.iri),
                )
            ),
        )

    def _then(self, option: str, state: State) -> OptionThen:
        return OptionThen.model_validate(
            {
                "name": self._label(option),
                "iri": option,
                "was": self.base.statuses[option],
                "status": state.statuses.get(option, "excluded"),
                "rank": state.ranks.get(option),
            }
        )

    def _label(self, option: str) -> str:
        return self.base.graph.knowledge.label(option) if option else ""


def _count_apart(conflicts: Sequence[Moves]) -> int:
    """Return how many of the sets have no move in common, taken greedily: no fewer moves can hit them all."""
    used: set[Move] = set()
    count = 0
    for conflict in conflicts:
        if used.isdisjoint(conflict):
            used |= conflict
            count += 1
    return count


def is_within(small: Moves, large: Moves) -> bool:
    """Tell whether each move of one set is in another, or is there and goes further."""
    return all(any(other.includes(move) for other in large) for move in small)


def _reach(moves: Iterable[Move]) -> int:
    return sum(move.reach for move in moves)


def _is_one_each(moves: Sequence[Move]) -> bool:
    return len({move.slot for move in moves}) == len(moves)


def _key(move: Move) -> tuple[str, str, str]:
    return move.order()


def _order(moves: Moves) -> tuple[int, list[tuple[str, str, str]]]:
    return len(moves), sorted(map(_key, moves))


def what_if(
    engine: Engine,
    case: Case,
    context: Context,
    version: KnowledgeVersion,
    *,
    most: int = MOST,
    most_first: int = MOST_FIRST,
) -> WhatIf:
    """Return the smallest changes that would change the answer to a case, and the tests worth doing.

    Args:
        engine: over the knowledge that the case needs.
        case: as given; it is not changed.
        context: names and parameters.
        version: of the knowledge, for the answer.
        most: changed cases derived to free options, at most.
        most_first: further ones derived to find another first, at most.
    Raises:
        CaseError: if a name or number of the case is at fault.
    """
    base, changer, levers = open_case(engine, case, context)
    deriver = Deriver(engine, changer, most)
    search = Search(base, levers, deriver)
    search.free_options()
    deriver.most = deriver.derived + most_first
    search.change_first()
    found = search.alternatives()
    derived = deriver.derived
    tests = NextTests(base, levers, deriver, changer).rank()
    return WhatIf(
        case=case.id,
        knowledge=version,
        first=tuple(base.graph.knowledge.label(option) for _, option in sorted(base.first.items())),
        changes=found,
        tests=tests,
        searched=Searched(
            modifiable=len(levers.moves),
            derived=derived,
            usable_complete_to=search.usable_complete_to,
            first_complete_to=search.first_complete_to,
        ),
    )


def open_case(engine: Engine, case: Case, context: Context) -> tuple[State, Changer, Levers]:
    """Derive a case as given and list what can change in it.

    Raises:
        CaseError: if a name or number of the case is at fault.
    """
    prepared = prepare_case(case, context, path=case.id)
    base = State.of(engine.derive_options(prepared))
    index = ClaimIndex(engine.store, engine.knowledge, expand(context.names.resolve(case.disease, ("disease",))))
    changer = Changer(case, context, base.graph, index)
    moves = [m for m in changer.moves(read_modifiables(engine.store, base.graph)) if _is_possible(changer, m)]
    return base, changer, Levers(moves, index, engine.rules)


def _is_possible(changer: Changer, move: Move) -> bool:
    try:
        changer.prepare([move], name="~")
    except CaseError:
        return False
    return True
