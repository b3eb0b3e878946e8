"""Checks of what the tables say of regimens."""

from __future__ import annotations

from collections.abc import Iterator

from kg_builder.issues import Issue, Severity
from kg_builder.knowledge.knowledge import Knowledge
from kg_builder.knowledge.resolve import ResolvedRow


def check_regimens(knowledge: Knowledge) -> Iterator[Issue]:
    """Yield what is at fault: kept components that are none, uses without source, regimens that nothing uses."""
    indicated = {row.refs["agent"][0] for row in knowledge.rows("indications")}
    for row in knowledge.rows("regimens"):
        others = [c for c in row.refs.get("retained", ()) if c not in row.refs["components"]]
        if others:
            message = f"{', '.join(others)}: kept, but no component"
            yield _issue(row, "K022", "retained", message, "name it among the components too")
        if row.refs.get("diseases") and not row.refs.get("source"):
            yield _issue(row, "K023", "source", "a use without a source", "name what `diseases` rests on")
        if not row.refs.get("diseases") and row.id not in indicated:
            hint = "add an indication, or the disease"
            yield _issue(row, "K024", "diseases", f"nothing says in which disease {row.id} is used", hint, "warning")


def _issue(row: ResolvedRow, code: str, column: str, message: str, hint: str, severity: Severity = "error") -> Issue:
    return Issue(row.read.path, row.read.line, column, code, message, hint, severity)
