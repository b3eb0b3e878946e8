"""Checks of what claims say of each other and of the diseases here; warnings where a second look is asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Final

from kg_builder.issues import Issue, Severity
from kg_builder.knowledge.conditions import Condition, FactCondition, NumberCondition, describe
from kg_builder.knowledge.declared import AlterationTerms
from kg_builder.knowledge.knowledge import Knowledge
from kg_builder.knowledge.names import kind_of
from kg_builder.knowledge.resolve import ResolvedRow
from kg_builder.knowledge.rows import (
    BarrierRow,
    ClaimRow,
    CrossResistanceRow,
    DosingRow,
    IndicationRow,
    InteractionRow,
    PrevalenceThresholdRow,
    ResistanceRow,
    SensitivityRow,
    SourceRow,
    Term,
    UseConstraintRow,
)

#: Columns along which one term lies above or within another: what is said of these holds of it.
UPWARD: Final = ("broader", "classes", "ingredients", "mechanisms", "roles")
#: Kinds of fact of which a case states one.
_ONCE: Final = {"biopsy", "disease", "histology", "mode", "organism", "sex", "site"}
Key = tuple[object, ...]


class _Above:
    """What each term falls under, itself included; a drug falls under the classes that its mechanisms define."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._alterations = AlterationTerms.of(knowledge.resolution)
        self._index = knowledge.index
        self._direct: dict[str, set[str]] = defaultdict(set)
        self._negated: dict[str, set[str]] = defaultdict(set)
        self._known: dict[str, frozenset[str]] = {}
        for row in knowledge.resolution.rows:
            if isinstance(row.read.row, Term):
                for column in UPWARD:
                    if row.read.table == "classes" and column == "mechanisms":
                        for mechanism in row.refs.get(column, ()):
                            self._direct[mechanism].add(row.id)
                    else:
                        self._direct[row.id].update(row.refs.get(column, ()))
                self._negated[row.id].update(row.refs.get("negates", ()))

    def __call__(self, curie: str) -> frozenset[str]:
        if curie not in self._known:
            found: set[str] = set()
            todo = [curie]
            while todo:
                one = todo.pop()
                if one not in found:
                    found.add(one)
                    todo += self._direct.get(one, ())
                    todo += self._alterations.broader(one)
            self._known[curie] = frozenset(found)
        return self._known[curie]

    def overlap(self, one: str, other: str) -> bool:
        """Whether some term falls under both."""
        return any({one, other} <= self(term) for term in list(self._direct) if kind_of(term) == kind_of(one))

    def label(self, curie: str) -> str:
        """Return the label of a term, declared or read by its grammar."""
        return self._alterations.labels.get(curie) or self._index.label(curie)

    def exclude(self, one: str, other: str) -> bool:
        """Whether two terms are declared not to hold together."""
        return any(
            not self(there).isdisjoint((*self._negated.get(here, ()), *self._alterations.negated(here)))
            for here, there in ((one, other), (other, one))
        )


def check_claims(knowledge: Knowledge) -> Iterator[Issue]:
    """Yield K020 for claims that contradict each other, K021 for resistance to what is not used, K025 for conditions
    that never hold together.
    """
    above = _Above(knowledge)
    yield from _check_contradictions(knowledge)
    yield from _check_uses(knowledge, above)
    yield from _check_conditions(knowledge, above)


# --- claims against claims ---------------------------------------------------------------------------


def _check_contradictions(knowledge: Knowledge) -> Iterator[Issue]:
    said: dict[Key, tuple[str, ResolvedRow]] = {}
    for row in knowledge.resolution.rows:
        if not isinstance(row.read.row, ClaimRow):
            continue
        conditions = frozenset(c.canonical for c in row.conditions["conditions"])
        for what, effect in _say(row):
            other_effect, other = said.setdefault((*what, row.refs["agent"], conditions), (effect, row))
            if other_effect != effect:
                message = f"says '{effect}' where {other.id} says '{other_effect}' of the same"
                yield _issue(row, "K020", "agent", message, f"see {other.read.path}:{other.read.line}", "warning")
                break


def _say(row: ResolvedRow) -> Iterator[tuple[Key, str]]:
    """Yield what a claim speaks of, beside its agent and conditions, and what it says of that."""
    match row.read.row:
        case ResistanceRow(degree=degree):
            yield ("efficacy",), "fails"
            yield ("degree",), degree
        case SensitivityRow():
            yield ("efficacy",), "works"
        case UseConstraintRow(reason=reason, effect=effect):
            yield ("use", reason), effect
        case InteractionRow(effect=effect):
            yield ("interaction", row.refs["precipitant"]), effect
        case CrossResistanceRow(likelihood=likelihood):
            yield ("cross resistance", row.refs["failed"]), likelihood
        case BarrierRow(barrier=barrier):
            yield ("barrier",), barrier
        case PrevalenceThresholdRow(threshold=threshold):
            yield ("threshold",), f"{threshold:f}"
        case IndicationRow(status=status, intent=intent):
            yield ("indication", row.refs["disease"], intent), status
        case DosingRow(doses=doses, units=units):
            yield ("dosing", row.refs.get("together")), f"{doses:f} doses, {units:f} units"


