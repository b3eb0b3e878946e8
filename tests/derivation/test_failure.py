"""Prior failure: confirmed, cleared or untested; what spares; intolerance; what a product's failure exposes."""

from __future__ import annotations

from typing import Any

import pytest

FAILED = ("prior-failure", "excludes", None)
CONFIRMED = ("prior-failure", "inactivates", "full")


# --- confirmed ---------------------------------------------------------------------------------


def test_failure_with_a_result_r_is_confirmed_and_inactivates(world: Any) -> None:
    parts = {"failed": ["epsilon"], "mode": "refractory course", "susceptibility": {"epsilon": "R"}}
    assert world.status("epsilon", **parts) == "not-active"
    assert CONFIRMED in world.said("epsilon", **parts)
    assert FAILED not in world.said("epsilon", **parts)


def test_failure_confirmed_by_genotype_leaves_room_to_retain_for_fitness_cost(world: Any) -> None:
    parts = {"failed": ["alpha"], "mode": "acquired loss", "alterations": ["GEN:M4V"]}
    assert world.status("alpha", **parts) == "retained"
    assert {CONFIRMED, ("fitness-cost", "retains", None)} <= world.said("alpha", **parts)


def test_a_resistance_without_fitness_cost_is_not_retained(world: Any) -> None:
    assert world.status("alpha", failed=["alpha"], mode="acquired loss", alterations=["GEN:M4I"]) == "not-active"


def test_fitness_cost_alone_retains_nothing_that_is_active(world: Any) -> None:
    # M4V pays for alpha's resistance, which E5K and L3P bring down to a susceptible score
    parts = {"alterations": ["GEN:M4T", "GEN:E5K"]}
    assert world.status("alpha", **parts) == "active"


def test_retained_for_a_second_infection(world: Any) -> None:
    parts = {"susceptibility": {"betatwo": "R"}, "comorbidities": ["second infection"]}
    assert world.status("betatwo", **parts) == "retained"
    assert ("second-infection", "retains", None) in world.said("betatwo", **parts)
    assert world.status("betatwo", susceptibility={"betatwo": "R"}) == "not-active"


def test_a_partial_resistance_confirms_failure_in_part(world: Any) -> None:
    parts = {"failed": ["epsilon"], "mode": "acquired loss", "susceptibility": {"epsilon": "I"}}
    assert world.status("epsilon", **parts) == "partial"
    assert ("prior-failure", "inactivates", "partial") in world.said("epsilon", **parts)


# --- cleared -----------------------------------------------------------------------------------

CLEARED: list[tuple[str, dict[str, Any]]] = [
    ("epsilon", {"susceptibility": {"epsilon": "S"}}),
    ("alphatwo", {"sequenced": ["GEN"]}),
    ("alphatwo", {"alterations": ["GEN:V10L"]}),
    ("alpha", {"alterations": ["GEN:V10L"]}),
    ("delta", {"sequenced": ["GEN", "GENB"]}),
    ("delta", {"alterations": ["GEN:V10L"], "sequenced": ["GENB"]}),
]


@pytest.mark.parametrize(("agent", "test"), CLEARED)
def test_a_test_without_resistance_clears(world: Any, agent: str, test: dict[str, Any]) -> None:
    assert world.status(agent, failed=[agent], mode="acquired loss", **test) == "active"
    assert not {code for code, _, _ in world.said(agent, failed=[agent], mode="acquired loss", **test)} & {
        "prior-failure"
    }


@pytest.mark.parametrize(("agent", "test"), CLEARED)
@pytest.mark.parametrize("mode", [{"mode": "refractory course"}, {}], ids=["forbids", "unknown"])
def test_a_mode_that_forbids_clearing_excludes_all_the_same(
    world: Any, agent: str, test: dict[str, Any], mode: dict[str, str]
) -> None:
    parts = {"failed": [agent], **mode, **test}
    assert world.status(agent, **parts) == "excluded"
    assert FAILED in world.said(agent, **parts)


@pytest.mark.parametrize(
    ("agent", "test"),
    [
        ("epsilon", {}),
        ("epsilon", {"susceptibility": {"alpha": "S"}}),
        ("delta", {"sequenced": ["GEN"]}),
        ("delta", {"sequenced": ["GENB"]}),
        ("delta", {"alterations": ["GENB:D5E"], "sequenced": ["GEN"]}),
        ("alphatwo", {"sequenced": ["GENB"]}),
        ("alphatwo", {"alterations": ["GENB:D5E"]}),
    ],
    ids=[
        "no test",
        "another's test",
        "first gene",
        "second gene",
        "not reported whole",
        "wrong gene",
        "wrong alteration",
    ],
)
def test_untested_is_excluded(world: Any, agent: str, test: dict[str, Any]) -> None:
    assert world.status(agent, failed=[agent], mode="acquired loss", **test) == "excluded"
    assert FAILED in world.said(agent, failed=[agent], mode="acquired loss", **test)


