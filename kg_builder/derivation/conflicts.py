"""What a case states against the knowledge: told as a fault of the data, though the case can be answered."""

from __future__ import annotations

from kg_builder.derivation.answer import Answer
from kg_builder.derivation.case import Case, pointer
from kg_builder.issues import Issue
from kg_builder.knowledge.names import NameIndex
from kg_builder.vocabulary import compact

INTRINSIC = "intrinsic-resistance"


def find_conflicts(case: Case, answer: Answer, names: NameIndex, *, path: str) -> tuple[Issue, ...]:
    """Return an issue (C014) for each drug reported susceptible that the organism resists by nature."""
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
    return tuple(found)
