"""The answer to one case, as the contract of `options` fixes it (JSON Schema: `salvage-kg schema answer`)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

NOTICE = (
    "For research and education only: not medical advice. Options, rejections and warnings follow from the "
    "knowledge version named here and from what the case states; a specialist decides."
)

EffectName = Literal["excludes", "inactivates", "retains", "cautions", "favours"]
StatusName = Literal["active", "partial", "retained", "not-active", "excluded"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


class KnowledgeVersion(_Model):
    """Which knowledge an answer came from."""

    version: str
    built: str = Field(description="release date of the knowledge, ISO 8601")
    sha256: str


class Finding(_Model):
    """One rule solution about one option."""

    iri: str
    code: str = Field(description="reason code, for instance prior-failure")
    effect: EffectName
    degree: str | None = Field(default=None, description="full, partial; tested-negative, not-shown; observed …")
    text: str
    rule: str
    because: tuple[str, ...] = Field(description="IRIs of every premise: claims, case facts, findings")
    sources: tuple[str, ...] = Field(description="IRIs of the sources of the claims it rests on")


class OptionAnswer(_Model):
    """A drug, product or modality with its status."""

    name: str
    iri: str
    status: StatusName
    rank: int | None = Field(description="1 is first; null unless active")
    rank_keys: dict[str, int | str] = Field(
        default_factory=dict, description="the named keys behind the rank, in order"
    )
    findings: tuple[Finding, ...]


class Objective(_Model):
    """One objective of a regimen."""

    value: int | float | str = Field(description="a number, a word (high, current, A), or unknown")
    unit: str = Field(description="what is counted or graded")
    interval: tuple[float, float] | None = Field(
        default=None, description="of a probability: between which it lies with 95 %"
    )
    because: tuple[str, ...] = Field(description="IRIs of the claims, findings and conclusions that it is taken from")


class RegimenAnswer(_Model):
    """A named regimen, one composed by a pattern, or what comes nearest to a pattern that cannot be met."""

    name: str
    iri: str | None = None
    pattern: str | None = Field(default=None, description="name of the pattern that composed it; null: a named regimen")
    components: tuple[str, ...] = Field(description="names; for a component that is a class, the option chosen")
    remains: tuple[str, ...] = Field(default=(), description="components that can be given and counted on, or kept")
    status: StatusName
    rank: int | None = Field(description="place among all that stand, those not shown included; null unless active")
    on_pareto_front: bool = Field(description="no regimen that stands is better in one objective and worse in none")
    objectives: dict[str, Objective] = Field(description="by name, in order of priority; empty unless active")
    findings: tuple[Finding, ...]


class PatternAnswer(_Model):
    """What came of one pattern of regimens that holds in the case."""

    name: str
    claims: tuple[str, ...] = Field(description="IRIs of its rows")
    combinations: int = Field(description="number of all combinations that satisfy it; 0: it cannot be met")
    front: int = Field(description="how many of them are on the Pareto front of all that are composed")
    shown: int = Field(description="how many of them stand among the regimens of this answer")


class Action(_Model):
    """Something to do that is no drug."""

    name: str
    iri: str
    text: str
    because: tuple[str, ...]


class WarningAnswer(_Model):
    """Something to watch for or to adjust."""

    name: str
    iri: str
    text: str
    agents: tuple[str, ...]
    because: tuple[str, ...]


class MissingTest(_Model):
    """A result that the case lacks and that would change the answer."""

    test: str
    would_change: tuple[str, ...]


class Answer(_Model):
    """Options, rejections, warnings and actions for one case."""

    case: str
    knowledge: KnowledgeVersion
    goal: str | None
    agents: tuple[OptionAnswer, ...]
    regimens: tuple[RegimenAnswer, ...]
    patterns: tuple[PatternAnswer, ...] = ()
    modalities: tuple[OptionAnswer, ...]
    actions: tuple[Action, ...]
    warnings: tuple[WarningAnswer, ...]
    missing: tuple[MissingTest, ...]
    notice: str = NOTICE


class MatchedItem(_Model):
    """One item of the algorithm that counted."""

    item: str
    score: float
    iri: str


class DrugScore(_Model):
    """Score of one drug code of the algorithm."""

    name: str
    iri: str
    code: str
    score: float
    level: int
    interpretation: str
    matched: tuple[MatchedItem, ...]
    gene_read: bool = Field(description="false: the case gives nothing about the gene; the level says nothing then")


class AlgorithmName(_Model):
    """The scoring algorithm used; ``none`` where the disease has none, and then no drug is listed."""

    name: str
    version: str


class Susceptibility(_Model):
    """What the scoring algorithm says of one case."""

    case: str
    algorithm: AlgorithmName
    drugs: tuple[DrugScore, ...]
