"""Every form that an algorithm file may have, and every fault in one, on a small algorithm of our own."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from kg_builder.issues import SourceError
from kg_builder.knowledge.rows import GeneRow
from kg_builder.sources.asi import ScoreRange
from kg_builder.sources.hivdb import find_faults, read_algorithm, to_rows

Write = Callable[..., Path]
Faults = Callable[..., list[tuple[str, int]]]
GENE = GeneRow(id="gene:G", label="G", definition="A gene.", reference="MKDTQ", length=5)

XML = """<?xml version="1.0"?>
<!DOCTYPE ALGORITHM SYSTEM "https://cms.hivdb.org/prod/downloads/asi/ASI2.3.dtd">
<ALGORITHM><ALGNAME>TEST</ALGNAME><ALGVERSION>1.0</ALGVERSION><ALGDATE>2020-02-29</ALGDATE>
<DEFINITIONS>
<GENE_DEFINITION><NAME>G</NAME><DRUGCLASSLIST>C1, C2</DRUGCLASSLIST></GENE_DEFINITION>
<LEVEL_DEFINITION><ORDER>1</ORDER><ORIGINAL>Low</ORIGINAL><SIR>S</SIR></LEVEL_DEFINITION>
<LEVEL_DEFINITION><ORDER>2</ORDER><ORIGINAL>Mid</ORIGINAL><SIR>I</SIR></LEVEL_DEFINITION>
<LEVEL_DEFINITION><ORDER>3</ORDER><ORIGINAL>High</ORIGINAL><SIR>R</SIR></LEVEL_DEFINITION>
<DRUGCLASS><NAME>C1</NAME><DRUGLIST>Y/r</DRUGLIST></DRUGCLASS>
<DRUGCLASS><NAME>C2</NAME><DRUGLIST>X</DRUGLIST></DRUGCLASS>
<GLOBALRANGE><![CDATA[(-INF TO 9 => 1, 10 TO 29 => 2, 30 TO INF => 3)]]></GLOBALRANGE>
</DEFINITIONS>
<DRUG><NAME>X</NAME><FULLNAME>ex</FULLNAME><RULE>
<CONDITION><![CDATA[SCORE FROM (
  1AV => 5,
  MAX(2R => -10, 2di => 20,
      (2R AND 3*) => 30),
  (1V AND 2R) => 15, M1V AND 4FY AND 5T => 15)]]></CONDITION>
