"""The row models: what a line of each curation table may say.

One model per table; the file's stem chooses the model (:data:`TABLES`), its fields in order are
the table's columns. A field's annotation says how the cell is read, which kinds of term it may
name (:class:`Ref`) and which property it becomes in the graph (:class:`Emit`); a sugar column
becomes a condition (:class:`AsCondition`). Nothing here names a disease, a drug or a mutation.
"""

from __future__ import annotations

from kg_builder.knowledge.claim_rows import (
    AdviceRow,
    BarrierRow,
    CrossResistanceRow,
    DosingRow,
    FavourRow,
    FitnessCostRow,
    GoalRow,
    IndicationRow,
    InhibitoryConcentrationRow,
    InteractionRow,
    IntrinsicResistanceRow,
    MarkerRequirementRow,
    PreferenceRow,
    PrevalenceRow,
    PrevalenceThresholdRow,
    RechallengeRow,
    RegimenPatternRow,
    ResistanceRow,
    RetentionRow,
    SameTargetRow,
    ScoreRuleRow,
    SelectionRow,
    SensitivityRow,
    ToxicityRow,
    UseConstraintRow,
)
from kg_builder.knowledge.row_base import (
    AGENT,
    OPTION,
    AsCondition,
    ClaimRow,
    Conditions,
    Emit,
    Many,
    Ref,
    Row,
    Term,
)
from kg_builder.knowledge.term_rows import (
    AlgorithmRow,
    AlterationRow,
    CaseFieldRow,
    DrugClassRow,
    DrugCodeRow,
    DrugRow,
    GenericTerm,
    GeneRow,
    LevelRow,
    MechanismRow,
    ModifiableRow,
    ParameterRow,
    RegimenRow,
    SourceRow,
)

__all__ = [
    "AGENT",
    "OPTION",
    "TABLES",
    "AdviceRow",
    "AlgorithmRow",
    "AlterationRow",
    "AsCondition",
    "BarrierRow",
    "CaseFieldRow",
    "ClaimRow",
    "Conditions",
    "CrossResistanceRow",
    "DosingRow",
    "DrugClassRow",
    "DrugCodeRow",
    "DrugRow",
    "Emit",
    "FavourRow",
    "FitnessCostRow",
    "GeneRow",
    "GenericTerm",
    "GoalRow",
    "IndicationRow",
    "InhibitoryConcentrationRow",
    "InteractionRow",
    "IntrinsicResistanceRow",
    "LevelRow",
    "Many",
    "MarkerRequirementRow",
    "MechanismRow",
    "ModifiableRow",
    "ParameterRow",
    "PreferenceRow",
    "PrevalenceRow",
    "PrevalenceThresholdRow",
    "RechallengeRow",
    "Ref",
    "RegimenPatternRow",
    "RegimenRow",
    "ResistanceRow",
    "RetentionRow",
    "Row",
    "SameTargetRow",
    "ScoreRuleRow",
    "SelectionRow",
    "SensitivityRow",
    "SourceRow",
    "Term",
    "ToxicityRow",
    "UseConstraintRow",
    "columns",
]

#: File stem -> row model. Term tables first, so that names are known before claims are read.
TABLES: dict[str, type[Row]] = {
    "terms": GenericTerm,
    "sources": SourceRow,
    "genes": GeneRow,
    "alterations": AlterationRow,
    "parameters": ParameterRow,
    "case_fields": CaseFieldRow,
    "modifiables": ModifiableRow,
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
    "inhibitory_concentrations": InhibitoryConcentrationRow,
    "prevalences": PrevalenceRow,
    "goals": GoalRow,
    "advice": AdviceRow,
    "regimen_patterns": RegimenPatternRow,
    "dosings": DosingRow,
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
