"""What the loss of one agent says of another: cross-resistance, shared determinants, same target."""

from __future__ import annotations

from typing import Any

import pytest

LOST: list[dict[str, Any]] = [
    {"failed": ["gamma"]},
    {"failed": ["gamma"], "mode": "refractory course"},
    {"failed": ["gamma"], "susceptibility": {"gamma": "R"}},
    {"susceptibility": {"gamma": "R"}},
]


@pytest.mark.parametrize("lost", LOST, ids=["failed", "refractory", "confirmed", "resistant, never given"])
def test_observed_and_expected_inactivate_and_possible_cautions(world: Any, lost: dict[str, Any]) -> None:
    assert world.status("gammaone", **lost) == "not-active"
    assert world.status("gammatwo", **lost) == "not-active"
    assert world.status("gammathree", **lost) == "active"
    assert ("cross-resistance", "inactivates", "full") in world.said("gammaone", **lost)
    assert ("cross-resistance", "inactivates", "full") in world.said("gammatwo", **lost)
    assert ("cross-resistance", "cautions", None) in world.said("gammathree", **lost)


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"failed": ["gamma"], "mode": "acquired loss", "susceptibility": {"gamma": "S"}},
        {"failed": ["gamma"], "mode": "not tolerated"},
        {"susceptibility": {"gamma": "I"}},
        {"failed": ["gammaone"]},
    ],
    ids=["nothing lost", "cleared", "not tolerated", "partly resistant", "the other way round"],
)
def test_what_is_not_lost_predicts_nothing(world: Any, kept: dict[str, Any]) -> None:
    for agent in ("gammatwo", "gammathree"):
        assert world.status(agent, **kept) == "active"
        assert not any(code == "cross-resistance" for code, _, _ in world.said(agent, **kept))


def test_a_test_of_that_very_agent_overrides_what_was_expected_but_not_what_was_observed(world: Any) -> None:
    parts = {"failed": ["gamma"], "susceptibility": {"gammaone": "S", "gammatwo": "S", "gammathree": "S"}}
    assert world.status("gammaone", **parts) == "not-active"
    assert world.status("gammatwo", **parts) == "active"
    assert world.said("gammathree", **parts) == set()


def test_sensitivity_overrides_cross_resistance(world: Any) -> None:
    parts = {"failed": ["gamma"], "organism": "Bacterium durum"}
    assert world.status("gammatwo", **parts) == "active"


def test_a_scored_drug_takes_the_reason_and_keeps_the_degree_of_its_score(world: Any) -> None:
    lost = {"failed": ["delta"]}
    partial = {**lost, "alterations": ["GEN:K2R"]}
    assert world.status("alpha", **partial) == "partial"
    assert ("cross-resistance", "inactivates", "partial") in world.said("alpha", **partial)
    full = {**lost, "alterations": ["GEN:M4I"]}
    assert ("cross-resistance", "inactivates", "full") in world.said("alpha", **full)
    susceptible = {**lost, "alterations": ["GEN:V10L"]}
    assert world.status("alpha", **susceptible) == "active"
    assert not any(code == "cross-resistance" for code, _, _ in world.said("alpha", **susceptible))


def test_a_drug_that_no_genotype_scores_takes_the_claim_as_it_stands(world: Any) -> None:
    assert world.status("alpha", failed=["delta"]) == "not-active"
    assert ("cross-resistance", "inactivates", "full") in world.said("alpha", failed=["delta"])


def test_a_claim_about_a_class_is_triggered_by_any_of_it_and_only_under_its_condition(world: Any) -> None:
    for failed in ("alpha", "alphatwo"):
        assert world.status("pi", failed=[failed], comorbidities=["weakness"]) == "not-active"
        assert world.status("pi", failed=[failed]) == "active"
    assert world.status("pi", failed=["beta"], comorbidities=["weakness"]) == "active"


def test_the_marker_of_a_confirmed_failure_speaks_of_other_agents_too(world: Any) -> None:
    parts = {"failed": ["alpha"], "mode": "acquired loss", "alterations": ["GEN:M4V"]}
    shared = [f for f in world.findings("beta", **parts) if f.code == "cross-resistance"]
    assert [(f.effect, f.degree) for f in shared] == [("inactivates", "partial")], "the degree is beta's own"
    assert "alpha" in shared[0].text
    assert any(node.endswith("#/findings/alterations/0") for node in shared[0].because)
    assert world.status("beta", **parts) == "partial"


def test_the_determinant_of_a_confirmed_failure_speaks_of_other_agents_too(world: Any) -> None:
    parts = {"failed": ["beta"], "mode": "acquired loss", "alterations": ["GEN:T9A"]}
    (shared,) = (f for f in world.findings("betatwo", **parts) if f.code == "cross-resistance")
    assert (shared.effect, shared.degree) == ("inactivates", "full")
    assert "GEN:T9A" in shared.text
    assert "beta" in shared.text


def test_a_marker_that_was_not_behind_the_failure_shares_nothing(world: Any) -> None:
    parts = {"failed": ["alpha"], "mode": "acquired loss", "alterations": ["GEN:M4I", "GEN:T9A"]}
    texts = [f.text for f in world.findings("betatwo", **parts) if f.code == "cross-resistance"]
    assert not texts
    assert world.status("betatwo", **parts) == "not-active"


def test_an_item_that_lowers_the_score_is_not_behind_the_failure(world: Any) -> None:
    parts = {"failed": ["alpha"], "mode": "acquired loss", "alterations": ["GEN:M4V", "GEN:E5K"]}
    shared = [f for f in world.findings("beta", **parts) if f.code == "cross-resistance"]
    cited = {n.rpartition("#")[2] for f in shared for n in f.because if "#/findings/alterations" in n}
    assert cited == set() or "GEN:E5K" not in {f.text.partition(",")[0] for f in shared}


def test_same_target_excludes_unless_tested_or_rechallenged(world: Any) -> None:
    assert world.status("sigmatwo", failed=["sigma"]) == "excluded"
    assert ("same-target", "excludes", None) in world.said("sigmatwo", failed=["sigma"])
    assert world.status("sigmatwo", failed=["sigma"], susceptibility={"sigmatwo": "S"}) == "active"
    assert world.status("sigmatwo", failed=["sigma"], mode="late loss") == "active"
    assert world.status("sigma", failed=["sigmatwo"]) == "active"
    assert world.status("sigmatwo") == "active"


def test_same_target_says_nothing_after_intolerance(world: Any) -> None:
    assert world.status("sigmatwo", failed=["sigma"], mode="not tolerated") == "active"
