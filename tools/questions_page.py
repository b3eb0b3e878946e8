"""Write docs/questions.md from the headers of queries/ask; only the example calls are the page's own.

``python tools/questions_page.py`` writes the page anew and keeps the calls. A new question gets a call without
parameters, to be completed by hand; tests run every call.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from kg_builder.ask import QueryFile, load_catalogue

ROOT = Path(__file__).parents[1]
ASK = ROOT / "queries" / "ask"
PAGE = ROOT / "docs" / "questions.md"
CALL = "salvage-kg ask "

#: The first tag of a question is its theme.
THEMES = {
    "treatment": "What can be given, and when",
    "resistance": "Resistance",
    "testing": "What to test",
    "safety": "Safety and interactions",
    "drugs": "Drugs and classes",
    "evidence": "Evidence, sources and curation",
}
HEAD = """# Questions

The catalogue of `queries/ask`: each is SPARQL 1.1 with parameters, answered by `salvage-kg ask NAME`, by
`KnowledgeGraph.ask`, or by any SPARQL server as it stands. A parameter left out means all. Terms are given by
label, synonym or CURIE; an unknown name is told with the nearest. `--format json` gives CURIEs and units.
"""


def read_calls(page: str) -> dict[str, str]:
    """Return question → example call, in the order of the page."""
    calls = [line for line in page.splitlines() if line.startswith(CALL)]
    return {shlex.split(call)[2]: call for call in calls}


def read_params(call: str) -> dict[str, str]:
    """Return the parameters of an example call.

    >>> read_params('salvage-kg ask drugs-of-a-class -p "class=a b" -p x=1')
    {'class': 'a b', 'x': '1'}
    """
    words = shlex.split(call)[3:]
    return dict(word.split("=", 1) for word in words if word not in ("-p", "--param"))


def render_page(catalogue: Mapping[str, QueryFile], calls: Mapping[str, str]) -> str:
    """Return the page: themes, and under each its questions by name."""
    parts = [HEAD]
    for theme, title in THEMES.items():
        parts.append(f"## {title}\n")
        for name, query in sorted(catalogue.items()):
            if query.header.tags[0] == theme:
                parts.append(render_question(query, calls.get(name, f"{CALL}{name}")))
    return "\n".join(parts)


def render_question(query: QueryFile, call: str) -> str:
    """Return the section of a question: summary, parameters, columns, an example call."""
    header = query.header
    params = [f"- `{p.name}` ({p.type.replace('|', ', ')}): {p.doc}" for p in header.params]
    columns = ", ".join(f"`{r.name}`" for r in header.returns)
    lines = [f"### {header.id}", "", header.summary, "", *params, *([""] if params else [])]
    return "\n".join([*lines, f"Columns: {columns}", "", "```", call, "```", ""])


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    PAGE.write_text(render_page(load_catalogue(ASK), read_calls(text)), encoding="utf-8")
