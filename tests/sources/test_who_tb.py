"""The WHO catalogue is read whole, and every graded variant is a claim or counted in a warning."""

from __future__ import annotations

import csv
import gzip
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from kg_builder.issues import Issue, SourceError
from kg_builder.knowledge import check_knowledge, load_knowledge
from kg_builder.sources.who_catalogue import read_catalogue
from kg_builder.sources.who_tb import STEMS, import_file

ROOT = Path(__file__).resolve().parents[2]
KNOWLEDGE = ROOT / "ontology" / "knowledge"
SHARED = Path(os.environ.get("SALVAGE_KG_DATA", ROOT.parent / "shared" / "data"))
PUBLISHED = SHARED / "who_tb" / "who_v2_catalog.csv.gz"
needs_data = pytest.mark.skipif(
    not PUBLISHED.is_file(), reason=f"no {PUBLISHED}; set SALVAGE_KG_DATA to the folder of reference data"
)
GRADE, COMMENT, CRITERION = 105, 106, 104


def read_tsv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture(scope="module")
def published() -> list[list[str]]:
    """The file's rows, read by position and not by the package."""
    with gzip.open(PUBLISHED, "rt", encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))[1:]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Knowledge of what diseases share, without any claim of the catalogue."""
    folder = tmp_path_factory.mktemp("ontology") / "knowledge"
    for name in ("common", "formulary"):
        shutil.copytree(KNOWLEDGE / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def imported(beside: Path) -> tuple[Path, dict[str, int], list[Issue]]:
    reported: list[Issue] = []
    out = beside / "who-tb"
    return out, import_file(PUBLISHED, out, knowledge=beside, report=reported.append), reported


@needs_data
def test_every_row_is_read(published: list[list[str]]) -> None:
    catalogue = read_catalogue(PUBLISHED)
    assert len(catalogue.variants) == len(published) == 48_152
    counted = Counter(int(row[GRADE][0]) for row in published)
    assert catalogue.count_grades() == counted == {1: 253, 2: 1_130, 3: 33_906, 4: 12_379, 5: 484}
    assert [(issue.code, issue.line) for issue in catalogue.warnings] == [("S036", 4848)]


@needs_data
def test_every_graded_variant_is_a_claim(
    published: list[list[str]], imported: tuple[Path, dict[str, int], list[Issue]]
) -> None:
    out, counts, reported = imported
    grades = Counter(row[GRADE][0] for row in published)
    assert counts["resistances"] == grades["1"] + grades["2"] == 1_383
    assert counts["sensitivities"] == grades["4"] + grades["5"] == 12_863
    assert [issue.code for issue in reported] == ["S036", "S038"], "nothing cannot be expressed"
    assert "33,906" in reported[1].message
    for table, wanted in (("resistances", "12"), ("sensitivities", "45")):
        rows = read_tsv(out / f"{table}.tsv")
        said = {(row["locator"]): row for row in rows}
        assert said.keys() == {f"{row[0]}, {row[1]} {row[2]}" for row in published if row[GRADE][0] in wanted}
        assert {(row["source"], row["curator"], row["date"]) for row in rows} == {
            ("source:who-tb-catalogue-2023", "who-tb-import", "2023-11-15")
        }
        assert all(row["note"].startswith("Grade ") for row in rows)


@needs_data
def test_low_level_is_partial_and_epistasis_is_a_condition(
    published: list[list[str]], imported: tuple[Path, dict[str, int], list[Issue]]
) -> None:
    rows = {row["locator"]: row for row in read_tsv(imported[0] / "resistances.tsv")}
    low = {f"{row[0]}, {row[1]} {row[2]}" for row in published if row[GRADE][0] in "12" and "Low-level" in row[COMMENT]}
    assert len(low) == 21
    assert {locator for locator, row in rows.items() if row["degree"] == "partial"} == low
    linked = {(r[1], r[0]) for r in published if "linked to a functional" in r[COMMENT]}
    assert linked == {("Rv0678", "Bedaquiline"), ("Rv0678", "Clofazimine"), ("eis", "Amikacin"), ("eis", "Kanamycin")}
    working = {
        f"{row[0]}, {row[1]} {row[2]}" for row in published if row[GRADE][0] in "12" and (row[1], row[0]) in linked
    }
    assert {locator for locator, row in rows.items() if "; not marker " in row["conditions"]} == working
    assert rows["Bedaquiline, Rv0678 LoF"]["conditions"] == (
        "marker Rv0678:loss-of-function; not marker mmpL5:loss-of-function"
    )


@needs_data
def test_variants_are_named_as_the_grammar_has_it(imported: tuple[Path, dict[str, int], list[Issue]]) -> None:
    rows = {row["locator"]: row for row in read_tsv(imported[0] / "resistances.tsv")}
    named = {
        "Rifampicin, rpoB p.Ser450Leu": ("claim:who-tb-rpob-s450l-rifampicin", "marker rpoB:S450L"),
        "Kanamycin, rrs n.1401A>G": ("claim:who-tb-rrs-a1401g-kanamycin", "marker rrs:A1401G"),
        "Pyrazinamide, pncA c.-11A>G": ("claim:who-tb-pnca-c-11a-g-pyrazinamide", "marker pncA:c.-11A>G"),
        "Isoniazid, inhA c.-777C>T": (
            "claim:who-tb-inha-promoter-c-15c-t-isoniazid",
            "marker inhA promoter:c.-15C>T",
        ),
        "Isoniazid, katG p.Met1?": ("claim:who-tb-katg-start-lost-isoniazid", "marker katG:start lost"),
        "Rifampicin, rpoB p.Phe433dup": ("claim:who-tb-rpob-f433dup-rifampicin", "marker rpoB:F433dup"),
        "Isoniazid, katG deletion": ("claim:who-tb-katg-deletion-isoniazid", "marker katG:deletion"),
    }
    assert {k: (rows[k]["id"], rows[k]["conditions"]) for k in named} == named


@needs_data
def test_claims_of_the_curators_keep_their_ids(imported: tuple[Path, dict[str, int], list[Issue]]) -> None:
    """Where curators and import speak of one variant they do so under one id (but for changes within a gene)."""
    curated = {row["id"] for row in read_tsv(KNOWLEDGE / "tuberculosis" / "resistances.tsv") if "who-tb" in row["id"]}
    ours = {row["id"] for row in read_tsv(imported[0] / "resistances.tsv")}
    assert len(curated & ours) > 300
    rest = {claim for claim in curated - ours if not claim.endswith("-pretomanid")}
    assert len(rest) <= 6, sorted(rest)


@needs_data
def test_tables_stand_beside_what_diseases_share(
    beside: Path, imported: tuple[Path, dict[str, int], list[Issue]]
) -> None:
    knowledge = load_knowledge(beside)
    errors = [issue for issue in check_knowledge(knowledge) if issue.severity == "error"]
    assert [str(issue) for issue in errors if "who-tb/" in issue.path] == []
    assert len(knowledge.rows("resistances")) == 1_383
    assert len(knowledge.rows("sensitivities")) == 12_863


@needs_data
def test_what_the_knowledge_holds_is_not_written_again(tmp_path: Path) -> None:
    root = tmp_path / "knowledge"
    shutil.copytree(KNOWLEDGE, root)
    reported: list[Issue] = []
    counts = import_file(PUBLISHED, root / "who-tb", knowledge=root, report=reported.append)
    (held,) = [int(i.message.split()[0].replace(",", "")) for i in reported if i.code == "S037"]
    assert counts["resistances"] + counts["sensitivities"] + held == 14_246
    assert held >= 340
    assert counts["sources"] == 0
    assert [str(issue) for issue in load_knowledge(root).issues] == []
    before = {path.name: path.read_bytes() for path in (root / "who-tb").iterdir()}
    assert import_file(PUBLISHED, root / "who-tb", knowledge=root) == counts, "an import over itself changes nothing"
    assert {path.name: path.read_bytes() for path in (root / "who-tb").iterdir()} == before
    assert set(before) == {f"{stem}.tsv" for stem in STEMS}


@needs_data
def test_tables_of_others_are_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "tuberculosis"
    shutil.copytree(KNOWLEDGE / "tuberculosis", out)
    before = (out / "resistances.tsv").read_bytes()
    with pytest.raises(SourceError, match=r"resistances\.tsv:2: curator: .*\[S009\]"):
        import_file(PUBLISHED, out, knowledge=KNOWLEDGE)
    assert (out / "resistances.tsv").read_bytes() == before


@needs_data
def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(PUBLISHED.read_bytes()[:400_000])
    with pytest.raises(SourceError, match="S007"):
        import_file(path, tmp_path / "out", knowledge=KNOWLEDGE)
    assert not (tmp_path / "out").exists()


# --- a small catalogue of our own ----------------------------------------------------------------

HEADER = (
    "drug,gene,mutation,variant,effect,PPV,PPV,Additional grading criteria applied,FINAL CONFIDENCE GRADING,Comment"
)
ROWS = (
    "rifampicin,rpoB,p.Ser450Leu,rpoB_p.Ser450Leu,missense_variant,1,1,,1) Assoc w R,",
    "rifampicin,rpoB,p.Ser450Leu,rpoB_p.Ser450Leu,missense_variant,1,1,,2) Assoc w R - Interim,",
    "rifampicin,rpoB,p.Foo1Bar,rpoB_p.Foo1Bar,missense_variant,1,1,,5) Not assoc w R,",
    "rifampicin, ,c.7T>C,newA_c.7T>C,synonymous_variant,1,1,Silent mutation,4) Not assoc w R - Interim,",
    "rifampicin,newA,c.-7T>C,newA_c.-7T>C,upstream_gene_variant,1,1,,4) Not assoc w R - Interim,",
    "rifampicin,newA,c.1A>G,newA_c.1A>G,synonymous_variant,1,1,,3) Uncertain significance,",
)


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "small.csv"
    path.write_bytes(("\ufeff" + "\r\n".join([header, *rows]) + "\r\n").encode())
    return path


def test_each_variant_is_told(tmp_path: Path) -> None:
    reported: list[Issue] = []
    counts = import_file(
        write(tmp_path, *ROWS), tmp_path / "out", knowledge=KNOWLEDGE / "formulary", report=reported.append
    )
    assert counts == {"alterations": 0, "genes": 1, "resistances": 1, "sensitivities": 2, "sources": 1}
    assert [(issue.code, issue.line, issue.severity) for issue in reported] == [
        ("S036", 5, "warning"), ("S035", 3, "warning"), ("S034", 4, "warning"), ("S038", 0, "warning"),
    ]  # fmt: skip
    ids = [row["id"] for row in read_tsv(tmp_path / "out" / "sensitivities.tsv")]
    assert ids == ["claim:who-tb-newa-c-7t-c-rifampicin", "claim:who-tb-newa-c7t-c-rifampicin"]


@pytest.mark.parametrize(
    ("header", "row", "code", "line", "message"),
    [
        (HEADER.replace(",Comment", ""), ROWS[0], "S030", 1, "column 'Comment' is missing"),
        (HEADER.replace("variant,effect", "gene,effect"), ROWS[0], "S030", 1, "column 'gene' stands 2 times"),
        (HEADER, ROWS[0][:40], "S031", 2, "4 cells, but the header names 10 columns"),
        (HEADER, ROWS[0].replace(",,1)", ',"",1)') + '"x', "S031", 2, "no row of a CSV file"),
        (HEADER, ROWS[0].replace("1) Assoc w R", "6) new"), "S032", 2, "'6) new' is no grade"),
        (HEADER, ROWS[0].replace("p.Ser450Leu,rpoB", ",rpoB", 1), "S032", 2, "mutation: is empty"),
        (HEADER, ROWS[0].replace("rifampicin", "rifampicinn"), "S033", 2, "no drug 'rifampicinn'; nearest: rifampicin"),
        ("", "", "S030", 1, "column 'drug' is missing"),
    ],
)
def test_a_fault_is_told_with_its_line(
    tmp_path: Path, header: str, row: str, code: str, line: int, message: str
) -> None:
    with pytest.raises(SourceError) as caught:
        import_file(write(tmp_path, row, header=header), tmp_path / "out", knowledge=KNOWLEDGE / "formulary")
    found = [issue for issue in caught.value.issues if (issue.code, issue.line) == (code, line)]
    assert any(message in str(issue) for issue in found), str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER.encode() + b"\n\xff\xfe")
    with pytest.raises(SourceError, match=r":2: byte 0xff is not UTF-8.*\[S008\]"):
        read_catalogue(path)
    with pytest.raises(SourceError, match="S001"):
        read_catalogue(tmp_path / "absent.csv")
