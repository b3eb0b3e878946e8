"""The rule files: what the rule language allows, honest headers, and no knowledge in rules or code."""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pyoxigraph as ox
import pytest
from rdflib.plugins.sparql.parser import parseQuery

from kg_builder.derivation.rules import read_rule, read_rules, schedule
from kg_builder.derivation.texts import Texts
from kg_builder.issues import QueryError

ROOT = Path(__file__).parents[2]
DERIVE = sorted((ROOT / "queries" / "derive").glob("*.rq"))
SCORE = sorted((ROOT / "queries" / "score").glob("*.rq"))
CODE = sorted((ROOT / "kg_builder").rglob("*.py"))
KNOWLEDGE = sorted((ROOT / "ontology" / "knowledge").rglob("*.tsv"))
#: Words that a table has as synonym and that code may use, each with its reason; labels are never allowed.
ALLOWED = {"antibiotic": "a word of the field, in the title of a source and in the names of its relations"}
#: Kinds of term whose names belong to the tables.
NAMED = {"disease", "drug", "class", "alteration", "gene"}

each_file = pytest.mark.parametrize("path", [*DERIVE, *SCORE], ids=lambda p: p.name)
each_rule = pytest.mark.parametrize("path", DERIVE, ids=lambda p: p.name)


def body(path: Path) -> str:
    """Return a query without comments and string literals; IRIs stay."""
    lines = (re.sub(r"(^|\s)#.*", "", line) for line in path.read_text(encoding="utf-8").splitlines())
    return re.sub(r'"[^"]*"', '""', "\n".join(lines))


def test_the_files_are_there() -> None:
    assert len(DERIVE) >= 80
    assert {p.name for p in SCORE} == {"list-items.rq", "score-cases.rq"}
    assert len(CODE) > 50
    assert len(KNOWLEDGE) > 50


@each_file
def test_a_rule_keeps_to_one_graph_and_the_plain_subset(path: Path) -> None:
    text = body(path)
    words = {word.upper() for word in re.findall(r"[A-Za-z]+", re.sub(r"<[^>]*>|\b\w+:[\w-]+|[?$]\w+", "", text))}
    assert not words & {
        "GRAPH",
        "FROM",
        "SERVICE",
        "NAMED",
        "GROUP_CONCAT",
        "BNODE",
        "RAND",
        "NOW",
        "UUID",
        "STRUUID",
        "EXISTS",
    }
    assert "_:" not in text
    assert "[" not in text, "no blank node by brackets"
    assert not re.search(r"[?\w)]\s*/\s*[?\w(]", re.sub(r"<[^>]*>", "", text)), "no division, no property path"
    assert text.upper().count("OPTIONAL") <= 1


@each_file
def test_a_query_parses_in_a_second_engine(path: Path) -> None:
    parseQuery(path.read_text(encoding="utf-8"))


@each_file
def test_a_query_declares_only_prefixes_that_it_uses(path: Path) -> None:
    text = body(path)
    declared = re.findall(r"PREFIX (\w+):", text)
    used = set(re.findall(r"(?<![<\w])(\w+):[\w-]", re.sub(r"PREFIX .*|<[^>]*>", "", text)))
    assert sorted(declared) == sorted(used)


@each_rule
def test_a_rule_has_an_honest_header(path: Path) -> None:
    rule = read_rule(path)
    assert rule.summary.endswith(".")
    assert rule.stages == tuple(sorted(set(rule.stages)))
    assert rule.stages[0] == int(path.name[:2]), "the number of the file is its first stage"
    text = body(path)
    assert text.count("CONSTRUCT") == 1
    template = text[text.index("CONSTRUCT") : text.index("WHERE")]
    makes_finding = "sv:findingIn" in template
    assert makes_finding == bool(rule.template), "a rule that makes a finding, and no other, has a text"
    assert ("sv:ofRule" not in template) or f"rule:{rule.name}" in template, "a rule signs with its own name"
    if makes_finding:
        assert f'MD5(CONCAT("{rule.name}"' in path.read_text(encoding="utf-8"), "the hash begins with the rule's name"
        assert "sv:because" in template


@each_rule
def test_the_gaps_of_a_text_are_known(path: Path, world: Any) -> None:
    gaps = {name for _, name, _, _ in Formatter().parse(read_rule(path).template) if name}
    assert gaps <= Texts(graph=None, rules={})._gaps.keys()  # type: ignore[arg-type]