<ACTIONS><SCORERANGE><USE_GLOBALRANGE/></SCORERANGE></ACTIONS></RULE></DRUG>
<DRUG><NAME>Y/r</NAME><RULE>
<CONDITION>SCORE FROM (5A =&gt; 5)</CONDITION>
<ACTIONS><SCORERANGE>(-INF TO 4 =&gt; 1, 5 TO INF =&gt; 3)</SCORERANGE></ACTIONS></RULE></DRUG>
</ALGORITHM>
"""


SMALL = ("test.xml", XML)


def test_every_form_of_item_becomes_a_row(write: Write) -> None:
    algorithm = read_algorithm(write())
    ex, why = algorithm.drugs
    assert [len(group) for group in ex.groups] == [1, 3, 1, 1]
    assert (ex.code, ex.full_name, ex.drug_class, ex.gene, ex.ranges) == ("X", "ex", "C2", "G", ())
    assert why.full_name == "Y/r"
    assert why.ranges == (ScoreRange(None, Decimal(4), 1), ScoreRange(Decimal(5), None, 3))
    assert [item.line for group in ex.groups for item in group] == [15, 16, 16, 17, 18, 18]
    tables = to_rows(algorithm, "source:s", {"G": GENE})
    scores = {row.id: (row.group, row.score, row.conditions) for row in tables["scores"]}  # type: ignore[attr-defined]
    assert scores == {
        "claim:test-x-m1av": ("1", 5, "marker G:M1A or G:M1V"),
        "claim:test-x-k2r": ("2,2+3", -10, "marker G:K2R"),
        "claim:test-x-k2-del-ins": ("2,2+3", 20, "marker G:K2del or G:K2ins"),
        "claim:test-x-k2r-d3-stop": ("2,2+3", 30, "marker G:K2R; marker G:D3*"),
        "claim:test-x-m1v-k2r": ("1V+2R", 15, "marker G:M1V; marker G:K2R"),
        "claim:test-x-m1v-t4fy-q5t": ("1V+4FY+5T", 15, "marker G:M1V; marker G:T4F or G:T4Y; marker G:Q5T"),
        "claim:test-y-r-q5a": ("5", 5, "marker G:Q5A"),
    }
    levels = [(row.id, row.code, row.minimum, row.maximum, row.degree) for row in tables["levels"]]  # type: ignore[attr-defined]
    assert levels == [
        ("level:test-1", None, -1_000_000, 9, "none"),
        ("level:test-2", None, 10, 29, "partial"),
        ("level:test-3", None, 30, 1_000_000, "full"),
        ("level:test-y-r-1", "drugcode:test-y-r", -1_000_000, 4, "none"),
        ("level:test-y-r-3", "drugcode:test-y-r", 5, 1_000_000, "full"),
    ]


def test_an_item_given_twice_counts_twice(write: Write) -> None:
    algorithm = read_algorithm(write(("5A =&gt; 5)", "5A =&gt; 5, 5A =&gt; 5)")))
    rows = to_rows(algorithm, "source:s", {"G": GENE})["scores"]
    twice = [(row.id, row.group) for row in rows if "y-r" in row.id]  # type: ignore[attr-defined]
    assert twice == [("claim:test-y-r-q5a", "5"), ("claim:test-y-r-q5a-2", "5-2")]


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "message"),
    [
        ("1AV => 5,", "1AV => 5", "S011", 16, "expected ')', found 'MAX'"),
        ("1AV => 5,", "1AJ => 5,", "S011", 15, "1AJ: J is no residue"),
        ("1AV => 5,", "1AA => 5,", "S011", 15, "1AA: a residue stands twice"),
        ("1AV => 5,", "1 => 5,", "S011", 15, "expected a position with residues, found '1'"),
        ("1AV => 5,", "1AV => x5,", "S011", 15, "rule form x is not read"),
        ("1AV => 5,", "1AV => 0.5,", "S011", 15, "score 0.5 is not a whole number"),
        ("1AV => 5,", "1AV OR 2R => 5,", "S011", 15, "rule form OR is not read"),
        ("1AV => 5,", "((1AV)) => 5,", "S011", 15, "expected a position with residues, found '('"),
        ("MAX(2R", "MAX(MAX(2R", "S011", 16, "expected a position with residues, found 'MAX'"),
        ("5T => 15)", "5T => 15", "S011", 18, "expected ')', found 'the end'"),
        ("5T => 15)", "5T => 15) 5", "S011", 18, "text after the end of the rule: '5'"),
        ("SCORE FROM (5A =&gt; 5)", "5A", "S011", 21, "rule form without SCORE FROM is not read: 5A"),
        ("<SCORERANGE><USE_GLOBALRANGE/></SCORERANGE>", "<LEVEL>1</LEVEL>", "S010", 19, "element <LEVEL> is not read"),
        ("</GLOBALRANGE>", "</GLOBALRANGE><NEW/>", "S010", 11, "element <NEW> is not read here"),
        ("10 TO 29", "11 TO 29", "S012", 11, "score ranges leave a gap or overlap"),
        ("TO INF => 3", "TO 99 => 3", "S012", 11, "score ranges leave a gap or overlap"),
        ("10 TO 29 => 2", "10 TO 29 => 7", "S012", 11, "level 7 is not defined"),
        ("10 TO 29 => 2", "ten", "S012", 11, "cannot read the range 'ten'"),
        ("</GLOBALRANGE>", "</GLOBALRANGE><DEFAULT_LEVEL>3</DEFAULT_LEVEL>", "S012", 11, "the default level is '3'"),
        ("<SIR>I</SIR>", "<SIR>X</SIR>", "S012", 7, "order '2', SIR 'X'"),
        ("<DRUGLIST>X<", "<DRUGLIST>Z<", "S010", 13, "no DRUGCLASS lists the drug"),
        ("C1, C2<", "C1<", "S010", 10, "no gene lists the drug class 'C2'"),
        ("2020-02-29", "2019-02-29", "S010", 3, "'2019-02-29' is no date"),
        ("<ALGVERSION>1.0</ALGVERSION>", "", "S010", 3, "is missing or empty"),
    ],
)
def test_a_fault_is_told_with_its_line(faults: Faults, old: str, new: str, code: str, line: int, message: str) -> None:
    assert faults(read_algorithm, (old, new), message) == [(code, line)]


def test_all_faults_are_told_at_once(write: Write) -> None:
    with pytest.raises(SourceError) as caught:
        read_algorithm(write(("1AV => 5,", "1AV OR 3V => 5,"), ("5A =&gt;", "5J =&gt;"), ("10 TO", "11 TO")))
    assert [issue.line for issue in caught.value.issues] == [11, 15, 21]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1AV => 5", "6A => 5", ":15: DRUG X: 6A: G has 5 residues"),
        ("1AV => 5", "L1A => 5", ":15: DRUG X: L1A: the reference residue of G is M"),
        ("<NAME>G<", "<NAME>H<", "DRUG X: no reference sequence of gene 'H'"),
    ],
)
def test_numbering_is_compared_with_the_reference(write: Write, old: str, new: str, message: str) -> None:
    algorithm = read_algorithm(write((old, new)))
    with pytest.raises(SourceError, match="S013") as caught:
        to_rows(algorithm, "source:s", {"G": GENE})
    assert message in str(caught.value)


def test_a_place_held_beyond_the_gene_gets_no_row_and_a_warning(write: Write) -> None:
    algorithm = read_algorithm(write(("5A =&gt; 5", "9999A =&gt; 0")))
    (warning,) = find_faults(algorithm, {"G": GENE})
    assert (warning.severity, warning.code, warning.line) == ("warning", "S015", 21)
    tables = to_rows(algorithm, "source:s", {"G": GENE})
    assert len(tables["scores"]) == 6 and len(tables["drugcodes"]) == 2


def test_a_file_that_is_no_algorithm_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<a/>", encoding="utf-8")
    with pytest.raises(SourceError, match="is not an <ALGORITHM>"):
        read_algorithm(path)
