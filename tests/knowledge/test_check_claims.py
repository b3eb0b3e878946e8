"""Which claims are refused, and which ask for a second look, beyond the one example of each code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kg_builder.knowledge import check_knowledge
from kg_builder.knowledge.knowledge import Knowledge

Tables = dict[str, list[dict[str, str]]]
Load = Callable[[Tables], Knowledge]

MALARIA = {"id": "disease:malaria", "label": "malaria", "definition": "A fever."}


def add(tables: Tables, table: str, **cells: str) -> None:
    """Add a claim, with what each claim needs."""
    rest = {"source": "source:guide", "curator": "test", "date": "2026-01-31"}
    tables.setdefault(table, []).append({**rest, **cells})
    tables[table].sort(key=lambda row: row["id"])


def told(tables: Tables, load: Load) -> list[tuple[str, str, str]]:
    """Return table, code and severity of each issue, but for names and forms."""
    return [(i.path, i.code, i.severity) for i in check_knowledge(load(tables))]


@pytest.mark.parametrize(
    ("agent", "conditions", "is_used"),
    [
        ("dolutegravir", "disease HIV", True),
        ("NNRTI", "disease HIV", True),  # its members are
        ("binding of the pocket", "", True),
        ("rifampicin", "marker RT:M4V", False),
        ("dolutegravir", "disease malaria", False),  # used, but in another disease
        ("dolutegravir", "disease malaria or HIV", True),
        ("dolutegravir", "not disease malaria", True),
        ("etravirine", "disease viral infection", True),  # a kind of it uses it
    ],
)
def test_resistance_is_of_what_the_disease_uses(
    agent: str, conditions: str, is_used: bool, base: Tables, load: Load
) -> None:
    base["terms"].insert(2, MALARIA)
    base["terms"][1]["broader"] = "viral infection"
    add(base, "resistances", id="claim:r-new", agent=agent, degree="full", conditions=conditions)
    assert told(base, load) == ([] if is_used else [("resistances.tsv", "K021", "error")])


def test_members_of_a_class_are_used_where_the_class_is(base: Tables, load: Load) -> None:
    base["indications"] = [dict(base["indications"][0], agent="NNRTI")]
    assert all(code != "K021" for _, code, _ in told(base, load))


def test_components_of_a_regimen_are_used_where_the_regimen_is(base: Tables, load: Load) -> None:
    row = {"id": "regimen:r", "label": "r", "definition": "R.", "components": "rifampicin|dolutegravir"}
    base["regimens"] = [{**row, "diseases": "HIV", "source": "source:guide"}]
    add(base, "resistances", id="claim:r-new", agent="rifampicin", degree="full", conditions="disease HIV")
    assert told(base, load) == []


def test_what_a_data_set_says_of_an_unused_drug_is_a_warning(base: Tables, load: Load) -> None:
    add(base, "resistances", id="claim:r-new", agent="rifampicin", degree="full", source="source:set")
    assert told(base, load) == [("resistances.tsv", "K021", "warning")]


@pytest.mark.parametrize(
    ("table", "one", "other"),
    [
        ("barriers", {"agent": "efavirenz", "barrier": "intermediate"}, {"barrier": "high"}),
        ("prevalence_thresholds", {"agent": "NNRTI", "disease": "HIV", "threshold": "0.15"}, {"threshold": "0.5"}),
        (
            "indications",
            {"agent": "rifampicin", "disease": "HIV", "status": "current", "evidence": "A", "conditions": "sex male"},
            {"status": "former"},
        ),
        (
            "resistances",
            {"agent": "efavirenz", "degree": "full", "conditions": "marker RT:M4I"},
            {"degree": "partial"},
        ),
        ("cross_resistances", {"failed": "efavirenz", "agent": "etravirine", "likelihood": "possible"},
         {"likelihood": "observed"}),
        ("dosings", {"agent": "efavirenz", "doses": "1", "units": "1"}, {"doses": "2"}),
    ],
)  # fmt: skip
def test_claims_that_differ_on_one_thing_are_warned_of(
    table: str, one: dict[str, str], other: dict[str, str], base: Tables, load: Load
) -> None:
    base["terms"] += [{"id": "sex:male", "label": "male", "definition": "Male."}]
    base["terms"].sort(key=lambda row: row["id"])
    add(base, table, id="claim:zz-1", **one)
    add(base, table, id="claim:zz-2", **one)
    assert told(base, load) == []
    base[table][-1].update(other)
    assert told(base, load) == [(f"{table}.tsv", "K020", "warning")]
    base[table][-1]["conditions"] = "eGFR < 30 mL/min/1.73m2"
    assert told(base, load) == []


@pytest.mark.parametrize(
    ("conditions", "can_hold"),
    [
        ("marker FLT3-ITD; not marker FLT3-ITD", False),
        ("marker FLT3-ITD; not marker any FLT3 change", False),  # which it is a kind of
        ("marker any FLT3 change; not marker FLT3-ITD", True),
        ("marker FLT3-ITD or RT:M4V; not marker FLT3-ITD", True),
        ("marker FLT3 wild type; marker FLT3-ITD", False),
        ("failed efavirenz; not failed NNRTI", False),
        ("failed NNRTI; not failed efavirenz", True),
        ("sex male; sex female", False),
        ("disease HIV; disease viral infection", True),
        ("comorbidity CKD; not comorbidity CKD", False),
        ("eGFR < 10 mL/min/1.73m2; eGFR > 20 mL/min/1.73m2", False),
        ("eGFR > 10 mL/min/1.73m2; eGFR < 20 mL/min/1.73m2", True),
        ("eGFR <= 10 mL/min/1.73m2; eGFR >= 10 mL/min/1.73m2", True),
        ("eGFR < 10 mL/min/1.73m2; eGFR >= 10 mL/min/1.73m2", False),
        ("next line = 2; next line = 3", False),
        ("next line = 2; eGFR > 20 mL/min/1.73m2", True),
    ],
)
def test_conditions_that_never_hold_together_are_warned_of(
    conditions: str, can_hold: bool, base: Tables, load: Load
) -> None:
    base["terms"] += [{"id": f"sex:{s}", "label": s, "definition": f"{s}."} for s in ("female", "male")]
    base["terms"].sort(key=lambda row: row["id"])
    base["terms"][[r["id"] for r in base["terms"]].index("disease:hiv")]["broader"] = "viral infection"
    base["constraints"][0]["conditions"] = conditions
    assert told(base, load) == ([] if can_hold else [("constraints.tsv", "K025", "warning")])
