"""docs/questions.md says what the query files say, and shows how each question is asked."""

from __future__ import annotations

from types import ModuleType


def test_every_question_has_a_theme(page: ModuleType) -> None:
    themes = {name: query.header.tags[0] for name, query in page.load_catalogue(page.ASK).items()}
    assert set(themes.values()) == set(page.THEMES), themes


def test_the_page_is_what_the_headers_say(page: ModuleType) -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    expected = page.render_page(page.load_catalogue(page.ASK), page.read_calls(text))
    assert text == expected, "run: python tools/questions_page.py"


def test_example_calls_use_the_parameters(page: ModuleType) -> None:
    catalogue = page.load_catalogue(page.ASK)
    calls = page.read_calls(page.PAGE.read_text(encoding="utf-8"))
    assert sorted(calls) == sorted(catalogue)
    for name, call in calls.items():
        declared = {param.name for param in catalogue[name].header.params}
        assert set(page.read_params(call)) <= declared, call
        assert not declared or page.read_params(call), f"{name}: the example shows no parameter"
