"""ARO is read strictly; every term is a row or counted, every relation of resistance a claim or reported."""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from kg_builder.graph.materialise import materialise
from kg_builder.issues import Issue, SourceError
from kg_builder.knowledge import build_statements, check_knowledge, derive_narrower, derive_reflexive, load_knowledge
from kg_builder.knowledge.terms import node, sv
from kg_builder.sources import who_tb
from kg_builder.sources.aro import STEMS, import_file
from kg_builder.sources.obo import read_obo

ROOT = Path(__file__).resolve().parents[2]
ONTOLOGY = ROOT / "ontology"
SHARED = Path(os.environ.get("SALVAGE_KG_DATA", ROOT.parent / "shared" / "data"))
PUBLISHED = SHARED / "aro" / "aro.obo"
WHO = SHARED / "who_tb" / "who_v2_catalog.csv.gz"
needs_data = pytest.mark.skipif(
    not PUBLISHED.is_file(), reason=f"no {PUBLISHED}; set SALVAGE_KG_DATA to the folder of reference data"
)
CONFERS = ("confers_resistance_to_antibiotic", "confers_resistance_to_drug_class")
Imported = tuple[Path, dict[str, int], list[Issue]]
Write = Callable[..., Path]
Faults = Callable[..., list[tuple[str, int]]]


def read_tsv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture(scope="module")
def relations() -> list[tuple[str, str, str]]:
    """(term, relation, other) of the file, read line by line and not by the package."""
    found, term = [], ""
    for line in PUBLISHED.read_text(encoding="utf-8").splitlines():
        if line.startswith("id: "):
            term = line[4:]
        elif line.startswith("relationship: "):
            _, relation, other = line.split(" ! ")[0].split()
            found.append((term, relation, other))
    return found


