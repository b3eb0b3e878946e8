"""An answer as text for the terminal, as Markdown and as rows."""

from __future__ import annotations

import csv
import io
import re

import pytest

from kg_builder.derivation.answer import Answer
from kg_builder.derivation.case import Case
from kg_builder.render.console import Page, set_answer
from kg_builder.render.flat import ANSWER_COLUMNS, answer_rows
from kg_builder.render.markdown import write_answer
from kg_builder.render.text import dump_csv
from kg_builder.render.view import AnswerView, build_view

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def cite(iri: str) -> str:
    return f"Source {iri.rpartition('/')[2]}"


@pytest.fixture
def view(answer: Answer, case: Case) -> AnswerView:
    return build_view(answer, case, cite)


def test_sections_come_in_the_order_of_use_and_leave_out_what_is_empty(
    view: AnswerView, answer: Answer, case: Case
) -> None:
    assert [section.title for section in view.sections] == [
        "Options",
        "Partly active",
        "Regimens",
        "Other treatment",
        "To do",
        "To watch",
        "Not known, and it would matter",
        "Kept although inactive",
        "Regimens that fall",
        "Not active",
        "Rejected",
    ]
    bare = answer.model_copy(
        update={"agents": (), "modalities": (), "regimens": (), "actions": (), "warnings": (), "missing": ()}
    )
    assert [section.title for section in build_view(bare, case, cite).sections] == ["Options"]


def test_every_option_is_shown_once(view: AnswerView, answer: Answer) -> None:
    names = [entry.name for section in view.sections for entry in section.entries if entry.status]
    given = [*answer.agents, *answer.modalities, *answer.regimens]
    assert sorted(names) == sorted(option.name for option in given)


def test_sources_are_numbered_as_first_met_and_only_shown_ones_are_listed(view: AnswerView) -> None:
    assert view.sources == ((1, "Source label"), (2, "Source guide"), (3, "Source paper"))
    first = view.sections[0].entries[0]
    assert [(r.effect, r.refs) for r in first.reasons] == [("cautions", (1, 2)), ("favours", (2,))]


def test_findings_that_read_alike_share_a_line(view: AnswerView) -> None:
    rejected = view.sections[-1].entries
    assert [entry.name for entry in rejected] == ["zeta", "surgery"]
    assert [(r.code, r.text, r.refs) for r in rejected[0].reasons] == [("prior-failure", "Failed in line 1.", (2, 3))]


def test_the_page_as_it_is_printed(view: AnswerView) -> None:
    assert set_answer(view, Page(width=72)) == PAGE


PAGE = """\
made-up-1 · Second line failed
Made-up disease · goal: control

Options  2
  1 alpha/boost  active
      ! drug-drug-interaction: Separate from calcium by 2 h. [1] [2]
      + genetic-barrier: High barrier. [2]
  2 beta  active

Partly active  1
    gamma  partial
      - resistance-mutation (partial): Score 30.

Regimens  1
  1 alpha + beta  active
      alpha/boost + beta
      current indication · 2 active · doses a day: 1
      * no other regimen is better in one respect and worse in none
    two drugs: 12 combinations, 1 shown

Other treatment  1
  1 counselling  active

To do  1
    repeat the test
      Refill says 0.5.

To watch  1
    nephrotoxicity
      with beta

Not known, and it would matter  1
    gene X
      would change: beta, gamma

Kept although inactive  1
    delta  retained
      - resistance-mutation (full): Score 60. [2]
      = fitness-cost: Keeps the mutant weak. [3]

Regimens that fall  1
    ABC  excluded
      remains: alpha/boost + beta
      x component-lost: zeta is excluded. [2]

Not active  1
    epsilon  not-active
      - cross-resistance: As delta. [3]

Rejected  2
    zeta  excluded
      x prior-failure: Failed in line 1. [2] [3]
    surgery  excluded

x excludes  - inactivates  = retains  ! cautions  + favours

Sources
 [1] Source label
 [2] Source guide
 [3] Source paper

For research and education only: not medical advice. Options, rejections
and warnings follow from the knowledge version named here and from what
the case states; a specialist decides.
Knowledge 2026-01-02 of 2026-01-02, sha256 0123456789ab
"""


@pytest.mark.parametrize("width", [30, 40, 60, 100, 200])
def test_no_line_is_wider_than_the_terminal(view: AnswerView, width: int) -> None:
    text = set_answer(view, Page(width=width))
    assert max(map(len, text.splitlines())) <= width
    assert "".join(text.split()).count("Separatefromcalciumby2h.") == 1, "nothing is cut off"


def test_colour_changes_nothing_but_colour(view: AnswerView) -> None:
    plain, coloured = set_answer(view, Page(80)), set_answer(view, Page(80, colour=True))
    assert "\x1b[" not in plain
    assert "\x1b[32m" in coloured
    assert ANSI.sub("", coloured).split() == plain.split()


def test_text_of_a_case_cannot_steer_the_terminal(answer: Answer) -> None:
    case = Case(id="made-up-1", disease="Made-up disease", title="\x1b]0;owned\x07 [bold]x[/bold]\nnext")
    text = set_answer(build_view(answer, case, cite), Page(100))
    assert not set(text) & {"\x1b", "\x07"}
    assert "[bold]x[/bold] next" in text.splitlines()[0]


def test_markdown_has_heads_reasons_and_sources(view: AnswerView) -> None:
    text = write_answer(view)
    assert text.startswith("## made-up-1 · Second line failed\n")
    assert (
        "\n### Rejected\n\n- **zeta** (excluded)\n  - excludes (prior-failure): Failed in line 1. \\[2\\] \\[3\\]\n"
        in text
    )
    assert "\n1. **alpha/boost** (active)\n   - cautions" in text
    assert "- \\[3\\] Source paper\n" in text


def test_markdown_shows_signs_as_they_are(answer: Answer) -> None:
    case = Case(id="a", disease="HLA-B*57:01 *x* <b>", title="")
    assert "HLA-B\\*57:01 \\*x\\* \\<b\\>" in write_answer(build_view(answer, case, cite))


def test_rows_hold_every_finding_once(answer: Answer) -> None:
    rows = list(csv.DictReader(io.StringIO(dump_csv(ANSWER_COLUMNS, answer_rows(answer)))))
    findings = [f for option in [*answer.agents, *answer.modalities, *answer.regimens] for f in option.findings]
    assert len([row for row in rows if row["effect"]]) == len(findings)
    assert {row["kind"] for row in rows} == {"agent", "regimen", "modality", "action", "warning", "missing"}
    first = rows[0]
    assert (first["id"], first["rank"], first["sources"]) == ("drug:alpha-boost", "1", "source:guide")
    assert all(None not in row and None not in row.values() for row in rows)


@pytest.mark.parametrize(("number", "lines"), [(1, 1), (4, 4), (5, 4), (40, 4)])
def test_of_many_reasons_alike_a_few_are_shown_and_the_rest_counted(
    answer: Answer, case: Case, number: int, lines: int
) -> None:
    first = answer.agents[1]
    like = answer.agents[0].findings[1]
    many = tuple(like.model_copy(update={"text": f"pair {n}"}) for n in range(number))
    busy = answer.model_copy(update={"agents": (first.model_copy(update={"findings": many}),)})
    reasons = build_view(busy, case, cite).sections[0].entries[0].reasons
    assert len(reasons) == lines
    assert ("and" in reasons[-1].text) is (number > 4)
    if number > 4:
        assert reasons[-1].text.startswith(f"and {number - 3} more")
        assert reasons[-1].refs == (1, 2)
