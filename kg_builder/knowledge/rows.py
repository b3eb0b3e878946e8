"""The row models: what a line of each curation table may say.

One model per table; the file's stem chooses the model (:data:`TABLES`), its fields in order are
the table's columns. A field's annotation says how the cell is read, which kinds of term it may
name (:class:`Ref`) and which property it becomes in the graph (:class:`Emit`); a sugar column
becomes a condition (:class:`AsCondition`). Nothing here names a disease, a drug or a mutation.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


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

Many = tuple[str, ...]
Cell = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Row(BaseModel):
    """A line of a table. ``id`` is a CURIE, unique over all tables; a table is sorted by it."""

    model_config = Cell
    id: str = Field(description="CURIE of the term or claim; unique over all folders, never reused")


# --- terms -----------------------------------------------------------------------------------


class Term(Row):
    """A term of any kind; the CURIE prefix of ``id`` says which."""

    label: Annotated[str, Emit("rdfs:label", annotation=True)] = Field(description="the field's standard name, English")
    synonyms: Annotated[Many, Emit("skos:altLabel", annotation=True)] = Field(
        default=(), description="other names a user may type; | between them"
    )
    definition: Annotated[str, Emit("obo:IAO_0000115", annotation=True)] = Field(
        description="what it is, in one sentence of our own"
    )


class GenericTerm(Term):
    """`terms.tsv`: diseases, failure modes, organisms, sites, comorbidities, toxicities, warnings …"""

    broader: Annotated[Many, Ref(()), Emit("broader")] = Field(
        default=(), description="more general terms of the same kind"
    )
    negates: Annotated[Many, Ref(()), Emit("negates")] = Field(
        default=(), description="terms of the same kind that cannot hold together with this one"
    )
    order: Annotated[int | None, Emit("order")] = Field(
        default=None, description="rank within the kind where there is one (evidence: 1 is best)"
    )
    traits: Annotated[Many, Emit("hasTrait", prefix="trait")] = Field(
        default=(), description="flags the rules read; see docs/curation.md for the list"
    )


class DrugRow(Term):
    """`drugs.tsv`: substances and products. A product is its own agent."""

    mechanisms: Annotated[Many, Ref(("mechanism",)), Emit("hasMechanism")] = Field(
        default=(), description="how it acts; classes defined by one of these hold it without more ado"
    )
    classes: Annotated[Many, Ref(("class",)), Emit("memberOf")] = Field(
        default=(), description="classes not already implied by a mechanism"
    )
    ingredients: Annotated[Many, Ref(("drug",)), Emit("hasActiveIngredient")] = Field(
        default=(), description="active ingredients of a product; failure of the product exposes these"
    )
    enhancers: Annotated[Many, Ref(("drug",)), Emit("hasEnhancer")] = Field(
        default=(), description="boosters and other helpers, never exposed by failure"
    )
    roles: Annotated[Many, Ref(("role",)), Emit("hasRole")] = Field(
        default=(), description="what it does to others or to the patient: strong CYP3A4 inducer …"
    )
    codes: Annotated[Many, Ref(("drugcode",)), Emit("hasCode")] = Field(
        default=(), description="codes of resistance algorithms whose score speaks for it"
    )
    tested_by: Annotated[Many, Ref(("gene",)), Emit("testedBy")] = Field(
        default=(), description="genes that must all be sequenced before a genotype clears it"
    )
    traits: Annotated[Many, Emit("hasTrait", prefix="trait")] = Field(
        default=(), description="flags the rules read: supportive, long-acting, investigational …"
    )


class DrugClassRow(Term):
    """`classes.tsv`: drug classes; drugs with one of the mechanisms are members by definition."""

    broader: Annotated[Many, Ref(("class",)), Emit("broader")] = Field(
        default=(), description="more general classes; what is said of them holds here too"
    )
    mechanisms: Annotated[Many, Ref(("mechanism",)), Emit("definedByMechanism")] = Field(
        default=(), description="a drug with one of these mechanisms is a member"
    )


class MechanismRow(Term):
    """`mechanisms.tsv`: how drugs act, and on what."""

    broader: Annotated[Many, Ref(("mechanism",)), Emit("broader")] = Field(
        default=(), description="more general mechanisms"
    )
    targets: Annotated[Many, Ref(("target",)), Emit("actsOn")] = Field(default=(), description="what it acts on")
    binding_sites: Annotated[Many, Ref(("bindingsite",)), Emit("bindsAt")] = Field(
        default=(), description="where on the target it binds"
    )


class GeneRow(Term):
    """`genes.tsv`: genes and loci in which alterations are reported."""

    organism: Annotated[str, Emit("ofOrganism", annotation=True)] = Field(
        default="", description="whose gene it is, scientific name"
    )
    length: Annotated[int | None, Emit("residueCount")] = Field(
        default=None, ge=1, description="number of residues (codons), where positions are to be checked"
    )
    reference: Annotated[str, Emit("referenceSequence", annotation=True)] = Field(
        default="", description="reference sequence, one letter a residue; length must agree"
    )
    molecule: Annotated[Literal["protein", "rna", "dna"], Emit("molecule", annotation=True)] = Field(
        default="protein", description="what alterations are written in: amino acids, or bases (rRNA, promoter)"
    )
    reported_whole: Annotated[bool, Emit("reportedWhole")] = Field(
        default=False, description="yes: one alteration given means that the whole gene was read"
    )


class AlterationRow(Term):
    """`alterations.tsv`: named alterations, patterns of them and marker states.

    Residue changes (`RT:M184V`) need no row: they are read by their grammar. A row is for names
    that grammar cannot read and for patterns that claims use.
    """

    gene: Annotated[str | None, Ref(("gene",)), Emit("inGene")] = Field(
        default=None, description="the gene or locus it is in; empty for a marker of another kind"
    )
    pattern: Literal["", "any", "position", "loss-of-function"] = Field(
        default="", description="which alterations of the gene it stands for; empty: only itself"
    )
    position: int | None = Field(default=None, ge=1, description="for pattern `position`")
    residues: str = Field(default="", description="for pattern `position`: letters, i, d or *; empty: any change")
    broader: Annotated[Many, Ref(("alteration",)), Emit("broader")] = Field(
        default=(), description="more general alterations, which it counts as"
    )
    negates: Annotated[Many, Ref(("alteration",)), Emit("negates")] = Field(
        default=(), description="alterations whose absence this states (FLT3 wild type …)"
    )


class ParameterRow(Term):
    """`parameters.tsv`: numbers a case may hold or that are derived from it."""

    unit: Annotated[str, Emit("unit")] = Field(description="UCUM where there is a code; `1` for a plain number")
    minimum: Annotated[Decimal | None, Emit("plausibleMinimum")] = Field(
        default=None, description="lowest plausible value, in the unit; a lower one is refused"
    )
    maximum: Annotated[Decimal | None, Emit("plausibleMaximum")] = Field(
        default=None, description="highest plausible value, in the unit; a higher one is refused"
    )


class CaseFieldRow(Row):
    """`case_fields.tsv`: shorthands of the case contract, as data."""

    path: Annotated[str, Emit("casePath")] = Field(description="dotted path in the case: patient.eGFR")
    kind: Literal["number", "flag"] = Field(description="number: a value of the parameter; flag: true or false")
    parameter: Annotated[str | None, Ref(("parameter",)), Emit("statesParameter")] = Field(
        default=None, description="for a number: which one it is"
    )
    if_true: Annotated[str | None, Ref(("state", "alteration", "comorbidity", "sex")), Emit("statesIfTrue")] = Field(
        default=None, description="for a flag: what `true` states"
    )
    if_false: Annotated[str | None, Ref(("state", "alteration", "comorbidity", "sex")), Emit("statesIfFalse")] = Field(
        default=None, description="for a flag: what `false` states"
    )


class SourceRow(Row):
    """`sources.tsv`: what claims rest on. Identifiers only where read from the source itself."""

    title: Annotated[str, Emit("rdfs:label", annotation=True)] = Field(description="as published")
    kind: Annotated[
        Literal["guideline", "label", "trial", "study", "review", "data set", "consensus", "textbook"],
        Emit("sourceKind", annotation=True),
    ] = Field(description="what sort of publication it is")
    body: Annotated[str, Emit("publishedBy", annotation=True)] = Field(
        description="issuing body, or first author and journal"
    )
    year: Annotated[int, Emit("publicationYear")] = Field(ge=1950, le=2100, description="year of publication")
    version: Annotated[str, Emit("sourceVersion", annotation=True)] = Field(
        default="", description="edition, version or update; required for a data set"
    )
    identifier: Annotated[str, Emit("dcterms:identifier", annotation=True)] = Field(
        default="", description="PMID:…, doi:… — only if read from a source at hand"
    )
    licence: Annotated[str, Emit("dcterms:license", annotation=True)] = Field(
        default="", description="licence of a data set, where facts were taken from one"
    )


class RegimenRow(Term):
    """`regimens.tsv`: named regimens."""

    components: Annotated[Many, Ref(("drug", "modality", "class")), Emit("hasComponent")] = Field(
        description="what is always given; a class: one drug of it"
    )
    optional: Annotated[Many, Ref(("drug", "modality")), Emit("hasOptionalComponent")] = Field(
        default=(), description="what may be added"
    )


class AlgorithmRow(Term):
    """`algorithms.tsv`: published resistance-scoring algorithms."""

    version: Annotated[str, Emit("algorithmVersion")] = Field(description="as its authors number it")
    released: Annotated[str, Emit("released", annotation=True)] = Field(
        pattern=r"^\d{4}-\d{2}-\d{2}$", description="date of release, YYYY-MM-DD"
    )
    source: Annotated[str, Ref(("source",)), Emit("dcterms:source")] = Field(description="where it was published")
    current: Annotated[bool, Emit("isCurrent")] = Field(default=False, description="yes: the one that answers use")


class DrugCodeRow(Row):
    """`drugcodes.tsv`: an algorithm's own drug codes."""

    label: Annotated[str, Emit("rdfs:label", annotation=True)] = Field(description="as the algorithm writes it")
    algorithm: Annotated[str, Ref(("algorithm",)), Emit("ofAlgorithm")] = Field(description="whose code it is")
    gene: Annotated[str, Ref(("gene",)), Emit("scoredOn")] = Field(description="the gene that is scored for it")
    order: Annotated[int, Emit("order")] = Field(ge=1, description="place in the algorithm's own list")
    least_mutations: Annotated[int | None, Emit("leastMutations")] = Field(
        default=None,
        ge=1,
        description="derived by the import: the least number of mutations whose items reach the highest level",
    )


