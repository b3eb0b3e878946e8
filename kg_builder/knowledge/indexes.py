"""What the build adds so that rules find the claims of a case at once, however large the knowledge.

All of it follows from the claims and their closure and is written into graph:inferred; no answer depends on it,
only the time it takes.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from pyoxigraph import Literal, NamedNode, Quad, Store

from kg_builder.knowledge.terms import literal, sv
from kg_builder.vocabulary import BASE, GRAPH_INFERRED, SCOPE_ANY

_GRAPH: Final = NamedNode(GRAPH_INFERRED)
_OPTIONS: Final = tuple(f"{BASE}{kind}/" for kind in ("drug", "modality", "regimen"))
#: Where the ground of an unconditional claim holds.
ANY_CASE: Final = NamedNode(SCOPE_ANY)
Links = dict[NamedNode, set[NamedNode]]


def derive_indexes(store: Store) -> int:
    """Add grounds, key conditions and relevance; return the number of triples added."""
    return derive_grounds(store) + derive_keys(store) + derive_relevance(store)


def derive_grounds(store: Store) -> int:
    """Make each claim that needs no trigger a ground for the options it applies to; return the number of triples added.

    A claim without condition is its own ground in every case, or if it is an indication, in every case of its disease;
    so is any other claim whose only condition is the disease. The property is the claim's own (`sv:givesGround`), so that a rule finds the grounds of one kind
    at once.
    """
    added: list[Quad] = []
    for claim, scopes in _scopes(store).items():
        ground = next((q.object for q in store.quads_for_pattern(claim, sv("givesGround"), None, None)), None)
        links = store.quads_for_pattern(claim, sv("appliesTo"), None, None)
        options = [q.object for q in links if isinstance(q.object, NamedNode) and q.object.value.startswith(_OPTIONS)]
        if isinstance(ground, NamedNode) and options:
            added.append(Quad(claim, sv("ofClaim"), claim, _GRAPH))
            added += [Quad(claim, sv("groundIn"), scope, _GRAPH) for scope in scopes]
            added += [Quad(option, ground, claim, _GRAPH) for option in options]
    store.extend(added)
    return len(added)


def _scopes(store: Store) -> Links:
    """Return where claims hold that need no trigger: in any case, or in cases of these diseases."""
    wanted = _links(store, "forDisease")
    scopes = {claim: wanted.get(claim, {ANY_CASE}) for claim in _subjects(store, "conditionCount", literal(0))}
    single = _subjects(store, "conditionCount", literal(1))
    asked = _disease_conditions(store)
    return scopes | {claim: terms[0] for claim, terms in asked.items() if claim in single and claim not in wanted}


def derive_keys(store: Store) -> int:
    """Name the key condition of each claim that needs a trigger; return the number of triples added.

    A rule that looks for triggered claims starts there: a condition on a fact of the case if there is one, and
    of these the one that fewest claims share.
    """
    negated = _subjects(store, "isNegated", None)
    later = _subjects(store, "conditionPhase", literal(2)) | _subjects(store, "conditionPhase", literal(3))
    grounded = _subjects(store, "groundIn", None)
    conditions = {claim: own for claim, own in _links(store, "hasCondition").items() if claim not in grounded}
    shared: dict[NamedNode, int] = defaultdict(int)
    for own in conditions.values():
        for condition in own:
            shared[condition] += 1
    keys = {
        claim: min(own, key=lambda c: (c in negated, c in later, shared[c], c.value))
        for claim, own in conditions.items()
    }
    store.extend(Quad(claim, sv("keyCondition"), key, _GRAPH) for claim, key in keys.items())
    return len(keys)


def derive_relevance(store: Store) -> int:
    """Say for which diseases a claim can matter at all; return the number of triples added.

    A claim is relevant to a disease if it applies to an option in use for it or scores a code of an algorithm with
    such an option, or if it is about none, and if neither it nor a condition of it is for another disease.
    """
    kinds, includes = _links(store, "isKindOf"), _links(store, "appliesTo")
    diseases = _subjects(store, "rdf:type", sv("Disease"))
    wanted = _disease_conditions(store)
    codes, scored = _links(store, "hasCode"), _links(store, "scoresCode")
    algorithms: Links = defaultdict(set)
    for code, found in _links(store, "ofAlgorithm").items():
        for algorithm in found:
            algorithms[algorithm].add(code)
    used: Links = defaultdict(set)
    for claim, asked in _links(store, "forDisease").items():
        wanted[claim].append(asked)
        for disease in diseases:
            if asked & (kinds.get(disease, set()) | {disease}):
                used[disease] |= includes.get(claim, set())
    for disease in diseases:
        own = {code for agent in used[disease] for code in codes.get(agent, ())}
        used[disease] |= {code for algorithm in algorithms.values() if own & algorithm for code in algorithm}
    relevant: list[tuple[NamedNode, NamedNode]] = []
    claims = _subjects(store, "claimKind", None)
    for claim in claims:
        about = includes.get(claim, set()) | scored.get(claim, set())
        for disease in diseases:
            own = kinds.get(disease, set()) | {disease}
            if all(terms & own for terms in wanted.get(claim, ())) and (not about or about & used[disease]):
                relevant.append((claim, disease))
    added = [Quad(claim, sv("relevantTo"), disease, _GRAPH) for claim, disease in relevant]
    added += _conditions_to_check(store, relevant)
    store.extend(added)
    return len(added)


def _conditions_to_check(store: Store, relevant: list[tuple[NamedNode, NamedNode]]) -> list[Quad]:
    """Link each disease to the conditions of its claims that no fact of a case leads to.

    These are conditions on what is derived (resistant, susceptible, usable) and negated keys.
    """
    later = _subjects(store, "conditionPhase", literal(2)) | _subjects(store, "conditionPhase", literal(3))
    negated = _subjects(store, "isNegated", None)
    conditions, keys = _links(store, "hasCondition"), _links(store, "keyCondition")
    links = {
        (disease, condition)
        for claim, disease in relevant
        for condition in conditions.get(claim, ())
        if condition in later or (condition in negated and condition in keys.get(claim, ()))
    }
    return [Quad(disease, sv("conditionToCheck"), condition, _GRAPH) for disease, condition in links]


def _disease_conditions(store: Store) -> dict[NamedNode, list[set[NamedNode]]]:
    """Return, for each claim, the alternatives of each condition on the disease that it has."""
    kind = NamedNode(f"{BASE}kind/disease")
    terms = _links(store, "conditionTerm")
    negated = _subjects(store, "isNegated", None)
    found: dict[NamedNode, list[set[NamedNode]]] = defaultdict(list)
    for quad in store.quads_for_pattern(None, sv("conditionKind"), kind, None):
        condition = quad.subject
        if isinstance(condition, NamedNode) and condition not in negated:
            for link in store.quads_for_pattern(None, sv("hasCondition"), condition, None):
                if isinstance(link.subject, NamedNode):
                    found[link.subject].append(terms[condition])
    return found


def _subjects(store: Store, name: str, value: NamedNode | Literal | None) -> set[NamedNode]:
    quads = store.quads_for_pattern(None, sv(name), value, None)
    return {quad.subject for quad in quads if isinstance(quad.subject, NamedNode)}


def _links(store: Store, name: str) -> Links:
    found: Links = defaultdict(set)
    for quad in store.quads_for_pattern(None, sv(name), None, None):
        if isinstance(quad.subject, NamedNode) and isinstance(quad.object, NamedNode):
            found[quad.subject].add(quad.object)
    return found
