"""Row models of claims. Every claim names its source; conditions are one language for all."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from kg_builder.knowledge.row_base import AGENT, OPTION, AsCondition, ClaimRow, Conditions, Emit, Many, Ref


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
    failed: Annotated[str, Ref((*AGENT, "modality", "regimen")), Emit("fromAgent")] = Field(
        description="failure of this, or resistance to it, …"
    )
    agent: Annotated[str, Ref((*AGENT, "modality", "regimen")), Emit("concernsAgent")] = Field(
        description="… speaks against this"
    )
    likelihood: Annotated[Literal["observed", "expected", "possible"], Emit("hasLikelihood", prefix="likelihood")] = (
        Field(description="observed and expected: not active; possible: with care")
    )


class SameTargetRow(ClaimRow):
    """`same_targets.tsv`: failure of one predicts failure of the other, without a determinant."""

    claim_class = "SameTarget"
    failed: Annotated[str, Ref((*AGENT, "modality", "regimen")), Emit("fromAgent")] = Field(
        description="failure of this …"
    )
    agent: Annotated[str, Ref((*AGENT, "modality", "regimen")), Emit("concernsAgent")] = Field(
        description="… excludes this"
    )


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


class InhibitoryConcentrationRow(ClaimRow):
    """`inhibitory_concentrations.tsv`: what inhibits a susceptible strain, and how far above it troughs should be."""

    claim_class = "InhibitoryConcentration"
    agent: Annotated[str, Ref(AGENT), Emit("concernsSubstance")] = Field(description="the drug that is measured")
    measure: Annotated[Literal["IC50", "IC90", "IC95", "MIC"], Emit("concentrationMeasure")] = Field(
        description="which concentration: of half, 90 % or 95 % inhibition, or the minimum inhibitory one"
    )
    concentration: Annotated[Decimal, Emit("inhibitoryConcentration")] = Field(
        gt=0, description="mg/L, adjusted for protein binding where the source says so"
    )
    target_quotient: Annotated[Decimal, Emit("targetQuotient")] = Field(
        gt=0, description="least ratio of trough to this concentration that is wanted"
    )


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
    classes: Annotated[int | None, Emit("needsClasses")] = Field(
        default=None, ge=2, description="the active agents from here are of this many classes at least, by mechanism"
    )
    adds: Annotated[Literal["", "retained", "active", "any"], Emit("mayAdd")] = Field(
        default="", description="which agents from here are added where the regimen would do without; empty: none"
    )
    pattern: Annotated[str, Emit("patternName")] = Field(description="rows of one pattern share this name")


class DosingRow(ClaimRow):
    """`dosings.tsv`: how often a drug is taken, and in how many units; alone, or with others in one tablet or pack."""

    claim_class = "Dosing"
    agent: Annotated[str, Ref(("drug",)), Emit("concernsAgent")] = Field(description="the drug or product")
    together: Annotated[Many, Ref(("drug",)), Emit("takenWith")] = Field(
        default=(), description="drugs that come in the same tablet or pack; empty: the drug by itself"
    )
    doses: Annotated[Decimal, Emit("dosesPerDay")] = Field(
        gt=0, description="times a day; below 1 where it is given less often than daily (0.0333: once in 30 days)"
    )
    units: Annotated[Decimal, Emit("unitsPerDay")] = Field(
        gt=0, description="tablets, capsules, injections or infusions a day, of the label's usual strength"
    )
