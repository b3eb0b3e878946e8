"""What a case states: alterations as laboratories write them, and statements that cannot hold together."""

from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("GEN:M4", "A003"),
        ("GEN:4", "A003"),
        ("GEN:M4Z", "A007"),
        ("GEN:M4w", "A007"),
        ("GEN:M4X", "A007"),
        ("GEN:M4V?", "A007"),
        ("GEN:Q11R", "A004"),
        ("GEN:M0V", "A004"),
        ("GENQ:M4V", "A001"),
        ("GEN:nonsense", "A002"),
        ("GEN:", "A002"),
        ("GENC:4V", "A006"),
        ("no such marker", "T007"),
    ],
)
def test_an_alteration_that_cannot_be_is_refused(world: Any, text: str, code: str) -> None:
    (issue,) = world.refused(world.raw(alterations=["GEN:K2R", text]))
    assert (issue.code, issue.column) == (code, "/findings/alterations/1")


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("GEN:M4V", {"alteration:GEN-M4V"}),
        ("GEN:4V", {"alteration:GEN-M4V"}),
        ("GEN M4V", {"alteration:GEN-M4V"}),
        ("GEN_M4V", {"alteration:GEN-M4V"}),
        ("GEN:p.Met4Val", {"alteration:GEN-M4V"}),
        ("GEN:M4IV", {"alteration:GEN-M4I", "alteration:GEN-M4V"}),
        ("GEN:M4V/I", {"alteration:GEN-M4I", "alteration:GEN-M4V"}),
        ("GEN:M4MV", {"alteration:GEN-M4V"}),
        ("GEN:G6ins", {"alteration:GEN-G6ins"}),
        ("GEN:G6i", {"alteration:GEN-G6ins"}),
        ("GEN:D7del", {"alteration:GEN-D7del"}),
        ("GEN:D7-", {"alteration:GEN-D7del"}),
        ("GEN:D7di", {"alteration:GEN-D7del", "alteration:GEN-D7ins"}),
        ("GEN:K2*", {"alteration:GEN-K2stop"}),
        ("GEN wild type", {"alteration:GEN-wild-type"}),
        ("alteration:GEN-M4V", {"alteration:GEN-M4V"}),
        ("X-positive", {"alteration:marker-x-positive"}),
    ],
)
def test_an_alteration_is_read_as_laboratories_write_it(world: Any, text: str, states: set[str]) -> None:
    triples = world.graph(alterations=[text])
    assert set(world.values(triples, "states")["case:one#/findings/alterations/0"]) == states


@pytest.mark.parametrize(("text", "state"), [("GEN:V10d", "GEN-V10del"), ("GEN:V10i", "GEN-V10ins")])
def test_case_counts_in_a_change(world: Any, text: str, state: str) -> None:
    """V10d is a deletion and V10D aspartate, V10i an insertion and V10I isoleucine, whichever the knowledge knows."""
    triples = world.graph(alterations=[text])
    assert world.values(triples, "states")["case:one#/findings/alterations/0"] == [f"alteration:{state}"]


def test_another_reference_residue_is_read_as_the_genes(world: Any) -> None:
    triples = world.graph(alterations=["GEN:L4V"])
    assert world.values(triples, "states")["case:one#/findings/alterations/0"] == ["alteration:GEN-M4V"]


@pytest.mark.parametrize(
    "alterations",
    [
        ["GEN wild type", "GEN:M4V"],
        ["GEN:frameshift", "GEN wild type"],
        ["X-positive", "X-negative"],
        ["GENB:A3S", "GENB wild type"],
        ["GEN:M4V", "GEN:M4M"],
        ["GEN:M4M", "GEN:M4V"],
    ],
)
def test_what_cannot_both_hold_is_refused(world: Any, alterations: list[str]) -> None:
    found = world.refused(world.raw(alterations=alterations))
    assert {i.code for i in found} == {"C007"}
    assert all("cannot both hold" in i.message and i.column.startswith("/findings/alterations/") for i in found)


@pytest.mark.parametrize("alterations", [["GEN:M4MV"], ["GEN:M4MV", "GEN:M4V"], ["GEN:M4M", "GEN:L3P"]])
def test_a_mixture_holds_the_reference_residue_too(world: Any, alterations: list[str]) -> None:
    assert world.case(alterations=alterations)