@pytest.fixture(scope="module")
def ontology(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped ontology, as a copy to import into."""
    folder = tmp_path_factory.mktemp("home") / "ontology"
    for name in ("core", "knowledge", "mappings"):
        shutil.copytree(ONTOLOGY / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def imported(ontology: Path) -> Imported:
    reported: list[Issue] = []
    knowledge = ontology / "knowledge"
    counts = import_file(PUBLISHED, knowledge / "aro", knowledge=knowledge, report=reported.append)
    return knowledge / "aro", counts, reported


def number(reported: list[Issue], code: str) -> int:
    """Return the sum of the numbers that messages of a code begin with."""
    return sum(int(i.message.split()[0].replace(",", "")) for i in reported if i.code == code)


@needs_data
def test_every_term_is_a_row_or_counted(imported: Imported) -> None:
    out, counts, reported = imported
    terms = re.findall(r"^\[Term\]$", PUBLISHED.read_text(encoding="utf-8"), flags=re.MULTILINE)
    obo = read_obo(PUBLISHED)
    assert len(obo.terms) == len(terms) == 8_582
    rows = sum(counts[stem] for stem in ("alterations", "classes", "drugs", "terms"))
    assert rows + number(reported, "S040") + number(reported, "S045") == 8_582
    assert number(reported, "S040") == 184, "testing, biosynthesis, root"
    ids = {row["id"] for stem in ("alterations", "classes", "drugs", "terms") for row in read_tsv(out / f"{stem}.tsv")}
    assert len(ids) == rows
    assert {f"ARO:{i.partition(':aro-')[2]}" for i in ids} <= set(obo.terms)
    assert {"alteration:aro-3000001", "alteration:aro-0010000", "class:aro-3000387"} <= ids


@needs_data
def test_every_relation_of_resistance_is_a_claim(relations: list[tuple[str, str, str]], imported: Imported) -> None:
    out, _, reported = imported
    wanted = {(term, relation, other) for term, relation, other in relations if relation in CONFERS}
    assert len(wanted) == 4_235 + 818
    rows = read_tsv(out / "resistances.tsv")
    own = [row for row in rows if "-via-" not in row["id"]]
    said = set()
    for row in own:
        match = re.fullmatch(r"(ARO:\d+) .*: (\w+) (ARO:\d+)", row["locator"])
        assert match, row["locator"]
        said.add(match.groups())
        assert row["degree"] == ("full" if match[2] == CONFERS[0] else "partial")
    assert len(own) == len(said)
    slips = [issue for issue in reported if issue.code == "S041"]
    assert [(issue.column, issue.severity) for issue in slips] == [("ARO:3007051", "warning")]
    assert wanted - said == {("ARO:3007051", CONFERS[0], "ARO:0000071")}
    assert {(row["source"], row["curator"], row["date"]) for row in rows} == {
        ("source:aro-2025-10", "aro-import", "2025-05-29")
    }


@needs_data
def test_terms_of_ours_are_not_made_again(imported: Imported) -> None:
    out, _, _ = imported
    agents = {row["locator"].rpartition(" ")[2]: row["agent"] for row in read_tsv(out / "resistances.tsv")
              if "-via-" not in row["id"]}  # fmt: skip
    assert agents["ARO:0000071"] == "drug:levofloxacin"
    assert agents["ARO:3000169"] == "drug:rifampicin", "by the crosswalk: ARO calls it rifampin"
    assert agents["ARO:0000001"] == "class:fluoroquinolone"
    assert agents["ARO:3000387"] == "class:aro-3000387"
    drugs = {row["label"]: row for row in read_tsv(out / "drugs.tsv")}
    assert "levofloxacin" not in drugs
    assert drugs["ceftibuten"]["classes"] == "class:cephalosporin-3rd-generation"
    assert drugs["cefotaxime-tazobactam"]["ingredients"] == "drug:tazobactam|drug:cefotaxime"


@needs_data
def test_definitions_are_our_own(imported: Imported) -> None:
    text = PUBLISHED.read_text(encoding="utf-8")
    theirs = set(re.findall(r'^def: "(.{30,}?[^\\])"', text, flags=re.MULTILINE))
    for stem in STEMS:
        for row in read_tsv(imported[0] / f"{stem}.tsv"):
            assert not theirs & {row.get("definition", ""), row.get("note", "")}


@needs_data
def test_import_over_itself_changes_nothing(ontology: Path, imported: Imported) -> None:
    out, counts, _ = imported
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(before) == {f"{stem}.tsv" for stem in STEMS}
    assert import_file(PUBLISHED, out, knowledge=ontology / "knowledge") == counts
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@needs_data
def test_both_imports_reason_with_the_shipped_knowledge(ontology: Path, imported: Imported) -> None:
    """No fault, no clash, no contradiction; families reach their members, and the catalogue overrides no diagnosis."""
    knowledge_dir = ontology / "knowledge"
    who_tb.import_file(WHO, knowledge_dir / "who-tb", knowledge=knowledge_dir)
    knowledge = load_knowledge(knowledge_dir)
    issues = check_knowledge(knowledge)
    assert [str(issue) for issue in issues if issue.severity == "error"] == []
    added = Counter(i.code for i in issues if "aro/" in i.path or "who-tb/" in i.path)
    assert set(added) <= {"K021"}, "drugs without indication, and no contradiction (K020)"
    statements = build_statements(knowledge, ontology / "core")
    materialise(statements)
    derive_narrower(statements)
    derive_reflexive(statements)

    def holds(s: str, p: str, o: str) -> bool:
        return (node(s), sv(p), node(o)) in statements

    efflux, family = "alteration:aro-0010000", "alteration:aro-3000017"
    assert holds("alteration:aro-3006027", "isKindOf", family), "a member of its family"
    assert (
        holds("alteration:aro-3002693", "isKindOf", efflux)
        or len(statements.subjects(sv("isKindOf"), node(efflux))) > 300
    ), "determinants fall under the mechanism they work by"
    narrower = {
        claim[1:-1].rpartition("/")[2]: {wider[1:-1].rpartition("/")[2] for wider in found}
        for claim, found in statements.about(sv("narrowerThan")).items()
    }
    graded = {row["id"].partition(":")[2] for row in read_tsv(knowledge_dir / "who-tb" / "sensitivities.tsv")}
    overridden = {claim for one in graded & narrower.keys() for claim in narrower[one]}
    marked = {row["id"].partition(":")[2] for folder in knowledge_dir.iterdir()
              if (folder / "resistances.tsv").is_file() for row in read_tsv(folder / "resistances.tsv")
              if "marker " in row["conditions"]}  # fmt: skip
    assert overridden <= marked


# --- a small ontology of our own -----------------------------------------------------------------

OBO = """format-version: 1.2
date: 01:02:2024 10:00

! a comment
[Term]
id: ARO:1000001
name: root

[Term]
id: ARO:1000003
name: molecules
is_a: ARO:1000001 ! root

[Term]
id: ARO:0000076
name: modifiers
is_a: ARO:1000001

[Term]
id: ARO:3000000
name: determinants
is_a: ARO:1000001

[Term]
id: ARO:1000002
name: ways
is_a: ARO:1000001

[Term]
id: ARO:3000708
name: aims
is_a: ARO:1000001

[Term]
id: ARO:1
name: newol antibiotic
is_a: ARO:1000003
synonym: "levofloxacin" EXACT []
synonym: "say \\"new\\"" EXACT CARD_Short_Name []

[Term]
id: ARO:2
name: levofloxacin
is_a: ARO:1 ! newol antibiotic

[Term]
id: ARO:3
name: linezolid
is_a: ARO:1000001

[Term]
id: ARO:4
name: newA {source="x"}
is_a: ARO:3000000
relationship: participates_in ARO:1000002 ! ways
relationship: confers_resistance_to_drug_class ARO:1 ! newol antibiotic
relationship: regulates ARO:3

[Typedef]
id: regulates
name: regulates
"""


SMALL = ("small.obo", OBO)


def test_each_term_is_told(tmp_path: Path, write: Write) -> None:
    reported: list[Issue] = []
    formulary = ONTOLOGY / "knowledge" / "formulary"
    counts = import_file(write(), tmp_path / "out", knowledge=formulary, report=reported.append)
    assert counts == {"alterations": 3, "classes": 3, "drugs": 0, "resistances": 2, "sources": 1, "terms": 1}
    assert sorted((i.code, i.severity) for i in reported) == [
        ("S040", "warning"), ("S040", "warning"), ("S042", "warning"), ("S043", "warning"), ("S045", "warning"),
    ]  # fmt: skip
    rows = {row["id"]: row for row in read_tsv(tmp_path / "out" / "resistances.tsv")}
    assert {k: (r["agent"], r["degree"], r["conditions"]) for k, r in rows.items()} == {
        "claim:aro-4-1": ("class:aro-1", "partial", "marker alteration:aro-4"),
        "claim:aro-4-2-via-1": ("drug:levofloxacin", "partial", "marker alteration:aro-4"),
    }
    (new,) = [row for row in read_tsv(tmp_path / "out" / "alterations.tsv") if row["id"] == "alteration:aro-4"]
    assert (new["label"], new["broader"]) == ("newA", "alteration:aro-3000000|alteration:aro-1000002")
    (group,) = [row for row in read_tsv(tmp_path / "out" / "classes.tsv") if row["id"] == "class:aro-1"]
    assert group["synonyms"] == 'ARO:1|say "new"'
    (source,) = read_tsv(tmp_path / "out" / "sources.tsv")
    assert (source["id"], source["licence"]) == ("source:aro-2024-02-01", "CC BY 4.0")


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "message"),
    [
        ("name: root\n", "name: root\nis_", "S020", 8, "'is_' is neither a stanza nor 'tag: value'"),
        ("[Term]\nid: ARO:1000001", "[Trem]\nid: ARO:1000001", "S020", 5, "unknown stanza [Trem]"),
        ("name: root\n", "", "S021", 5, "the term has no name"),
        ("id: ARO:2\n", "id: ARO:1\n", "S021", 41, "ARO:1 stands twice, first on line 34"),
        ("id: ARO:2\n", "id: ARO:2\nid: ARO:9\n", "S021", 43, "ARO:2 has a second id"),
        ("relationship: regulates ARO:3", "relationship: regulates", "S020", 57, "'regulates' is no relationship"),
        ("regulates ARO:3", "regulates ARO:99", "S022", 57, "there is no term ARO:99"),
        ("is_a: ARO:1 !", "is_a: ARO:98 !", "S022", 44, "there is no term ARO:98"),
        ("is_a: ARO:1 !", "is_a: !", "S020", 44, "'! newol antibiotic' is no id"),
        ('"levofloxacin" EXACT', '"levofloxacin EXACT', "S020", 38, "is no synonym"),
        ("name: root\n", "name: root\nis_a: ARO:4\n", "S022", 5, "ARO:1000001 lies above itself"),
        ("format-version: 1.2\n", "", "S020", 1, "does not say that it is OBO"),
        ("date: 01:02:2024 10:00", "date: today", "S044", 1, "date 'today' cannot be read"),
        ("id: ARO:3000708", "id: ARO:3000709", "S044", 0, "there is no ARO:3000708"),
        ("name: root\n", "name: root\nis_obsolete: maybe\n", "S020", 8, "neither true nor false"),
    ],
)
def test_a_fault_is_told_with_its_line(
    tmp_path: Path, faults: Faults, old: str, new: str, code: str, line: int, message: str
) -> None:
    read = partial(import_file, out_dir=tmp_path / "out", knowledge=ONTOLOGY / "knowledge" / "formulary")
    assert faults(read, (old, new), message) == [(code, line)]
    assert not (tmp_path / "out").exists()


def test_obsolete_terms_are_left_out(tmp_path: Path, write: Write) -> None:
    reported: list[Issue] = []
    path = write(("id: ARO:2\n", "id: ARO:2\nis_obsolete: true\n"))
    import_file(path, tmp_path / "out", knowledge=ONTOLOGY / "knowledge" / "formulary", report=reported.append)
    assert [row["id"] for row in read_tsv(tmp_path / "out" / "resistances.tsv")] == ["claim:aro-4-1"]
    assert number(reported, "S040") == 3


@needs_data
def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.obo"
    path.write_bytes(PUBLISHED.read_bytes()[:1_000_000])
    with pytest.raises(SourceError, match="S02"):
        read_obo(path)
