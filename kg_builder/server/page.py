"""The page that a person sees who opens the server in a browser. It loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from kg_builder import __version__
from kg_builder.graph.store import Manifest
from kg_builder.server.limits import Limits
from kg_builder.server.questions import Question

#: Lets the page be styled and its forms be sent, and nothing else.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; }
h1 { margin-bottom: 0; } h2 { margin-top: 2rem; } code, textarea { font-family: ui-monospace, monospace; }
textarea { width: 100%; box-sizing: border-box; } table { border-collapse: collapse; }
td { padding: .2rem 1rem .2rem 0; vertical-align: top; } details { margin: .3rem 0; } label { display: block; }
input { min-width: 20rem; } .small { color: #555; }
"""
_PLACES = (
    ("/sparql", "SPARQL 1.1 endpoint: GET, or POST of a form or of a query; without a query it describes itself"),
    ("/ask", "the questions below as a list; <code>/ask/NAME?parameter=…</code> runs one"),
    ("/examples", "the same questions as example queries in RDF (SHACL)"),
    ("/.well-known/void", "description of the data set (VoID)"),
    ("/openapi.json", "what <code>/options</code>, <code>/susceptibility</code>, <code>/explain</code> and "
     "<code>/what-if</code> take and give: a case as JSON in, its answer as JSON out"),
    ("/health", "whether the server answers"),
)  # fmt: skip
_FIRST_QUERY = """PREFIX sv: <https://w3id.org/salvage-kg/ontology#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT ?class ?label (COUNT(?drug) AS ?drugs) WHERE {
  ?drug a sv:Drug ; sv:memberOf ?class .
  ?class rdfs:label ?label .
} GROUP BY ?class ?label ORDER BY DESC(?drugs) LIMIT 20"""


def write_page(manifest: Manifest, questions: Iterable[Question], limits: Limits) -> bytes:
    """Return the page as HTML in UTF-8."""
    places = "".join(f'<tr><td><a href="{path}">{path}</a></td><td>{text}</td></tr>' for path, text in _PLACES)
    asked = "".join(map(_question, questions))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>salvage-kg</title><style>{_STYLE}</style></head><body>
<h1>salvage-kg</h1>
<p>What can still work after treatment has failed, why, and on whose word.</p>
<p><strong>For research and education only: not medical advice.</strong></p>
<p class="small">Knowledge {escape(manifest.version)}, {sum(manifest.quads.values()):,} statements,
{sum(manifest.claims.values()):,} claims, sha256 <code>{escape(manifest.sha256)}</code>. Program {__version__}.</p>
<h2>What is here</h2><table>{places}</table>
<h2>Ask in SPARQL</h2>
<form action="/sparql" method="get"><textarea name="query" rows="9" aria-label="query">{escape(_FIRST_QUERY)}</textarea>
<p><button>Ask</button> <span class="small">at most {limits.seconds:g} seconds, {limits.rows:,} rows</span></p></form>
<h2>Questions</h2>{asked}
</body></html>
""".encode()


def _question(question: Question) -> str:
    head = question.file.header
    fields = "".join(
        f'<label>{escape(param.name)} <input name="{escape(param.name)}" maxlength="200"> '
        f'<span class="small">{escape(param.doc)}</span></label>'
        for param in head.params
    )
    form = f'<form action="/ask/{escape(head.id)}" method="get">{fields}<button>Ask</button></form>'
    return f"<details><summary><code>{escape(head.id)}</code> {escape(head.summary)}</summary>{form}</details>"
