"""The objectives of a regimen: measured for comparison, and written with unit and derivation for the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import NamedTuple

from kg_builder.derivation.answer import Objective
from kg_builder.derivation.formulary import BARRIERS, Formulary, Member, decimal_text
from kg_builder.derivation.pareto import MEASURES, UNKNOWN, Measure, Vector
from kg_builder.derivation.rank import STANDINGS

_STANDING = {number: word for word, number in STANDINGS.items()}
_BARRIER = {number: word for word, number in BARRIERS.items()}
#: Said where the tables do not hold what an objective needs.
NOT_KNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Own:
    """What the indication of a named regimen says of it: standing, grade, and its claim."""

    standing: float
    evidence: float
    claim: str


class _Brought(NamedTuple):
    """What one member brings, as numbers; sets are bits. The barrier of what is not counted is no least one."""

    bit: int
    standing: float
    evidence: float
    is_counted: bool
    barrier: float
    cautions: int
    watched: int
    harms: int
    is_kept: bool
    forgives: bool
    doses: float
    units: float
    missed: float


@dataclass(frozen=True, slots=True)
class _Pack:
    parts: int
    doses: float
    units: float
    claims: tuple[str, ...]


class Scale:
    """Measures regimens made of these members.

    Objectives come in the order of :data:`MEASURES`, lower is better; what is not known is infinite.
    """

    def __init__(self, members: Sequence[Member], formulary: Formulary) -> None:
        self.beside = formulary.beside([m.iri for m in members])
        self._written: dict[tuple[str, float, tuple[str, ...]], Objective] = {}
        self._bit = {m.iri: 1 << i for i, m in enumerate(members)}
        harms = {harm: 1 << i for i, harm in enumerate(sorted({h for m in members for h in m.harms}))}
        self._brings = {m.iri: self._read(m, harms) for m in members}
        self._packs = [
            _Pack(sum(self._bit[part] for part in parts), doses, units, claims)
            for parts, doses, units, claims in formulary.packs
            if parts <= self._bit.keys()
        ]

    def _read(self, member: Member, harms: dict[str, int]) -> _Brought:
        watched = sum(self._bit[o] for o, pair in self.beside[member.iri].items() if pair.effect == "cautions")
        return _Brought(
            self._bit[member.iri], member.standing, member.evidence, member.is_counted,
            member.barrier if member.is_counted else UNKNOWN, member.cautions, watched,
            sum(harms[harm] for harm in member.harms), member.status == "retained", member.forgives,
            member.doses, member.units, member.missed if member.is_counted else UNKNOWN,
        )  # fmt: skip

    def measure(self, members: Iterable[str], own: Own | None = None, grade: float = 0) -> Vector:
        """Return the objectives of one regimen.

        Args:
            members: IRIs of its components.
            own: what its own indication says of the regimen; None: it is worth what its weakest component is.
            grade: the grade of the pattern that composed it, 1 is best; 0 if none did.
        """
        brought = [self._brings[iri] for iri in members]
        bits, standing, grades, counted, barriers, own_cautions, watched, harms, kept, forgive, takes, has, missed = (
            zip(*brought, strict=True)
        )
        chosen = sum(bits)
        cautions = sum(own_cautions)
        if any(watched):
            cautions += sum([(others & chosen).bit_count() for others in watched]) // 2  # each pair watches twice
        seen = shared = 0
        for harm in harms:
            shared |= seen & harm
            seen |= harm
        barrier, doses, units = min(barriers), max(takes), sum(has)
        for pack in self._packs:
            if pack.parts & chosen == pack.parts:
                doses, units, _ = self._dose(members)
                break
        return (
            own.standing if own else max(standing), -sum(counted), own.evidence if own else max(grade, *grades),
            UNKNOWN if barrier in (0, UNKNOWN) else -barrier, -sum(kept), cautions, shared.bit_count(),
            -sum(forgive), doses, units, _miss(missed),
        )  # fmt: skip

    def _dose(self, members: Iterable[str]) -> tuple[float, float, _Pack | None]:
        """Return doses and units a day: of all ways the one with the fewest units, and the pack that makes it so."""
        own = [self._brings[iri] for iri in members]
        chosen = sum(one.bit for one in own)
        doses, units, best = max(one.doses for one in own), sum(one.units for one in own), None
        for pack in self._packs:
            if pack.parts & chosen == pack.parts:
                rest = [one for one in own if not one.bit & pack.parts]
                fewer = pack.units + sum(one.units for one in rest)
                if fewer < units:
                    doses, units, best = max((pack.doses, *(one.doses for one in rest))), fewer, pack
        return doses, units, best

    def write(
        self, members: Sequence[Member], vector: Vector, own: Own | None = None, pattern: Sequence[str] = ()
    ) -> dict[str, Objective]:
        """Return the objectives of a regimen as an answer holds them, by name.

        Args:
            members: its components.
            vector: what :meth:`measure` says of them.
            own: what its own indication says of it.
            pattern: claims of the pattern that composed it.
        Returns:
            All but coverage, which has an interval and is written where that is known.
        """
        counted = [m for m in members if m.is_counted]
        least = min((m.barrier for m in counted), default=0)
        harms = sorted({h for a, b in combinations(members, 2) for h in a.harms & b.harms})
        pairs = [self.beside[a.iri].get(b.iri) for a, b in combinations(members, 2)]
        bases: dict[str, tuple[str, ...]] = {
            "standing": (own.claim,) if own else _gather("standing", members),
            "activity": tuple(m.conclusion for m in counted),
            "evidence": (own.claim,) if own else (*pattern, *_gather("evidence", members)),
            "interactions": (*_gather("interactions", members), *(c for p in pairs if p for c in p.claims)),
            "toxicity": tuple(dict.fromkeys(c for h in harms for m in members for c in m.bases.get(h, ()))),
            "barrier": _gather("barrier", [m for m in counted if m.barrier == least]),
            "retained": tuple(m.conclusion for m in members if m.status == "retained"),
            "forgiveness": _gather("forgiveness", members),
        }
        pack = self._dose([m.iri for m in members])[2]
        alone = [m for m in members if not pack or not self._bit[m.iri] & pack.parts]
        bases["doses"] = bases["units"] = (*(pack.claims if pack else ()), *_gather("doses", alone))
        return {
            one.name: self._show(one, value, bases[one.name])
            for one, value in zip(MEASURES, vector, strict=True)
            if one.name in bases
        }

    def _show(self, measure: Measure, value: float, because: tuple[str, ...]) -> Objective:
        """Return one objective; regimens that are equal in it share it."""
        key = (measure.name, value, because)
        if key not in self._written:
            self._written[key] = Objective(value=_SHOWN[measure.name](value), unit=measure.unit, because=because)
        return self._written[key]


def _miss(shares: Iterable[float]) -> float:
    """Return the probability that none is active of the drugs of which it is known; resistances are independent."""
    known = [share for share in shares if share != UNKNOWN]
    return prod(known) if known else UNKNOWN


def _gather(name: str, members: Iterable[Member]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(base for member in members for base in member.bases[name]))


def _word(words: dict[float, str]) -> Callable[[float], str]:
    return lambda value: words.get(abs(value), NOT_KNOWN)


def _count(value: float) -> int:
    return int(abs(value))


def _amount(value: float) -> float | str:
    return NOT_KNOWN if value == UNKNOWN else float(decimal_text(value))


_SHOWN: dict[str, Callable[[float], int | float | str]] = {
    "standing": _word({float(number): word for number, word in _STANDING.items()}),
    "activity": _count,
    "evidence": _word({1.0: "A", 2.0: "B", 3.0: "C", 4.0: "D"}),
    "interactions": _count,
    "toxicity": _count,
    "barrier": _word({float(number): word for number, word in _BARRIER.items()}),
    "retained": _count,
    "forgiveness": _count,
    "doses": _amount,
    "units": _amount,
}
