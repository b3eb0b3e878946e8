"""A small knowledge base that is without fault, and the means to break it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

from kg_builder.knowledge.knowledge import Knowledge, load_knowledge
from kg_builder.knowledge.rows import TABLES, columns

Tables = dict[str, list[dict[str, str]]]


def _term(curie: str, label: str, **cells: str) -> dict[str, str]:
    return {"id": curie, "label": label, "definition": f"What {label} is.", **cells}


def _claim(slug: str, **cells: str) -> dict[str, str]:
    return {"id": f"claim:{slug}", "source": "source:guide", "curator": "test", "date": "2026-01-31", **cells}


BASE: Tables = {
    "terms": [
        _term("comorbidity:ckd", "chronic kidney disease", synonyms="CKD"),
        _term("disease:hiv", "HIV-1 infection", synonyms="HIV"),
        _term("disease:viral", "viral infection"),
        _term("evidence:a", "A", order="1"),
        _term("goal:control", "control"),
        _term("organism:e-coli", "Escherichia coli"),
        _term("role:inducer", "strong CYP3A4 inducer"),
        _term("site:lung", "pneumonia"),
        _term("state:pregnant", "pregnant"),
        _term("target:rt", "reverse transcriptase"),
        _term("warning:rash", "rash"),
    ],
    "sources": [
        {"id": "source:guide", "title": "Guide", "kind": "guideline", "body": "A body", "year": "2024"},
        {"id": "source:set", "title": "Set", "kind": "data set", "body": "A body", "year": "2024", "version": "1"},
    ],
    "genes": [
        _term("gene:FLT3", "FLT3"),
        _term("gene:RT", "RT", length="6", reference="PISMVE", reported_whole="yes"),
        _term("gene:rrs", "rrs", molecule="rna"),
    ],
    "alterations": [
        _term("alteration:flt3-any", "any FLT3 change", gene="FLT3", pattern="any"),
        _term("alteration:flt3-d835", "FLT3 D835 substitution", gene="FLT3", pattern="position", position="835"),
        _term("alteration:flt3-itd", "FLT3-ITD", gene="FLT3", broader="any FLT3 change"),
    ],
    "parameters": [
        _term("parameter:egfr", "eGFR", unit="mL/min/1.73m2", minimum="0", maximum="300"),
        _term("parameter:next-line", "next line", unit="1"),
    ],
    "case_fields": [{"id": "field:egfr", "path": "patient.eGFR", "kind": "number", "parameter": "eGFR"}],
    "mechanisms": [_term("mechanism:nnrti", "binding of the pocket", targets="reverse transcriptase")],
    "classes": [
        _term("class:antiviral", "antiviral"),
        _term("class:nnrti", "NNRTI", broader="antiviral", mechanisms="mechanism:nnrti"),
    ],
    "drugs": [
        _term("drug:dolutegravir", "dolutegravir", synonyms="DTG", classes="antiviral"),
        _term("drug:efavirenz", "efavirenz", mechanisms="binding of the pocket"),
        _term("drug:etravirine", "etravirine", mechanisms="binding of the pocket"),
        _term("drug:rifampicin", "rifampicin", roles="strong CYP3A4 inducer", traits="supportive"),
    ],
    "algorithms": [
        _term("algorithm:x", "X", version="1", released="2026-01-31", source="Set", current="yes"),
    ],
    "drugcodes": [{"id": "drugcode:efv", "label": "EFV", "algorithm": "X", "gene": "RT", "order": "1"}],
    "levels": [
        {"id": "level:1", "algorithm": "X", "order": "1", "label": "Susceptible", "sir": "S", "minimum": "-1000000",
         "maximum": "9", "degree": "none"},
        {"id": "level:2", "algorithm": "X", "order": "2", "label": "Resistant", "sir": "R", "minimum": "10",
         "maximum": "1000000", "degree": "full"},
    ],
    "indications": [
        _claim("i-dtg", agent="dolutegravir", disease="HIV", status="current", line="2+", evidence="A"),
        _claim("i-efv", agent="efavirenz", disease="HIV", status="former", evidence="A"),
        _claim("i-etr", agent="etravirine", disease="HIV", status="alternative", evidence="A"),
    ],
    "marker_requirements": [
        _claim("m-etr", agent="etravirine", requires="marker FLT3-ITD or FLT3 D835 substitution"),
    ],
    "resistances": [
        _claim("r-nnrti", agent="NNRTI", degree="full", conditions="marker RT:M4V"),
        _claim("r-nnrti-2", agent="NNRTI", degree="full", conditions="marker RT:E6K"),
    ],
    "scores": [_claim("s-efv", code="EFV", group="4", score="60", conditions="marker RT:M4I or RT:M4V")],
    "sensitivities": [_claim("s-etr", agent="etravirine", conditions="marker RT:M4V")],
    "selections": [_claim("sel-efv", agent="efavirenz", alteration="RT:M4V")],
    "interactions": [
        _claim("x-class", agent="antiviral", precipitant="strong CYP3A4 inducer", effect="excludes"),
        _claim("x-dtg", agent="dolutegravir", precipitant="rifampicin", effect="cautions", warning="rash"),
    ],
    "constraints": [
        _claim("c-efv", agent="efavirenz", reason="contraindicated-organ-function", effect="cautions",
               conditions="eGFR < 30 mL/min/1.73m2; not comorbidity CKD"),
    ],
    "preferences": [_claim("p-dtg", agent="dolutegravir", over="efavirenz", conditions="usable NNRTI")],
    "prevalence_thresholds": [_claim("t-efv", agent="efavirenz", disease="HIV", threshold="0.1")],
    "prevalences": [],
    "regimen_patterns": [
        _claim("g-hiv", disease="HIV", pick_from="antiviral", at_least="1", at_most="2", pattern="two"),
    ],
}  # fmt: skip


def write_table(file: Path, rows: list[dict[str, str]]) -> None:
    """Write rows as a curation table, in the order given."""
    names = columns(TABLES[file.stem])
    lines = ["\t".join(names), *("\t".join(row.get(n, "") for n in names) for row in rows)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


@pytest.fixture
def base() -> Tables:
    """The small knowledge base, to be changed at will."""
    return deepcopy(BASE)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Tables], Path]:
    """Write tables below a folder `knowledge` and return it."""

    def write_tables(tables: Tables) -> Path:
        root = tmp_path / "knowledge"
        root.mkdir(exist_ok=True)
        for name, rows in tables.items():
            if rows:
                write_table(root / f"{name}.tsv", rows)
        return root

    return write_tables


@pytest.fixture
def load(write: Callable[[Tables], Path]) -> Callable[[Tables], Knowledge]:
    """Write tables and load them as knowledge."""
    return lambda tables: load_knowledge(write(tables))
