"""What the build adds so that rules find the claims of a case at once, however large the knowledge.

All of it follows from the claims and their closure and is written into graph:inferred; no answer depends on it,
only the time it takes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import Final

from kg_builder.knowledge.statements import INFERRED, Row, Statements
from kg_builder.knowledge.terms import TYPE, iri, literal, node, sv
from kg_builder.vocabulary import BASE, SCOPE_ANY

_OPTIONS: Final = tuple(f"<{BASE}{kind}/" for kind in ("drug", "modality", "regimen"))
#: Where the ground of an unconditional claim holds.
ANY_CASE: Final = iri(SCOPE_ANY)
Links = Mapping[str, Collection[str]]


def derive_indexes(statements: Statements) -> int:
    """Add grounds, key conditions and relevance; return the number of statements added."""
    return derive_grounds(statements) + derive_keys(statements) + derive_relevance(statements)


def derive_grounds(statements: Statements) -> int:
    """Make each claim that needs no trigger a ground for the options it applies to; return how many statements.

    A claim without condition is its own ground in every case, or if it is an indication, in every case of its
    disease; so is any other claim whose only condition is the disease. The property is the claim's own
    (`sv:givesGround`), so that a rule finds the grounds of one kind at once.
    """
    added: list[Row] = []
    for claim, scopes in _scopes(statements).items():
        ground = next(iter(statements.objects(claim, sv("givesGround"))), None)
        options = [option for option in statements.objects(claim, sv("appliesTo")) if option.startswith(_OPTIONS)]
        if ground and options:
            added.append((claim, sv("ofClaim"), claim))
            added += [(claim, sv("groundIn"), scope) for scope in scopes]
            added += [(option, ground, claim) for option in options]
    return statements.extend(added, INFERRED)


def _scopes(statements: Statements) -> Links:
    """Return where claims hold that need no trigger: in any case, or in cases of these diseases."""
    wanted, asked = statements.about(sv("forDisease")), _disease_conditions(statements)
    free, single = (statements.subjects(sv("conditionCount"), literal(count)) for count in (0, 1))
    scopes: dict[str, Collection[str]] = {claim: wanted.get(claim, (ANY_CASE,)) for claim in free}
    return scopes | {claim: asked[claim][0] for claim in single if claim in asked and claim not in wanted}


def derive_keys(statements: Statements) -> int:
    """Name the key condition of each claim that needs a trigger; return the number of statements added.

    A rule that looks for triggered claims starts there: a condition on a fact of the case if there is one, and
    of these the one that fewest claims share.
    """
    negated, later = statements.about(sv("isNegated")), _on_what_is_derived(statements)
    grounded = statements.about(sv("groundIn"))
    conditions = {c: own for c, own in statements.about(sv("hasCondition")).items() if c not in grounded}
    shared = Counter(condition for own in conditions.values() for condition in own)
    keys = {
        claim: min(own, key=lambda c: (c in negated, c in later, shared[c], c)) for claim, own in conditions.items()
    }
    return statements.extend(((claim, sv("keyCondition"), key) for claim, key in keys.items()), INFERRED)


def derive_relevance(statements: Statements) -> int:
    """Say for which diseases a claim can matter at all; return the number of statements added.

    A claim is relevant to a disease if it applies to an option in use for it or scores a code of an algorithm with
    such an option, or if it is about none, and if neither it nor a condition of it is for another disease.
    """
    kinds, includes = statements.about(sv("isKindOf")), statements.about(sv("appliesTo"))
    own = {d: {d, *kinds.get(d, ())} for d in statements.subjects(TYPE, sv("Disease"))}
    used = _options_in_use(statements, own)
    wanted = _disease_conditions(statements)
    for claim, asked in statements.about(sv("forDisease")).items():
        wanted[claim].append(asked)
    scored = statements.about(sv("scoresCode"))
    relevant: list[Row] = []
    for claim in statements.about(sv("claimKind")):
        about = {*includes.get(claim, ()), *scored.get(claim, ())}
        relevant += [
            (claim, sv("relevantTo"), disease)
            for disease, names in own.items()
            if all(not names.isdisjoint(terms) for terms in wanted.get(claim, ()))
            and (not about or not about.isdisjoint(used[disease]))
        ]
    return statements.extend([*relevant, *_conditions_to_check(statements, relevant)], INFERRED)


def _options_in_use(statements: Statements, diseases: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return disease → what is indicated or named for it, with the codes of the algorithms that score any of it."""
    includes, codes = statements.about(sv("appliesTo")), statements.about(sv("hasCode"))
    used: dict[str, set[str]] = defaultdict(set)
    for claim, asked in statements.about(sv("forDisease")).items():
        for disease, names in diseases.items():
            if not names.isdisjoint(asked):
                used[disease].update(includes.get(claim, ()))
    for regimen, asked in statements.about(sv("usedFor")).items():
        for disease, names in diseases.items():
            if not names.isdisjoint(asked):
                used[disease].add(regimen)
    for disease in diseases:
        scored = {code for agent in used[disease] for code in codes.get(agent, ())}
        for members in statements.of_object(sv("ofAlgorithm")).values():
            if not scored.isdisjoint(members):
                used[disease].update(members)
    return used


def _conditions_to_check(statements: Statements, relevant: list[Row]) -> list[Row]:
    """Link each disease to the conditions of its claims that no fact of a case leads to.

    These are conditions on what is derived (resistant, susceptible, usable) and negated keys.
    """
    negated, later = statements.about(sv("isNegated")), _on_what_is_derived(statements)
    conditions, keys = statements.about(sv("hasCondition")), statements.about(sv("keyCondition"))
    return [
        (disease, sv("conditionToCheck"), condition)
        for claim, _, disease in relevant
        for condition in conditions.get(claim, ())
        if condition in later or (condition in negated and condition in keys.get(claim, ()))
    ]


def _on_what_is_derived(statements: Statements) -> set[str]:
    """Return the conditions that are looked at in the second or third phase."""
    return {c for phase in (2, 3) for c in statements.subjects(sv("conditionPhase"), literal(phase))}


def _disease_conditions(statements: Statements) -> dict[str, list[Collection[str]]]:
    """Return, for each claim, the alternatives of each condition on the disease that it has."""
    negated, terms = statements.about(sv("isNegated")), statements.about(sv("conditionTerm"))
    found: dict[str, list[Collection[str]]] = defaultdict(list)
    for condition in statements.subjects(sv("conditionKind"), node("kind:disease")):
        for claim in statements.subjects(sv("hasCondition"), condition) if condition not in negated else ():
            found[claim].append(terms[condition])
    return found
