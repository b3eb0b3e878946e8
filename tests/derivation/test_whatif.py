"""What would change the answer: smallest changes, equal to trying everything; every one of them derived."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from kg_builder.derivation.case import Case, read_case
from kg_builder.derivation.changes import Move
from kg_builder.derivation.levers import PLAIN, YIELDS, Levers, read_yielding
from kg_builder.derivation.prepare import prepare_case
from kg_builder.derivation.whatif import Deriver, Search, is_within, open_case, what_if
from kg_builder.derivation.whatif_answer import WhatIf
from kg_builder.graph.release import assemble
from kg_builder.issues import CaseError, QueryError, TableError
from kg_builder.knowledge_graph import KnowledgeGraph
from kg_builder.vocabulary import compact

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SHARED = Path(os.environ.get("SALVAGE_KG_DATA", ROOT.parent / "shared" / "data")).parent / "cases" / "open.jsonl"

HEAD = ["id", "label", "synonyms", "definition", "kind", "terms", "change", "obtain", "step", "diseases", "words"]
MODIFIABLES = [
    "comedication||remove||||stop {}",
    "comorbidity|weakness|remove||||{} ends",
    "gene||add||||{} read",
    "marker||add||||{} found",
    "measurement|eGFR|raise|yes|1||{}",
    "resistant||add|||testitis|{} R",
    "state|frail|remove||||{} no more",
    "susceptible||add|||testitis|{} S",
]


#: Claims beside those of the made-up world: id, agent, conditions of a use constraint that excludes.
CONSTRAINTS = [
    ("no-pi-egfr", "pi", "eGFR < 30 mL/min/1.73m2"),
    ("no-sigma-egfr", "sigma", "eGFR < 50 mL/min/1.73m2"),
    ("no-sigma-frail", "sigma", "state frail"),
    ("no-sigmatwo-three", "sigmatwo", "state frail; not marker X-positive; eGFR < 70 mL/min/1.73m2"),
]


def add_constraints(table: Path) -> None:
    head, *lines = table.read_text(encoding="utf-8").splitlines()
    for name, agent, conditions in CONSTRAINTS:
        cells = [f"claim:{name}", agent, "contraindicated-organ-function", "excludes", "", conditions]
        lines.append("\t".join([*cells, "", "", "source:made-up-guide", "", "test", "2026-01-31"]))
    table.write_text("\n".join([head, *sorted(lines)]) + "\n", encoding="utf-8")


def write_modifiables(folder: Path, rows: Iterable[str]) -> None:
    lines = ["\t".join(HEAD)]
    for row in rows:
        kind, terms, *rest = row.split("|")
        lines.append("\t".join([f"modifiable:{kind}", f"m {kind}", "", f"Made up: {kind}.", kind, terms, *rest]))
    (folder / "modifiables.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def build_world(world: Any, core: Path, folder: Path, rows: Iterable[str]) -> Any:
    """Return the made-up world with a table of what can change."""
    tables = folder / "knowledge"
    shutil.copytree(HERE / "knowledge", tables)
    write_modifiables(tables / "common", rows)
    add_constraints(tables / "testitis" / "constraints.tsv")
    return type(world)(assemble(tables, core).quads, world.manifest)


@pytest.fixture(scope="module")
def changing(world: Any, core: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return build_world(world, core, tmp_path_factory.mktemp("changing"), MODIFIABLES)


def opened(kg: KnowledgeGraph, case: Case) -> Any:
    engine = kg._engine(case)
    return engine, *open_case(engine, case, kg._context)


# --- one case after another ------------------------------------------------------------------------


def test_a_changed_case_leaves_nothing_behind_even_if_a_rule_fails(changing: Any) -> None:
    broken = replace(changing.kg._rules[-1], text="this is no query", stages=(60,), needs=())
    store, kg = changing.fresh(rules=[*changing.kg._rules, broken])
    engine = kg._engine(changing.case(failed=["alpha"]))
    prepared = prepare_case(changing.case(failed=["alpha"]), kg._context, path="c")
    before = len(store)
    with pytest.raises(QueryError, match="rule: "):
        engine.derive_options(prepared)
    assert len(store) == before


def test_every_minus_of_a_rule_is_known_to_the_levers(changing: Any) -> None:
    engine = changing.kg._engine(changing.case())
    properties = set().union(*(read_yielding(rule.text) for rule in engine.rules.values() if min(rule.stages) < 65))
    assert properties <= PLAIN | YIELDS, f"say in levers.py what {properties - PLAIN - YIELDS} in a MINUS yields to"


# --- equal to trying everything --------------------------------------------------------------------

Sets = list[frozenset[Move]]


def least(sets: Iterable[frozenset[Move]]) -> set[frozenset[Move]]:
    """Return the sets that hold no other one, and go no further than it."""
    listed = sorted(sets, key=lambda s: (len(s), sum(m.reach for m in s)))
    kept: Sets = []
    for one in listed:
        if not any(is_within(other, one) for other in kept):
            kept.append(one)
    return set(kept)


def try_everything(kg: KnowledgeGraph, case: Case, largest: int, moves: list[Move] | None = None) -> tuple[Any, Any]:
    """Return what every set of moves frees and which sets bring another first, and what the search finds."""
    engine, base, changer, levers = opened(kg, case)
    if moves is not None:
        levers = Levers(moves, levers.index, engine.rules)
    everything = Deriver(engine, changer, most=100_000)
    sets = [
        frozenset(chosen)
        for size in range(1, largest + 1)
        for chosen in combinations(levers.moves, size)
        if len({move.slot for move in chosen}) == size
    ]
    everything.derive(sets)
    freeing: dict[str, Sets] = {}
    first: Sets = []
    for one in sets:
        if (state := everything.states[one]) is None:
            continue
        for option, status in base.statuses.items():
            if status != "active" and state.statuses.get(option) == "active":
                freeing.setdefault(option, []).append(one)
        if state.first != base.first:
            first.append(one)
    expected = {option: least(found) for option, found in freeing.items()}, least(first)
    search = Search(base, levers, Deriver(engine, changer, most=100_000), largest=largest)
    search.free_options()
    search.change_first()
    assert search.usable_complete_to == search.first_complete_to == largest
    return expected, ({option: set(found) for option, found in search.usable.items()}, set(search.first))


WORLD_CASES: list[dict[str, Any]] = [
    {"failed": ["alpha"], "mode": "acquired loss", "alterations": ["GEN:K2R"], "comedications": ["inda", "indb"]},
    {"failed": ["delta"], "eGFR": 20, "comorbidities": ["frail"], "comedications": ["inda"]},
    {"failed": ["gamma"], "mode": "acquired loss", "eGFR": 22, "comorbidities": ["arm weakness"], "marker_x": False},
    {"failed": ["alphatwo"], "mode": "acquired loss", "comorbidities": ["weakness", "frail"], "eGFR": 29},
    {"failed": ["sigma"], "mode": "acquired loss", "comedications": ["alpha", "booster"], "alterations": ["GEN:S8F"]},
]


#: Moves of which every set up to three is tried: 8 of them make 92 cases.
MOVES = 8


@pytest.mark.parametrize("parts", WORLD_CASES, ids=range(len(WORLD_CASES)))
def test_the_search_finds_what_trying_everything_finds(changing: Any, parts: dict[str, Any]) -> None:
    case = changing.case(**parts)
    _, _, _, levers = opened(changing.kg, case)
    wanted = [m for m in levers.moves if m.kind not in ("susceptible", "resistant", "gene")]
    tests = [m for m in levers.moves if m.kind in ("susceptible", "resistant", "gene")]
    named = {name for regimen in parts.get("failed", ()) for name in (regimen, f"{regimen}two")} | {"pi", "GEN", "GENB"}
    wanted += [m for m in tests if m.change.text.rpartition(" ")[0] in named][: max(0, MOVES - len(wanted))]
    expected, found = try_everything(changing.kg, case, 3, wanted[:MOVES])
    assert expected[0], "a case in which nothing helps tests nothing"
    assert found == expected


def test_two_hurdles_need_two_changes(changing: Any) -> None:
    case = changing.case(failed=["delta"], eGFR=20, comorbidities=["frail"], comedications=["inda"])
    answer = changing.kg.what_if(case)
    sets = {tuple(sorted(c.text for c in a.changes)): {o.name for o in a.usable} for a in answer.changes}
    assert sets[("eGFR 30 mL/min/1.73m2",)] == {"pi"}
    assert sets[("eGFR 50 mL/min/1.73m2", "frail no more")] == {"sigma"}
    assert sets[("X-positive found",)] == {"muthree", "sigmatwo"}
    assert sets[("eGFR 70 mL/min/1.73m2",)] == {"sigmatwo"}
    assert sets[("frail no more",)] >= {"alphatwo", "sigmatwo"}
    assert sets[("GEN read", "frail no more")] == {"alpha"}
    sizes = [len(a.changes) for a in answer.changes]
    assert sizes == sorted(sizes)


def test_only_the_nearest_value_past_a_limit_is_told(changing: Any) -> None:
    answer = changing.kg.what_if(changing.case(eGFR=12))
    told = {
        o.name: c.value for a in answer.changes for o in a.usable for c in a.changes if c.pointer == "/patient/eGFR"
    }
    assert told == {"pi": 30.0, "sigma": 50.0}


def test_every_alternative_holds_in_the_case_changed_by_hand(changing: Any) -> None:
    """The pointers are applied to the JSON, entries deleted and all, and the case is answered anew."""
    data = changing.raw(
        failed=["delta"], mode="acquired loss", eGFR=20, comorbidities=["weakness", "frail"],
        comedications=["bystander", "inda", "indb"], alterations=["GEN:S8F"],
    )  # fmt: skip
    answer = changing.kg.what_if(read_case(data, path="case"))
    assert len(answer.changes) > 3
    for alternative in answer.changes:
        changed = apply(data, [c.model_dump() for c in alternative.changes])
        then = changing.kg.options(read_case(changed, path="case"))
        options = {o.iri: o for o in (*then.agents, *then.modalities)}
        for one in alternative.usable:
            assert (options[one.iri].status, options[one.iri].rank) == ("active", one.rank)
        for one in alternative.lost:
            assert options[one.iri].status == one.status != "active"
        for one in alternative.first:
            assert options[one.iri].rank == 1


def apply(data: dict[str, Any], changes: list[dict[str, Any]]) -> dict[str, Any]:
    """Apply changes as JSON Patch would, removals last and from the end."""
    data = copy.deepcopy(data)
    for change in sorted(changes, key=lambda c: (c["action"] == "remove", c["pointer"]), reverse=True):
        *way, last = [p.replace("~1", "/").replace("~0", "~") for p in change["pointer"].split("/")[1:]]
        spot: Any = data
        for part, after in zip(way, [*way[1:], last], strict=True):
            spot = spot[int(part)] if isinstance(spot, list) else spot.setdefault(part, [] if after == "-" else {})
        if change["action"] == "remove":
            del spot[int(last)]
        elif last == "-":
            spot.append(change["value"])
        else:
            spot[int(last) if isinstance(spot, list) else last] = change["value"]
    return data


# --- what can change is data -------------------------------------------------------------------------


def test_nothing_can_change_where_no_row_says_so(world: Any) -> None:
    answer = world.kg.what_if(world.case(failed=["delta"], eGFR=20, comedications=["inda"]))
    assert (answer.changes, answer.tests, answer.searched.modifiable) == ((), (), 0)


def test_a_row_for_another_disease_does_not_count(world: Any, core: Path, tmp_path: Path) -> None:
    rows = ["comedication||remove|||otheritis|stop {}", "measurement|eGFR|raise||5||{}"]
    other = build_world(world, core, tmp_path, rows)
    answer = other.kg.what_if(other.case(eGFR=20, comedications=["inda"]))
    assert {c.pointer for a in answer.changes for c in a.changes} == {"/patient/eGFR"}
    assert not other.kg.what_if(other.case(comedications=["inda"])).changes


def test_age_failure_and_alterations_found_never_change(changing: Any) -> None:
    answer = changing.kg.what_if(
        changing.case(failed=["alpha"], alterations=["GEN:K2R"], age=30, pregnant=True, eGFR=9)
    )
    for alternative in answer.changes:
        for change in alternative.changes:
            assert not change.pointer.startswith(("/failure", "/patient/age", "/patient/pregnant"))
            assert change.action == "add" or not change.pointer.startswith("/findings/alterations")


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("measurement||raise||1||{}", "terms"),
        ("measurement|frail|raise||1||{}", "terms"),
        ("comedication|eGFR|remove||||stop {}", "terms"),
        ("measurement|eGFR|raise||||{}", "step"),
        ("state|frail|raise||||{}", "step"),
        ("state|frail|replace||||{}", "terms"),
        ("state|frail|remove||||ends", "words"),
    ],
)
def test_a_row_that_makes_no_sense_is_told(core: Path, tmp_path: Path, row: str, column: str) -> None:
    tables = tmp_path / "knowledge"
    shutil.copytree(HERE / "knowledge", tables)
    write_modifiables(tables / "common", [row])
    with pytest.raises(TableError) as caught:
        assemble(tables, core)
    found = caught.value.issues
    assert [(i.code, i.column, i.line) for i in found] == [("K007", column, 2)]
    assert all(i.hint for i in found)


# --- tests worth doing -----------------------------------------------------------------------------


def test_next_tests_are_counted_on_what_each_result_does(changing: Any) -> None:
    case = changing.case(failed=["gamma"], mode="acquired loss", comorbidities=["second infection"])
    answer = changing.kg.what_if(case)
    tests = {test.test: test for test in answer.tests}
    panel = tests["GENC panel"]
    assert [(r.result, r.usable) for r in panel.results] == [("GENC activating change found", ("mu",))]
    assert panel.options == 1
    counts = [test.options for test in answer.tests]
    assert counts == sorted(counts, reverse=True)
    named = {compact(o) for test in answer.tests for r in test.results for o in (*r.usable, *r.lost, *r.changed)}
    assert "gamma" in named
    for test in answer.tests:
        assert test.options == len({o for r in test.results for o in (*r.usable, *r.lost, *r.changed)})


# --- what goes in and out ----------------------------------------------------------------------------


def test_the_same_case_gives_the_same_bytes_and_is_not_touched(changing: Any) -> None:
    case = changing.case(failed=["delta"], eGFR=20, comorbidities=["frail"], comedications=["inda"])
    before = case.model_dump_json()
    store, kg = changing.fresh()
    size = len(store)
    first = kg.what_if(case).model_dump_json()
    assert first == kg.what_if(case).model_dump_json()
    assert (case.model_dump_json(), len(store)) == (before, size)
    assert WhatIf.model_validate_json(first).case == case.id


def test_a_case_at_fault_is_refused(changing: Any) -> None:
    with pytest.raises(CaseError) as caught:
        changing.kg.what_if(changing.case(comedications=["nothing at all"]))
    assert [i.code for i in caught.value.issues] == ["T007"]


def test_a_search_cut_short_says_so(changing: Any) -> None:
    case = changing.case(failed=["delta"], eGFR=20, comorbidities=["frail"], comedications=["inda"])
    kg = changing.kg
    answer = what_if(kg._engine(case), case, kg._context, kg.version, most=1, most_first=0)
    assert answer.searched.usable_complete_to < 3
    assert answer.searched.first_complete_to < 3
    assert answer.searched.derived <= 1


def test_a_long_id_and_a_name_with_slashes_work(changing: Any) -> None:
    answer = changing.kg.what_if(changing.case(id="ü/" * 100, comedications=["inda mix"]))
    assert any(c.pointer == "/patient/comedications/0" for a in answer.changes for c in a.changes)


# --- real cases ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> tuple[KnowledgeGraph, dict[str, Case]]:
    if not SHARED.exists():
        pytest.skip(f"no cases at {SHARED}; set SALVAGE_KG_DATA")
    release = Path(os.environ.get("SALVAGE_KG_RELEASE", ROOT / "build"))
    if not release.exists():
        pytest.skip("no release; run `make build`")
    lines = map(json.loads, SHARED.read_text(encoding="utf-8").splitlines())
    kept = [{k: v for k, v in line.items() if k not in ("expect", "why", "source")} for line in lines]
    kg = KnowledgeGraph.open(release)
    if not kg.list("modifiable"):
        pytest.skip("the release is older than the table of what can change; run `make build`")
    return kg, {data["id"]: read_case(data, path="open.jsonl") for data in kept}


@pytest.mark.parametrize("name", ["hp-010", "aml-003", "lym-009", "amr-004"])
def test_the_search_finds_what_trying_everything_finds_in_real_cases(
    real: tuple[KnowledgeGraph, dict[str, Case]], name: str
) -> None:
    kg, cases = real
    case = cases[name]
    _, _, _, levers = opened(kg, case)
    told = {c.text for a in kg.what_if(case).changes for c in a.changes}
    telling = [m for m in levers.moves if m.change.text in told]
    others = [m for m in levers.moves if m.change.text not in told]
    expected, found = try_everything(kg, case, 2, [*telling, *others[:: max(1, len(others) // 4)]][:9])
    assert found == expected
    assert any(expected)


def test_an_interaction_is_lifted_by_stopping_the_drug(real: tuple[KnowledgeGraph, dict[str, Case]]) -> None:
    kg, cases = real
    answer = kg.what_if(cases["amr-004"])
    stops = [a for a in answer.changes if [c.action for c in a.changes] == ["remove"]]
    assert [[o.name for o in a.usable] for a in stops] == [["linezolid"]]
    assert stops[0].changes[0].pointer == "/patient/comedications/0"
