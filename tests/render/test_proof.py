"""A proof as a tree, as Markdown and as Turtle."""

from __future__ import annotations

import pyoxigraph as ox

from kg_builder.derivation.proof import ProofNode
from kg_builder.render.console import Page
from kg_builder.render.markdown import write_proof
from kg_builder.render.proof import set_proof, write_turtle
from kg_builder.vocabulary import BASE, SV

TREE = """\
status alpha is excluded  status:excluded
├ finding resistant  by 36-x  finding:f1
│ ├ claim Alpha selects M1  claim:c1
│ │ └ source A guideline, 2024  source:guide
│ └ fact alteration M1  case:made-up-1#/findings/alterations/0
└ claim Alpha selects M1  claim:c1  (shown above)
"""

LIST = """\
- status: alpha is excluded `status:excluded`
  - finding: resistant `finding:f1` (rule `36-x`)
    - claim: Alpha selects M1 `claim:c1`
      - source: A guideline, 2024 `source:guide`
    - fact: alteration M1 `case:made-up-1#/findings/alterations/0`
  - claim: Alpha selects M1 `claim:c1` (shown above)
"""


def test_a_tree_shows_what_each_step_rests_on(proof: ProofNode) -> None:
    assert set_proof(proof, Page(80)) == TREE


def test_a_narrow_tree_wraps_and_cuts_nothing_off(proof: ProofNode) -> None:
    text = set_proof(proof, Page(36))
    assert max(map(len, text.splitlines())) <= 36
    assert "(shown above)" in text


def test_a_deep_tree_is_no_matter() -> None:
    node = ProofNode(iri=f"{BASE}source/s", kind="source", text="bottom")
    for depth in range(60):
        node = ProofNode(iri=f"{BASE}finding/{depth}", kind="finding", text=f"step {depth}", premises=(node,))
    lines = set_proof(node, Page(80)).splitlines()
    assert len(lines) == 61
    assert lines[-1] == 59 * "  " + "└ source bottom  source:s"


def test_markdown_is_a_nested_list(proof: ProofNode) -> None:
    assert write_proof(proof) == LIST


def test_turtle_says_what_rests_on_what(proof: ProofNode) -> None:
    triples = {quad.triple for quad in ox.parse(write_turtle(proof), format=ox.RdfFormat.TURTLE)}
    because = {
        (t.subject.value, t.object.value)
        for t in triples
        if t.predicate.value == SV + "because"
        and isinstance(t.subject, ox.NamedNode)
        and isinstance(t.object, ox.NamedNode)
    }
    assert because == {
        (f"{BASE}status/excluded", f"{BASE}finding/f1"),
        (f"{BASE}status/excluded", f"{BASE}claim/c1"),
        (f"{BASE}finding/f1", f"{BASE}claim/c1"),
        (f"{BASE}finding/f1", f"{BASE}case/made-up-1#/findings/alterations/0"),
        (f"{BASE}claim/c1", f"{BASE}source/guide"),
    }
    assert write_turtle(proof) == write_turtle(proof)


def test_a_step_named_by_a_hash_shows_its_text_or_its_sort() -> None:
    iri = f"{BASE}meeting/{32 * 'a'}"
    assert set_proof(ProofNode(iri=iri, kind="meeting", text="eGFR is 20"), Page(80)) == "meeting eGFR is 20\n"
    assert set_proof(ProofNode(iri=iri, kind="term", text=iri), Page(80)) == "term meeting\n"
