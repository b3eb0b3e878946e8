"""What would change an answer, and what a choice leaves open, set for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kg_builder.derivation.answer import KnowledgeVersion
from kg_builder.derivation.plan import Choice, Plan
from kg_builder.derivation.whatif_answer import Alternative, NextTest, OptionThen, ResultOf, WhatIf
from kg_builder.render.console import Page, set_table
from kg_builder.render.text import clean

CHANGE_HEADS = ("if", "then usable", "then first", "lost")
TEST_HEADS = ("test", "options", "result", "what it does")
PLAN_HEADS = ("regimen", "rank", "selects", "left", "lost with it")
#: Names shown in one cell before the rest are only counted.
MOST_NAMES = 6


def set_what_if(found: WhatIf, page: Page) -> str:
    """Return what would change the answer to one case as tables."""
    title = f"{clean(found.case)} · first now: {', '.join(found.first) or 'none'}"
    parts = []
    if found.changes:
        parts.append(set_table(CHANGE_HEADS, map(_change_row, found.changes), page, title=title))
    else:
        parts.append(f"{title}\n\nNo change of what can change makes another option usable or first.\n")
    if found.tests:
        parts.append(set_table(TEST_HEADS, _test_rows(found.tests), page, title="Next tests"))
    parts.append(_foot(_reach(found), found.knowledge, found.notice, page))
    return "\n".join(parts)


def set_plan(plan: Plan, page: Page) -> str:
    """Return what each choice leaves open as a table, with what is assumed."""
    heads = (*PLAN_HEADS, "best next line") if plan.lines > 2 else PLAN_HEADS
    rows = [_plan_row(choice, plan.lines) for choice in plan.choices]
    shown = f"{plan.looked_at} of {plan.of} regimens" if plan.looked_at < plan.of else f"{plan.of} regimens"
    title = f"{clean(plan.case)} · {_count(plan.usable)} usable now · {shown}"
    table = set_table(heads, rows, page, title=title)
    assumed = "Assumed:\n" + "\n".join(f"- {text}" for text in plan.assumptions)
    return "\n".join([table, _foot(assumed, plan.knowledge, plan.notice, page)])


def _change_row(one: Alternative) -> tuple[object, ...]:
    first = ", ".join(f"{f.name} (was {f.was})" if f.was else f.name for f in one.first)
    return " and ".join(c.text for c in one.changes), _ranked(one.usable), first, _names(o.name for o in one.lost)


def _test_rows(tests: Iterable[NextTest]) -> Iterable[tuple[object, ...]]:
    for test in tests:
        for number, result in enumerate(test.results):
            head = (test.test, test.options) if number == 0 else ("", None)
            yield (*head, result.result, _effect(result))


def _effect(result: ResultOf) -> str:
    parts = (("frees", result.usable), ("loses", result.lost), ("changes", result.changed))
    return "; ".join(f"{word} {_names(names)}" for word, names in parts if names)


def _plan_row(choice: Choice, lines: int) -> tuple[object, ...]:
    row = (choice.name, choice.rank, _names(choice.selects), len(choice.left), _names(choice.lost))
    if lines <= 2:
        return row
    best = choice.then[0] if choice.then else None
    return (*row, f"{best.name} ({best.left} left)" if best else "none stands")


def _ranked(options: Sequence[OptionThen]) -> str:
    return _names(f"{o.name} ({o.was} → {o.rank})" if o.rank else f"{o.name} ({o.was})" for o in options)


def _names(names: Iterable[str]) -> str:
    listed = list(names)
    rest = len(listed) - MOST_NAMES
    return ", ".join(listed[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _count(options: Sequence[str]) -> str:
    return f"{len(options)} option{'' if len(options) == 1 else 's'}"


def _reach(found: WhatIf) -> str:
    searched = found.searched
    return (
        f"{searched.modifiable} single changes possible, {searched.derived} changed cases derived; complete up to "
        f"{searched.usable_complete_to} changes at once for what becomes usable, {searched.first_complete_to} for what "
        "becomes first."
    )


def _foot(text: str, version: KnowledgeVersion, notice: str, page: Page) -> str:
    from rich.text import Text

    knowledge = f"Knowledge {version.version} of {version.built}, sha256 {version.sha256[:12]}"
    return page.set(Text(text), Text(), Text(notice, "bright_black"), Text(knowledge, "bright_black"))
