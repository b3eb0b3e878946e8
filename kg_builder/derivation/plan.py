"""A line ahead: what would be left if a regimen failed with the resistance that it is known to select.

The case that would follow is derived like any other: the regimen stands among the failed ones, what it selects among
the alterations. What is assumed on the way stands in the answer (:data:`ASSUMPTIONS`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from kg_builder.derivation.answer import NOTICE, Answer, KnowledgeVersion
from kg_builder.derivation.case import Case, pointer
from kg_builder.derivation.casegraph import CaseGraph
from kg_builder.derivation.context import Context
from kg_builder.derivation.engine import Engine
from kg_builder.derivation.prepare import OPTIONS, prepare_case
from kg_builder.derivation.proposals import write_name
from kg_builder.vocabulary import BASE, compact, expand

#: Lines that can be looked at: the one now chosen and those after it.
LEAST_LINES, MOST_LINES = 1, 3
#: Regimens looked at now, and after each of those told, at most, by rank.
MOST_NOW, MOST_LATER = 500, 8
#: Choices told: those that leave most.
MOST_TOLD = 24
#: How often an alteration is found on failure, most often first.
FREQUENCIES = ("common", "occasional", "rare")
ASSUMPTIONS = (
    "A regimen fails as a whole, and every component that is judged by failure counts as failed.",
    "Each component selects what it most often selects: its common alterations, or the occasional ones where none is "
    "common, or the rare ones; all of them at once. A component of which nothing is known to be selected fails without "
    "resistance, and a test may then clear it.",
    "The failure is one with acquired resistance, where the knowledge names such a mode.",
    "A result S of a component is from before and no longer counts; all other results still hold, and what an "
    "alteration selected rules out no longer does.",
    "Patient, comedications and comorbidities stay as they are; the time to relapse is not known.",
)
Components = tuple[str, ...]
Regimens = Callable[[Case], Answer]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


class NextChoice(_Model):
    """A regimen of the next line and what it would leave in turn."""

    name: str
    left: int


class Choice(_Model):
    """A regimen that can be given now, and what would be left if it failed."""

    name: str
    components: tuple[str, ...]
    rank: int | None
    selects: tuple[str, ...] = Field(description="alterations that its failure is assumed to bring")
    left: tuple[str, ...] = Field(description="options that would be active then, its own components apart")
    lost: tuple[str, ...] = Field(description="options active now and not then, its own components apart")
    gained: tuple[str, ...] = Field(description="those of `left` that are not active now: meant for a later line")
    cleared: tuple[str, ...] = Field(description="components that would be active then: failed without resistance")
    then: tuple[NextChoice, ...] = Field(
        default=(), description="with three lines: regimens of the next line, first what would leave most after it"
    )


class Plan(_Model):
    """Which choice keeps most options open."""

    case: str
    knowledge: KnowledgeVersion
    lines: int
    usable: tuple[str, ...] = Field(description="options that are active now")
    choices: tuple[Choice, ...] = Field(description="what leaves most, first what does so in the end, then by rank")
    looked_at: int = Field(description="regimens looked at")
    of: int = Field(description="regimens that stand, named and composed; single options where none does")
    assumptions: tuple[str, ...] = ASSUMPTIONS
    notice: str = NOTICE


@dataclass(frozen=True)
class Regimen:
    """A regimen by its components (IRIs)."""

    name: str
    components: Components
    rank: int | None


@dataclass(frozen=True)
class _Outcome:
    """What follows when a regimen fails."""

    regimen: Regimen
    selected: tuple[str, ...]
    case: Case
    graph: CaseGraph
    active: frozenset[str]


class Planner:
    """Looks ahead from one case.

    Args:
        engine: over the knowledge that the case needs.
        context: names of the knowledge.
        answer: answers a case; its regimens are looked at.
    """

    def __init__(self, engine: Engine, context: Context, answer: Regimens) -> None:
        self._engine, self._context, self._answer = engine, context, answer
        self._know = engine.knowledge

    def plan(self, case: Case, version: KnowledgeVersion, *, lines: int = 2) -> Plan:
        """Return what each regimen would leave.

        Args:
            case: as given.
            version: of the knowledge, for the answer.
            lines: how many lines to look at, the one now chosen included, 1 to 3.
        Raises:
            CaseError: if the case is at fault.
            ValueError: if ``lines`` is out of range.
        """
        if not LEAST_LINES <= lines <= MOST_LINES:
            raise ValueError(f"lines must be {LEAST_LINES} to {MOST_LINES}, not {lines}")
        graph = self._derive([case])[0]
        active = find_active(graph)
        found = self.regimens(case)
        if lines == 1:
            choices = [self._describe(regimen, (), active, active) for regimen in found[:MOST_TOLD]]
        else:
            outcomes = self._fail(case, graph, found[:MOST_NOW])
            outcomes.sort(key=lambda one: -len(one.active - set(one.regimen.components)))
            choices = [self._choice(one, active, lines) for one in outcomes[:MOST_TOLD]]
            choices.sort(key=lambda c: (-(c.then[0].left if c.then else 0), -len(c.left), c.rank or 0))
        return Plan(
            case=case.id,
            knowledge=version,
            lines=lines,
            usable=self._names(sorted(active)),
            choices=tuple(choices),
            looked_at=min(len(found), MOST_NOW if lines > 1 else MOST_TOLD),
            of=len(found),
        )

    def regimens(self, case: Case) -> list[Regimen]:
        """Return the regimens that stand in a case, all of them, by rank; single active options where none does."""
        answer = self._answer(case)
        options = [*answer.agents, *answer.modalities]
        iris = {option.name: option.iri for option in options}
        standing = [r for r in answer.regimens if r.status == "active" and all(c in iris for c in r.components)]
        found = {
            tuple(iris[c] for c in r.components): Regimen(r.name, tuple(iris[c] for c in r.components), r.rank)
            for r in sorted(standing, key=lambda r: (r.rank or 0, r.name))
        }
        if found:
            return self._add_composed(case, list(found.values()))
        single = [o for o in options if o.status == "active" and not self._is_supportive(o.iri)]
        return [Regimen(o.name, (o.iri,), o.rank) for o in single]

    def _add_composed(self, case: Case, told: list[Regimen]) -> list[Regimen]:
        """Return the regimens that an answer tells with the composed ones that it leaves out, all by rank."""
        known, ranks = {frozenset(regimen.components) for regimen in told}, {regimen.rank for regimen in told}
        with self._engine.derive(prepare_case(case, self._context, path=case.id)) as graph:
            members = graph.board.combinations() if graph.board else []
        left = (own for own in members if frozenset(m.iri for m in own) not in known)
        free = (rank for rank in count(1) if rank not in ranks)
        others = [
            Regimen(write_name(own), tuple(m.iri for m in own), rank) for own, rank in zip(left, free, strict=False)
        ]
        return sorted([*told, *others], key=lambda regimen: (regimen.rank or 0, regimen.name))

    def _choice(self, outcome: _Outcome, active: frozenset[str], lines: int) -> Choice:
        choice = self._describe(outcome.regimen, outcome.selected, active, outcome.active)
        if lines < MOST_LINES:
            return choice
        later = self._fail(outcome.case, outcome.graph, self.regimens(outcome.case)[:MOST_LATER])
        used = set(outcome.regimen.components)
        then = [NextChoice(name=o.regimen.name, left=len(o.active - used - set(o.regimen.components))) for o in later]
        then.sort(key=lambda one: -one.left)
        return choice.model_copy(update={"then": tuple(then)})

    def _describe(
        self, regimen: Regimen, selected: tuple[str, ...], now: frozenset[str], then: frozenset[str]
    ) -> Choice:
        own = set(regimen.components)
        return Choice(
            name=regimen.name,
            components=self._names(regimen.components),
            rank=regimen.rank,
            selects=self._names(selected),
            left=self._names(sorted(then - own)),
            lost=self._names(sorted(now - then - own)),
            gained=self._names(sorted(then - now - own)),
            cleared=self._names(sorted(then & own)),
        )

    # --- the case that follows --------------------------------------------------------------------

    def _fail(self, case: Case, graph: CaseGraph, regimens: Sequence[Regimen]) -> list[_Outcome]:
        selected = [self.select(regimen.components, graph) for regimen in regimens]
        cases = [
            self.follow_up(case, graph, regimen.components, chosen, name=f"~{number}")
            for number, (regimen, chosen) in enumerate(zip(regimens, selected, strict=True))
        ]
        return [
            _Outcome(regimen, chosen, after, derived, find_active(derived))
            for regimen, chosen, after, derived in zip(regimens, selected, cases, self._derive(cases), strict=True)
        ]

    def _derive(self, cases: Sequence[Case]) -> list[CaseGraph]:
        return [self._engine.derive_options(prepare_case(c, self._context, path=c.id)) for c in cases]

    def select(self, components: Components, graph: CaseGraph) -> tuple[str, ...]:
        """Return the alterations (IRIs) that failure of a regimen is assumed to bring, sorted."""
        found: set[str] = set()
        for component in components:
            by_frequency: dict[str, set[str]] = {}
            for claim in graph.grounds(component, "Selection"):
                how_often = self._know.first(claim, "selectionFrequency", FREQUENCIES[0])
                by_frequency.setdefault(how_often, set()).update(self._know.describe(claim)["selectsAlteration"])
            found |= next((by_frequency[f] for f in FREQUENCIES if f in by_frequency), set())
        return tuple(sorted(found))

    def follow_up(
        self, case: Case, graph: CaseGraph, components: Components, selected: Sequence[str], *, name: str
    ) -> Case:
        """Return the case in which a regimen has failed too and brought these alterations.

        Args:
            case: in which it is given.
            graph: of that case, derived.
            components: of the regimen (IRIs).
            selected: alterations (IRIs).
            name: id of the new case.
        """
        raw: dict[str, Any] = case.model_dump(exclude_unset=True)
        failure = {key: value for key, value in raw.get("failure", {}).items() if key != "months_to_relapse"}
        failure["failed_regimens"] = [*failure.get("failed_regimens", ()), list(self._names(components))]
        if failure.get("line") is not None:
            failure["line"] += 1
        if mode := self._assumed_mode:
            failure["mode"] = mode
        findings = dict(raw.get("findings", {}))
        gone = self._ruled_out(graph, selected)
        kept = [
            text
            for place, text in enumerate(findings.get("alterations", ()))
            if f"{graph.iri}#{pointer('findings', 'alterations', place)}" not in gone
        ]
        brought = [self._know.label(term) for term in selected if not self._stated(term, graph)]
        findings["alterations"] = [*kept, *brought]
        findings["susceptibility"] = {
            drug: result
            for drug, result in findings.get("susceptibility", {}).items()
            if result != "S" or not self._is_exposed(drug, components)
        }
        return Case.model_validate(raw | {"id": name, "failure": failure, "findings": findings})

    @cached_property
    def _assumed_mode(self) -> str | None:
        """Return the label of the mode of failure with acquired resistance; None where the knowledge names none."""
        names = self._context.names
        marked = expand("trait:acquires-resistance")
        modes = [expand(curie) for curie in names.ids("mode")]
        found = [mode for mode in modes if marked in self._know.describe(mode).get("hasTrait", ())]
        return self._know.label(min(found)) if found else None

    def _ruled_out(self, graph: CaseGraph, selected: Sequence[str]) -> set[str]:
        """Return the marker facts that cannot hold together with what is selected."""
        gone = set()
        for fact in graph.texts:
            terms = set(graph.values(fact, "bearsOn"))
            for alteration in selected:
                kinds = {alteration, *self._know.describe(alteration).get("isKindOf", ())}
                if self._denied(terms, graph) & kinds or self._denied(kinds, graph) & terms:
                    gone.add(fact)
        return gone

    def _denied(self, terms: set[str], graph: CaseGraph) -> set[str]:
        told = {expand(d) for term in terms for d in self._context.negates.get(compact(term), ())}
        return told | {d for term in terms for d in graph.values(term, "negates")}

    def _stated(self, term: str, graph: CaseGraph) -> bool:
        return any(term in graph.values(fact, "states") for fact in graph.texts)

    def _is_exposed(self, drug: str, components: Components) -> bool:
        found = expand(self._context.names.resolve(drug, OPTIONS))
        parts = {p for c in components for p in (c, *self._know.describe(c).get("hasActiveIngredient", ()))}
        return found in parts or bool(parts.intersection(self._know.describe(found).get("hasActiveIngredient", ())))

    def _is_supportive(self, option: str) -> bool:
        return f"{BASE}trait/supportive" in self._know.describe(option).get("hasTrait", ())

    def _names(self, terms: Sequence[str]) -> tuple[str, ...]:
        return tuple(map(self._know.label, terms))


def find_active(graph: CaseGraph) -> frozenset[str]:
    """Return the drugs and modalities (IRIs) that are active and do more than support others."""
    supportive = f"{BASE}trait/supportive"
    return frozenset(
        option
        for option, (status, _) in graph.statuses.items()
        if status == "active"
        and compact(option).partition(":")[0] in OPTIONS
        and supportive not in graph.knowledge.describe(option).get("hasTrait", ())
    )
