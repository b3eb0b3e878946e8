"""What the build adds to a materialised graph: every term reaches itself, and which claim is narrower.

Both read the closures `isKindOf` and `reaches` that reasoning has added, and write into graph:inferred.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from kg_builder.knowledge.rows import TABLES, ClaimRow
from kg_builder.knowledge.statements import INFERRED, Statements
from kg_builder.knowledge.terms import TRUE, TYPE, node, sv
from kg_builder.vocabulary import BASE, KINDS

#: Individuals that are no terms: nothing falls under them.
_NO_TERMS: Final = {"claim", "condition", "field", "source"}

#: Role of a claim -> the closure along which one role is narrower than another.
_ROLES: Final = {
    "concernsAgent": "isKindOf",
    "concernsSubstance": "reaches",
    "precipitant": "reaches",
    "fromAgent": "isKindOf",
    "preferredOver": "isKindOf",
    "selectsAlteration": "isKindOf",
    "forDisease": "isKindOf",
    "inRegion": "isKindOf",
}
#: What two claims of a class must have in common for one to override the other, beside their roles.
_SAME: Final[dict[str, tuple[str, ...]]] = {
    "UseConstraint": ("hasReason",),
    "Favour": ("hasReason",),
    "ToxicityClaim": ("givesWarning",),
    "Advice": ("advises",),
    "Prevalence": ("observedIn",),
}
#: Classes whose claims say that an agent does not work; a sensitivity overrides them.
_AGAINST: Final = ("Resistance", "CrossResistance", "IntrinsicResistance")
#: Classes where one claim does not override another, however narrow: items of a sum, parts of a pattern, goals.
_NEVER: Final = {"ScoreRule", "RegimenPattern", "GoalClaim"}

_DISEASE: Final = node("kind:disease")
_MARKER: Final = node("kind:marker")
_CLAIM: Final = f"<{BASE}claim/"

#: Term → what it falls under.
Closure = Mapping[str, Collection[str]]


@dataclass(slots=True)
class _Claim:
    node: str
    kind: str
    roles: dict[str, str] = field(default_factory=dict)
    same: tuple[frozenset[object], ...] = ()
    #: alternatives of each condition that is not negated, by kind of fact
    facts: dict[str, list[set[str]]] = field(default_factory=dict)
    #: whether it has a negated condition
    has_negated: bool = False
    #: comparator and limit of each condition on a number, by parameter
    numbers: dict[str, list[tuple[str, Decimal]]] = field(default_factory=dict)
    is_favourable: bool = False

    @property
    def is_marker_exception(self) -> bool:
        """Whether it says no more than that a marker does no harm: a sensitivity that is no reason to prefer."""
        return self.kind == "Sensitivity" and _MARKER in self.facts and not self.is_favourable


def derive_reflexive(statements: Statements) -> int:
    """Add (t isKindOf t) and (t reaches t) for every term; return the number of statements added.

    Rules then need no case of their own for a claim about the very term that a case states.
    """
    prefixes = tuple(f"<{BASE}{kind}/" for kind in KINDS if kind not in _NO_TERMS)
    terms = [term for term in statements.about(TYPE) if term.startswith(prefixes)]
    rows = ((term, predicate, term) for predicate in (sv("isKindOf"), sv("reaches")) for term in terms)
    return statements.extend(rows, INFERRED)


def derive_narrower(statements: Statements) -> int:
    """Add (a narrowerThan b) where claim a overrides claim b when both hold; return the number added.

    - Within a class: every role of a equals or falls under that of b, one strictly, and they agree on what
      the class asks for besides (constraints: the reason; toxicities: the toxicity).
    - A sensitivity overrides a claim of resistance, cross-resistance or intrinsic resistance also where the agent
      is equal; but one that asks for a marker and does not favour the agent ("this change does no harm") overrides
      only claims that ask for a marker, too: it says nothing of a diagnosis or of a failed relative.
    - In either case a is about the same matter: each condition of b follows from one of a (an equal or narrower
      term, a number within); or a asks for nothing at all (but a disease). An exception made for one marker or
      one organ says nothing of another.
    """
    closures: dict[str, Closure] = {name: statements.about(sv(name)) for name in set(_ROLES.values())}
    pairs = dict.fromkeys(_narrower_pairs(_read_claims(statements), closures))
    return statements.extend(((a, sv("narrowerThan"), b) for a, b in pairs), INFERRED)


def _read_claims(statements: Statements) -> list[_Claim]:
    """Read the claims with their roles and conditions, sorted by IRI."""
    wanted = {model.claim_class for model in TABLES.values() if issubclass(model, ClaimRow)} - _NEVER
    kinds = {iri: kind for kind in wanted for iri in statements.subjects(TYPE, sv(kind)) if iri.startswith(_CLAIM)}
    claims = {iri: _Claim(iri, kind) for iri, kind in sorted(kinds.items())}
    for role in _ROLES:
        for iri, values in statements.about(sv(role)).items():
            if claim := claims.get(iri):
                claim.roles[role] = next(iter(values))
    for claim in claims.values():
        claim.same = tuple(frozenset(statements.objects(claim.node, sv(p))) for p in _SAME.get(claim.kind, ()))
        for condition in statements.objects(claim.node, sv("hasCondition")):
            _read_condition(statements, condition, claim)
    for iri in statements.subjects(sv("isFavourable"), TRUE):
        if claim := claims.get(iri):
            claim.is_favourable = True
    return list(claims.values())


def _read_condition(statements: Statements, condition: str, claim: _Claim) -> None:
    """Read a condition into its claim; of a negated one only that there is one."""
    if statements.objects(condition, sv("isNegated")):
        claim.has_negated = True
        return
    terms = set(statements.objects(condition, sv("conditionTerm")))
    for kind in statements.objects(condition, sv("conditionKind")) if terms else ():
        claim.facts.setdefault(kind, []).append(terms)
    for parameter in statements.objects(condition, sv("onParameter")):
        (comparator,) = statements.objects(condition, sv("comparator"))
        (limit,) = statements.objects(condition, sv("limit"))
        claim.numbers.setdefault(parameter, []).append((_text(comparator), Decimal(_text(limit))))


def _text(literal: str) -> str:
    """Return what stands between the quotes of a literal without escapes."""
    return literal[1 : literal.rindex('"')]


def _narrower_pairs(claims: list[_Claim], closures: Mapping[str, Closure]) -> Iterator[tuple[str, str]]:
    by_agent: dict[tuple[str, str, str], list[_Claim]] = defaultdict(list)
    by_marker: dict[tuple[str, str, str, str], dict[str, _Claim]] = defaultdict(dict)
    for claim in claims:
        for role in ("concernsAgent", "concernsSubstance"):
            if role in claim.roles:
                by_agent[claim.kind, role, claim.roles[role]].append(claim)
                for marker in {term for terms in claim.facts.get(_MARKER, ()) for term in terms}:
                    by_marker[claim.kind, role, claim.roles[role], marker][claim.node] = claim
    kinds = closures["isKindOf"]
    for a in claims:
        for role in ("concernsAgent", "concernsSubstance"):
            if role not in a.roles:
                continue
            markers = {term for terms in a.facts.get(_MARKER, ()) for t in terms for term in (t, *kinds.get(t, ()))}
            for agent in _above(closures[_ROLES[role]], a.roles[role]):
                # a claim whose one role is the same agent cannot be strictly narrower
                may_be_strict = len(a.roles) > 1 or agent != a.roles[role]
                for b in by_agent.get((a.kind, role, agent), ()) if may_be_strict else ():
                    if a is not b and _overrides(a, b, closures):
                        yield a.node, b.node
                for kind in _AGAINST if a.kind == "Sensitivity" else ():
                    against: Iterable[_Claim] = by_agent.get((kind, role, agent), ())
                    if a.is_marker_exception:
                        hits = (by_marker.get((kind, role, agent, marker), {}) for marker in markers)
                        against = {iri: claim for hit in hits for iri, claim in hit.items()}.values()
                    for b in against:
                        if _is_about_the_same(a, b, kinds):
                            yield a.node, b.node


def _above(closure: Closure, term: str) -> list[str]:
    return sorted({term, *closure.get(term, ())})


def _overrides(a: _Claim, b: _Claim, closures: Mapping[str, Closure]) -> bool:
    """Whether a is narrower than b, a claim of the same class."""
    if a.same != b.same or a.roles.keys() != b.roles.keys():
        return False
    is_strict = False
    for role, term in a.roles.items():
        other = b.roles[role]
        if term != other:
            if other not in closures[_ROLES[role]].get(term, ()):
                return False
            is_strict = True
    return is_strict and _is_about_the_same(a, b, closures["isKindOf"])


def _is_about_the_same(a: _Claim, b: _Claim, kinds: Closure) -> bool:
    """Whether each condition of b follows from one of a's; or a has none (but a disease)."""
    is_general = not a.numbers and not a.has_negated and not a.facts.keys() - {_DISEASE}
    for kind, wide in b.facts.items():
        narrow = a.facts.get(kind)
        if narrow is None and (is_general or kind == _DISEASE):
            continue
        for terms in wide:
            if not any(all({t, *kinds.get(t, ())} & terms for t in own) for own in narrow or ()):
                return False
    return is_general or all(
        any(implies(one, other) for one in a.numbers.get(parameter, ()))
        for parameter, others in b.numbers.items()
        for other in others
    )


def implies(one: tuple[str, Decimal], other: tuple[str, Decimal]) -> bool:
    """Whether every number that meets the first comparison meets the second.

    >>> implies(("<", Decimal(30)), ("<", Decimal(60))), implies(("<=", Decimal(30)), ("<", Decimal(30)))
    (True, False)
    """
    sign, limit = one
    wide_sign, wide_limit = other
    if sign == "=":
        return {
            "=": limit == wide_limit,
            "<": limit < wide_limit,
            "<=": limit <= wide_limit,
            ">": limit > wide_limit,
            ">=": limit >= wide_limit,
        }[wide_sign]
    if sign[0] != wide_sign[0]:
        return False
    is_inside = limit < wide_limit if sign[0] == "<" else limit > wide_limit
    return is_inside or (limit == wide_limit and (sign == wide_sign or wide_sign.endswith("=")))