class LevelRow(Row):
    """`levels.tsv`: what a score means; a row with a code overrides the algorithm's for that code."""

    algorithm: Annotated[str, Ref(("algorithm",)), Emit("ofAlgorithm")] = Field(description="whose level it is")
    code: Annotated[str | None, Ref(("drugcode",)), Emit("forCode")] = Field(
        default=None, description="only for this code; empty: for all codes that have no levels of their own"
    )
    order: Annotated[int, Emit("order")] = Field(ge=1, description="1 is the most susceptible")
    label: Annotated[str, Emit("rdfs:label", annotation=True)] = Field(description="as the algorithm calls it")
    sir: Annotated[Literal["S", "I", "R"], Emit("sir")] = Field(description="susceptible, intermediate or resistant")
    minimum: Annotated[Decimal, Emit("minimumScore")] = Field(description="lowest score; -1000000 for none")
    maximum: Annotated[Decimal, Emit("maximumScore")] = Field(description="highest score; 1000000 for none")
    degree: Annotated[Literal["none", "partial", "full"], Emit("hasDegree", prefix="degree")] = Field(
        description="how far a drug with this level is inactive"
    )


# --- claims ----------------------------------------------------------------------------------


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
    date: Annotated[str, Emit("curatedOn", annotation=True)] = Field(
        pattern=r"^\d{4}-\d{2}-\d{2}$", description="day of writing or of the last change, YYYY-MM-DD"
    )


