"""The IRIs of salvage-kg: one place for namespaces, prefixes and the class behind each prefix.

A term's CURIE prefix says its kind (`drug:dolutegravir`, `class:nnrti`); its IRI is
``https://w3id.org/salvage-kg/<prefix>/<slug>``. The vocabulary itself lives under ``sv:``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

BASE: Final = "https://w3id.org/salvage-kg/"
SV: Final = BASE + "ontology#"
CASE: Final = BASE + "case/"
FINDING: Final = BASE + "finding/"
#: Scope of what holds in every case; a case lies within itself and within this.
SCOPE_ANY: Final = BASE + "scope/any-case"

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
OWL: Final = "http://www.w3.org/2002/07/owl#"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"
SKOS: Final = "http://www.w3.org/2004/02/skos/core#"
DCTERMS: Final = "http://purl.org/dc/terms/"
DEFINITION: Final = "http://purl.obolibrary.org/obo/IAO_0000115"

#: CURIE prefix of an individual -> local name of its class in ``sv:``.
KINDS: Final[dict[str, str]] = {
    "action": "Action",
    "algorithm": "Algorithm",
    "allergy": "Allergy",
    "alteration": "Alteration",
    "biopsy": "BiopsyResult",
    "claim": "Claim",
    "class": "DrugClass",
    "comorbidity": "Comorbidity",
    "condition": "Condition",
    "degree": "Degree",
    "disease": "Disease",
    "drug": "Drug",
    "drugcode": "DrugCode",
    "effect": "Effect",
    "evidence": "EvidenceLevel",
    "field": "CaseField",
    "gene": "Gene",
    "goal": "Goal",
    "histology": "Histology",
    "imaging": "ImagingFinding",
    "kind": "FactKind",
    "level": "ResistanceLevel",
    "likelihood": "Likelihood",
    "mechanism": "Mechanism",
    "modality": "Modality",
    "mode": "FailureMode",
    "modifiable": "ModifiableFact",
    "organism": "Organism",
    "parameter": "Parameter",
    "reason": "ReasonCode",
    "region": "Region",
    "regimen": "Regimen",
    "role": "Role",
    "sex": "Sex",
    "bindingsite": "BindingSite",
    "site": "InfectionSite",
    "source": "Source",
    "state": "PatientState",
    "status": "Status",
    "target": "Target",
    "toxicity": "Toxicity",
    "trait": "Trait",
    "warning": "Warning",
}

#: Prefixes written at the head of every serialised graph and accepted in CURIEs.
PREFIXES: Final[dict[str, str]] = {
    "sv": SV,
    "rdf": RDF,
    "rdfs": RDFS,
    "owl": OWL,
    "xsd": XSD,
    "skos": SKOS,
    "dcterms": DCTERMS,
    "obo": "http://purl.obolibrary.org/obo/",
    "drugs": BASE + "drugs/",
    "graph": BASE + "graph/",
    "case": CASE,
    "finding": FINDING,
    "rule": BASE + "rule/",
    **{prefix: f"{BASE}{prefix}/" for prefix in KINDS},
}

#: Named graphs of a release.
GRAPH_CORE: Final = BASE + "graph/core"
GRAPH_ASSERTED: Final = BASE + "graph/asserted"
GRAPH_INFERRED: Final = BASE + "graph/inferred"
GRAPH_MAPPINGS: Final = BASE + "graph/mappings"


def expand(curie: str) -> str:
    """Return the IRI of a CURIE of this project.

    Raises:
        KeyError: if the prefix is not one of :data:`PREFIXES`.
    >>> expand("drug:dolutegravir")
    'https://w3id.org/salvage-kg/drug/dolutegravir'
    """
    prefix, _, local = curie.partition(":")
    return PREFIXES[prefix] + local


@lru_cache(maxsize=200_000)
def compact(iri: str) -> str:
    """Return the CURIE of an IRI, or the IRI itself where no prefix fits.

    >>> compact("https://w3id.org/salvage-kg/drug/dolutegravir")
    'drug:dolutegravir'
    """
    best = max((p for p in PREFIXES.items() if iri.startswith(p[1])), key=lambda p: len(p[1]), default=None)
    return f"{best[0]}:{iri[len(best[1]) :]}" if best else iri
