"""The narrower claim wins: exceptions made for one drug, one comedication, one marker, and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest

CLASS_EXCLUDES = ("drug-drug-interaction", "excludes", None)
DRUG_CAUTIONS = ("drug-drug-interaction", "cautions", None)


@pytest.mark.parametrize(
    ("comedications", "agent", "status", "said"),
    [
        (["inda"], "beta", "active", {DRUG_CAUTIONS}),
        (["inda mix"], "beta", "active", {DRUG_CAUTIONS}),
        (["indb"], "beta", "excluded", {CLASS_EXCLUDES}),
        (["inda", "indb"], "beta", "excluded", {CLASS_EXCLUDES, DRUG_CAUTIONS}),
        (["strong inducer"], "beta", "excluded", {CLASS_EXCLUDES}),
        (["inda"], "betatwo", "excluded", {CLASS_EXCLUDES}),
        (["indb"], "betatwo", "active", set()),
        (["inda", "indb"], "betatwo", "excluded", {CLASS_EXCLUDES}),
        (["indc"], "beta", "active", set()),
        (["inda"], "alpha", "active", set()),
    ],
)
def test_an_interaction_is_judged_by_the_narrowest_claim_for_that_very_comedication(
    world: Any, comedications: list[str], agent: str, status: str, said: set[tuple[str, str, str | None]]
) -> None:
    assert world.status(agent, comedications=comedications) == status
    told = {s for s in world.said(agent, comedications=comedications) if s[0] == "drug-drug-interaction"}
    assert told == said


def test_a_comedication_interacts_by_its_role_and_its_class(world: Any) -> None:
    assert DRUG_CAUTIONS in world.said("sigma", comedications=["alpha/booster"])
    assert DRUG_CAUTIONS not in world.said("sigma", comedications=["alpha"])
    assert DRUG_CAUTIONS in world.said("pi", comedications=["alphatwo"])


def test_a_constraint_for_the_class_yields_to_the_drugs_own(world: Any) -> None:
    # letters excluded; alphas with caution; beta not at all, all below 30
    assert world.status("alpha", eGFR=20) == "active"
    assert ("contraindicated-organ-function", "cautions", None) in world.said("alpha", eGFR=20)
    assert world.said("beta", eGFR=20) == set()
    assert world.status("alpha/beta", eGFR=20) == "active"
    assert world.said("alpha", eGFR=30) == world.said("beta", eGFR=30) == set()


def test_an_exception_holds_for_its_reason_only(world: Any) -> None:
    assert world.status("beta", eGFR=20, pregnant=True) == "excluded"
    assert world.said("beta", eGFR=20, pregnant=True) == {("pregnancy", "excludes", None)}


def test_an_exception_holds_for_its_condition_only(world: Any) -> None:
    # beta's exception is about eGFR; frailty excludes all letters for the same reason code
    assert world.status("beta", eGFR=20, comorbidities=["frail"]) == "excluded"


def test_an_exception_without_condition_holds_whatever_the_class_says(world: Any) -> None:
    assert world.status("betatwo", eGFR=20) == "active"
    assert world.status("betatwo", comorbidities=["frail"]) == "active"


def test_an_exception_for_a_narrower_condition_holds_where_it_is_met(world: Any) -> None:
    # gammas not in weakness; gammathree all the same if it is the arm
    assert world.status("gammathree", comorbidities=["weakness"]) == "excluded"
    assert world.status("gammaone", comorbidities=["arm weakness"]) == "excluded"
    assert world.status("gammathree", comorbidities=["arm weakness"]) == "active"


def test_sensitivity_of_a_drug_overrides_resistance_of_its_class_for_that_marker_only(world: Any) -> None:
    assert world.status("beta", alterations=["GEN:L3P"]) == "not-active"
    assert world.status("betatwo", alterations=["GEN:L3P"]) == "active"
    assert world.status("betatwo", alterations=["GEN:T9A"]) == "not-active"
    assert world.status("betatwo", alterations=["GEN:L3P", "GEN:T9A"]) == "not-active"


def test_a_favourable_sensitivity_is_a_reason_to_prefer(world: Any) -> None:
    assert ("marker-directed", "favours", None) in world.said("betatwo", alterations=["GEN:L3P"])
    assert world.said("betatwo") == set()


def test_sensitivity_overrides_no_phenotype(world: Any) -> None:
    assert world.status("betatwo", alterations=["GEN:L3P"], susceptibility={"betatwo": "R"}) == "not-active"


def test_a_narrower_resistance_sets_the_degree(world: Any) -> None:
    # all letters fail with GEND:Q1K, alphatwo only in part
    assert world.status("betatwo", alterations=["GEND:Q1K"]) == "not-active"
    assert world.status("alphatwo", alterations=["GEND:Q1K"]) == "partial"


def test_sensitivity_overrides_intrinsic_resistance_of_the_class(world: Any) -> None:
    assert world.status("gamma", organism="Bacterium durum") == "excluded"
    assert ("intrinsic-resistance", "excludes", "full") in world.said("gamma", organism="Bacterium durum")
    assert world.status("gammatwo", organism="Bacterium durum") == "active"
    assert world.status("gamma", organism="Bacterium") == "active"
