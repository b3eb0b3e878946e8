"""Answers, tables and proofs as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kg_builder.derivation.proof import ProofNode
from kg_builder.render.text import escape_markdown, format_cell
from kg_builder.render.view import AnswerView, Entry
from kg_builder.vocabulary import compact


def write_answer(view: AnswerView) -> str:
    """Return an answer as a Markdown document of its own, headings from level 2 (cases follow each other)."""
    lines = [f"## {escape_markdown(view.title)}", "", escape_markdown(view.subject), ""]
    for section in view.sections:
        lines += [f"### {section.title}", ""]
        if not section.entries:
            lines += ["None: nothing that the knowledge lists for this disease is active.", ""]
        for entry in section.entries:
            lines += _entry(entry)
        if section.entries and section.notes:
            lines += ["", *(f"{escape_markdown(note)}  " for note in section.notes)]
        if section.entries:
            lines.append("")
    if view.sources:
        lines += ["### Sources", "", *(f"- \\[{n}\\] {escape_markdown(text)}" for n, text in view.sources), ""]
    lines += [f"*{escape_markdown(view.notice)}*", "", view.knowledge, ""]
    return "\n".join(lines)


def _entry(entry: Entry) -> Iterator[str]:
    rank = f"{entry.rank}. " if entry.rank is not None else "- "
    status = f" ({entry.status})" if entry.status else ""
    yield f"{rank}**{escape_markdown(entry.name)}**{status}"
    indent = " " * len(rank)
    for text in entry.texts:
        yield f"{indent}- {escape_markdown(text)}"
    for reason in entry.reasons:
        degree = f", {reason.degree}" if reason.degree else ""
        refs = "".join(f" \\[{number}\\]" for number in reason.refs)
        yield f"{indent}- {reason.effect} ({reason.code}{degree}): {escape_markdown(reason.text)}{refs}"


def write_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> str:
    """Return rows as a Markdown table.

    >>> print(write_table(["drug", "score"], [("a|b", 15.0)]), end="")
    | drug | score |
    | --- | --- |
    | a\\|b | 15 |
    """
    lines = [f"## {escape_markdown(title)}", ""] if title else []
    for row in (columns, ["---"] * len(columns)):
        lines.append("| " + " | ".join(row) + " |")
    lines += ["| " + " | ".join(escape_markdown(format_cell(cell)) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def write_proof(root: ProofNode) -> str:
    """Return a proof as a nested list."""
    return "".join(_proof_lines(root, 0))


def _proof_lines(node: ProofNode, depth: int) -> Iterator[str]:
    rule = f" (rule `{node.rule}`)" if node.rule else ""
    above = " (shown above)" if node.repeated else ""
    yield f"{'  ' * depth}- {node.kind}: {escape_markdown(node.text)} `{compact(node.iri)}`{rule}{above}\n"
    for premise in node.premises:
        yield from _proof_lines(premise, depth + 1)
