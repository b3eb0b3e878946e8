"""Regimens composed by a pattern: every combination that satisfies it and holds nothing it could do without.

Pure: sets of members as bits of a number, so that ten thousand combinations take a fraction of a second. A set
**satisfies** a pattern if each row of it is met: enough active members from its pool, of enough classes, one of them
with the barrier asked for; not more members from the pool than allowed, no two alike where they must differ; and if no
two members clash. A set is **listed** if it satisfies, and whatever it could do without is what a row adds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Literal


@dataclass(frozen=True, slots=True)
class Demand:
    """One row of a pattern.

    Attributes:
        claim: IRI of the row.
        pool: members that may be chosen for it.
        at_least: number of active members from the pool.
        at_most: number of members from the pool, active or kept.
        distinct: in what any two members from the pool must differ; empty: in nothing.
        barrier: least genetic barrier (3 high, 2 intermediate, 1 low) of one active member from the pool; 0: none.
        classes: number of classes of the active members from the pool.
        adds: which members are added although the set could do without: kept, active, any; empty: none.
    """

    claim: str
    pool: frozenset[str]
    at_least: int
    at_most: int
    distinct: Literal["", "class", "mechanism"] = ""
    barrier: int = 0
    classes: int = 0
    adds: Literal["", "retained", "active", "any"] = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member as composition sees it; ``is_active`` or else kept although inactive."""

    name: str
    is_active: bool
    classes: frozenset[str] = frozenset()
    mechanisms: frozenset[str] = frozenset()
    barrier: int = 0


@dataclass(frozen=True, slots=True)
class Lack:
    """A row that cannot be met: how many of what are there, and how many are needed."""

    demand: Demand
    kind: Literal["members", "classes", "barrier", "together"]
    have: int
    need: int


#: One row in bits: active members of its pool, those with the barrier, how many of the first and of how many classes.
_Need = tuple[int, int, int, int]