class IndicationRow(ClaimRow):
    """`indications.tsv`: an option is used for a disease. The conditions are its setting."""

    claim_class = "Indication"
    agent: Annotated[str, Ref(OPTION), Emit("concernsAgent")] = Field(
        description="the option; a class: each drug of it"
    )
    disease: Annotated[str, Ref(("disease",)), Emit("forDisease")] = Field(
        description="what it is used for; holds for narrower diseases too"
    )
    status: Annotated[Literal["current", "alternative", "former"], Emit("indicationStatus", prefix="status")] = Field(
        description="current: standard; alternative: where the standard cannot be used; former: no longer advised"
    )
    line: str = Field(
        default="", pattern=r"^(\d+(\+|-\d+)?)?$", description="next line of therapy: 2, 2+, 2-4; empty: any"
    )
    intent: Annotated[Literal["", "curative", "control", "palliative"], Emit("hasIntent", prefix="goal")] = Field(
        default="", description="what it is given for, where not for every purpose"
    )


class MarkerRequirementRow(ClaimRow):
    """`marker_requirements.tsv`: without the marker the option has no target or may not be given."""

    claim_class = "MarkerRequirement"
    agent: Annotated[str, Ref(OPTION), Emit("concernsAgent")] = Field(description="the option that needs the marker")
    disease: Annotated[str | None, Ref(("disease",)), AsCondition("disease")] = Field(
        default=None, description="only in this disease; empty: in all"
    )
    requires: Annotated[str, Conditions("requiresCondition", "requirementCount")] = Field(
        description="one condition (`marker A or B`)"
    )
    if_unknown: Annotated[Literal["excludes", "cautions", "none"], Emit("effectIfUnknown", prefix="effect")] = Field(
        default="excludes", description="what follows where nobody has looked for the marker"
    )
    directed: Annotated[bool, Emit("isMarkerDirected")] = Field(
        default=True, description="yes: having the marker is a reason to prefer it"
    )
    test: Annotated[str, Emit("testName", annotation=True)] = Field(
        default="", description="the test that shows the marker"
    )


