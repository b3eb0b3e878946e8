"""Every question gives its expected rows on the made-up graph, in the embedded store and in rdflib."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import rdflib
import yaml
from pyoxigraph import Store

from kg_builder.ask import Cell, Iri, bind, find_query, load_catalogue, run, run_rdflib
from kg_builder.ask.files import LITERALS, kinds_of
from kg_builder.ask.guard import check_query
from kg_builder.issues import QueryError
from kg_builder.knowledge.names import NameIndex

ROOT = Path(__file__).parents[2]
ASK = ROOT / "queries" / "ask"
CATALOGUE = load_catalogue(ASK)
EXPECTED = yaml.safe_load((Path(__file__).parent / "expected.yaml").read_text(encoding="utf-8"))


def plain(cell: Cell) -> str | int | None:
    """Return a cell as expected.yaml writes it."""
    if isinstance(cell, Iri):
        return cell.curie
    return f"{cell} (decimal)" if isinstance(cell, Decimal) else cell  # type: ignore[return-value]


def test_every_question_has_expected_rows() -> None:
    assert sorted(CATALOGUE) == sorted(EXPECTED)
    assert len(CATALOGUE) == 41


def test_every_question_answers_something() -> None:
    assert [name for name, rows in EXPECTED.items() if not rows] == []


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_rows_in_the_embedded_store(name: str, store: Store, names: NameIndex) -> None:
    rows = run(store, bind(CATALOGUE[name], {}, names))
    expected = EXPECTED[name] or []
    assert [[plain(cell) for cell in row] for row in rows.rows] == expected


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_rdflib_gives_the_same_rows(name: str, graph: rdflib.Graph, store: Store, names: NameIndex) -> None:
    query = bind(CATALOGUE[name], {}, names)
    assert run_rdflib(graph, query) == run(store, query)


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_cells_are_of_the_type_the_header_states(name: str, store: Store, names: NameIndex) -> None:
    header = CATALOGUE[name].header
    rows = run(store, bind(CATALOGUE[name], {}, names))
    assert rows.columns == tuple(each.name for each in header.returns)
    python = {"integer": int, "decimal": Decimal, "string": str}
    for row in rows.rows:
        for cell, said in zip(row, header.returns, strict=True):
            if cell is None:
                continue
            if said.type in LITERALS:
                assert isinstance(cell, python[said.type]) and not isinstance(cell, Iri), (name, said.name, cell)
            else:
                assert isinstance(cell, Iri) and cell.curie.partition(":")[0] in kinds_of(said.type), (name, said, cell)


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_numbers_have_units(name: str) -> None:
    missing = [r.name for r in CATALOGUE[name].header.returns if r.type in ("integer", "decimal") and not r.unit]
    assert missing == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("queries/ask/*.rq")) + sorted(ROOT.glob("queries/check/*.rq")))
def test_files_pass_the_guard_for_strangers(path: Path) -> None:
    assert check_query(path.read_text(encoding="utf-8"), path.name) == "SELECT"


@pytest.mark.parametrize(
    ("name", "params", "column", "values"),
    [
        ("drugs-still-active", {"drug": "ALF"}, "active", ["drug:beta", "drug:beta-two"] * 2),
        ("drugs-still-active", {"drug": "alpha plus", "disease": "pox"}, "active", ["drug:beta", "drug:beta-two"]),
        ("drugs-of-a-class", {"class": "betine"}, "drug", ["drug:beta", "drug:beta-two"]),
        ("drugs-by-barrier", {"barrier": "low", "class": "class:betine"}, "drug", ["drug:beta-two"]),
        ("what-an-alteration-does", {"alteration": "G:A1B"}, "says", ["fitness cost", "resistance", "sensitivity"]),
        ("indications-of-a-disease", {"disease": "pox", "line": "1"}, "option",
         ["drug:alpha-plus", "regimen:duo", "drug:gamma", "drug:alpha"]),
        ("indications-of-a-disease", {"disease": "black pox", "line": "4"}, "option",
         ["regimen:solo", "drug:alpha-plus", "regimen:duo", "drug:gamma", "class:betine"]),
        ("sources-of-a-claim", {"claim": "claim:use-betine"}, "source", ["source:book", "source:paper"]),
        ("weakly-supported-claims", {"order": "5"}, "claim", []),
        ("regimens-of-a-disease", {"disease": "pox"}, "component", ["drug:alpha-plus", "class:betine"]),
        ("regimens-without-a-drug", {"disease": "black pox", "agent": "inducer"}, "regimen", ["regimen:solo"]),
        ("regimens-without-a-drug", {"disease": "black pox", "agent": "beta"}, "leave_out", ["drug:beta", None]),
        ("options-for-a-site", {"site": "scar"}, "option", ["drug:gamma", "drug:alpha-two", "regimen:duo"]),
        ("drugs-inactive-against-an-organism", {"organism": "red bug", "drug": "beta two"}, "unless",
         ["claim:red-ones-do"]),
        ("options-directed-at-a-marker", {"marker": "G:C2D"}, "option", ["drug:gamma", "drug:beta-two"]),
        ("goals-of-a-disease", {"disease": "pox"}, "goal", ["goal:curative"]),
        ("advice-of-a-disease", {"disease": "pox"}, "advice", ["action:scan"]),
        ("drugs-unsuited-to-a-patient", {"fact": "frail", "disease": "pox"}, "drug", ["drug:beta", "drug:beta-two"]),
        ("drugs-open-to-a-patient", {"fact": "very frail", "disease": "pox"}, "caution",
         ["claim:mind-when-very-frail", "claim:mind-when-very-frail", None]),
        ("toxicities-shared-by-two-drugs", {"drug": "alpha plus", "other": "beta"}, "toxicity", ["toxicity:rash"]),
        ("toxicities-shared-by-two-drugs", {"drug": "beta", "other": "omega"}, "toxicity", []),
        ("options-with-a-comedication", {"comedication": "omega", "disease": "pox"}, "effect",
         ["effect:excludes", "effect:cautions"]),
        ("levels-of-a-drug-code", {"drug": "beta"}, "level", ["level:x-bet-1"]),
        ("local-resistance-against-threshold", {"disease": "pox", "region": "the north"}, "verdict",
         ["above", "not above"]),
        ("drugs-with-a-new-target", {"drug": "alpha two", "disease": "black pox"}, "option", ["drug:beta"]),
        ("evidence-of-a-disease", {"disease": "black pox"}, "claims", [1, 1, 1, 1]),
        ("sources-of-a-disease", {"disease": "pox"}, "claims", [4, 11]),
        ("claims-on-old-sources", {"year": "2001"}, "claim", []),
    ],
)  # fmt: skip
def test_parameters_narrow_the_rows(
    name: str,
    params: dict[str, str],
    column: str,
    values: list[str],
    store: Store,
    graph: rdflib.Graph,
    names: NameIndex,
) -> None:
    query = bind(CATALOGUE[name], params, names)
    rows = run(store, query)
    place = rows.columns.index(column)
    assert [plain(row[place]) for row in rows.rows] == values
    assert run_rdflib(graph, query) == rows


def test_a_claim_that_is_not_there_is_told_with_the_nearest(store: Store, names: NameIndex) -> None:
    query = bind(CATALOGUE["sources-of-a-claim"], {"claim": "claim:use-alfa"}, names)
    with pytest.raises(QueryError, match=r"claim: no claim 'claim:use-alfa'; nearest: claim:use-alpha.*\[Q004\]"):
        run(store, query)


def test_an_unknown_question_is_told_with_the_nearest() -> None:
    with pytest.raises(QueryError, match=r"drugs-still-activ: no query .* nearest: drugs-still-active.*\[Q001\]"):
        find_query("drugs-still-activ", ASK)
