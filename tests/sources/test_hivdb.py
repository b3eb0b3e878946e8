"""HIVDB's published files are read, or refused with what cannot be read; our tables score as HIVDB does."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from kg_builder.issues import Issue, SourceError
from kg_builder.knowledge.rows import GeneRow
from kg_builder.sources.hivdb import find_faults, import_file, read_algorithm, read_genes, to_rows

ROOT = Path(__file__).resolve().parents[2]
KNOWLEDGE = ROOT / "ontology" / "knowledge"
SHIPPED = KNOWLEDGE / "hivdb"
SHARED = Path(os.environ.get("SALVAGE_KG_DATA", ROOT.parent / "shared" / "data"))
HIVDB, KEYS = SHARED / "hivdb", SHARED.parent / "hiv"
needs_data = pytest.mark.skipif(
    not HIVDB.is_dir(),
    reason=f"no published HIVDB files in {HIVDB}; set SALVAGE_KG_DATA to the folder of reference data",
)
needs_keys = pytest.mark.skipif(not KEYS.is_dir(), reason=f"no scored genotypes in {KEYS}")

#: version of the file name -> drugs, items; counted in the files by their ``=>`` signs
READ = {
    "7.5": (21, 967), "7.6": (22, 1052), "7.8": (22, 1027), "7.9": (22, 1100), "7.10": (22, 1107),
    "8.0": (22, 1112), "8.0.1": (22, 1117), "8.1": (22, 1116), "8.1.1": (22, 1116), "8.2": (22, 1117),
    "8.3": (22, 1117), "8.4": (22, 1121), "8.5": (23, 1160), "8.6": (23, 1166), "8.6.1": (23, 1166),
    "8.7": (24, 1220), "8.8": (24, 1238), "8.9": (24, 1254), "8.9-1": (24, 1254), "9.0": (25, 1325),
    "9.1": (25, 1326), "9.2": (26, 1327), "9.3": (26, 1311), "9.4": (26, 1311), "9.4.1": (26, 1311),
    "9.5.0": (26, 1330), "9.5.1": (26, 1330), "9.6": (26, 1313), "9.7": (26, 1321), "9.8": (27, 1366),
    "10.0": (27, 1419), "10.0-1": (27, 1420), "10.1": (27, 1426), "10.2": (28, 1449),
}  # fmt: skip

#: file -> number of places that cannot be read, and one of them as told
REFUSED = {
    "HIVDB_6.1.0F": (27, ":1933: DRUG SQV/r/RULE/CONDITION: rule form EXCLUDE 76(NOT V) is not read"),
    "HIVDB_6.1.1F": (27, ": DRUG DRV/r/RULE 2/CONDITION: a second rule of one drug is not read"),
    "HIVDB_6.2.0": (24, ":5: ALGORITHM/ALGDATE: is missing or empty"),
    "HIVDB_6.3": (24, ": rule form EXCLUDE 184(NOT VI) is not read"),
    "HIVDB_6.3.1": (24, ": rule form EXCLUDE 184(NOT VI) is not read"),
    "HIVDB_7.0": (20, ":1682: DRUG AZT/RULE/CONDITION: rule form EXCLUDE 65(NOT N) is not read"),
    "HIVDB-HIV2_9.0": (19, ":451: DRUG ABC: has no RULE: the file does not score this drug"),
    "HIVDB-HIV2_9.0a3": (19, ": DRUG RAL: has no RULE: the file does not score this drug"),
    "ANRS_26": (150, ":105: DRUG AZT/RULE 1/CONDITION: rule form without SCORE FROM is not read: 215YFACDEGHILNSV"),
    "ANRS_27": (150, "SELECT ATLEAST"),
    "ANRS_27-stanford2": (183, "SELECT ATLEAST"),
    "ANRS_28": (189, "SELECT ATLEAST"),
    "ANRS_29": (205, "SELECT ATLEAST"),
    "ANRS_30": (206, "SELECT ATLEAST"),
    "ANRS_31": (188, "SELECT ATLEAST"),
    "ANRS_32": (190, "SELECT ATLEAST"),
    "ANRS_33": (190, "SELECT ATLEAST"),
    "ANRS_34": (196, ": rule form without SCORE FROM is not read: SELECT ATLEAST 3 FROM (41L,67N,70R,210W,219QE)"),
    "Rega_9.1": (83, "score 0.5 is not a whole number"),
    "Rega_10.0": (84, "cannot read the range '-INF TO 0.99 => 1'"),
}


# --- a reference scorer over the rows, independent of the package --------------------------------

Rule = tuple[str, int, list[set[str]]]
Genotype = set[str]


def read_tsv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def read_conditions(text: str) -> list[set[str]]:
    """Split ``marker A or B; marker C`` into the sets of names of which each needs one."""
    conditions = []
    for part in text.split("; "):
        assert part.startswith("marker "), part
        conditions.append(set(part.removeprefix("marker ").split(" or ")))
    return conditions


class Scorer:
    """Scores genotypes by the tables in a folder: groups' maxima added up, then the level."""

    def __init__(self, folder: Path) -> None:
        codes = sorted(read_tsv(folder / "drugcodes.tsv"), key=lambda row: int(row["order"]))
        self.code_of = {row["id"]: row["label"] for row in codes}
        self.order = [row["label"] for row in codes]
        self.levels = [
            (int(row["minimum"]), int(row["maximum"]), int(row["order"])) for row in read_tsv(folder / "levels.tsv")
        ]
        self.rules: dict[str, list[Rule]] = defaultdict(list)
        for row in read_tsv(folder / "scores.tsv"):
            rule = (row["group"], int(row["score"]), read_conditions(row["conditions"]))
            self.rules[self.code_of[row["code"]]].append(rule)

    def score(self, code: str, genotype: Genotype) -> tuple[int, int]:
        best: dict[str, int] = {}
        for group, score, conditions in self.rules[code]:
            if all(names & genotype for names in conditions):
                best[group] = max(best.get(group, score), score)
        total = sum(best.values())
        (level,) = [order for low, high, order in self.levels if low <= total <= high]
        return total, level