class ResistanceRow(ClaimRow):
    """`resistances.tsv`: what the conditions state makes these drugs fail."""

    claim_class = "Resistance"
    agent: Annotated[str, Ref(AGENT), Emit("concernsAgent")] = Field(
        description="what fails; a class, role or mechanism: each drug of it"
    )
    degree: Annotated[Literal["partial", "full"], Emit("hasDegree", prefix="degree")] = Field(
        description="full: not to be counted on; partial: weakened"
    )


class ScoreRuleRow(ClaimRow):
    """`scores.tsv`: one item of a scoring algorithm; the highest of a group counts, groups add up."""

    claim_class = "ScoreRule"
    code: Annotated[str, Ref(("drugcode",)), Emit("scoresCode")] = Field(
        description="the drug code that the item scores"
    )
    group: Annotated[str, Emit("scoreGroup")] = Field(
        min_length=1, description="items of one group: only the highest met one counts"
    )
    score: Annotated[Decimal, Emit("score")] = Field(description="points; negative ones lower the sum")


class SensitivityRow(ClaimRow):
    """`sensitivities.tsv`: the drug works in spite of what a broader resistance claim says."""

    claim_class = "Sensitivity"
    agent: Annotated[str, Ref(AGENT), Emit("concernsAgent")] = Field(
        description="what works; narrower than the agent of the resistance claim it is an exception to, or the same"
    )
    favours: Annotated[bool, Emit("isFavourable")] = Field(
        default=False, description="yes: the marker makes it a better choice than without"
    )


class CrossResistanceRow(ClaimRow):
    """`cross_resistances.tsv`: failure of, or resistance to, one predicts resistance to the other."""

    claim_class = "CrossResistance"
    failed: Annotated[str, Ref((*AGENT, "modality")), Emit("fromAgent")] = Field(
        description="failure of this, or resistance to it, …"
    )
    agent: Annotated[str, Ref((*AGENT, "modality")), Emit("concernsAgent")] = Field(description="… speaks against this")
    likelihood: Annotated[Literal["observed", "expected", "possible"], Emit("hasLikelihood", prefix="likelihood")] = (
        Field(description="observed and expected: not active; possible: with care")
    )


