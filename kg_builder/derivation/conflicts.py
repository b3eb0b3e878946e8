"""What a case states against the knowledge, or what the knowledge says nothing of, though the case can be answered."""

from __future__ import annotations

from kg_builder.derivation.answer import Answer
from kg_builder.derivation.case import Case, pointer
from kg_builder.derivation.facts import fact_iri
from kg_builder.issues import Issue
from kg_builder.knowledge.names import NameIndex
from kg_builder.vocabulary import compact

INTRINSIC = "intrinsic-resistance"


def find_conflicts(case: Case, answer: Answer, names: NameIndex, *, path: str) -> tuple[Issue, ...]:
    """Return what of a case contradicts the knowledge (C014), with warnings of what it cannot judge (C015).

    C014: a drug reported susceptible that the organism resists by nature.
    """
    found = []
    findings = {compact(option.iri): option.findings for option in answer.agents}
    for name, result in case.findings.susceptibility.items():
        for drug in names.find(name, ("drug",)) if result == "S" else ():
            for finding in findings.get(drug, ()):
                if finding.code == INTRINSIC:
                    where = pointer("findings", "susceptibility", name)
                    message = f"{names.label(drug)} is reported susceptible, against {finding.text.rstrip('.')}"
                    hint = "check organism and report; taken as resistant"
                    found.append(Issue(path, 0, where, "C014", message, hint))
    return (*found, *_find_unjudged(case, answer, path))


def _find_unjudged(case: Case, answer: Answer, path: str) -> list[Issue]:
    """Return a warning (C015) for each trough that no finding rests on, alone or in a quotient."""
    used = {node for option in answer.agents for finding in option.findings for node in finding.because}
    found = []
    for name in case.findings.trough_mg_l:
        ways = (pointer("findings", "trough_mg_l", name), pointer("derived", "inhibitory-quotient", name))
        if not any(fact_iri(case.id, way) in used for way in ways):
            message = f"the trough of {name} changes nothing: no claim says what it should be"
            hint = "or it is no candidate here, or a product with it is judged by another name"
            found.append(Issue(path, 0, ways[0], "C015", message, hint, "warning"))
    return found
