"""The condition language: each kind of condition is met by what it names or what falls under it, and by nothing else.

Each probe of ``knowledge/testitis/advice.tsv`` is one condition; a case shows which it triggers.
"""

from __future__ import annotations

from typing import Any

import pytest

Parts = dict[str, Any]

#: probe, a case that meets it, a case that does not
KINDS: list[tuple[str, Parts, Parts]] = [
    ("marker", {"alterations": ["GEN:M4V"]}, {"alterations": ["GEN:M4I"]}),
    ("marker", {"alterations": ["GEN:M4IV"]}, {"sequenced": ["GEN"]}),
    ("marker-any", {"alterations": ["GEN:T9A"]}, {"alterations": ["GENB:A3T"]}),
    ("marker-any", {"alterations": ["GEN:frameshift"]}, {"alterations": ["GEN wild type"]}),
    ("marker-pattern", {"alterations": ["GEN:S8Y"]}, {"alterations": ["GEN:S8C"]}),
    ("marker-pattern", {"alterations": ["GEN:S8CF"]}, {"alterations": ["GEN:S8del"]}),
    ("marker-or", {"alterations": ["GENB:A3T"]}, {"alterations": ["GENB:A3S"]}),
    ("marker-or", {"alterations": ["GEN:K2R"]}, {}),
    ("marker-wild", {"alterations": ["GEN wild type"]}, {"alterations": ["GEN:M4V"]}),
    ("disease", {"disease": "testitis"}, {"disease": "broad testitis"}),
    ("disease", {"disease": "acute testitis"}, {"disease": "otheritis"}),
    ("disease-broad", {"disease": "acute testitis"}, {"disease": "otheritis"}),
    ("disease-narrow", {"disease": "acute testitis"}, {"disease": "testitis"}),
    ("mode", {"mode": "late loss"}, {"mode": "refractory course"}),
    ("mode", {"mode": "acquired loss"}, {}),
    ("failed", {"failed": ["ALF"]}, {"failed": ["alphatwo"]}),
    ("failed", {"failed": ["alpha/booster"]}, {"failed": ["booster"]}),
    ("failed-class", {"failed": ["alphatwo"]}, {"failed": ["beta"]}),
    ("failed-class", {"failed": ["alpha/beta"]}, {"comedications": ["alpha"]}),
    ("failed-wide", {"failed": ["betatwo"]}, {"failed": ["gamma"]}),
    ("failed-modality", {"failed": ["rest cure"]}, {"failed": ["walking cure"]}),
    ("failed-role", {"failed": ["booster"]}, {"failed": ["alpha/booster"]}),
    ("organism", {"organism": "Bacterium durum"}, {"organism": "Fungus"}),
    ("site", {"site": "chest site"}, {"site": "skin site"}),
    ("comorbidity", {"comorbidities": ["arm weakness"]}, {"comorbidities": ["second infection"]}),
    ("comorbidity-or", {"comorbidities": ["second infection"]}, {"comorbidities": ["weakness"]}),
    ("comedication", {"comedications": ["inda"]}, {"comedications": ["indb"]}),
    ("comedication", {"comedications": ["inda mix"]}, {"failed": ["inda"]}),
    ("comedication-role", {"comedications": ["indb"]}, {"comedications": ["indc"]}),
    ("comedication-role", {"comedications": ["strong inducer"]}, {"comedications": ["inducer"]}),
    ("comedication-wide", {"comedications": ["inda mix"]}, {"comedications": ["booster"]}),
    ("comedication-boost", {"comedications": ["alpha/booster"]}, {"comedications": ["alpha"]}),
    ("comedication-class", {"comedications": ["alphas"]}, {"comedications": ["betas"]}),
    ("allergy", {"allergies": ["alpha rash"]}, {}),
    ("state", {"pregnant": True}, {"pregnant": False}),
    ("state", {"comorbidities": ["pregnant"]}, {}),
    ("sex", {"sex": "F"}, {"sex": "M"}),
    ("histology", {"histology": "round cells"}, {}),
    ("imaging", {"imaging": ["shadow"]}, {}),
    ("biopsy", {"biopsy": "grains"}, {}),
    ("below", {"eGFR": 29.9}, {"eGFR": 30}),
    ("at-most", {"eGFR": 30}, {"eGFR": 30.1}),
    ("equal", {"eGFR": 30.0}, {"eGFR": 30.01}),
    ("at-least", {"eGFR": 30}, {"eGFR": 29.99}),
    ("above", {"eGFR": 31}, {"eGFR": 30}),
    ("below", {"measurements": {"eGFR": {"value": 12, "unit": "mL/min/1.73m2"}}}, {}),
    ("at-least", {"measurements": {"eGFR": 100}}, {}),
    ("both", {"alterations": ["GEN:M4V"], "eGFR": 10}, {"alterations": ["GEN:M4V"], "eGFR": 50}),
    ("both", {"alterations": ["GEN:M4V"], "eGFR": 10}, {"eGFR": 10}),
    ("next-line", {"line": 2}, {"line": 1}),
    ("relapse", {"months_to_relapse": 12}, {"months_to_relapse": 11.5}),
    ("adherence", {"adherence": {"pharmacy_refill": 0.9, "mems": 0.79}}, {"adherence": {"self_report": 0.1}}),
    ("gap", {"adherence": {"self_report": 0.95, "mems": 0.84}}, {"adherence": {"self_report": 0.95, "mems": 0.85}}),
    ("resistant", {"susceptibility": {"alpha": "R"}}, {"susceptibility": {"alpha": "I"}}),
    ("resistant", {"alterations": ["GEN:M4I"]}, {"alterations": ["GEN:K2R"]}),
    ("resistant", {"alterations": ["GEN:M4I"]}, {"failed": ["alpha"], "mode": "refractory course"}),
    ("resistant-class", {"susceptibility": {"betatwo": "R"}}, {"susceptibility": {"alpha": "R"}}),
    ("resistant-class", {"alterations": ["GEN:T9A"]}, {"alterations": ["GEN:S8C"]}),
    ("resistant-not", {"susceptibility": {"alpha": "S"}}, {"susceptibility": {"alpha": "R"}}),
    ("resistant-and-site", {"susceptibility": {"alpha": "R"}, "site": "chest site"}, {"site": "chest site"}),
    ("susceptible", {"susceptibility": {"epsilon": "S"}}, {"susceptibility": {"epsilon": "I"}}),
    (
        "susceptible",
        {"susceptibility": {"epsilon": "S"}, "alterations": ["GEN:S8C"]},
        {"susceptibility": {"epsilon": "S"}, "alterations": ["GEN:S8F"]},
    ),
    ("susceptible-class", {"susceptibility": {"gammatwo": "S"}}, {"susceptibility": {"epsilon": "S"}}),
    ("susceptible-not", {}, {"susceptibility": {"epsilon": "S"}}),
    ("susceptible-not", {"susceptibility": {"epsilon": "R"}}, {"susceptibility": {"epsilon": "S"}}),
    ("usable", {}, {"susceptibility": {"epsilon": "I"}}),
    ("usable", {"alterations": ["GEN:S8C"]}, {"alterations": ["GEN:S8F"]}),
    ("usable-class", {"susceptibility": {"beta": "R"}}, {"susceptibility": {"beta": "R", "betatwo": "R"}}),
    ("usable-not", {"susceptibility": {"beta": "R", "betatwo": "I"}}, {"susceptibility": {"beta": "R"}}),
    ("usable-role", {}, {"comorbidities": ["Child-Pugh B"]}),
    (
        "resistant-not-usable",
        {"susceptibility": {"alpha": "R", "beta": "R", "betatwo": "R"}},
        {"susceptibility": {"alpha": "R", "beta": "R"}},
    ),
]  # fmt: skip
NEGATED: list[tuple[str, Parts, Parts]] = [
    ("marker-not", {"alterations": ["GEN:M4I"]}, {"alterations": ["GEN:M4V"]}),
    ("marker-not", {}, {"alterations": ["GEN:M4MV"]}),
    (
        "marker-and-not",
        {"alterations": ["GEN:K2R"]},
        {"alterations": ["GEN:K2R"], "comorbidities": ["second infection"]},
    ),
    ("marker-and-not", {"alterations": ["GEN:K2R"], "comorbidities": ["frail"]}, {"comorbidities": ["frail"]}),
    ("failed-not", {"failed": ["beta"]}, {"failed": ["alpha/booster"]}),
    ("failed-not", {}, {"failed": ["alphatwo"]}),
    ("comorbidity-not", {"comorbidities": ["second infection"]}, {"comorbidities": ["arm weakness"]}),
]


