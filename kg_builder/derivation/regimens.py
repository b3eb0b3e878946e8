"""Regimens in the answer: which stand, in what order; which fall, with which component, and what remains of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from kg_builder.derivation.answer import Finding, Objective, PatternAnswer, RegimenAnswer, StatusName
from kg_builder.derivation.casegraph import CaseGraph, FindingNode
from kg_builder.derivation.formulary import Member, read_indication
from kg_builder.derivation.objectives import Own, Scale
from kg_builder.derivation.pareto import MEASURES, Vector, find_front
from kg_builder.derivation.posterior import Proportion, Resistance, cover
from kg_builder.derivation.proposals import Board, Key, write_name
from kg_builder.derivation.rank import STATUSES, count_preferred


@dataclass(frozen=True, slots=True)
class _Named:
    """A named regimen that stands."""

    iri: str
    members: tuple[Member, ...]
    vector: Vector
    key: tuple[int, Key]
    indication: Own | None


class Regimens:
    """Writes the regimens of one case.

    Args:
        graph: the case, its regimens judged.
        board: what was composed.
        tell: writes a finding as the answer holds it.
    """

    def __init__(self, graph: CaseGraph, board: Board, tell: Callable[[FindingNode], Finding]) -> None:
        self._graph, self._board, self._tell = graph, board, tell
        self._formulary, self._book = board.formulary, board.formulary.book
        self._know = graph.knowledge
        self._covered: dict[tuple[Resistance, ...], Proportion] = {}

    def write(self) -> tuple[tuple[RegimenAnswer, ...], tuple[PatternAnswer, ...]]:
        """Return the regimens, those that stand first and in order, and what came of each pattern."""
        statuses = self._graph.statuses
        answers = self._rank([r for r in self._book.named if statuses.get(r, ("",))[0] == "active"])
        shown = [answer.pattern for answer in answers]
        for regimen in (*self._book.named, *self._board.nearest):
            status = statuses.get(regimen, ("active",))[0]
            if status != "active":
                answers.append(self._fallen(regimen, status))
        answers.sort(key=lambda r: (STATUSES[r.status], r.rank or 0, r.pattern is not None, r.name, r.iri or ""))
        patterns = tuple(
            PatternAnswer(
                name=name,
                claims=tuple(row.claim for row in rows),
                combinations=self._board.counts[name],
                front=self._board.fronts[name],
                shown=shown.count(name),
            )
            for name, rows in self._board.patterns.items()
        )
        return tuple(answers), patterns

    # --- regimens that stand --------------------------------------------------------------------

    def _rank(self, regimens: list[str]) -> list[RegimenAnswer]:
        """Rank all that stands, named and composed, and write what is shown of it; what has a name is shown by it."""
        above = self._preferred(regimens)
        members = {r: [self._formulary.member(agent) for agent in self._chosen(r).values()] for r in regimens}
        everyone = {m.iri: m for own in members.values() for m in own}
        everyone |= {m.iri: m for one in self._board.proposed.values() for m in one.members}
        scale = Scale(list(everyone.values()), self._formulary)
        named = sorted((self._name(r, members[r], above.get(r, 0), scale) for r in regimens), key=lambda one: one.key)
        known = {tuple(sorted({m.place for m in one.members})) for one in named}
        places = [(0, key) for key in self._board.composed if key[1] not in known]
        keys = [one.key for one in named]
        front = find_front([*self._board.front, *(one.vector for one in named)])
        answers = [
            self._standing(one.iri, None, one.members, one.vector, one.indication, scale, (rank, one.vector in front))
            for i, one in enumerate(named)
            for rank in [bisect_left(places, one.key) + i + 1]
        ]
        for iri, one in self._board.proposed.items():
            if one.key[1] not in known:
                rank = bisect_left(places, (0, one.key)) + bisect_right(keys, (0, one.key)) + 1
                found = (rank, one.vector in front)
                answers.append(self._standing(iri, one.pattern, one.members, one.vector, None, scale, found))
        return answers

    def _name(self, regimen: str, members: list[Member], above: int, scale: Scale) -> _Named:
        own = self._own(regimen)
        vector = scale.measure([m.iri for m in members], own)
        key = (self._board.priorities.key(vector), tuple(sorted(m.place for m in members)))
        return _Named(regimen, tuple(members), vector, (above, key), own)

    def _own(self, regimen: str) -> Own | None:
        """Return what the best indication says whose setting is met and that names the regimen, if one does."""
        conclusion = self._graph.statuses[regimen][1]
        claims = {c for node in self._graph.premises(conclusion) for c in self._graph.claims_of(node)}
        claims.update(self._graph.grounds(regimen, "Indication"))
        return min(map(self._read_indication, claims), key=lambda own: (own.standing, own.evidence), default=None)

    def _read_indication(self, claim: str) -> Own:
        return Own(*self._know.remember(read_indication, claim))

    def _preferred(self, regimens: list[str]) -> dict[str, int]:
        """Return how many named regimens preferences place above each."""
        grounds = [(r, c) for r in regimens for c in self._graph.grounds(r, "Preference")]
        for trigger in self._graph.nodes("triggeredIn"):
            if self._graph.value(trigger, "ofKind") == "Preference":
                for claim in self._graph.claims_of(trigger):
                    about = self._know.describe(claim).get("concernsAgent", ())
                    grounds += [(r, claim) for r in regimens if r in about]
        pairs = ((r, o) for r, c in grounds for o in self._know.describe(c).get("appliesOver", ()))
        return count_preferred((r, o) for r, o in pairs if o in regimens and o != r)

    def _standing(
        self,
        iri: str,
        pattern: str | None,
        members: tuple[Member, ...],
        vector: Vector,
        indication: Own | None,
        scale: Scale,
        found: tuple[int, bool],
    ) -> RegimenAnswer:
        ordered = sorted(members, key=lambda m: (m.status == "retained", m.place)) if pattern else members
        names = tuple(m.label for m in ordered)
        rows = self._board.patterns[pattern] if pattern else ()
        written = scale.write(members, vector, indication, [row.claim for row in rows])
        written |= self._coverage(members)
        names_in_order = (MEASURES[i].name for i in self._board.priorities.order)
        return RegimenAnswer(
            name=write_name(members) if pattern else self._know.label(iri),
            iri=iri,
            pattern=pattern,
            components=names,
            remains=names,
            status=self._status(iri),
            rank=found[0],
            on_pareto_front=found[1],
            objectives={name: written[name] for name in names_in_order if name in written},
            findings=self._findings(iri),
        )

    def _coverage(self, members: tuple[Member, ...]) -> dict[str, Objective]:
        """Return what the regimen covers where local resistance to one of its drugs at least is given."""
        given = {m.label: self._formulary.resistance(m.iri) for m in members if m.is_counted}
        known = {label: found for label, found in given.items() if found}
        if not known:
            return {}
        drugs = sorted((one for _, one in known.values()), key=lambda one: (one.tested, one.resistant, one.fraction))
        covered = self._covered.get(tuple(drugs))
        if covered is None:
            covered = self._covered[tuple(drugs)] = cover(drugs)
        unit = f"probability that one at least is active of {', '.join(sorted(known))}, resistances being independent"
        facts = tuple(dict.fromkeys(fact for fact, _ in known.values()))
        interval = (round(covered.low, 4), round(covered.high, 4))
        return {"coverage": Objective(value=round(covered.mean, 4), interval=interval, unit=unit, because=facts)}

    def _status(self, regimen: str) -> StatusName:
        status = self._graph.statuses[regimen][0]
        assert status in STATUSES
        return status  # type: ignore[return-value]

    # --- regimens that fall ---------------------------------------------------------------------

    def _fallen(self, regimen: str, status: str) -> RegimenAnswer:
        near = self._board.nearest.get(regimen)
        lost = {
            component
            for finding in self._graph.findings.get(regimen, ())
            for component in self._graph.values(finding.iri, "ofComponent")
        }
        chosen = self._chosen(regimen)
        return RegimenAnswer(
            name=near.pattern if near else self._know.label(regimen),
            iri=regimen,
            pattern=near.pattern if near else None,
            components=tuple(self._know.label(agent) for agent in chosen.values()),
            remains=tuple(self._know.label(agent) for part, agent in chosen.items() if part not in lost),
            status=self._status(regimen),
            rank=None,
            on_pareto_front=False,
            objectives={},
            findings=self._findings(regimen),
        )

    def _chosen(self, regimen: str) -> dict[str, str]:
        """Return the components of a regimen with the option that serves for each, or itself where none does."""
        named = self._formulary.book.named.get(regimen)
        parts = named.parts if named else [m.iri for m in self._board.nearest[regimen].members]
        chosen = {part: self._formulary.serve(part) or part for part in parts}
        place = self._formulary.places
        return dict(sorted(chosen.items(), key=lambda pair: (place.get(pair[1], len(place)), pair[0])))

    def _findings(self, regimen: str) -> tuple[Finding, ...]:
        found = self._graph.findings.get(regimen, ())
        return tuple(self._tell(f) for f in sorted(found, key=lambda f: (f.effect, f.reason, f.rule, f.iri)))


def tell_component(graph: CaseGraph, finding: FindingNode, tell: Callable[[FindingNode], str]) -> str:
    """Say which component of a regimen falls, and why.

    Args:
        graph: the case.
        finding: about a regimen.
        tell: writes the sentence of a finding about an option.
    """
    component = graph.value(finding.iri, "ofComponent") or ""
    conclusion = next((node for node in finding.because if graph.value(node, "hasStatus")), None)
    if conclusion is None:
        return f"{graph.label(component)} is no candidate in this case"
    agent = graph.value(conclusion, "aboutAgent") or ""
    reasons = {f.iri: f for f in graph.findings.get(agent, ())}
    because = [reasons[node] for node in graph.premises(conclusion) if node in reasons]
    why = "; ".join(f"{f.reason}: {tell(f)}" for f in because)
    name = graph.label(agent)
    subject = name if agent == component else f"no {graph.label(component)} can be counted on; {name}"
    return f"{subject} is {graph.statuses[agent][0]}" + (f" ({why})" if why else "")