def test_a_narrower_mode_keeps_the_traits_of_the_broader(world: Any) -> None:
    assert world.status("epsilon", failed=["epsilon"], mode="late loss", susceptibility={"epsilon": "S"}) == "active"


def test_the_untested_gene_that_would_clear_is_named(world: Any) -> None:
    missing = {
        m.test: m.would_change for m in world.answer(failed=["delta"], mode="acquired loss", sequenced=["GEN"]).missing
    }
    assert missing["sequencing of GENB"] == ("delta", "oldie")
    assert "sequencing of GEN" not in missing


def test_an_intermediate_result_never_clears(world: Any) -> None:
    parts = {"failed": ["epsilon"], "mode": "acquired loss", "susceptibility": {"epsilon": "I"}}
    assert world.status("epsilon", **parts) != "active"


# --- spared ------------------------------------------------------------------------------------


def test_a_rechallenge_claim_spares_only_where_it_is_triggered(world: Any) -> None:
    assert world.status("delta", failed=["delta"], mode="late loss") == "active"
    assert world.status("delta", failed=["delta"], mode="acquired loss") == "excluded"
    assert world.status("epsilon", failed=["epsilon"], mode="late loss") == "excluded"


def test_a_rechallenge_does_not_hide_a_shown_resistance(world: Any) -> None:
    parts = {"failed": ["delta"], "mode": "late loss", "susceptibility": {"delta": "R"}}
    assert world.status("delta", **parts) == "not-active"


def test_supportive_components_are_not_judged_by_failure(world: Any) -> None:
    parts = {"failed": ["epsilon", "soother"], "mode": "refractory course"}
    assert world.status("soother", **parts) == "active"
    assert world.status("epsilon", **parts) == "excluded"
    assert not any(code == "prior-failure" for code, _, _ in world.said("soother", **parts))


def test_a_failed_modality_is_told(world: Any) -> None:
    assert world.status("rest cure", failed=["rest cure"]) == "excluded"
    assert world.status("walking cure", failed=["rest cure"]) == "active"


def test_a_failed_agent_without_indication_is_told(world: Any) -> None:
    assert world.status("stranger") is None
    assert world.status("stranger", failed=["stranger"]) == "excluded"
    assert {FAILED, ("wrong-setting", "excludes", None)} <= world.said("stranger", failed=["stranger"])


# --- intolerance -------------------------------------------------------------------------------


def test_intolerance_of_a_single_agent_excludes_it_without_saying_it_lost_its_effect(world: Any) -> None:
    parts = {"failed": ["gamma"], "mode": "not tolerated"}
    assert world.status("gamma", **parts) == "excluded"
    assert world.said("gamma", **parts) == {FAILED}
    assert "not tolerated" in world.findings("gamma", **parts)[0].text
    assert world.status("gammaone", **parts) == "active"


def test_intolerance_of_several_agents_is_a_caution_for_each(world: Any) -> None:
    parts = {"failed": ["gamma", "epsilon"], "mode": "not tolerated"}
    for agent in ("gamma", "epsilon"):
        assert world.status(agent, **parts) == "active"
        assert world.said(agent, **parts) == {("prior-failure", "cautions", None)}


def test_intolerance_excuses_no_shown_resistance(world: Any) -> None:
    parts = {"failed": ["epsilon"], "mode": "not tolerated", "susceptibility": {"epsilon": "R"}}
    assert world.status("epsilon", **parts) == "excluded"
    several = {**parts, "failed": ["epsilon", "gamma"]}
    assert world.status("epsilon", **several) == "not-active"


def test_one_agent_named_twice_is_a_single_agent(world: Any) -> None:
    parts = {"failed": ["alpha", "ALF"], "mode": "not tolerated"}
    assert world.status("alpha", **parts) == "excluded"


def test_intolerance_is_of_the_last_regimen(world: Any) -> None:
    parts = {"failed_regimens": [["gamma", "sigma"], ["epsilon", "pi"]], "mode": "not tolerated"}
    assert world.status("gamma", **parts) == world.status("sigma", **parts) == "excluded"
    assert world.status("gammaone", **parts) == "not-active", "what failed before predicts what it always predicts"
    assert world.status("epsilon", **parts) == world.status("pi", **parts) == "active"