class SameTargetRow(ClaimRow):
    """`same_targets.tsv`: failure of one predicts failure of the other, without a determinant."""

    claim_class = "SameTarget"
    failed: Annotated[str, Ref((*AGENT, "modality")), Emit("fromAgent")] = Field(description="failure of this …")
    agent: Annotated[str, Ref((*AGENT, "modality")), Emit("concernsAgent")] = Field(description="… excludes this")


class SelectionRow(ClaimRow):
    """`selections.tsv`: failure on the drug selects the alteration."""

    claim_class = "Selection"
    agent: Annotated[str, Ref(AGENT), Emit("concernsAgent")] = Field(description="the drug under which it appears")
    alteration: Annotated[str, Ref(("alteration",)), Emit("selectsAlteration")] = Field(description="what is selected")
    frequency: Annotated[Literal["common", "occasional", "rare"], Emit("selectionFrequency")] = Field(
        default="common", description="how often it is found on failure"
    )


class FitnessCostRow(ClaimRow):
    """`fitness_costs.tsv`: the mutant pays; keeping the drug on holds it in its costly state."""

    claim_class = "FitnessCost"
    alteration: Annotated[str, Ref(("alteration",)), AsCondition("marker")] = Field(
        description="what makes the mutant pay"
    )
    agent: Annotated[str, Ref(AGENT), Emit("concernsAgent")] = Field(description="the drug worth keeping for it")


class RetentionRow(ClaimRow):
    """`retentions.tsv`: worth keeping although inactive, for another reason than fitness cost."""

    claim_class = "Retention"
    agent: Annotated[str, Ref(AGENT), Emit("concernsAgent")] = Field(description="the drug worth keeping")


class BarrierRow(ClaimRow):
    """`barriers.tsv`: genetic barrier to resistance."""

    claim_class = "Barrier"
    agent: Annotated[str, Ref(AGENT), Emit("concernsAgent")] = Field(description="the drug")
    barrier: Annotated[Literal["high", "intermediate", "low"], Emit("barrierHeight")] = Field(
        description="high: several changes are needed; low: one suffices"
    )


class IntrinsicResistanceRow(ClaimRow):
    """`intrinsic_resistances.tsv`: the organism never responds to these drugs."""

    claim_class = "IntrinsicResistance"
    organism: Annotated[str, Ref(("organism",)), AsCondition("organism")] = Field(
        description="the organism; narrower ones too"
    )
    agent: Annotated[str, Ref(AGENT), Emit("concernsAgent")] = Field(description="what never works against it")


class InteractionRow(ClaimRow):
    """`interactions.tsv`: an option with a comedication of the patient."""

    claim_class = "Interaction"
    agent: Annotated[str, Ref(AGENT), Emit("concernsSubstance")] = Field(
        description="the option, also as part of a product"
    )
    precipitant: Annotated[str, Ref(AGENT), Emit("precipitant")] = Field(
        description="the comedication: drug, class or role"
    )
    effect: Annotated[Literal["excludes", "cautions", "none"], Emit("hasEffect", prefix="effect")] = Field(
        description="what follows for the option; none: an exception to a broader row"
    )
    warning: Annotated[Many, Ref(("warning", "toxicity", "action")), Emit("givesWarning")] = Field(
        default=(), description="what to watch or do, where the option is used all the same"
    )


class UseConstraintRow(ClaimRow):
    """`constraints.tsv`: whom an option does not suit, and how far."""

    claim_class = "UseConstraint"
    agent: Annotated[str, Ref((*AGENT, "modality", "regimen")), Emit("concernsSubstance")] = Field(
        description="the option, also as part of a product"
    )
    reason: Annotated[
        Literal[
            "contraindicated-organ-function", "pregnancy", "allergy", "hypersensitivity", "cumulative-dose",
            "toxicity-overlap", "adherence-risk", "wrong-site", "wrong-setting",
        ],
        Emit("hasReason", prefix="reason"),
    ] = Field(description="the code under which it is told")  # fmt: skip
    effect: Annotated[Literal["excludes", "cautions", "none"], Emit("hasEffect", prefix="effect")] = Field(
        description="what follows for the option; none: an exception to a broader row"
    )
    warning: Annotated[Many, Ref(("warning", "toxicity", "action")), Emit("givesWarning")] = Field(
        default=(), description="what to watch or do, where the option is used all the same"
    )