@pytest.mark.parametrize(
    ("probe", "met", "unmet"), KINDS + NEGATED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_condition_holds_where_it_should_and_nowhere_else(world: Any, probe: str, met: Parts, unmet: Parts) -> None:
    assert probe in world.probes(**met)
    assert probe not in world.probes(**unmet)


def test_every_probe_of_the_tables_is_tried(world: Any) -> None:
    declared = {label.removeprefix("probe ") for _, label, _ in world.kg.list("action") if label.startswith("probe ")}
    assert declared == {probe for probe, _, _ in KINDS + NEGATED}


def test_a_missing_number_meets_nothing(world: Any) -> None:
    assert not world.probes() & {"below", "at-most", "equal", "at-least", "above", "next-line", "relapse", "adherence"}


def test_a_case_that_says_nothing_meets_only_what_asks_for_absence(world: Any) -> None:
    assert world.probes() == {
        "disease", "disease-broad", "marker-not", "failed-not", "comorbidity-not", "resistant-not", "susceptible-not",
        "usable", "usable-class", "usable-role",
    }  # fmt: skip


def test_result_and_resistance_together_are_not_susceptible(world: Any) -> None:
    """`not` is met where the positive condition is not: a result S beside a full determinant is no susceptibility."""
    parts = {"susceptibility": {"epsilon": "S"}, "alterations": ["GEN:S8F"]}
    assert "susceptible" not in world.probes(**parts)
    assert "susceptible-not" in world.probes(**parts)


def test_intrinsic_resistance_is_derived_resistance(world: Any) -> None:
    """`susceptible X`: a result S and no derived resistance."""
    parts = {"susceptibility": {"gamma": "S"}, "organism": "Bacterium durum"}
    assert "susceptible-class" not in world.probes(**parts)