class Composer:
    """All regimens of one pattern from one formulary; the order of candidates is the order of preference in `nearest`.

    Args:
        demands: the rows of the pattern.
        candidates: what is active or kept; names are unique.
        clashes: pairs of names that may not be given together.
    """

    def __init__(
        self, demands: Sequence[Demand], candidates: Sequence[Candidate], clashes: Collection[frozenset[str]] = ()
    ) -> None:
        self._demands = demands
        self._all = [c for c in candidates if any(_may_take(demand, c) for demand in demands)]
        self._bit = {c.name: 1 << i for i, c in enumerate(self._all)}
        self._active = self._mask(c.name for c in self._all if c.is_active)
        self._added = self._mask(c.name for c in self._all if any(_may_add(demand, c) for demand in demands))
        names = sorted(frozenset[str]().union(*(c.classes for c in self._all)))
        bits = {name: 1 << i for i, name in enumerate(names)}
        self._class_bits = [reduce(or_, (bits[name] for name in c.classes), 0) for c in self._all]
        self._pools = [self._mask(demand.pool) for demand in demands]
        self._limits = [(pool, demand.at_most) for pool, demand in zip(self._pools, demands, strict=True)]
        self._by_row = [self._need(*pair) for pair in zip(demands, self._pools, strict=True)]
        # the row with the fewest helpers first: it leaves the fewest ways to go
        asking = [need for demand, need in zip(demands, self._by_row, strict=True) if _asks(demand)]
        self._needs = sorted(asking, key=lambda need: min(need[0].bit_count(), abs(need[1]).bit_count() or 99))
        self._apart = self._conflicts(clashes)

    def compose(self) -> list[tuple[str, ...]]:
        """Return every listed set, smallest first, then in the order of the candidates; members in that order too."""
        if any(active.bit_count() < count or not barrier for active, barrier, count, _ in self._needs):
            return []
        listed: set[int] = set()
        for core in self._cores():
            listed.update(self._extend(core))
        listed.discard(0)
        ordered = sorted(sorted(map(_places, listed)), key=len)
        names = [c.name for c in self._all]
        return [tuple([names[i] for i in places]) for places in ordered]

    def nearest(self, fallen: Sequence[Candidate]) -> tuple[list[str], list[Lack], list[str]]:
        """Return what comes nearest where nothing is listed.

        Args:
            fallen: members that are neither active nor kept, the nearest first.
        Returns:
            Members that can be given, what each row that is not met then lacks, and the fallen that would fill it.
        """
        chosen = 0
        lacks: list[Lack] = []
        closest: list[str] = []
        rows = zip(self._demands, self._by_row, strict=True)
        for demand, need in sorted(rows, key=lambda row: row[1][0].bit_count()):
            active, barrier, count, _ = need
            borrowed = sum(name in demand.pool for name in closest)
            for i in _places(active):
                short = (chosen & active).bit_count() + borrowed < count
                wanted = short or (barrier > 0 and not chosen & barrier & active)
                if wanted and not self._apart[i] & chosen and self._fits(chosen | 1 << i):
                    chosen |= 1 << i
            if _asks(demand) and (lack := self._lack(demand, need, chosen)):
                if lack.kind == "members" and lack.have + borrowed >= lack.need:
                    continue  # what is lacking here is lacking in a row told already
                lacks.append(lack)
                near = [c.name for c in fallen if c.name in demand.pool and c.name not in closest]
                closest += near[: lack.need - lack.have - borrowed] if lack.kind == "members" else []
        if not lacks:
            widest = max(self._demands, key=lambda demand: (len(demand.pool), demand.claim))
            lacks = [Lack(widest, "together", 0, 0)]
        return [self._all[i].name for i in _places(chosen)], lacks, closest

    # --- setting up ---------------------------------------------------------------------------

    def _mask(self, names: Iterable[str]) -> int:
        return reduce(or_, (self._bit[name] for name in names if name in self._bit), 0)

    def _need(self, demand: Demand, pool: int) -> _Need:
        """Return a row in bits; where it asks for no barrier every member has it."""
        high = self._mask(c.name for c in self._all if c.barrier >= demand.barrier) & pool & self._active
        return pool & self._active, high if demand.barrier else -1, demand.at_least, demand.classes

    def _conflicts(self, clashes: Collection[frozenset[str]]) -> list[int]:
        """Return for each candidate those that no set holds beside it."""
        apart = [0] * len(self._all)
        for pair in clashes:
            if len(pair) == 2 and all(name in self._bit for name in pair):
                one, other = (self._bit[name].bit_length() - 1 for name in pair)
                apart[one] |= 1 << other
                apart[other] |= 1 << one
        for demand, pool in zip(self._demands, self._pools, strict=True):
            if demand.distinct:
                by_class = demand.distinct == "class"
                for i in _places(pool):
                    for j in _places(pool & ~(1 << i)):
                        left, right = self._all[i], self._all[j]
                        alike = left.classes & right.classes if by_class else left.mechanisms & right.mechanisms
                        apart[i] |= bool(alike) << j
        return apart

    # --- what holds of a set ------------------------------------------------------------------

    def _fits(self, chosen: int) -> bool:
        for pool, most in self._limits:  # noqa: SIM110 - asked of every set: a generator takes twice as long
            if (chosen & pool).bit_count() > most:
                return False
        return True

    def _meets(self, chosen: int) -> bool:
        for active, barrier, count, classes in self._needs:
            own = chosen & active
            if own.bit_count() < count or not own & barrier or (classes and self._count_classes(own) < classes):
                return False
        return True

    def _needed(self, chosen: int) -> int:
        """Return members of a set that it needs for sure: a row has no more of them than it asks for."""
        needed = 0
        for active, _, count, _ in self._needs:
            own = chosen & active
            if own.bit_count() == count:
                needed |= own
        return needed

    def _count_classes(self, chosen: int) -> int:
        return reduce(or_, (self._class_bits[i] for i in _places(chosen)), 0).bit_count()

    def _lack(self, demand: Demand, need: _Need, chosen: int) -> Lack | None:
        """Return what a set lacks for a row, or None; what it has too much of is not told here."""
        active, barrier, count, classes = need
        own = chosen & active
        if (have := own.bit_count()) < count:
            return Lack(demand, "members", have, count)
        if not own & barrier:
            return Lack(demand, "barrier", 0, 1)
        if classes and (have := self._count_classes(own)) < classes:
            return Lack(demand, "classes", have, classes)
        return None

    # --- enumeration --------------------------------------------------------------------------

    def _cores(self) -> set[int]:
        """Return the sets that satisfy and of which no member can be left out.

        Each such set is reached from the empty one: as long as a row is unmet, the set holds another member that
        helps this row, and every helper is tried.
        """
        found: set[int] = set()
        seen = {0}
        todo = [(0, 0)]
        while todo:
            chosen, apart = todo.pop()
            helpers = self._helpers(chosen)
            if helpers is None:
                if not any(self._meets(chosen ^ 1 << i) for i in _places(chosen & ~self._needed(chosen))):
                    found.add(chosen)
                continue
            for i in _places(helpers & ~chosen & ~apart):
                wider = chosen | 1 << i
                if wider not in seen and self._fits(wider):
                    seen.add(wider)
                    todo.append((wider, apart | self._apart[i]))
        return found

    def _helpers(self, chosen: int) -> int | None:
        """Return the members that help the first row that is unmet, or None if all are met."""
        for active, barrier, count, classes in self._needs:
            own = chosen & active
            # who has the barrier or another class counts as a member too, and there are fewer of them
            if not own & barrier and barrier > 0:
                return barrier
            if classes and self._count_classes(own) < classes:
                have = reduce(or_, (self._class_bits[i] for i in _places(own)), 0)
                return reduce(or_, (1 << i for i in _places(active) if self._class_bits[i] & ~have), 0)
            if own.bit_count() < count or not own & barrier:
                return active
        return None

    def _extend(self, core: int) -> Iterator[int]:
        """Yield a core with every choice of what may be added to it."""
        if not self._added & ~core:
            yield core
            return
        lasting = [1 << i for i in _places(core & ~self._added)]
        seen = {core}
        todo = [(core, reduce(or_, (self._apart[i] for i in _places(core)), 0))]
        while todo:
            chosen, apart = todo.pop()
            if chosen != core and any(self._meets(chosen ^ bit) for bit in lasting):
                continue  # what was added makes superfluous what may not be added
            yield chosen
            for i in _places(self._added & ~chosen & ~apart):
                wider = chosen | 1 << i
                if wider not in seen and self._fits(wider):
                    seen.add(wider)
                    todo.append((wider, apart | self._apart[i]))


def _asks(demand: Demand) -> bool:
    """Whether a row asks for anything, and does not only say what may be added."""
    return bool(demand.at_least or demand.barrier or demand.classes)


def _may_take(demand: Demand, candidate: Candidate) -> bool:
    return candidate.name in demand.pool and (candidate.is_active or demand.adds in ("retained", "any"))


def _may_add(demand: Demand, candidate: Candidate) -> bool:
    wanted = ("active", "any") if candidate.is_active else ("retained", "any")
    return candidate.name in demand.pool and demand.adds in wanted


def _places(chosen: int) -> list[int]:
    """Return the places of the bits of a number, lowest first.

    >>> _places(0b1101)
    [0, 2, 3]
    """
    places = []
    while chosen:
        lowest = chosen & -chosen
        places.append(lowest.bit_length() - 1)
        chosen ^= lowest
    return places
