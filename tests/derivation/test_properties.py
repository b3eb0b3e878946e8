"""What must hold for any knowledge and case: more resistance never helps, the unrelated and order change nothing.

The knowledge is small and random, written as tables and assembled as a release is; so are the cases.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, reduce
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from kg_builder.derivation.answer import Answer
from kg_builder.derivation.case import read_case
from kg_builder.derivation.prepare import prepare_case
from kg_builder.graph.release import assemble
from kg_builder.graph.store import Manifest
from kg_builder.knowledge.rows import TABLES, columns
from kg_builder.knowledge_graph import KnowledgeGraph

CORE = Path(__file__).parents[2] / "ontology" / "core"
DRUGS = ("ada", "bet", "cid", "dor", "eve")
#: Class of each drug: two share one, two another, the last has none.
CLASSES = {"ada": "ones", "bet": "ones", "cid": "twos", "dor": "twos"}
#: Drugs that the algorithm scores, each by a code of its own; one gene, read whole, speaks for both.
CODES = {"ada": "A", "cid": "C"}
MARKERS = ("G:A1V", "G:C2W", "G:D3Y", "G:E4K", "H:M1V")
COMORBIDITIES = ("ache", "burn")
NOBODY = "stranger"
Row = dict[str, str]
DAY = {"source": "source:s", "curator": "test", "date": "2026-01-31"}


@dataclass(frozen=True)
class Tables:
    """Claims by table, each row a dict of cells."""

    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

    def add(self, table: str, row: Row) -> Tables:
        """Return the tables with one more row."""
        return Tables((*self.rows, (table, tuple(sorted(row.items())))))

    def change(self, place: int, **cells: str) -> Tables:
        """Return the tables with some cells of one row changed."""
        table, row = self.rows[place]
        changed = (table, tuple(sorted({**dict(row), **cells}.items())))
        return replace(self, rows=(*self.rows[:place], changed, *self.rows[place + 1 :]))

    def of(self, table: str) -> list[tuple[int, Row]]:
        """Return the rows of one table with their places."""
        return [(i, dict(row)) for i, (name, row) in enumerate(self.rows) if name == table]


def term(prefix: str, label: str, **cells: str) -> Row:
    return {"id": f"{prefix}:{label}", "label": label, "definition": f"Made up: {label}.", **cells}


def base_rows() -> dict[str, list[Row]]:
    """Return the terms that every random world has."""
    drugs = [
        term("drug", name, classes=CLASSES.get(name, ""), codes=f"drugcode:{CODES[name]}" if name in CODES else "",
             tested_by="G" if name in CODES else "")
        for name in (*DRUGS, NOBODY)
    ]  # fmt: skip
    levels = (
        ("1", "S", "-1000000", "9", "none"),
        ("2", "I", "10", "29", "partial"),
        ("3", "R", "30", "1000000", "full"),
    )
    return {
        "terms": [
            term("disease", "illness"), term("disease", "otherness"), term("role", "mover"),
            term("mode", "returned", traits="test-overrides-history"), term("mode", "stubborn"),
            *(term("comorbidity", name) for name in COMORBIDITIES),
            *(term("evidence", name, order=str(i)) for i, name in enumerate("ABCD", 1)),
        ],
        "sources": [
            {"id": "source:s", "title": "s", "kind": "guideline", "body": "b", "year": "2024"},
            {"id": "source:d", "title": "d", "kind": "data set", "body": "b", "year": "2024", "version": "1"},
        ],
        "genes": [term("gene", "G", reported_whole="yes"), term("gene", "H")],
        "classes": [term("class", "ones"), term("class", "twos")],
        "drugs": [*drugs, term("drug", "push", roles="mover")],
        "algorithms": [term("algorithm", "alg", version="1", released="2026-01-31", source="source:d", current="yes")],
        "drugcodes": [
            {"id": f"drugcode:{code}", "label": code, "algorithm": "alg", "gene": "G", "order": str(i)}
            for i, code in enumerate(sorted(CODES.values()), 1)
        ],
        "levels": [
            {"id": f"level:{i}", "algorithm": "alg", "order": i, "label": f"L{i}", "sir": sir, "minimum": low,
             "maximum": high, "degree": degree}
            for i, sir, low, high, degree in levels
        ],
        "indications": [
            {"id": f"claim:use-{name}", "agent": name, "disease": "illness", "status": "current", "evidence": "A"} | DAY
            for name in DRUGS
        ],
    }  # fmt: skip


def build(tables: Tables, *, shuffle: int | None = None) -> KnowledgeGraph:
    """Return the knowledge graph of some tables; ``shuffle`` puts its statements into another order."""
    quads, manifest = _assemble(tables)
    if shuffle is not None:
        quads = random.Random(shuffle).sample(quads, len(quads))
    store = ox.Store()
    store.extend(quads)
    return KnowledgeGraph(store, manifest)


@cache
def _assemble(tables: Tables) -> tuple[list[ox.Quad], Manifest]:
    found = base_rows()
    for number, (table, row) in enumerate(tables.rows):
        found.setdefault(table, []).append({"id": f"claim:r{number:02}", **DAY, **dict(row)})
    with tempfile.TemporaryDirectory() as folder:
        for table, rows in found.items():
            head = columns(TABLES[table])
            lines = ["\t".join(row.get(column, "") for column in head) for row in sorted(rows, key=lambda r: r["id"])]
            text = "\n".join(["\t".join(head), *lines]) + "\n"
            (Path(folder) / f"{table}.tsv").write_text(text, encoding="utf-8")
        done = assemble(Path(folder), CORE)
    return done.quads, Manifest.model_construct(version="1", built="2026-01-31", sha256="0" * 64)


# --- random knowledge and random cases ---------------------------------------------------------------

drugs = st.sampled_from(DRUGS)
agents = st.sampled_from((*DRUGS, "ones", "twos"))
markers = st.sampled_from(MARKERS)
facts = st.one_of(
    markers.map(lambda m: f"marker {m}"),
    st.sampled_from(COMORBIDITIES).map(lambda c: f"comorbidity {c}"),
    st.sampled_from(COMORBIDITIES).map(lambda c: f"not comorbidity {c}"),
)
conditions = st.lists(facts, max_size=2, unique_by=lambda c: c.split()[-1]).map("; ".join)
marked = st.tuples(markers, conditions).filter(lambda t: t[0] not in t[1]).map(
    lambda t: "; ".join(filter(None, (f"marker {t[0]}", t[1])))
)  # fmt: skip

resistances = st.fixed_dictionaries(
    {"agent": agents, "degree": st.sampled_from(("partial", "full")), "conditions": marked}
)
scores = st.fixed_dictionaries(
    {
        "code": st.sampled_from(sorted(CODES.values())),
        "score": st.integers(-20, 60).map(str),
        "group": st.sampled_from("123"),
        "conditions": marked,
        "source": st.just("source:d"),
    }
)
others: dict[str, st.SearchStrategy[Row]] = {
    "cross_resistances": st.fixed_dictionaries(
        {
            "failed": agents,
            "agent": drugs,
            "likelihood": st.sampled_from(("observed", "expected", "possible")),
            "conditions": conditions,
        }
    ),
    "same_targets": st.fixed_dictionaries({"failed": agents, "agent": drugs, "conditions": conditions}),
    "sensitivities": st.fixed_dictionaries({"agent": drugs, "conditions": marked}),
    "retentions": st.fixed_dictionaries({"agent": drugs, "conditions": conditions}),
    "rechallenges": st.fixed_dictionaries({"agent": drugs, "conditions": conditions}),
    "interactions": st.fixed_dictionaries(
        {"agent": agents, "precipitant": st.just("mover"), "effect": st.sampled_from(("excludes", "cautions", "none"))}
    ),
    "constraints": st.fixed_dictionaries(
        {
            "agent": agents,
            "reason": st.just("toxicity-overlap"),
            "effect": st.sampled_from(("excludes", "cautions", "none")),
            "conditions": conditions.filter(bool),
        }
    ),
    "preferences": st.sampled_from([(a, b) for i, a in enumerate(DRUGS) for b in DRUGS[i + 1 :]]).map(
        lambda pair: {"agent": pair[0], "over": pair[1]}
    ),
    "barriers": st.fixed_dictionaries({"agent": drugs, "barrier": st.sampled_from(("low", "intermediate", "high"))}),
}
a_claim = st.one_of(
    st.tuples(st.just("resistances"), resistances),
    st.tuples(st.just("scores"), scores),
    *(st.tuples(st.just(name), rows) for name, rows in others.items()),
)


def _as_tables(claims: Iterable[tuple[str, Row]]) -> Tables:
    tables = Tables(())
    seen = set()
    for table, row in claims:
        key = (
            table,
            *sorted((k, v) for k, v in row.items() if k not in ("degree", "score", "effect", "likelihood", "barrier")),
        )
        if key not in seen:
            seen.add(key)
            tables = tables.add(table, row)
    return tables


knowledge = st.lists(a_claim, min_size=3, max_size=9).map(_as_tables)


@st.composite
def raw_cases(draw: st.DrawFn) -> dict[str, Any]:
    """Return a case as JSON would give it."""
    some = st.lists(drugs, min_size=1, max_size=3, unique=True)
    return {
        "id": "case",
        "disease": "illness",
        "failure": {
            "mode": draw(st.sampled_from(("returned", "stubborn"))),
            "failed_regimens": draw(st.lists(some, max_size=2)),
        },
        "findings": {
            "alterations": draw(st.lists(markers, max_size=4, unique=True)),
            "susceptibility": {d: draw(st.sampled_from("SIR")) for d in draw(st.one_of(st.just([]), some))},
            "sequenced": draw(st.sampled_from(([], ["H"], ["G", "H"]))),
        },
        "patient": {
            "comorbidities": draw(st.lists(st.sampled_from(COMORBIDITIES), unique=True)),
            "comedications": draw(st.sampled_from(([], ["push"], ["push", NOBODY]))),
        },
    }


few = settings(
    max_examples=8, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)  # fmt: skip


def answer(kg: KnowledgeGraph, data: dict[str, Any]) -> Answer:
    return kg.options(read_case(data, path="case"))


def activity(kg: KnowledgeGraph, data: dict[str, Any]) -> dict[str, int]:
    """Return how active each drug is: 2 in full, 1 in part, 0 not to be counted on, whatever the reason."""
    return {o.name: {"active": 2, "partial": 1}.get(o.status, 0) for o in answer(kg, data).agents}


def grown(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: level for name, level in after.items() if level > before.get(name, 2)}


# --- more resistance never helps ---------------------------------------------------------------------


@pytest.mark.slow
@few
@given(knowledge, resistances.map(lambda row: {**row, "degree": "full"}), raw_cases())
def test_a_claim_of_full_resistance_makes_no_drug_more_active(tables: Tables, claim: Row, data: dict[str, Any]) -> None:
    before, after = build(tables), build(tables.add("resistances", claim))
    assert not grown(activity(before, data), activity(after, data))


@pytest.mark.slow
@few
@given(knowledge, resistances.map(lambda row: {**row, "degree": "partial"}), raw_cases())
def test_a_claim_of_partial_resistance_makes_no_drug_more_active(
    tables: Tables, claim: Row, data: dict[str, Any]
) -> None:
    """Apart from the exception to a wider claim: a narrower claim of a lesser degree is meant to take its place."""
    assume(not any(row["degree"] == "full" for _, row in tables.of("resistances")))
    before, after = build(tables), build(tables.add("resistances", claim))
    assert not grown(activity(before, data), activity(after, data))


@pytest.mark.slow
@few
@given(st.lists(scores, min_size=1, max_size=4), knowledge, st.integers(0, 3), st.integers(1, 80), raw_cases())
def test_a_raised_score_makes_no_drug_more_active(
    items: list[Row], tables: Tables, pick: int, more: int, data: dict[str, Any]
) -> None:
    tables = _as_tables([*(("scores", item) for item in items), *((t, dict(r)) for t, r in tables.rows)])
    scored = tables.of("scores")
    place, row = scored[pick % len(scored)]
    before, after = build(tables), build(tables.change(place, score=str(int(row["score"]) + more)))
    assert not grown(activity(before, data), activity(after, data))


def test_the_properties_can_fail() -> None:
    """A mutation may make a drug more active, and so may a narrower claim: the worlds here are able to show it."""
    item = {"code": "A", "group": "1", "score": "40", "conditions": "marker G:A1V", "source": "source:d"}
    lowering = {"code": "A", "group": "2", "score": "-20", "conditions": "marker G:C2W", "source": "source:d"}
    tables = Tables(()).add("scores", item).add("scores", lowering)
    data = {"id": "c", "disease": "illness", "findings": {"alterations": ["G:A1V"]}}
    more = {**data, "findings": {"alterations": ["G:A1V", "G:C2W"]}}
    kg = build(tables)
    assert grown(activity(kg, data), activity(kg, more)) == {"ada": 1}
    wide = {"agent": "ones", "degree": "full", "conditions": "marker G:A1V"}
    narrow = {"agent": "bet", "degree": "partial", "conditions": "marker G:A1V"}
    before, after = (build(t) for t in (Tables(()).add("resistances", wide),
                                        Tables(()).add("resistances", wide).add("resistances", narrow)))  # fmt: skip
    assert grown(activity(before, data), activity(after, data)) == {"bet": 1}


# --- the unrelated changes nothing -------------------------------------------------------------------


def elsewhere(agent: str) -> tuple[str, Row]:
    """Return an indication for another disease: only of what is used somewhere may resistance be told."""
    return "indications", {"agent": agent, "disease": "otherness", "status": "current", "evidence": "A"}


alone = st.one_of(
    st.tuples(st.just("constraints"), others["constraints"].map(lambda row: {**row, "agent": NOBODY})),
    st.tuples(st.just("interactions"), others["interactions"].map(lambda row: {**row, "agent": NOBODY})),
    st.tuples(st.just("barriers"), others["barriers"].map(lambda row: {**row, "agent": NOBODY})),
    st.tuples(st.just("preferences"), st.just({"agent": NOBODY, "over": "ones"})),
    st.tuples(st.just("cross_resistances"), others["cross_resistances"].map(lambda r: {**r, "failed": NOBODY})),
    st.just(elsewhere(NOBODY)),
)
unrelated = st.one_of(
    alone.map(lambda claim: [claim]),
    resistances.map(lambda row: [elsewhere(NOBODY), ("resistances", {**row, "agent": NOBODY})]),
    resistances.map(lambda row: [elsewhere(row["agent"]), ("resistances", {**row, "conditions": "disease otherness"})]),
)


@pytest.mark.slow
@few
@given(knowledge, unrelated, raw_cases())
def test_an_unrelated_claim_changes_nothing(
    tables: Tables, claims: list[tuple[str, Row]], data: dict[str, Any]
) -> None:
    more = reduce(lambda known, claim: known.add(*claim), claims, tables)
    one, other = (answer(build(t), data).model_dump(exclude={"knowledge"}) for t in (tables, more))
    assert one == other


# --- order never matters -------------------------------------------------------------------------------


def said(found: Answer) -> dict[str, Any]:
    """Return what an answer says without naming facts by their places."""
    return {
        o.name: (o.status, o.rank, sorted((f.code, f.effect, str(f.degree), f.rule, f.sources) for f in o.findings))
        for o in (*found.agents, *found.modalities)
    }


@pytest.mark.slow
@few
@given(knowledge, raw_cases(), st.integers(0, 10**6))
def test_the_order_of_what_is_given_does_not_matter(tables: Tables, data: dict[str, Any], seed: int) -> None:
    order = random.Random(seed)

    def mix(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: mix(value[k]) for k in order.sample(sorted(value), len(value))}
        if isinstance(value, list) and not (value and isinstance(value[0], list)):
            return order.sample(value, len(value))
        return [mix(item) for item in value] if isinstance(value, list) else value

    kg = build(tables)
    mixed = mix(data)
    assert said(answer(kg, data)) == said(answer(kg, mixed))
    # regimens keep their order, statements of the knowledge have none
    assert answer(build(tables, shuffle=seed), data) == answer(kg, data)


# --- options alone are as those of the whole answer ----------------------------------------------------


@pytest.mark.slow
@few
@given(knowledge, raw_cases())
def test_options_derived_without_regimens_are_those_of_the_answer(tables: Tables, data: dict[str, Any]) -> None:
    kg = build(tables)
    case = read_case({**data, "id": "c"}, path="case")
    graph = kg._engine(case).derive_options(prepare_case(case, kg._context, path=case.id))
    found = kg.options(case)
    expected = {o.iri: o.status for o in (*found.agents, *found.modalities)}
    assert {a: s for a, (s, _) in graph.statuses.items() if a in expected} == expected
    reasons = {o.iri: sorted(f.iri for f in o.findings) for o in (*found.agents, *found.modalities)}
    assert {a: sorted(f.iri for f in graph.findings.get(a, ())) for a in reasons} == reasons