def test_what_a_rule_needs_is_something_that_can_be() -> None:
    rules = read_rules(ROOT / "queries" / "derive")
    place = {rule.name: rule.stages[0] for rule in rules}
    constructed: dict[str, int] = {}
    for rule in schedule(rules):
        for name in templates(rule.text):
            constructed.setdefault(name, rule.stages[0])
    for rule, need in ((one, need) for one in rules for alternatives in one.needs for need in alternatives):
        kind, _, name = need.rpartition(":")
        if kind == "rule":
            assert place[name] < rule.stages[0], f"{rule.name}: {need} runs later"
        elif kind in ("asked", "barred"):
            assert f"kind:{name}" in rule.text, f"{rule.name}: {need}"
        elif kind or name.startswith("ground"):
            assert need in rule.text or f"?{kind}" in rule.text, f"{rule.name}: {need}"
        elif name in constructed:
            assert constructed[name] < rule.stages[0], f"{rule.name}: {need} is constructed later"
        else:
            assert f"sv:{name}" in rule.text, f"{rule.name}: {need} is a property neither of knowledge nor of a rule"


def templates(text: str) -> set[str]:
    """Return the properties that a rule constructs."""
    return set(re.findall(r"\bsv:([a-z]\w+)", text[text.index("CONSTRUCT") : text.index("WHERE")]))


def test_names_of_rules_are_unique_and_runs_are_in_order() -> None:
    rules = read_rules(ROOT / "queries" / "derive")
    assert len({rule.name for rule in rules}) == len(rules) == len(DERIVE)
    stages = [next(s for s in rule.stages) for rule in schedule(rules)]
    assert stages == sorted(stages)
    assert [r.name for r in schedule(rules, last=39)] == [r.name for r in schedule(rules) if r.stages[0] <= 39]


@each_rule
def test_a_rule_says_nothing_of_a_graph_without_case(path: Path, world: Any) -> None:
    found = world.store.query(path.read_text(encoding="utf-8"), use_default_graph_as_union=True)
    assert isinstance(found, ox.QueryTriples)
    assert list(found) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rule.rq", '#+ summary: "x."\n#+ stages: [1]\nCONSTRUCT {} WHERE {}'),
        ("10-Rule.rq", '#+ summary: "x."\n#+ stages: [1]\nCONSTRUCT {} WHERE {}'),
        ("10-rule.rq", "CONSTRUCT {} WHERE {}"),
        ("10-rule.rq", '#+ summary: "x."\nCONSTRUCT {} WHERE {}'),
        ("10-rule.rq", "#+ stages: [10]\nCONSTRUCT {} WHERE {}"),
        ("10-rule.rq", "#+ a text\nCONSTRUCT {} WHERE {}"),
    ],
)
def test_a_rule_without_name_or_header_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(QueryError, match="Q101"):
        read_rules(tmp_path)


def test_a_folder_without_rules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no rules"):
        read_rules(tmp_path)


# --- no knowledge in rules and code --------------------------------------------------------------


def shipped_names() -> dict[str, str]:
    """Return the names of diseases, drugs, classes, alterations and genes of the shipped tables, case folded."""
    names: dict[str, str] = {}
    for path in KNOWLEDGE:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                if row["id"].partition(":")[0] in NAMED:
                    for name in (row["label"], *(row.get("synonyms") or "").split("|")):
                        if len(name) > 3:
                            names.setdefault(name.casefold(), row["id"])
    return names


@pytest.fixture(scope="module")
def name_pattern() -> re.Pattern[str]:
    names = shipped_names()
    assert len(names) > 500, "the shipped tables were not found"
    return re.compile(rf"(?<!\w)(?:{'|'.join(sorted(map(re.escape, names), key=len, reverse=True))})(?!\w)")


def constants(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the string constants of a module with their lines.

    Docstrings and what a field's or option's ``description`` or ``help`` tells people are left out: they are
    documentation, and nothing is decided by them.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("description", "help"):
            told |= {id(part) for part in ast.walk(node.value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.lineno, node.value


@each_file
def test_no_rule_names_a_disease_a_drug_or_a_mutation(path: Path, name_pattern: re.Pattern[str]) -> None:
    # the summary is documentation; the text of a finding is not
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#+ summary")]
    assert name_pattern.findall("\n".join(lines).casefold()) == []


def test_no_code_names_a_disease_a_drug_or_a_mutation(name_pattern: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in CODE
        for line, text in constants(path)
        for name in name_pattern.findall(text.casefold())
        if name not in ALLOWED
    ]
    assert found == []


def test_the_search_for_names_finds_them(name_pattern: re.Pattern[str], tmp_path: Path) -> None:
    name = next(n for n, curie in shipped_names().items() if curie.startswith("drug:") and n.isalpha())
    assert name_pattern.findall(f"give {name}, not {name}x") == [name]
    module = tmp_path / "module.py"
    module.write_text(f'"""{name}"""\nX = "{name}"\nY = f(help="{name}")\n', encoding="utf-8")
    assert list(constants(module)) == [(2, name)]
