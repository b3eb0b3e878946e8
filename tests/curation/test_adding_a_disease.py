"""docs/adding-a-disease.md builds: its tables beside the shipped ones answer its cases as the page says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pyoxigraph as ox
import pytest

from kg_builder.curation.new_disease import RARE, USUAL
from kg_builder.derivation.answer import Answer
from kg_builder.graph.release import assemble
from kg_builder.graph.store import Manifest
from kg_builder.knowledge import check_knowledge, load_knowledge
from kg_builder.knowledge.rows import TABLES
from kg_builder.knowledge_graph import KnowledgeGraph

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "ontology" / "knowledge"
PAGE = (ROOT / "docs" / "adding-a-disease.md").read_text(encoding="utf-8")
#: Blocks of the page by (language, name): ```tsv terms.tsv
BLOCKS = {
    (language, name): text for language, name, text in re.findall(r"^```(\w+) (\S+)\n(.*?)^```$", PAGE, re.M | re.S)
}
OPTION = re.compile(r"^ {2,4}(?P<rank>\d+)? ?(?P<name>\S.*?)  (?P<status>active|partial|retained|not-active|excluded)$")
REASON = re.compile(r"^ {6}[-x=!+] (?P<code>[a-z-]+)[: (]")
ROW = re.compile(r"^\| (malaria-\d) \| (.+?) \| (.+?) \| (.*?) ?\|$", re.M)


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of the page beside the shipped ones that all diseases share (and what these name of others)."""
    root = tmp_path_factory.mktemp("ontology") / "knowledge"
    for folder in ("common", "formulary"):
        shutil.copytree(SHIPPED / folder, root / folder)
    (root / "hiv").mkdir()
    for table in ("genes.tsv", "alterations.tsv"):  # a flag of every case states an allele declared there
        shutil.copy(SHIPPED / "hiv" / table, root / "hiv")
    own = root / "malaria"
    own.mkdir()
    for (language, name), text in BLOCKS.items():
        if language == "tsv":
            (own / name).write_text(text, encoding="utf-8", newline="\n")
    return root


@pytest.fixture(scope="module")
def answers(knowledge: Path) -> dict[str, Answer]:
    """The answers to all cases of the page."""
    core = knowledge.parent / "core"  # a copy: the mappings beside the shipped one name terms of all folders
    shutil.copytree(ROOT / "ontology" / "core", core)
    assembled = assemble(knowledge, core)
    store = ox.Store()
    store.extend(assembled.quads)
    manifest = Manifest.model_construct(version=assembled.version, built=assembled.built, sha256="0" * 64)
    kg = KnowledgeGraph(store, manifest)
    cases = kg.read_cases(BLOCKS["json", "case.json"], path="case.json")
    cases += kg.read_cases(BLOCKS["jsonl", "more-cases.jsonl"], path="more-cases.jsonl")
    return {case.id: kg.options(case) for case in cases}


def test_the_page_holds_what_it_promises() -> None:
    tables = {name.removesuffix(".tsv") for language, name in BLOCKS if language == "tsv"}
    assert len(tables) == 18
    assert tables < set(USUAL), "the page fills tables that `new disease` does not write"
    assert not tables & RARE
    assert set(TABLES) > tables


def test_tables_of_the_page_are_without_fault(knowledge: Path) -> None:
    tables = load_knowledge(knowledge)
    told = [str(issue) for issue in check_knowledge(tables) if "/malaria/" in issue.path or issue.severity == "error"]
    assert told == []
    assert all(table.rows for table in tables.tables if "/malaria/" in table.path or table.path.startswith("malaria/"))


def test_the_printed_answer_is_what_comes_out(answers: dict[str, Answer]) -> None:
    printed: dict[str, tuple[int | None, str]] = {}
    codes: dict[str, set[str]] = {}
    for line in BLOCKS["text", "answer"].splitlines():
        if option := OPTION.match(line):
            name = option["name"]
            printed[name] = (int(option["rank"]) if option["rank"] else None, option["status"])
            codes[name] = set()
        elif (reason := REASON.match(line)) and printed:
            codes[name].add(reason["code"])
    found = {agent.name: agent for agent in answers["malaria-1"].agents}
    assert len(printed) == 10
    assert {name: (agent.rank, agent.status) for name, agent in found.items()} == printed
    for name, said in codes.items():
        assert said <= {finding.code for finding in found[name].findings}, name
        assert said or found[name].status == "active", name


def test_actions_and_warnings_are_what_the_page_prints(answers: dict[str, Answer]) -> None:
    lines = BLOCKS["text", "answer"].splitlines()
    answer = answers["malaria-1"]
    for said in (*answer.actions, *answer.warnings):
        assert f"    {said.name}" in lines
    assert f"falciparum malaria · goal: {answer.goal}" in lines


def test_the_further_cases_are_answered_as_the_table_says(answers: dict[str, Answer]) -> None:
    rows = ROW.findall(PAGE)
    assert len(rows) == 23
    for case in ("malaria-2", "malaria-3", "malaria-4"):
        expected = {
            option: (status, set(filter(None, because.split(", ")))) for c, option, status, because in rows if c == case
        }
        assert expected
        found = {
            agent.name: (agent.status, {f.code for f in agent.findings if f.effect not in ("favours", "retains")})
            for agent in answers[case].agents
        }
        assert found == expected


def test_no_code_knows_the_disease() -> None:
    for file in [*ROOT.glob("kg_builder/**/*.py"), *ROOT.glob("queries/**/*.rq")]:
        text = file.read_text(encoding="utf-8").lower()
        assert not re.search(r"malaria|falciparum|kelch13|artesunate|piperaquine", text), file
