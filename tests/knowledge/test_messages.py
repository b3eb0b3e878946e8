"""Each message code has an example that fails with it, and docs/messages.md shows that message."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kg_builder.issues import Issue
from kg_builder.knowledge import check_knowledge, load_knowledge

Tables = dict[str, list[dict[str, str]]]
Write = Callable[[Tables], Path]

REPOSITORY = Path(__file__).parents[2]
MESSAGES = (REPOSITORY / "docs" / "messages.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Example:
    """A change of the small knowledge base: of its rows, or of a file's bytes once written."""

    code: str
    change: Callable[[Tables], object] | None = None
    table: str = ""
    rewrite: Callable[[bytes], bytes] | None = None
    core: str = ""
    """Turtle of a core ontology to put beside the tables."""


def put(table: str, **cells: str) -> Callable[[Tables], object]:
    """Change cells of a table's first row."""
    return lambda tables: tables[table][0].update(cells)


def say(text: str) -> Callable[[Tables], object]:
    """Write conditions into the constraint."""
    return put("constraints", conditions=text)


def mark(text: str) -> Callable[[Tables], object]:
    """Name a marker in the constraint's conditions."""
    return say(f"marker {text}")


def add(table: str, like: int = 0, **cells: str) -> Callable[[Tables], object]:
    """Add a row that is like another of the table but for some cells."""
    return lambda tables: tables[table].append({**tables[table][like], **cells})


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Replace the first occurrence in a file, which must be there."""

    def rewrite(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return rewrite


def _cycle(tables: Tables) -> None:
    tables["classes"][0]["broader"] = "NNRTI"


def _prevalence(**cells: str) -> Callable[[Tables], object]:
    def change(tables: Tables) -> None:
        claim = {
            k: v for k, v in tables["indications"][1].items() if k in ("agent", "disease", "source", "curator", "date")
        }
        tables["prevalences"] = [{"id": "claim:pr", "region": "region:here", "year": "2020", **claim, **cells}]
        tables["terms"].insert(7, {"id": "region:here", "label": "here", "definition": "Here."})

    return change


def _regimen(**cells: str) -> Callable[[Tables], object]:
    row = {"id": "regimen:two", "label": "two drugs", "definition": "Two.", "components": "dolutegravir|efavirenz"}
    return lambda tables: tables.update(regimens=[{**row, **cells}])


def _no_next_line(tables: Tables) -> None:
    tables["parameters"].pop()


def _no_indication(tables: Tables) -> None:
    tables["resistances"][0].update(agent="rifampicin", conditions="disease HIV; marker RT:M4V")


CORE = "<https://w3id.org/salvage-kg/trait/long-acting> a <x:Trait> ."

EXAMPLES: list[Example] = [
    Example("T001", table="resistence", rewrite=lambda data: b"id\n"),
    Example("T002", table="drugs", rewrite=swap(b"What rifampicin", b"What rif\xe4mpicin")),
    Example("T003", table="drugs", rewrite=lambda data: b"\xef\xbb\xbf" + data),
    Example("T004", table="drugs", rewrite=lambda data: data.replace(b"\n", b"\r\n")),
    Example("T005", table="drugs", rewrite=swap(b"DTG", b"DTG\xc2\xa0GSK")),
    Example("T006", table="drugs", rewrite=swap(b"\tDTG\t", b"\tDTG ")),
    Example("T007", put("interactions", agent="dolutegravirr")),
    Example("T008", lambda t: (t["classes"][0].update(synonyms="DTG"), t["interactions"][0].update(agent="DTG"))),
    Example("T009", table="drugs", rewrite=swap(b"synonyms", b"synonims")),
    Example("T010", table="interactions", rewrite=swap(b"source", b"locator2")),
    Example("T011", table="drugs", rewrite=swap(b"synonyms", b"label")),
    Example("T012", lambda t: t["interactions"].insert(1, t["interactions"][0])),
    Example("T013", lambda t: t["drugs"].reverse()),
    Example("T014", put("scores", score="30 points")),
    Example("T015", put("prevalence_thresholds", threshold="30")),
    Example("T016", put("interactions", source="")),
    Example("T017", put("interactions", effect="exclude")),
    Example("T018", put("drugs", id="dolutegravir")),
    Example("T019", put("drugs", label="dolutegravir ")),
    Example("T020", put("algorithms", current="true")),
    Example("T021", put("interactions", date="31.01.2026")),
    Example("T022", put("interactions", agent="pneumonia")),
    Example("T023", table="goals", rewrite=lambda data: b""),
    Example("T024", table="drugs", rewrite=swap(b"\n", b"\n\n")),
    Example("T025", put("drugs", synonyms="DTG||GSK1349572")),
    Example("T026", put("drugs", synonyms="DTG|DTG")),
    Example("T027", put("drugs", definition='"An integrase inhibitor."')),
    Example("T028", put("drugs", id="drug:dolutégravir")),
    Example("T029", table="drugs", rewrite=lambda data: data[:-1]),
    Example("A001", mark("RTT:M4V")),
    Example("A002", mark("RT:exon 19")),
    Example("A003", mark("RT:M4")),
    Example("A004", mark("RT:M184V")),
    Example("A005", mark("RT:L4V")),
    Example("A006", mark("FLT3:835Y")),
    Example("A007", mark("RT:M4X")),
    Example("A008", put("selections", alteration="RT:M4I/V")),
    Example("L001", say("site pneumonia; ; state pregnant")),
    Example("L002", say("site pneumonia; site PNEUMONIA")),
    Example("L003", say("comorbid CKD")),
    Example("L004", say("site")),
    Example("L005", say("not eGFR < 30 mL/min/1.73m2")),
    Example("L006", say("eGRF < 30 mL/min/1.73m2")),
    Example("L007", say("eGFR < 3,5 mL/min/1.73m2")),
    Example("L008", say("eGFR < 30 mL/min")),
    Example("L009", say("eGFR < 3000 mL/min/1.73m2")),
    Example("L010", say("marker FLT3-ITD or marker RT:M4V")),
    Example("K001", put("drugs", synonyms="efavirenz")),
    Example("K002", _cycle),
    Example("K003", lambda t: t["sources"][1].update(version="")),
    Example("K004", put("indications", evidence="")),
    Example("K005", lambda t: t["genes"][1].update(length="7")),
    Example("K006", put("parameters", minimum="400")),
    Example("K007", put("case_fields", parameter="")),
    Example("K008", put("alterations", label="FLT3:D835Y")),
    Example("K009", put("alterations", gene="")),
    Example("K010", lambda t: t["resistances"][0].update(conditions="resistant efavirenz")),
    Example(
        "K011",
        lambda t: (
            t["preferences"][0].update(conditions=""),
            add("preferences", id="claim:p-efv", agent="efavirenz", over="dolutegravir", conditions="")(t),
        ),
    ),
    Example("K012", _no_next_line),
    Example("K013", put("indications", line="3-2")),
    Example("K014", put("marker_requirements", requires="marker FLT3-ITD; marker RT:M4V")),
    Example("K015", _prevalence(resistant="3")),
    Example("K016", lambda t: t["levels"][1].update(minimum="15")),
    Example("K017", put("drugs", traits="long-actin"), core=CORE),
    Example("K018", lambda t: (t["scores"][0].update(conditions="marker FLT3:D835Y"), mark("FLT3:E835H")(t))),
    Example("K020", lambda t: t["sensitivities"][0].update(agent="NNRTI")),
    Example("K021", _no_indication),
    Example("K022", _regimen(retained="etravirine", diseases="HIV", source="source:guide")),
    Example("K023", _regimen(diseases="HIV")),
    Example("K024", _regimen()),
    Example("K025", say("eGFR < 30 mL/min/1.73m2; eGFR >= 30 mL/min/1.73m2")),
]


def issues_of(example: Example, base: Tables, write: Write) -> list[Issue]:
    """Return what is told of the small knowledge base, broken as the example says."""
    if example.change:
        example.change(base)
    root = write(base)
    if example.rewrite:
        file = root / f"{example.table}.tsv"
        file.write_bytes(example.rewrite(file.read_bytes() if file.exists() else b""))
    if example.core:
        core = root.parent / "core"
        core.mkdir()
        (core / "core.ttl").write_text(example.core, encoding="utf-8")
    return check_knowledge(load_knowledge(root))


def test_small_knowledge_base_is_without_fault(base: Tables, write: Write) -> None:
    assert [str(i) for i in issues_of(Example("none"), base, write)] == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.code)
def test_code_is_told_with_file_and_repair(example: Example, base: Tables, write: Write) -> None:
    issues = issues_of(example, base, write)
    told = [i for i in issues if i.code == example.code]
    assert told, [str(i) for i in issues]
    issue = told[0]
    assert issue.path.endswith(".tsv")
    assert issue.hint
    assert issue.line or issue.code == "T001"
    assert f"\n{issue}\n" in MESSAGES


def test_every_code_of_the_tables_has_an_example_and_is_documented() -> None:
    source = "\n".join(f.read_text(encoding="utf-8") for f in (REPOSITORY / "kg_builder" / "knowledge").glob("*.py"))
    used = set(re.findall(r'"([TALK]\d{3})"', source))
    assert len(used) > 50
    assert used == {e.code for e in EXAMPLES}
    assert used == set(re.findall(r"^### ([TALK]\d{3})", MESSAGES, flags=re.MULTILINE))


@pytest.mark.parametrize("code", ["T005", "T006", "T007", "T016", "T018", "T019", "T027", "K004"])
def test_one_fault_is_one_issue(code: str, base: Tables, write: Write) -> None:
    """A bad cell must not make the mentions of its row's term unknown names as well."""
    example = next(e for e in EXAMPLES if e.code == code)
    assert [i.code for i in issues_of(example, base, write)] == [code]