class ToxicityRow(ClaimRow):
    """`toxicities.tsv`: what to watch for when the option is used."""

    claim_class = "ToxicityClaim"
    agent: Annotated[str, Ref((*AGENT, "modality", "regimen")), Emit("concernsSubstance")] = Field(
        description="the option, also as part of a product"
    )
    toxicity: Annotated[str, Ref(("toxicity", "warning")), Emit("givesWarning")] = Field(
        description="what to watch for"
    )


class PreferenceRow(ClaimRow):
    """`preferences.tsv`: where both are usable, one is chosen before the other."""

    claim_class = "Preference"
    agent: Annotated[str, Ref((*AGENT, "modality", "regimen")), Emit("concernsAgent")] = Field(
        description="goes first …"
    )
    over: Annotated[str, Ref((*AGENT, "modality", "regimen")), Emit("preferredOver")] = Field(
        description="… before this, where both are active"
    )


class FavourRow(ClaimRow):
    """`favours.tsv`: a reason to choose the option that needs no rival (forgiveness, new target …)."""

    claim_class = "Favour"
    agent: Annotated[str, Ref((*AGENT, "modality", "regimen")), Emit("concernsAgent")] = Field(description="the option")
    reason: Annotated[
        Literal[
            "genetic-barrier", "new-target", "forgiveness", "second-infection", "site-penetration", "marker-directed"
        ],
        Emit("hasReason", prefix="reason"),
    ] = Field(description="the code under which it is told")


class RechallengeRow(ClaimRow):
    """`rechallenges.tsv`: the drug may be used again although it failed (late relapse, other route …)."""

    claim_class = "Rechallenge"
    agent: Annotated[str, Ref((*AGENT, "modality", "regimen")), Emit("concernsAgent")] = Field(
        description="what may be used again"
    )


class PrevalenceThresholdRow(ClaimRow):
    """`prevalence_thresholds.tsv`: above this local resistance the drug is not used untested."""

    claim_class = "PrevalenceThreshold"
    agent: Annotated[str, Ref(AGENT), Emit("concernsAgent")] = Field(description="the drug")
    disease: Annotated[str, Ref(("disease",)), AsCondition("disease")] = Field(description="in which disease")
    threshold: Annotated[Decimal, Emit("threshold")] = Field(ge=0, le=1, description="proportion, 0 to 1")


class PrevalenceRow(ClaimRow):
    """`prevalences.tsv`: published resistance by region and year."""

    claim_class = "Prevalence"
    agent: Annotated[str, Ref(AGENT), Emit("concernsAgent")] = Field(description="the drug that was tested")
    disease: Annotated[str, Ref(("disease",)), Emit("forDisease")] = Field(description="in which disease")
    region: Annotated[str, Ref(("region",)), Emit("inRegion")] = Field(description="where")
    year: Annotated[int, Emit("observedIn")] = Field(description="when; the last year of a period")
    resistant: Annotated[int | None, Emit("resistantCount")] = Field(
        default=None, ge=0, description="number of resistant isolates or patients"
    )
    tested: Annotated[int | None, Emit("testedCount")] = Field(default=None, ge=1, description="number tested")
    fraction: Annotated[Decimal | None, Emit("resistantFraction")] = Field(
        default=None, ge=0, le=1, description="proportion, 0 to 1, where the source gives no counts"
    )


class GoalRow(ClaimRow):
    """`goals.tsv`: what treatment aims at; the lowest priority number that holds wins."""

    claim_class = "GoalClaim"
    disease: Annotated[str, Ref(("disease",)), AsCondition("disease")] = Field(description="in which disease")
    goal: Annotated[str, Ref(("goal",)), Emit("aimsAt")] = Field(description="what treatment aims at")
    priority: Annotated[int, Emit("priority")] = Field(
        ge=1, description="of all goals that hold the one with the lowest number is told; the fallback has the highest"
    )


