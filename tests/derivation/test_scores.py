"""Scores of an algorithm: sums of maxima, levels of its own, and the same figures by either way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

#: genotype, score of ALP, level, degree that alpha has from it
GENOTYPES: list[tuple[list[str], int, int, str | None]] = [
    ([], 0, 1, None),
    (["GEN:M4V"], 60, 5, "full"),
    (["GEN:M4I"], 30, 4, "full"),
    (["GEN:K2R"], 15, 3, "partial"),
    (["GEN:L3P"], 10, 2, None),
    (["GEN:D7del"], 12, 2, None),
    (["GEN:E5K"], -20, 1, None),
    # of one group the highest counts, groups add up
    (["GEN:M4V", "GEN:M4I"], 60, 5, "full"),
    (["GEN:M4T", "GEN:M4A"], 10, 2, None),
    (["GEN:M4I", "GEN:M4T", "GEN:K2R"], 45, 4, "full"),
    # an item of two conditions counts when both hold
    (["GEN:K2R", "GEN:L3P"], 30, 4, "full"),
    (["GEN:L3P", "GEN:M4I"], 40, 4, "full"),
    (["GEN:L3P", "GEN:M4I", "GEN:E5K"], 10, 2, None),
    # negative items
    (["GEN:M4I", "GEN:E5K"], 10, 2, None),
    (["GEN:M4V", "GEN:E5K"], 40, 4, "full"),
    # a mixture has each of its residues; of these the highest counts
    (["GEN:M4IV"], 60, 5, "full"),
    (["GEN:M4I/V"], 60, 5, "full"),
    (["GEN:M4MI"], 30, 4, "full"),
    (["GEN:M4AT"], 10, 2, None),
    (["GEN:M4GL"], 0, 1, None),
    (["GEN:K2KR", "GEN:L3LP"], 30, 4, "full"),
    # insertions and deletions, as different laboratories write them
    (["GEN:G6ins"], 35, 4, "full"),
    (["GEN:G6i"], 35, 4, "full"),
    (["GEN:G6G_SS"], 35, 4, "full"),
    (["GEN:D7d"], 12, 2, None),
    (["GEN:D7-"], 12, 2, None),
    (["GEN:D7del", "GEN:K2R"], 27, 3, "partial"),
    # what the algorithm has no item for
    (["GEN:V10L", "GENB:A3T"], 0, 1, None),
    (["GEN wild type"], 0, 1, None),
]


@pytest.mark.parametrize(
    ("alterations", "score", "level", "degree"), GENOTYPES, ids=lambda v: "+".join(v) if isinstance(v, list) else ""
)
def test_a_score_is_the_sum_of_the_maxima_of_its_groups(
    world: Any, alterations: list[str], score: int, level: int, degree: str | None
) -> None:
    parts = {"alterations": alterations, "sequenced": ["GEN"]}
    (report,) = world.kg.susceptibility([world.case(**parts)])
    alp = next(drug for drug in report.drugs if drug.code == "ALP")
    assert (alp.score, alp.level, alp.gene_read) == (score, level, True)
    assert sum(item.score for item in alp.matched) == score
    by_score = {d for code, _, d in world.said("alpha", **parts) if code == "resistance-mutation"}
    assert by_score == ({degree} if degree else set())
    expected = {"full": {"not-active", "retained"}, "partial": {"partial"}, None: {"active"}}[degree]
    assert world.status("alpha", **parts) in expected


@pytest.mark.parametrize(
    ("alterations", "score", "level", "interpretation", "status"),
    [
        (["GEN:S8C"], 15, 1, "Susceptible to BET", "active"),
        (["GEN:M4V"], 30, 3, "Low for BET", "partial"),
        (["GEN:M4V", "GEN:S8C"], 45, 3, "Low for BET", "partial"),
        (["GEN:M4I"], 60, 5, "High for BET", "not-active"),
        (["GEN:E5K"], -15, 1, "Susceptible to BET", "active"),
    ],
)
def test_levels_of_a_code_go_before_those_of_the_algorithm(
    world: Any, alterations: list[str], score: int, level: int, interpretation: str, status: str
) -> None:
    (report,) = world.kg.susceptibility([world.case(alterations=alterations)])
    bet = next(drug for drug in report.drugs if drug.code == "BET")
    assert (bet.score, bet.level, bet.interpretation) == (score, level, interpretation)
    assert world.status("beta", alterations=alterations) == status


def test_a_report_names_algorithm_drugs_and_items(world: Any) -> None:
    (report,) = world.kg.susceptibility([world.case(alterations=["GEN:M4IV", "GEN:K2R", "GEN:L3P"])])
    assert (report.algorithm.name, report.algorithm.version) == ("Made-up score", "1.0")
    assert [drug.code for drug in report.drugs] == ["ALP", "BET", "OLD", "STR"]
    alp = report.drugs[0]
    assert alp.name == "alpha"
    assert [(m.item, m.score) for m in alp.matched] == [
        ("GEN:M4IV", 60), ("GEN:K2R", 15), ("GEN:L3P", 10), ("GEN:K2R+GEN:L3P", 5),
    ]  # fmt: skip


def test_a_gene_that_was_not_read_is_said_to_be_unread(world: Any) -> None:
    (report,) = world.kg.susceptibility([world.case(sequenced=["GEND"])])
    assert [drug.gene_read for drug in report.drugs] == [False] * 4
    assert "score" not in {code for code, _, _ in world.said("alpha", sequenced=["GEND"])}


def test_cases_scored_together_are_scored_as_each_alone(world: Any) -> None:
    cases = [world.case(id=f"c{i}", alterations=genotype) for i, (genotype, *_) in enumerate(GENOTYPES)]
    together = list(world.kg.susceptibility(cases))
    assert [report.case for report in together] == [case.id for case in cases]
    assert together == [next(world.kg.susceptibility([case])) for case in cases]


def test_without_a_current_algorithm_no_drug_is_scored(world: Any) -> None:
    store, kg = world.fresh()
    for quad in [q for q in store if q.predicate.value.endswith("#isCurrent")]:
        store.remove(quad)
    (report,) = kg.susceptibility([world.case()])
    assert (report.algorithm.name, report.drugs) == ("none", ())


POOL = [
    "GEN:M4V", "GEN:M4I", "GEN:M4T", "GEN:M4AT", "GEN:M4IV", "GEN:M4MV", "GEN:K2R", "GEN:K2KR", "GEN:L3P", "GEN:L3PQ",
    "GEN:E5K", "GEN:G6ins", "GEN:D7del", "GEN:S8C", "GEN:S8CFY", "GEN:T9A", "GEN:V10L", "GENB:A3T", "GENB:D5E",
    "GENC:A5V",
]  # fmt: skip


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    alterations=st.lists(st.sampled_from(POOL), max_size=8, unique=True),
    sequenced=st.sampled_from([[], ["GEN"], ["GENB"], ["GEN", "GENB"]]),
)
def test_the_rules_find_the_scores_of_the_report(world: Any, alterations: list[str], sequenced: list[str]) -> None:
    parts = {"alterations": alterations, "sequenced": sequenced}
    (report,) = world.kg.susceptibility([world.case(**parts)])
    triples = world.graph(**parts)
    scored, codes, scores = (world.values(triples, p) for p in ("scoreIn", "ofCode", "score"))
    by_rules = {codes[node][0]: Decimal(scores[node][0]) for node in scored}
    levels = {codes[node][0]: world.values(triples, "hasLevel")[node] for node in scored}
    by_report = {f"drugcode:{d.code.lower()}": d for d in report.drugs if d.code != "STR"}
    by_rules.pop("drugcode:str", None)
    for code, drug in by_report.items():
        if code in by_rules:
            assert by_rules[code] == Decimal(str(drug.score))
            assert len(levels[code]) == 1, "one score, one level"
        else:
            assert drug.score == 0
            assert not drug.gene_read
    assert by_rules.keys() == {c for c, d in by_report.items() if d.gene_read or d.matched}


def test_a_failed_drug_without_indication_has_its_true_score_or_none(world: Any) -> None:
    parts = {"failed": ["stranger"], "alterations": ["GENB:A3T"], "sequenced": ["GENB"]}
    triples = world.graph(**parts)
    codes, scores = world.values(triples, "ofCode"), world.values(triples, "score")
    found = [Decimal(scores[node][0]) for node in world.values(triples, "scoreIn") if codes[node] == ["drugcode:str"]]
    assert found in ([], [Decimal(20)])
