"""Required markers, setting of use, local resistance, patient against option, and what the case lacks."""

from __future__ import annotations

from typing import Any

import pytest

NOT_SHOWN = ("requires-marker-absent", "excludes", "not-shown")
NEGATIVE = ("requires-marker-absent", "excludes", "tested-negative")


def missing(world: Any, **parts: Any) -> dict[str, tuple[str, ...]]:
    return {m.test: m.would_change for m in world.answer(**parts).missing}


# --- markers -----------------------------------------------------------------------------------


def test_a_marker_that_is_shown_directs(world: Any) -> None:
    for change in ("GENC:A100H", "GENC:A100V", "GENC:A100HL"):
        assert world.status("mu", alterations=[change]) == "active"
        assert world.said("mu", alterations=[change]) == {("marker-directed", "favours", None)}


def test_a_marker_that_is_needed_but_directs_nothing_is_no_favour(world: Any) -> None:
    assert world.said("mutwo", alterations=["GENC:A100H"]) == set()


def test_unknown_is_not_negative(world: Any) -> None:
    assert world.status("mu") == "excluded"
    assert world.said("mu") == {NOT_SHOWN}
    assert missing(world)["GENC panel"] == ("mu",)


def test_a_claim_may_take_the_unknown_for_a_caution(world: Any) -> None:
    assert world.status("mutwo") == "active"
    assert world.said("mutwo") == {("requires-marker-absent", "cautions", "not-shown")}
    assert "mutwo" in missing(world)["test for GENC activating change"]


@pytest.mark.parametrize(
    "parts",
    [
        {"sequenced": ["GENC"]},
        {"alterations": ["GENC wild type"]},
        {"sequenced": ["GENC"], "alterations": ["GENC:A100L"]},
    ],
    ids=["read and not found", "wild type", "another change found"],
)
def test_tested_and_negative_has_nothing_to_offer_and_no_test_to_ask_for(world: Any, parts: dict[str, Any]) -> None:
    for agent in ("mu", "mutwo"):
        assert world.status(agent, **parts) == "excluded"
        assert world.said(agent, **parts) == {NEGATIVE}
    assert not {"GENC panel", "test for GENC activating change"} & missing(world, **parts).keys()


def test_another_change_alone_does_not_read_a_gene_that_is_not_reported_whole(world: Any) -> None:
    assert world.said("mu", alterations=["GENC:A100L"]) == {NOT_SHOWN}


def test_a_marker_state_and_its_opposite(world: Any) -> None:
    assert world.said("muthree") == {NOT_SHOWN}
    assert world.said("muthree", marker_x=True) == {("marker-directed", "favours", None)}
    assert world.said("muthree", marker_x=False) == {NEGATIVE}
    assert world.said("muthree", alterations=["X-negative"]) == {NEGATIVE}


def test_a_missing_test_is_named_only_where_it_would_change_the_answer(world: Any) -> None:
    assert "mu" in missing(world)["GENC panel"]
    assert "GENC panel" not in missing(world, failed=["mu"])


def test_a_marker_is_not_asked_for_where_the_result_is_r_anyway(world: Any) -> None:
    assert "GENC panel" not in missing(world, susceptibility={"mu": "R"})


def test_an_option_taken_on_trust_asks_for_its_genes(world: Any) -> None:
    assert set(missing(world)["sequencing of GEN"]) == {"alpha", "alphatwo", "beta", "delta"}
    assert "alphatwo" not in missing(world, susceptibility={"alphatwo": "S"})["sequencing of GEN"]
    assert "sequencing of GEN" not in missing(world, sequenced=["GEN"])


# --- setting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "right", "wrong", "code"),
    [
        ("lambda", {"site": "chest site"}, {"site": "skin site"}, "wrong-site"),
        ("lambda", {"site": "chest site"}, {}, "wrong-site"),
        ("omega", {"organism": "Bacterium durum"}, {"organism": "Fungus"}, "wrong-setting"),
        ("omega", {"organism": "Bacterium"}, {}, "wrong-setting"),
        ("theta", {"line": 1}, {"line": 0}, "wrong-setting"),
        ("theta", {"line": 2}, {}, "wrong-setting"),
    ],
)
def test_the_wrong_setting_is_a_finding_and_no_silent_absence(
    world: Any, agent: str, right: dict[str, Any], wrong: dict[str, Any], code: str
) -> None:
    assert world.status(agent, **right) == "active"
    assert world.status(agent, **wrong) == "excluded"
    assert world.said(agent, **wrong) == {(code, "excludes", None)}


def test_one_indication_that_fits_is_enough(world: Any) -> None:
    assert world.status("epsilon") == world.status("epsilon", comorbidities=["weakness"]) == "active"


def test_candidates_are_what_is_used_for_the_disease_or_a_broader_one(world: Any) -> None:
    assert world.status("broada") == "active"
    assert world.status("acuta") is None
    assert world.status("acuta", disease="acute testitis") == "active"
    assert world.status("alpha", disease="acute testitis") == "active"
    assert set(world.options(disease="broad testitis")) == {"broada"}
    assert set(world.options(disease="otheritis")) == {"stranger"}


