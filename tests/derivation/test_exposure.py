"""Troughs, inhibitory concentrations and their quotient; proportions from counts and what a regimen covers."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg_builder.derivation.posterior import Proportion, Resistance, cover
from kg_builder.issues import CaseError


def judged(world: Any, agent: str, **parts: Any) -> list[tuple[str, str]]:
    return [(f.rule, f.effect) for f in world.findings(agent, **parts) if f.code == "inhibitory-quotient"]


@pytest.mark.parametrize(
    ("trough", "effect"), [(2, "favours"), (1.99, "cautions"), ({"value": 2000, "unit": "ng/mL"}, "favours")]
)
def test_a_trough_is_judged_against_the_claims_concentration(world: Any, trough: object, effect: str) -> None:
    parts = {"failed": [], "trough_mg_l": {"alpha": trough}}
    assert judged(world, "alpha", **parts) == [("judge-trough", effect)]
    (text,) = [f.text for f in world.findings("alpha", **parts) if f.code == "inhibitory-quotient"]
    assert "times the IC90 of 0.5 mg/L; 4 or more of the IC90 is wanted" in text


@pytest.mark.parametrize(("below", "effect"), [(0.5, "favours"), (0.51, "cautions")])
def test_the_patients_own_strain_goes_before_the_claims(world: Any, below: float, effect: str) -> None:
    parts = {"failed": [], "trough_mg_l": {"alpha": 2}, "ic90_mg_l": {"alpha": below}}
    assert judged(world, "alpha", **parts) == [("judge-quotient", effect)]


def test_a_quotient_says_what_it_was_made_of(world: Any) -> None:
    parts = {"trough_mg_l": {"alpha": 2}, "ic50_mg_l": {"alpha": 4}}
    (text,) = [f.text for f in world.findings("alpha", **parts) if f.code == "inhibitory-quotient"]
    assert "trough 2 mg/L / IC50 4 mg/L = 0.50; 4 or more of the IC90 is wanted" in text


def test_a_trough_that_nothing_judges_is_told(world: Any) -> None:
    case = world.case(trough_mg_l={"gamma": 2, "alpha": 2}, ic50_mg_l={"gamma": 1})
    told = world.kg.conflicts(case, world.kg.options(case), path="case")
    assert [(i.code, i.severity, i.column) for i in told] == [("C015", "warning", "/findings/trough_mg_l/gamma")]


def test_a_product_is_judged_by_the_trough_of_its_ingredient(world: Any) -> None:
    assert judged(world, "alpha/booster", trough_mg_l={"alpha": 2}) == [("judge-trough", "favours")]


def test_a_drug_without_a_claim_is_not_judged(world: Any) -> None:
    assert judged(world, "gamma", trough_mg_l={"gamma": 2}, ic50_mg_l={"gamma": 1}) == []


@pytest.mark.parametrize(
    ("parts", "column", "words"),
    [
        ({"trough_mg_l": {"alpha": {"value": 2, "unit": "mmol/L"}}}, "/findings/trough_mg_l/alpha", "mmol/L"),
        ({"trough_mg_l": {"alpha": {"value": 2}}}, "/findings/trough_mg_l/alpha/unit", "'unit' is missing"),
        ({"trough_mg_l": {"alpha": -1}}, "/findings/trough_mg_l/alpha", "greater than or equal to 0"),
        ({"trough_mg_l": {"alpha": {"value": -1, "unit": "mg/L"}}}, "/findings/trough_mg_l/alpha", "0 or more"),
        ({"trough": {"alpha": 2}}, "/findings/trough", "unknown field 'trough'"),
        ({"ic50": {"alpha": 2}}, "/findings/ic50", "unknown field 'ic50'"),
        ({"ic50_mg_l": {"alpha": 0}}, "/findings/ic50_mg_l/alpha", "above 0"),
        ({"ic50_mg_l": {"alpha": True}}, "/findings/ic50_mg_l/alpha", "0 or more"),
        ({"trough_mg_l": {"alfa": 2}}, "/findings/trough_mg_l/alfa", "unknown name"),
    ],
)
def test_a_concentration_at_fault_is_refused(world: Any, parts: dict[str, Any], column: str, words: str) -> None:
    data = world.raw()
    data["findings"] = parts
    with pytest.raises(CaseError) as caught:
        world.kg.read_cases(json.dumps(data), path="c.json")
    (issue,) = caught.value.issues
    assert issue.column == column
    assert words in issue.message


def test_local_counts_are_told_with_their_interval(world: Any) -> None:
    parts = {"local_resistance": {"pi": {"resistant": 25, "tested": 89}}}
    texts = [f.text for f in world.findings("pi", **parts) if f.code == "local-resistance-prevalence"]
    assert all("25 of 89, 29 % (95 % interval 20 to 38 %)" in text for text in texts)
    assert texts


# --- proportions -------------------------------------------------------------------------------

counts = st.integers(0, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))).map(lambda c: Resistance(*c))


def test_a_posterior_is_that_of_the_binomial_model() -> None:
    # Beta(18, 73), against quantiles by integration of its density
    grid = np.linspace(0, 1, 200_001)
    density = grid**17 * (1 - grid) ** 72
    mass = np.cumsum(density) / density.sum()
    low, high = (float(grid[np.searchsorted(mass, share)]) for share in (0.025, 0.975))
    found = Resistance(17, 89).proportion()
    assert (found.mean, found.low, found.high) == pytest.approx((18 / 91, low, high), abs=2e-5)


@given(st.lists(counts, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_coverage_is_that_of_simulation(drugs: list[Resistance]) -> None:
    draw = np.random.default_rng(7)
    beta = [draw.beta(d.resistant + 1, d.tested - d.resistant + 1, 40_000) if d.tested else 0.0 * draw.random(40_000)
            for d in drugs]  # fmt: skip
    simulated = 1 - np.prod(beta, axis=0)
    found = cover(drugs)
    assert found.low <= found.high
    assert found.mean == pytest.approx(float(simulated.mean()), abs=0.01)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(simulated, [0.025, 0.975])), abs=0.02)


@given(st.lists(counts, min_size=2, max_size=4), st.randoms())
@settings(max_examples=40, deadline=None)
def test_coverage_grows_with_each_drug_and_does_not_hang_on_their_order(drugs: list[Resistance], random: Any) -> None:
    means = [cover(drugs[: i + 1]).mean for i in range(len(drugs))]
    assert all(one <= other + 1e-12 for one, other in pairwise(means))
    shuffled = random.sample(drugs, len(drugs))
    assert cover(shuffled).mean == pytest.approx(cover(drugs).mean)
    assert cover(shuffled).low == pytest.approx(cover(drugs).low, abs=0.01)


def test_a_fraction_without_counts_has_no_interval() -> None:
    assert cover([Resistance(fraction=0.2)]) == Proportion(0.8, 0.8, 0.8)
    with pytest.raises(ValueError, match="without drugs"):
        cover([])