# --- claims against the diseases ---------------------------------------------------------------------


def _check_uses(knowledge: Knowledge, above: _Above) -> Iterator[Issue]:
    """Tell of resistance to a drug that the claim's disease does not use, or no disease where it names none.

    An error of a curator; a warning where the claim is of a whole class, or rests on nothing but data sets, which speak
    of all drugs that were tested.
    """
    used = _find_uses(knowledge)
    reached = {disease: {t for agent in agents for t in above(agent)} for disease, agents in used.items()}
    data_sets = {r.id for r in knowledge.rows("sources") if isinstance(s := r.read.row, SourceRow) and _is_data(s)}
    for row in knowledge.rows("resistances"):
        agent = row.refs["agent"][0]
        named = [term for condition in row.conditions["conditions"] for term in _diseases(condition)]
        of = {d for d in used if not named or any(n in above(d) or d in above(n) for n in named)}
        if any(agent in reached[d] or not above(agent).isdisjoint(used[d]) for d in of):
            continue
        where = " or ".join(map(knowledge.index.label, named)) or "any disease here"
        is_wide = kind_of(agent) != "drug" or data_sets.issuperset(row.refs["source"])
        severity: Severity = "warning" if is_wide else "error"
        hint = "add an indication, or delete the claim"
        yield _issue(row, "K021", "agent", f"{agent} is not used in {where}", hint, severity)


def _diseases(condition: Condition) -> tuple[str, ...]:
    if isinstance(condition, FactCondition) and condition.kind == "disease" and not condition.is_negated:
        return condition.terms
    return ()


def _is_data(source: SourceRow) -> bool:
    return source.kind == "data set"


def _find_uses(knowledge: Knowledge) -> dict[str, set[str]]:
    """Return what each disease uses: agents of its indications, and components of its regimens."""
    parts = {row.id: (*row.refs["components"], *row.refs.get("optional", ())) for row in knowledge.rows("regimens")}
    used: dict[str, set[str]] = defaultdict(set)
    for row in knowledge.rows("indications"):
        agent = row.refs["agent"][0]
        for disease in row.refs["disease"]:
            used[disease].update((agent, *parts.get(agent, ())))
    for row in knowledge.rows("regimens"):
        for disease in row.refs.get("diseases", ()):
            used[disease].update(parts[row.id])
    return dict(used)


# --- conditions of one claim -------------------------------------------------------------------------


def _check_conditions(knowledge: Knowledge, above: _Above) -> Iterator[Issue]:
    seen: dict[tuple[Condition, ...], tuple[Condition, Condition] | None] = {}
    for row in knowledge.resolution.rows:
        for column, conditions in row.conditions.items():
            if conditions not in seen:
                pairs = combinations(conditions, 2)
                seen[conditions] = next((pair for pair in pairs if _exclude_each_other(*pair, above)), None)
            if (pair := seen[conditions]) is not None:
                one, other = (describe(condition, above.label) for condition in pair)
                message = f"'{one}' and '{other}' never hold together"
                yield _issue(row, "K025", column, message, "correct one of them", "warning")


def _exclude_each_other(one: Condition, other: Condition, above: _Above) -> bool:
    """Whether no case can meet both of two conditions."""
    if isinstance(one, NumberCondition) and isinstance(other, NumberCondition):
        return one.parameter == other.parameter and _is_empty((one, other))
    if not isinstance(one, FactCondition) or not isinstance(other, FactCondition) or one.kind != other.kind:
        return False
    if one.is_negated and other.is_negated:
        return False
    if one.is_negated or other.is_negated:
        stated, denied = (other, one) if one.is_negated else (one, other)
        return all(not above(term).isdisjoint(denied.terms) for term in stated.terms)
    pairs = [(a, b) for a in one.terms for b in other.terms]
    if one.kind in _ONCE:
        return not any(above.overlap(a, b) for a, b in pairs)
    return all(above.exclude(a, b) for a, b in pairs)


def _is_empty(conditions: Iterable[NumberCondition]) -> bool:
    """Whether no number meets all of some comparisons."""
    lows = [(c.limit, c.comparator == ">") for c in conditions if c.comparator in (">", ">=", "=")]
    highs = [(c.limit, c.comparator == "<") for c in conditions if c.comparator in ("<", "<=", "=")]
    if not lows or not highs:
        return False
    (low, above), (high, below) = max(lows), min(highs, key=lambda high: (high[0], not high[1]))
    return low > high or (low == high and (above or below))


def _issue(row: ResolvedRow, code: str, column: str, message: str, hint: str, severity: Severity) -> Issue:
    return Issue(row.read.path, row.read.line, column, code, message, hint, severity)
