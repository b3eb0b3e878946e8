"""Set things in type for a terminal: colour or none, any width, hanging lines, hardly a ruled line."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import Box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kg_builder.render.text import clean, format_cell
from kg_builder.render.view import AnswerView, Entry, Section

_RULE_UNDER_HEAD = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)

_STATUS = {"active": "green", "partial": "yellow", "retained": "cyan", "not-active": "bright_black", "excluded": "red"}
#: sign and style of an effect; the signs alone must do where there is no colour
_EFFECT = {
    "excludes": ("x", "red"),
    "inactivates": ("-", "red"),
    "retains": ("=", "cyan"),
    "cautions": ("!", "yellow"),
    "favours": ("+", "green"),
}
LEGEND = "x excludes  - inactivates  = retains  ! cautions  + favours"


@dataclass(frozen=True, slots=True)
class Page:
    """Where text is set: number of columns, and whether there is colour."""

    width: int = 100
    colour: bool = False

    def set(self, *things: RenderableType, wrapped: bool = False) -> str:
        """Return the text of these things one below the other, without blanks at the end of lines.

        What is ``wrapped`` already is left as it is, be it wider than the page.
        """
        console = Console(
            file=io.StringIO(),
            width=max(self.width, 30),
            force_terminal=self.colour,
            no_color=not self.colour,
            color_system="standard" if self.colour else None,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )
        with console.capture() as capture:
            for thing in things:
                console.print(thing, crop=False, soft_wrap=wrapped)
        return "".join(line.rstrip() + "\n" for line in capture.get().splitlines())


def set_answer(view: AnswerView, page: Page) -> str:
    """Return an answer: head, sections, sources, notice."""
    parts: list[RenderableType] = [Text(view.title, "bold"), Text(view.subject)]
    for section in view.sections:
        parts += [Text(), _section(section)]
    if any(entry.reasons for section in view.sections for entry in section.entries):
        parts += [Text(), Text(LEGEND, "bright_black")]
    if view.sources:
        parts += [
            Text(),
            Text("Sources", "bold"),
            _hanging((f"[{n}]", "bright_black", Text(t)) for n, t in view.sources),
        ]
    parts += [Text(), Text(view.notice, "italic"), Text(view.knowledge, "bright_black")]
    return page.set(*parts)


def _section(section: Section) -> Group:
    head = Text().append(section.title, "bold")
    if not section.entries:
        return Group(
            head, Padding(Text("none: nothing that the knowledge lists for this disease is active"), (0, 0, 0, 2))
        )
    head.append(f"  {len(section.entries)}", "bright_black")
    notes = [Padding(Text(note, "bright_black"), (0, 0, 0, 4)) for note in section.notes]
    return Group(head, *(_entry(entry) for entry in section.entries), *notes)


def _entry(entry: Entry) -> Group:
    name = Text().append(entry.name, "bold" if entry.status in ("active", "partial", "retained") else "")
    if entry.status:
        name.append("  ").append(entry.status, _STATUS[entry.status])
    rank = f"{entry.rank:>2}" if entry.rank is not None else "  "
    parts: list[RenderableType] = [_hanging([(rank, "bold", name)])]
    if entry.texts:
        parts.append(Padding(Group(*(Text(text) for text in entry.texts)), (0, 0, 0, 6)))
    if entry.reasons:
        lines = []
        for reason in entry.reasons:
            sign, style = _EFFECT[reason.effect]
            line = Text().append(reason.code, style)
            if reason.degree:
                line.append(f" ({reason.degree})", style)
            line.append(f": {reason.text}")
            for number in reason.refs:
                line.append(f" [{number}]", "bright_black")
            lines.append((sign, style, line))
        parts.append(Padding(_hanging(lines), (0, 0, 0, 5)))
    return Group(*parts)


def _hanging(lines: Iterable[tuple[str, str, Text]]) -> Table:
    """Return lines with a mark before each, the text hanging beside it."""
    grid = Table.grid(padding=(0, 1), pad_edge=False)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold", ratio=1)
    for mark, style, text in lines:
        grid.add_row(Text(f" {mark}", style), text)
    return grid


def set_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], page: Page, *, title: str = "", note: str = ""
) -> str:
    """Return rows as a table: a line under the head and nothing more; numbers to the right."""
    listed = [list(row) for row in rows]
    table = Table(box=_RULE_UNDER_HEAD, show_edge=False, pad_edge=False, header_style="bold", padding=(0, 1))
    for index, column in enumerate(columns):
        cells = [row[index] for row in listed if row[index] is not None]
        numeric = bool(cells) and all(_is_number(cell) for cell in cells)
        table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        table.add_row(*(Text(clean(format_cell(cell))) for cell in row))
    parts: list[RenderableType] = [Text(title, "bold"), Text()] if title else []
    parts.append(table)
    if note:
        parts += [Text(), Text(note, "bright_black")]
    return page.set(*parts)


def _is_number(cell: object) -> bool:
    if isinstance(cell, bool):
        return False
    try:
        float(str(cell))
    except ValueError:
        return False
    return True
