"""What `what-if` answers (JSON Schema: `salvage-kg schema what-if`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from kg_builder.derivation.answer import NOTICE, KnowledgeVersion, StatusName
from kg_builder.derivation.changes import Change


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


class OptionThen(_Model):
    """An option whose status is another after the change."""

    name: str
    iri: str
    was: StatusName
    status: StatusName
    rank: int | None


class FirstThen(_Model):
    """The option that is first after the change."""

    name: str
    iri: str
    was: str = Field(description="name of the one that is first now; empty if none is")


class Alternative(_Model):
    """One smallest set of changes and what it does."""

    changes: tuple[Change, ...]
    usable: tuple[OptionThen, ...] = Field(description="options that these changes, and no fewer of them, make usable")
    first: tuple[FirstThen, ...] = Field(description="options that become first; one drug, one modality at most")
    lost: tuple[OptionThen, ...] = Field(description="options that are usable now and would not be")


class ResultOf(_Model):
    """What one result of a test would do."""

    result: str
    usable: tuple[str, ...] = Field(description="options that become usable")
    lost: tuple[str, ...] = Field(description="options that are usable now and would not be")
    changed: tuple[str, ...] = Field(description="other options whose status changes")


class NextTest(_Model):
    """A test that was not done, and how many options its result could change."""

    test: str
    options: int
    results: tuple[ResultOf, ...]


class Searched(_Model):
    """How far the search went. Sets up to ``*_complete_to`` changes were all tried or shown to be useless."""

    modifiable: int = Field(description="single changes that the case allows")
    derived: int = Field(description="changed cases that were derived")
    usable_complete_to: int
    first_complete_to: int


class WhatIf(_Model):
    """What would change the answer to one case."""

    case: str
    knowledge: KnowledgeVersion
    first: tuple[str, ...] = Field(description="the options that are first now: drug, modality")
    changes: tuple[Alternative, ...]
    tests: tuple[NextTest, ...]
    searched: Searched
    notice: str = NOTICE