def alterations(mutations: Iterable[str]) -> Iterator[str]:
    """Write each residue of a mixture as an alteration of its own: ``RT:K103NS`` is K103N and K103S."""
    for mutation in mutations:
        match = re.fullmatch(r"(\w+:[A-Z]\d+)(ins|del|[A-Z*]+)", mutation)
        assert match, mutation
        stem, change = match.groups()
        yield from [mutation] if change in ("ins", "del") else [stem + letter for letter in change]


@pytest.fixture(scope="module")
def shipped() -> Scorer:
    return Scorer(SHIPPED)


@pytest.fixture(scope="module")
def genes() -> dict[str, GeneRow]:
    return read_genes(KNOWLEDGE)


# --- our tables ----------------------------------------------------------------------------------


@needs_keys
def test_tables_score_every_pattern_seen_in_patients_as_hivdb_does(shipped: Scorer) -> None:
    with gzip.open(KEYS / "key_open.tsv.gz", "rt", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert len(rows) == 26_425
    wrong = []
    for row in rows:
        genotype = set(alterations(f"{row['gene']}:{mutation}" for mutation in row["pattern"].split(",")))
        expected = (int(row["score"]), int(row["level"]))
        if shipped.score(row["drug"], genotype) != expected:
            wrong.append((row["drug"], row["pattern"], expected))
    assert wrong == []


@needs_keys
def test_tables_score_every_whole_genotype_as_hivdb_does(shipped: Scorer) -> None:
    lines = (KEYS / "genotypes_open.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 300
    checked, wrong = 0, []
    for case in map(json.loads, lines):
        genotype = set(alterations(case["mutations"]))
        assert list(case["scores"]) == shipped.order, "codes in the algorithm's own order"
        for code, score in case["scores"].items():
            checked += 1
            if shipped.score(code, genotype) != (score, case["levels"][code]):
                wrong.append((case["id"], code))
    assert (checked, wrong) == (300 * 28, [])


@needs_data
def test_shipped_tables_are_what_the_importer_writes(tmp_path: Path) -> None:
    told: list[str] = []
    counts = import_file(HIVDB / "HIVDB_10.2.xml", tmp_path, progress=told.append)
    assert counts == {"algorithms": 1, "drugcodes": 28, "levels": 5, "scores": 1449, "sources": 1}
    assert len(told) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{stem}.tsv" for stem in counts)
    for stem in counts:
        assert (SHIPPED / f"{stem}.tsv").read_bytes() == (tmp_path / f"{stem}.tsv").read_bytes(), stem


def test_shipped_tables_keep_the_form_of_tables() -> None:
    codes = {row["id"] for row in read_tsv(SHIPPED / "drugcodes.tsv")}
    (source,) = [row["id"] for row in read_tsv(SHIPPED / "sources.tsv")]
    for path in sorted(SHIPPED.glob("*.tsv")):
        data = path.read_bytes()
        assert b"\r" not in data and data.endswith(b"\n")
        ids = [row["id"] for row in read_tsv(path)]
        assert ids == sorted(set(ids)), path.name
    for row in read_tsv(SHIPPED / "scores.tsv"):
        assert row["code"] in codes and row["source"] == source and row["curator"] == "hivdb-import"
        assert re.fullmatch(r"claim:hivdb-[a-z0-9-]+", row["id"])
        assert row["note"] == ""
    orders = sorted(int(row["order"]) for row in read_tsv(SHIPPED / "drugcodes.tsv"))
    assert orders == list(range(1, 29))


def test_no_condition_of_the_shipped_scores_names_the_reference_residue(genes: dict[str, GeneRow]) -> None:
    """So a mixture with the reference (M184MV) scores as the mutant alone, whatever becomes of the reference."""
    for row in read_tsv(SHIPPED / "scores.tsv"):
        for name in set().union(*read_conditions(row["conditions"])):
            match = re.fullmatch(r"(\w+):([A-Z])(\d+)(ins|del|[A-Z*])", name)
            assert match, name
            gene, reference, position, change = match.groups()
            assert genes[gene].reference[int(position) - 1] == reference != change, name


def test_genes_have_references_of_their_length(genes: dict[str, GeneRow]) -> None:
    lengths = {label: (gene.length, len(gene.reference), gene.reported_whole) for label, gene in genes.items()}
    assert lengths["RT"] == (560, 560, True)
    assert lengths["PR"] == (99, 99, True)
    assert lengths["IN"] == (288, 288, True)
    assert lengths["CA"] == (231, 231, True)
    assert lengths["gp41"] == lengths["gp120"] == (None, 0, False)


@needs_keys
def test_observed_mutations_lie_in_our_genes(genes: dict[str, GeneRow]) -> None:
    """Positions always fit. Six natural polymorphisms are written against another reference (consensus B).

    None of them is scored; a reader of genotypes must take them as they come.
    """
    lines = (KEYS / "genotypes_open.jsonl").read_text(encoding="utf-8").splitlines()
    mutations = [mutation for line in lines for mutation in json.loads(line)["mutations"]]
    assert len(mutations) == 2578
    others = []
    for mutation in mutations:
        gene, letter, position = re.match(r"(\w+):([A-Z])(\d+)", mutation).groups()  # type: ignore[union-attr]
        assert 1 <= int(position) <= (genes[gene].length or 0), mutation
        if genes[gene].reference[int(position) - 1] != letter:
            others.append(f"{gene}:{letter}{position}")
    assert len(others) == 56
    assert set(others) == {"PR:P63", "RT:K211", "RT:P272", "RT:V293", "RT:R390", "RT:T400"}
    scored = {
        name[:-1] for row in read_tsv(SHIPPED / "scores.tsv") for name in re.findall(r"\w+:\w+", row["conditions"])
    }
    assert not {name[:3] + name[4:] for name in others} & {name[:3] + name[4:] for name in scored}


# --- published files -----------------------------------------------------------------------------


@needs_data
def test_every_published_file_is_accounted_for() -> None:
    names = {path.stem for path in HIVDB.glob("*.xml")}
    assert names == {f"HIVDB_{version}" for version in READ} | set(REFUSED)


@needs_data
@pytest.mark.parametrize("version", READ)
def test_version_is_read_and_becomes_rows(version: str, genes: dict[str, GeneRow]) -> None:
    algorithm = read_algorithm(HIVDB / f"HIVDB_{version}.xml")
    assert (algorithm.name, algorithm.version) == ("HIVDB", version)
    assert (len(algorithm.drugs), algorithm.item_count) == READ[version]
    assert [level.sir for level in algorithm.levels] == list("SSIIR")
    assert [(r.minimum, r.maximum, r.level) for r in algorithm.ranges] == [
        (None, 9, 1), (10, 14, 2), (15, 29, 3), (30, 59, 4), (60, None, 5),
    ]  # fmt: skip
    placeholders = find_faults(algorithm, genes)
    assert len(placeholders) == (1 if version in ("9.2", "9.3", "9.4", "9.4.1") else 0)
    assert all((issue.severity, issue.code) == ("warning", "S015") for issue in placeholders)
    tables = to_rows(algorithm, f"source:hivdb-{version}", genes)
    assert len(tables["scores"]) == algorithm.item_count - len(placeholders)
    assert len({row.id for row in tables["scores"]}) == len(tables["scores"])


@needs_data
@pytest.mark.parametrize("name", REFUSED)
def test_file_is_refused_with_every_place_that_cannot_be_read(name: str) -> None:
    count, message = REFUSED[name]
    with pytest.raises(SourceError) as caught:
        read_algorithm(HIVDB / f"{name}.xml")
    assert len(caught.value.issues) == count
    assert message in str(caught.value)
    assert all(issue.line > 0 and issue.column for issue in caught.value.issues)


@needs_data
def test_a_placed_fault_is_on_its_line() -> None:
    path = HIVDB / "HIVDB_7.0.xml"
    with pytest.raises(SourceError) as caught:
        read_algorithm(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    for issue in caught.value.issues:
        assert re.sub(r"rule form (.*) is not read", r"\1", issue.message) in lines[issue.line - 1]


@needs_data
def test_ids_are_stable_from_version_to_version(tmp_path: Path) -> None:
    """An import over the tables of another version replaces them, and what is the same keeps its id."""
    import_file(HIVDB / "HIVDB_9.8.xml", tmp_path)
    old = {row["id"]: row for row in read_tsv(tmp_path / "scores.tsv")}
    codes = {row["id"] for row in read_tsv(tmp_path / "drugcodes.tsv")}
    import_file(HIVDB / "HIVDB_10.2.xml", tmp_path)
    new = {row["id"]: row for row in read_tsv(tmp_path / "scores.tsv")}
    assert len(new) == 1449
    assert {row["source"] for row in new.values()} == {"source:hivdb-10.2"}
    assert codes < {row["id"] for row in read_tsv(tmp_path / "drugcodes.tsv")}
    both = old.keys() & new.keys()
    assert len(both) > 1000
    assert all(old[claim]["conditions"] == new[claim]["conditions"] for claim in both)
    assert {claim for claim in both if old[claim]["score"] != new[claim]["score"]}, "a comparison shows changed scores"


@needs_data
def test_what_gets_no_row_is_reported(tmp_path: Path) -> None:
    reported: list[Issue] = []
    counts = import_file(HIVDB / "HIVDB_9.4.xml", tmp_path, report=reported.append)
    assert counts["scores"] == 1310
    assert [(issue.code, issue.line, issue.column) for issue in reported] == [("S015", 2631, "DRUG LEN")]


@needs_data
def test_a_fault_leaves_the_tables_of_before(tmp_path: Path) -> None:
    import_file(HIVDB / "HIVDB_10.2.xml", tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(SourceError):
        import_file(HIVDB / "HIVDB_7.0.xml", tmp_path)
    with pytest.raises(SourceError, match="S013"):
        import_file(HIVDB / "HIVDB_10.1.xml", tmp_path, knowledge=tmp_path / "nothing")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
