"""Order by stated priorities and Pareto front: never one blended score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import le

from kg_builder.issues import Issue, SalvageError


@dataclass(frozen=True, slots=True)
class Measure:
    """One objective: its name, its unit, and whether more of it is better."""

    name: str
    unit: str
    is_more_better: bool


#: The objectives in the order in which they count where no other is asked for.
MEASURES = (
    Measure("standing", "indication of the least established component", True),
    Measure("activity", "active agents", True),
    Measure("evidence", "grade of the weakest component", True),
    Measure("barrier", "least genetic barrier of an active agent", True),
    Measure("retained", "agents kept although inactive", True),
    Measure("interactions", "interactions to manage", False),
    Measure("toxicity", "toxicities shared by two components", False),
    Measure("forgiveness", "agents that forgive missed doses", True),
    Measure("doses", "doses a day", False),
    Measure("units", "units a day", False),
    Measure("coverage", "probability that one at least is active of the drugs whose local resistance is given", True),
)
#: Names that stand for several objectives, in this order.
GROUPS = {"adherence": ("forgiveness", "doses", "units")}
_PLACE = {measure.name: i for i, measure in enumerate(MEASURES)}
#: Lower is better; what is not known counts as worst.
Vector = tuple[float, ...]
UNKNOWN = float("inf")


class PreferenceError(SalvageError):
    """What is to be preferred is unknown or contradicts itself."""


@dataclass(frozen=True, slots=True)
class Priorities:
    """Places of the objectives in :data:`MEASURES` in the order in which they count, with those that are reversed."""

    order: tuple[int, ...]
    reversed: frozenset[int] = frozenset()

    def key(self, vector: Vector) -> Vector:
        """Return a vector in the order of the priorities; what is not known stays last, reversed or not."""
        if self is USUAL:
            return vector
        return tuple(-vector[i] if i in self.reversed and vector[i] != UNKNOWN else vector[i] for i in self.order)


#: What counts where nothing else is asked for.
USUAL = Priorities(tuple(range(len(MEASURES))))


def read_priorities(names: Sequence[str]) -> Priorities:
    """Return the order of objectives that a user asks for; those not named follow in their usual order.

    Args:
        names: objectives or groups of them, the first counts most; a minus before a name reverses it.
    Raises:
        PreferenceError: R001 for a name that is none, R002 for two that contradict each other.
    >>> [MEASURES[i].name for i in read_priorities(["adherence", "barrier"]).order[:4]]
    ['forgiveness', 'doses', 'units', 'barrier']
    """
    known = [*_PLACE, *GROUPS]
    issues: list[Issue] = []
    said: dict[str, str] = {}
    turned: set[int] = set()
    for text in names:
        name = text.strip().removeprefix("-").casefold()
        if name not in known:
            from rapidfuzz import process  # only where a name is wrong

            near = [hit[0] for hit in process.extract(name, known, limit=3, score_cutoff=50)]
            hint = f"nearest: {', '.join(near)}" if near else f"one of {', '.join(known)}"
            what = f"no objective is called '{name}'" if name else "a name is empty"
            issues.append(Issue("--prefer", 0, text.strip(), "R001", what, hint))
            continue
        for single in GROUPS.get(name, (name,)):
            if single in said:
                message = f"'{text.strip()}' and '{said[single]}' both rank {single}"
                issues.append(Issue("--prefer", 0, text.strip(), "R002", message, "name each objective once"))
            said.setdefault(single, text.strip())
            if text.strip().startswith("-"):
                turned.add(_PLACE[single])
    if issues:
        raise PreferenceError(issues)
    order = [_PLACE[name] for name in said]
    found = Priorities((*order, *(i for i in range(len(MEASURES)) if i not in order)), frozenset(turned))
    return USUAL if found == USUAL else found


def find_front(vectors: Iterable[Vector]) -> set[Vector]:
    """Return the vectors that no other is better than in one respect without being worse in another.

    In the order of the alphabet whatever dominates a vector stands before it.

    >>> sorted(find_front([(1, 2), (2, 1), (2, 2), (1, 2)]))
    [(1, 2), (2, 1)]
    """
    front: list[Vector] = []
    for vector in sorted(set(vectors)):
        for place, other in enumerate(front):
            if all(map(le, other, vector)):
                front.insert(0, front.pop(place))  # what dominates one dominates many: it is asked first
                break
        else:
            front.append(vector)
    return set(front)