def test_a_tested_drug_without_indication_is_told(world: Any) -> None:
    assert world.status("stranger", susceptibility={"stranger": "S"}) == "excluded"
    assert world.said("stranger", susceptibility={"stranger": "S"}) == {("wrong-setting", "excludes", None)}


def test_an_indication_of_a_class_makes_its_members_candidates(world: Any) -> None:
    assert {"gamma", "gammaone", "gammatwo", "gammathree"} <= set(world.options())
    assert not {"gammas", "inda", "bystander"} & set(world.options())


# --- local resistance --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("local", "status"),
    [
        (0.2, "active"),
        (0.21, "excluded"),
        (0, "active"),
        (1, "excluded"),
        # Beta(1 + k, 1 + n - k) has the mean (k + 1) / (n + 2)
        ({"resistant": 0, "tested": 3}, "active"),
        ({"resistant": 0, "tested": 2}, "excluded"),
        ({"resistant": 1, "tested": 8}, "active"),
        ({"resistant": 1, "tested": 7}, "excluded"),
        ({"resistant": 190, "tested": 1000}, "active"),
        ({"resistant": 210, "tested": 1000}, "excluded"),
    ],
)
def test_local_resistance_is_compared_with_the_threshold(world: Any, local: Any, status: str) -> None:
    parts = {"local_resistance": {"pi": local}}
    assert world.status("pi", **parts) == status
    assert (("local-resistance-prevalence", "excludes", None) in world.said("pi", **parts)) == (status == "excluded")


def test_local_resistance_yields_to_a_test_and_counts_for_its_drug_alone(world: Any) -> None:
    assert world.status("pi", local_resistance={"pi": 0.9}, susceptibility={"pi": "S"}) == "active"
    assert world.status("pi", local_resistance={"epsilon": 0.9}) == "active"
    assert world.status("epsilon", local_resistance={"epsilon": 0.9}) == "active", "no threshold is declared"


def test_a_posterior_mean_is_told_with_its_counts(world: Any) -> None:
    (found,) = world.findings("pi", local_resistance={"pi": {"resistant": 3, "tested": 6}})
    assert "3 of 6, 50 % (95 % interval 18 to 82 %)" in found.text


# --- the patient -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "parts", "code"),
    [
        ("alpha", {"allergies": ["alpha rash"]}, "allergy"),
        ("booster", {"child_pugh": "B"}, "contraindicated-organ-function"),
        ("pi", {"cumulative_dose_mg_m2": {"alpha": 501}}, "cumulative-dose"),
        ("rest cure", {"comorbidities": ["frail"]}, "wrong-setting"),
        ("beta", {"pregnant": True}, "pregnancy"),
    ],
)
def test_a_use_constraint_excludes_with_its_reason(world: Any, agent: str, parts: dict[str, Any], code: str) -> None:
    assert world.status(agent, **parts) == "excluded"
    assert (code, "excludes", None) in world.said(agent, **parts)
    assert world.status(agent) == "active"


def test_a_limit_that_is_reached_is_not_exceeded(world: Any) -> None:
    assert world.status("pi", cumulative_dose_mg_m2={"alpha": 500}) == "active"


# --- guidance ----------------------------------------------------------------------------------


def test_the_goal_of_lowest_priority_number_that_holds_wins(world: Any) -> None:
    assert world.answer().goal == "made-up cure"
    assert world.answer(comorbidities=["frail"]).goal == "made-up comfort"
    assert world.answer(disease="otheritis").goal is None


def test_advice_with_an_agent_is_given_only_where_the_agent_is_used(world: Any) -> None:
    assert "count again" in {a.name for a in world.answer().actions}
    assert "count again" in {a.name for a in world.answer(susceptibility={"delta": "I"}).actions}
    assert "count again" not in {a.name for a in world.answer(susceptibility={"delta": "R"}).actions}


def test_a_caution_gives_its_warning_with_the_agents_it_is_about(world: Any) -> None:
    warnings = {w.name: w.agents for w in world.answer(comedications=["inda"]).warnings}
    assert warnings["watch the liver"] == ("alpha/beta", "beta")
    assert "watch the liver" not in {w.name for w in world.answer(comedications=["inda", "indb"]).warnings}
    heart = {w.name: w.agents for w in world.answer(comedications=["bystander"]).warnings}["watch the heart"]
    assert heart == ("alpha/booster", "booster")


def test_a_warning_that_the_case_itself_calls_for_names_no_agent(world: Any) -> None:
    warnings = {w.name: w for w in world.answer(comorbidities=["frail"]).warnings}
    assert warnings["watch the heart"].agents == ()
    assert "frail" in warnings["watch the heart"].text


def test_what_bars_the_only_indication_is_the_reason(world: Any) -> None:
    assert world.status("xi") == "active"
    (finding,) = world.findings("xi", comorbidities=["weakness"])
    assert (finding.rule, finding.code, finding.effect) == ("meet-bar", "wrong-setting", "excludes")


def test_what_bars_one_indication_is_not_told_where_another_lacks_something(world: Any) -> None:
    rules = {f.rule for f in world.findings("omega", organism="Fungus")}
    assert "miss-setting" in rules
    assert "meet-bar" not in rules