class AdviceRow(ClaimRow):
    """`advice.tsv`: a warning, an action or a monitoring step that the case calls for.

    With an agent it is given only where that agent is usable (active, partial or retained).
    """

    claim_class = "Advice"
    advice: Annotated[str, Ref(("warning", "action", "toxicity")), Emit("advises")] = Field(description="what is said")
    disease: Annotated[str | None, Ref(("disease",)), AsCondition("disease")] = Field(
        default=None, description="only in this disease; empty: in all"
    )
    agent: Annotated[str | None, Ref((*AGENT, "modality", "regimen")), Emit("concernsSubstance")] = Field(
        default=None, description="only where this option is usable; empty: in any case"
    )
    priority: Annotated[int | None, Emit("priority")] = Field(default=None, ge=1, description="order among actions")


class RegimenPatternRow(ClaimRow):
    """`regimen_patterns.tsv`: how regimens of a disease are composed."""

    claim_class = "RegimenPattern"
    disease: Annotated[str, Ref(("disease",)), AsCondition("disease")] = Field(description="in which disease")
    pick_from: Annotated[Many, Ref(AGENT), Emit("picksFrom")] = Field(description="classes or drugs to choose from")
    at_least: Annotated[int, Emit("atLeast")] = Field(ge=0, description="number of active agents from here")
    at_most: Annotated[int, Emit("atMost")] = Field(ge=1, description="number of agents from here, at most")
    distinct: Annotated[Literal["", "class", "mechanism"], Emit("distinctBy")] = Field(
        default="", description="no two agents of one class, or of one mechanism"
    )
    need_barrier: Annotated[Literal["", "high", "intermediate"], Emit("needsBarrier")] = Field(
        default="", description="one agent at least with this genetic barrier"
    )
    pattern: Annotated[str, Emit("patternName")] = Field(description="rows of one pattern share this name")


#: File stem -> row model. Term tables first, so that names are known before claims are read.
TABLES: dict[str, type[Row]] = {
    "terms": GenericTerm,
    "sources": SourceRow,
    "genes": GeneRow,
    "alterations": AlterationRow,
    "parameters": ParameterRow,
    "case_fields": CaseFieldRow,
    "mechanisms": MechanismRow,
    "classes": DrugClassRow,
    "drugs": DrugRow,
    "regimens": RegimenRow,
    "algorithms": AlgorithmRow,
    "drugcodes": DrugCodeRow,
    "levels": LevelRow,
    "indications": IndicationRow,
    "marker_requirements": MarkerRequirementRow,
    "resistances": ResistanceRow,
    "scores": ScoreRuleRow,
    "sensitivities": SensitivityRow,
    "cross_resistances": CrossResistanceRow,
    "same_targets": SameTargetRow,
    "selections": SelectionRow,
    "fitness_costs": FitnessCostRow,
    "retentions": RetentionRow,
    "barriers": BarrierRow,
    "intrinsic_resistances": IntrinsicResistanceRow,
    "interactions": InteractionRow,
    "constraints": UseConstraintRow,
    "toxicities": ToxicityRow,
    "preferences": PreferenceRow,
    "favours": FavourRow,
    "rechallenges": RechallengeRow,
    "prevalence_thresholds": PrevalenceThresholdRow,
    "prevalences": PrevalenceRow,
    "goals": GoalRow,
    "advice": AdviceRow,
    "regimen_patterns": RegimenPatternRow,
}


def columns(model: type[Row]) -> list[str]:
    """Return a table's columns in order: id, the model's own, then what every claim has.

    >>> columns(FitnessCostRow)[:4]
    ['id', 'alteration', 'agent', 'conditions']
    """
    shared = [f for f in ClaimRow.model_fields if f != "id"] if issubclass(model, ClaimRow) else []
    own = [f for f in model.model_fields if f != "id" and f not in shared]
    if not shared:
        base = [f for f in Term.model_fields if f != "id"] if issubclass(model, Term) else []
        own = base + [f for f in own if f not in base]
    return ["id", *own, *shared]