@pytest.mark.parametrize("disease", ["otheritis", "acute otheritis"])
def test_an_organism_that_does_not_cause_the_disease_is_refused(world: Any, disease: str) -> None:
    (issue,) = world.refused(world.raw(disease=disease, organism="Fungus"))
    assert (issue.code, issue.column) == ("C013", "/findings/organism")
    assert "Bacterium" in issue.hint
    assert world.kg.read_cases(json.dumps(world.raw(disease=disease, organism="Bacterium durum")), path="c.json")


def test_an_organism_is_refused_where_the_disease_is_no_infection(world: Any) -> None:
    (issue,) = world.refused(world.raw(disease="broad testitis", organism="Fungus"))
    assert (issue.code, issue.column) == ("C013", "/findings/organism")
    assert issue.hint == "no organism causes it here; a second infection goes into patient.comorbidities"


def test_terms_of_two_kinds_cannot_hold_together(world: Any) -> None:
    (issue,) = world.refused(world.raw(sex="M", pregnant=True))
    assert (issue.code, issue.message) == ("C007", "'male' and 'pregnant' cannot both hold")
    assert issue.column.startswith("/patient/") and issue.hint.startswith("see /patient/")
    assert world.case(sex="F", pregnant=True) and world.case(sex="M", pregnant=False)


@pytest.mark.parametrize(
    ("field", "value", "hint"),
    [
        ("local_resistance", {"alpha": 30}, "it must be 0 to 1; write 0.3 for 30 %"),
        ("local_resistance", {"alpha": 300}, "it must be 0 to 1"),
        ("local_resistance", {"alpha": -0.5}, ""),
        ("local_resistance", {"alpha": {"resistant": 1, "tested": 2, "x": 1}}, "fields here: resistant, tested"),
        ("trough_mg_l", {"alpha": {"value": 1, "unit": "mg/L", "q": 1}}, "fields here: unit, value"),
    ],
)
def test_a_field_of_findings_says_how_to_repair_it(world: Any, field: str, value: object, hint: str) -> None:
    case = {"id": "a", "disease": "testitis", "findings": {field: value}}
    (issue,) = world.refused(case)
    assert issue.hint == hint
    assert issue.column.startswith(f"/findings/{field}/alpha")


def test_an_adherence_in_per_cent_is_told_as_proportion(world: Any) -> None:
    (issue,) = world.refused({"id": "a", "disease": "testitis", "patient": {"adherence": {"mems": 85}}})
    assert str(issue) == (
        "case.json: /patient/adherence/mems: 85 is out of range; it must be 0 to 1; write 0.85 for 85 % [C004]"
    )


def test_a_susceptible_result_against_nature_is_told_and_not_believed(world: Any) -> None:
    parts = {"organism": "Bacterium durum", "susceptibility": {"gamma": "S", "alpha": "S"}}
    (conflict,) = world.kg.conflicts(world.case(**parts), world.answer(**parts), path="c.json")
    assert (conflict.code, conflict.column, conflict.path) == ("C014", "/findings/susceptibility/gamma", "c.json")
    assert world.status("gamma", **parts) == "excluded"
    as_expected = {"organism": "Bacterium durum", "susceptibility": {"gamma": "R"}}
    assert world.kg.conflicts(world.case(**as_expected), world.answer(**as_expected)) == ()


def test_a_number_or_an_object_is_faulted_in_the_form_it_has(world: Any) -> None:
    (issue,) = world.refused(world.raw(local_resistance={"pi": {"resistant": 5, "tested": 3}}))
    assert "more resistant than tested" in issue.message
    (issue,) = world.refused(world.raw(local_resistance={"pi": 30}))
    assert issue.message == "30 is out of range"


def test_a_flag_and_an_alteration_that_contradict_are_refused(world: Any) -> None:
    assert {i.code for i in world.refused(world.raw(alterations=["X-positive"], marker_x=False))} == {"C007"}


def test_states_that_cannot_both_hold_are_refused(world: Any) -> None:
    world.refused(world.raw(pregnant=True, comorbidities=["not pregnant"]))


def test_a_disease_may_be_a_comorbidity(world: Any) -> None:
    assert world.kg.read_cases(json.dumps(world.raw(comorbidities=["otheritis"])), path="case.json")
