"""Rows as a table of the terminal and as Markdown; scores; the progress line."""

from __future__ import annotations

import io
import time
from decimal import Decimal

import pytest

from kg_builder.derivation.answer import AlgorithmName, DrugScore, MatchedItem, Susceptibility
from kg_builder.progress import Progress
from kg_builder.render.console import Page, set_table
from kg_builder.render.flat import score_cells, score_rows, score_title
from kg_builder.render.text import dump_json


def test_numbers_stand_to_the_right_and_only_the_head_is_underlined() -> None:
    text = set_table(("drug", "score"), [("alpha", 5), ("beta", Decimal("120.5")), ("gamma", None)], Page(40))
    assert text.splitlines() == ["drug    score", "-------------", "alpha       5", "beta    120.5", "gamma"]


def test_a_table_without_rows_is_its_head() -> None:
    assert set_table(("a", "b"), [], Page(40)).splitlines() == ["a   b", "-----"]


def test_a_narrow_table_folds_its_cells() -> None:
    text = set_table(("id", "definition"), [("drug:alpha", "word " * 30)], Page(30))
    assert max(map(len, text.splitlines())) <= 30
    assert text.count("word") == 30


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200b", "\u200f", "\ufeff", "\U000e0041"])
def test_what_is_not_seen_is_not_printed(hidden: str, scores: Susceptibility) -> None:
    assert hidden not in set_table(("name",), [(f"al{hidden}pha",)], Page(40))
    assert score_title(scores.model_copy(update={"case": f"safe{hidden}evil"})).startswith("safeevil · ")


@pytest.fixture
def scores() -> Susceptibility:
    iri = "https://w3id.org/salvage-kg/drugcode/x"
    drug = DrugScore(
        name="alpha", iri=iri, code="AL", score=30.0, level=4, interpretation="Intermediate", gene_read=True,
        matched=(MatchedItem(item="RT:M1", score=60, iri=iri), MatchedItem(item="RT:M2", score=-30, iri=iri)),
    )  # fmt: skip
    unread = drug.model_copy(update={"code": "BE", "score": 0.0, "level": 1, "gene_read": False, "matched": ()})
    return Susceptibility(case="c", algorithm=AlgorithmName(name="ALG", version="1.0"), drugs=(drug, unread))


def test_a_score_is_not_shown_where_the_gene_was_not_read(scores: Susceptibility) -> None:
    assert list(score_cells(scores)) == [
        ("AL", "alpha", 30.0, 4, "Intermediate", ("RT:M1 60", "RT:M2 -30")),
        ("BE", "alpha", None, None, "gene not read", None),
    ]


def test_rows_for_programs_say_whether_the_gene_was_read(scores: Susceptibility) -> None:
    assert [row[3:9] for row in score_rows(scores)] == [
        ("AL", "alpha", 30.0, 4, "Intermediate", True),
        ("BE", "alpha", 0.0, 1, "Intermediate", False),
    ]


def test_json_keeps_numbers_and_letters() -> None:
    assert dump_json({"a": Decimal("0.30"), "b": Decimal("5"), "c": "µ"}) == '{"a":0.3,"b":5,"c":"µ"}'


def test_progress_writes_and_wipes_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([1.0, 1.01, 2.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks))
    stream = io.StringIO()
    with Progress(shown=True, stream=stream, width=12) as progress:
        for text in ("reading tables", "too fast to be read", "done"):
            progress(text)
    assert stream.getvalue() == "\r\x1b[Kreading tab\r\x1b[Kdone\r\x1b[K"


def test_progress_is_silent_where_it_is_not_wanted() -> None:
    stream = io.StringIO()
    with Progress(shown=False, stream=stream) as progress:
        progress("reading tables")
    assert stream.getvalue() == ""