def test_an_earlier_regimen_is_not_said_to_be_not_tolerated(world: Any) -> None:
    several = {"failed_regimens": [["gamma", "sigma"], ["epsilon", "pi"]], "mode": "not tolerated"}
    alone = {"failed_regimens": [["gamma"], ["epsilon", "pi"]], "mode": "not tolerated"}
    for parts in (several, alone):
        assert not any("not tolerated" in f.text for f in world.findings("gamma", **parts))


def test_what_failed_before_is_not_excused_by_a_later_intolerance(world: Any) -> None:
    parts = {"failed_regimens": [["epsilon"], ["epsilon", "pi"]], "mode": "not tolerated"}
    assert world.status("epsilon", **parts) == "excluded"
    assert world.status("pi", **parts) == "active"


# --- products and ingredients --------------------------------------------------------------------


def test_failure_of_a_product_exposes_its_ingredient_but_not_its_booster(world: Any) -> None:
    parts = {"failed": ["alpha/booster"]}
    assert world.status("alpha/booster", **parts) == "excluded"
    assert world.status("alpha", **parts) == "excluded"
    assert FAILED in world.said("alpha", **parts)
    assert world.status("booster", **parts) == "active"


def test_failure_of_an_ingredient_exposes_no_product(world: Any) -> None:
    parts = {"failed": ["alpha"]}
    assert world.status("alpha", **parts) == "excluded"
    assert world.status("alpha/booster", **parts) == world.status("alpha/beta", **parts) == "active"


def test_failure_of_a_product_exposes_no_other_product_of_the_same_ingredient(world: Any) -> None:
    parts = {"failed": ["alpha/booster"]}
    assert world.status("alpha/beta", **parts) == "active"
    assert not any(code == "prior-failure" for code, _, _ in world.said("alpha/beta", **parts))


def test_failure_of_a_product_exposes_all_its_ingredients(world: Any) -> None:
    assert world.status("alpha", failed=["alpha/beta"]) == world.status("beta", failed=["alpha/beta"]) == "excluded"


def test_failure_of_a_product_predicts_what_failure_of_its_ingredient_predicts(world: Any) -> None:
    # claim: failure of any of the alphas predicts that of pi, given weakness
    assert world.status("pi", failed=["alpha/booster"], comorbidities=["weakness"]) == "not-active"
    assert world.status("pi", failed=["booster"], comorbidities=["weakness"]) == "active"
    # inda is used for nothing here: only its product is judged
    assert world.status("inda", failed=["inda mix"]) is None
    assert world.status("booster", failed=["inda mix"]) == "not-active"


@pytest.mark.parametrize(
    ("agents", "parts", "code"),
    [
        (("alpha", "alpha/booster", "alpha/beta"), {"allergies": ["alpha rash"]}, "allergy"),
        (("booster", "alpha/booster"), {"comorbidities": ["Child-Pugh B"]}, "contraindicated-organ-function"),
        (("alpha", "beta", "alpha/booster", "alpha/beta", "alphatwo"), {"pregnant": True}, "pregnancy"),
        (("booster", "alpha/booster"), {"comedications": ["bystander"]}, "drug-drug-interaction"),
    ],
)
def test_safety_reaches_products_through_ingredients_and_boosters(
    world: Any, agents: tuple[str, ...], parts: dict[str, Any], code: str
) -> None:
    told = {name for name, option in world.options(**parts).items() if any(f.code == code for f in option.findings)}
    assert told >= set(agents)
    assert "alpha/beta" in agents or "alpha/beta" not in told
    assert "epsilon" not in told


def test_efficacy_does_not_reach_products(world: Any) -> None:
    # alpha scores 60, alphas have barriers and resistances of their own; the products are agents of their own
    parts = {"alterations": ["GEN:M4I", "GEN:L3P"]}
    assert world.status("alpha", **parts) == world.status("beta", **parts) == "not-active"
    for product in ("alpha/booster", "alpha/beta"):
        assert world.status(product, **parts) == "active"
        assert world.said(product, **parts) == set()


def test_toxicity_of_a_booster_is_watched_with_its_product(world: Any) -> None:
    warnings = {w.name: w.agents for w in world.answer().warnings}
    assert {"booster", "alpha/booster", "delta"} <= set(warnings["itch"])
    assert "alpha/beta" not in warnings["itch"]


def test_an_option_that_is_not_used_is_not_watched(world: Any) -> None:
    warnings = {w.name: w.agents for w in world.answer(susceptibility={"delta": "R"}).warnings}
    assert "delta" not in warnings["itch"]
