"""What all row models share: how a cell is read, which terms it may name, which property it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


@dataclass(frozen=True, slots=True)
class Ref:
    """The cell names a term of one of these kinds (CURIE prefixes), by label, synonym or CURIE."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Emit:
    """The cell becomes this property (local name in ``sv:`` unless prefixed) of the row's subject.

    ``prefix`` turns a literal choice into an individual: ``status`` with cell ``current`` gives
    ``status:current``.
    """

    predicate: str
    prefix: str = ""
    annotation: bool = False


@dataclass(frozen=True, slots=True)
class AsCondition:
    """The cell is shorthand for one more condition of this fact kind (``disease``, ``organism`` …)."""

    kind: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """The cell is written in the condition language (docs/conditions.md).

    ``predicate`` links the claim to each condition; ``count`` is the property that holds their number.
    """

    predicate: str = "hasCondition"
    count: str = "conditionCount"


OPTION = ("drug", "class", "modality", "regimen")
AGENT = ("drug", "class", "role", "mechanism")

DAY = r"^\d{4}-\d{2}-\d{2}$"


def is_day(text: str) -> bool:
    """Whether a text of the form YYYY-MM-DD is a day of the calendar.

    >>> is_day("2024-02-29"), is_day("2026-02-29")
    (True, False)
    """
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _be_a_day(text: str) -> str:
    if not is_day(text):
        raise PydanticCustomError("no_day", "no day of the calendar")
    return text


Day = Annotated[str, Field(pattern=DAY), AfterValidator(_be_a_day)]
Many = tuple[str, ...]
Cell = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Row(BaseModel):
    """A line of a table. ``id`` is a CURIE, unique over all tables; a table is sorted by it."""

    model_config = Cell
    id: str = Field(description="CURIE of the term or claim; unique over all folders, never reused")


class Term(Row):
    """A term of any kind; the CURIE prefix of ``id`` says which."""

    label: Annotated[str, Emit("rdfs:label", annotation=True)] = Field(description="the field's standard name, English")
    synonyms: Annotated[Many, Emit("skos:altLabel", annotation=True)] = Field(
        default=(), description="other names a user may type; | between them"
    )
    definition: Annotated[str, Emit("obo:IAO_0000115", annotation=True)] = Field(
        description="what it is, in one sentence of our own"
    )


class ClaimRow(Row):
    """What every claim has, after its own columns."""

    claim_class: ClassVar[str] = "Claim"
    conditions: Annotated[str, Conditions()] = Field(default="", description="all must hold; see docs/conditions.md")
    note: Annotated[str, Emit("rdfs:comment", annotation=True)] = Field(
        default="", description="the fact in the curator's own words, shown to the reader"
    )
    evidence: Annotated[str | None, Ref(("evidence",)), Emit("hasEvidence")] = Field(
        default=None, description="A to D, see docs/curation.md; required for indications"
    )
    source: Annotated[Many, Ref(("source",)), Emit("dcterms:source")] = Field(
        min_length=1, description="what the claim rests on"
    )
    locator: Annotated[str, Emit("locator", annotation=True)] = Field(
        default="", description="section, table or page of the source"
    )
    curator: Annotated[str, Emit("curatedBy", annotation=True)] = Field(min_length=1, description="who wrote the row")
    date: Annotated[Day, Emit("curatedOn", annotation=True)] = Field(
        description="day of writing or of the last change, YYYY-MM-DD"
    )
