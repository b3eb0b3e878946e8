"""The order of active options: named keys, one after the other."""

from __future__ import annotations

from typing import Any

from kg_builder.derivation.rank import count_preferred

KEYS = [
    "supportive", "preferred_above", "indication", "evidence", "marker_directed", "barrier", "new_target", "cautions",
    "label",
]  # fmt: skip


def before(world: Any, one: str, other: str, **parts: Any) -> bool:
    options = world.options(**parts)
    assert options[one].rank and options[other].rank, "both must be active"
    return bool(options[one].rank < options[other].rank)


def test_each_rank_is_explained_by_its_keys(world: Any) -> None:
    for parts in ({}, {"failed": ["gamma"]}, {"comedications": ["inda"]}):
        answer = world.answer(**parts)
        active = [o for o in answer.agents if o.status == "active"]
        assert all(list(o.rank_keys) == KEYS for o in active)
        keys = [tuple(o.rank_keys.values()) for o in active]
        assert keys == sorted(keys)
        assert all(not o.rank_keys for o in answer.agents if o.status != "active")


def test_what_only_supports_goes_last(world: Any) -> None:
    ranked = [o.name for o in world.answer().agents if o.status == "active"]
    assert ranked[-1] == "soother"


def test_preferences_are_transitive(world: Any) -> None:
    # delta over beta, beta over the alphas
    options = world.options()
    assert [options[n].rank_keys["preferred_above"] for n in ("delta", "beta", "alpha", "alphatwo")] == [0, 1, 2, 2]
    assert before(world, "delta", "beta") and before(world, "beta", "alpha") and before(world, "delta", "alphatwo")


def test_a_preference_counts_only_among_active_options(world: Any) -> None:
    options = world.options(susceptibility={"beta": "R"})
    assert options["alpha"].rank_keys["preferred_above"] == 0
    options = world.options(susceptibility={"delta": "I"})
    assert options["beta"].rank_keys["preferred_above"] == 0
    assert options["alpha"].rank_keys["preferred_above"] == 1


def test_a_preference_holds_only_under_its_condition(world: Any) -> None:
    assert world.options()["sigma"].rank_keys["preferred_above"] == 0
    assert world.options(comorbidities=["weakness"])["sigma"].rank_keys["preferred_above"] == 1
    # sigmatwo over epsilon while pi is usable
    assert world.options()["epsilon"].rank_keys["preferred_above"] == 1
    assert world.options(susceptibility={"pi": "R"})["epsilon"].rank_keys["preferred_above"] == 0


def test_a_preference_about_an_ingredient_says_nothing_of_its_products(world: Any) -> None:
    assert world.options()["alpha/booster"].rank_keys["preferred_above"] == 0


def test_current_before_alternative_before_former(world: Any) -> None:
    keys = {n: o.rank_keys for n, o in world.options().items() if o.rank}
    assert [keys[n]["indication"] for n in ("pi", "betatwo", "oldie")] == [0, 1, 2]
    assert before(world, "pi", "betatwo") and before(world, "betatwo", "oldie")
    # evidence A of a former option weighs less than C of a current one
    assert before(world, "sigma", "oldie")


def test_the_better_indication_counts_where_two_hold(world: Any) -> None:
    keys = world.options(comorbidities=["weakness"])["epsilon"].rank_keys
    assert (keys["indication"], keys["evidence"]) == (0, 3)


def test_evidence_goes_before_barrier_and_barrier_before_label(world: Any) -> None:
    assert before(world, "pi", "sigma")
    keys = {n: o.rank_keys for n, o in world.options().items() if o.rank}
    assert [keys[n]["evidence"] for n in ("pi", "sigma", "broada")] == [2, 3, 4]
    assert before(world, "gamma", "alpha/booster")
    assert keys["gamma"]["barrier"] < keys["alpha/booster"]["barrier"]


def test_a_directed_option_goes_before_one_that_is_not(world: Any) -> None:
    parts = {"marker_x": True}
    assert world.options(**parts)["muthree"].rank_keys["marker_directed"] == 0
    assert before(world, "muthree", "sigma", **parts)
    assert before(world, "muthree", "broada", **parts)


def test_a_new_target_goes_before_a_used_one(world: Any) -> None:
    options = world.options(failed=["alpha"], comorbidities=["bystander complaint"])
    assert options["betatwo"].rank_keys["new_target"] == 0
    assert options["alphatwo"].rank_keys["new_target"] == 1
    # without a failure there is no target to be new
    assert world.options()["betatwo"].rank_keys["new_target"] == 1


def test_cautions_count_against_an_option(world: Any) -> None:
    parts = {"comedications": ["alpha/booster"]}
    assert world.options(**parts)["sigma"].rank_keys["cautions"] == 1
    assert before(world, "sigma", "sigmatwo") and before(world, "sigmatwo", "sigma", **parts)


def test_modalities_are_ranked_among_themselves(world: Any) -> None:
    answer = world.answer()
    assert [(o.name, o.rank) for o in answer.modalities] == [("rest cure", 1), ("walking cure", 2)]


def test_counting_survives_a_circle_of_preferences() -> None:
    assert count_preferred([("a", "b"), ("b", "c"), ("c", "a")]) == {"a": 2, "b": 2, "c": 2}
    assert count_preferred([]) == {}
