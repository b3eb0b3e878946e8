"""Checks of what the tables say together, beyond single cells and names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Final

from pyoxigraph import NamedNode
from rapidfuzz import process

from kg_builder.issues import Issue, Severity
from kg_builder.knowledge.check_claims import check_claims
from kg_builder.knowledge.check_regimens import check_regimens
from kg_builder.knowledge.columns import describe_columns
from kg_builder.knowledge.conditions import FactCondition
from kg_builder.knowledge.declared import AlterationTerms, read_by_grammar
from kg_builder.knowledge.knowledge import Knowledge, read_core
from kg_builder.knowledge.names import kind_of, name_key
from kg_builder.knowledge.resolve import ResolvedRow
from kg_builder.knowledge.rows import (
    AlterationRow,
    CaseFieldRow,
    ClaimRow,
    GeneRow,
    IndicationRow,
    LevelRow,
    MarkerRequirementRow,
    ModifiableRow,
    ParameterRow,
    PrevalenceRow,
    RegimenPatternRow,
    SourceRow,
    Term,
)
from kg_builder.vocabulary import compact

#: Claim classes that derive resistance: their conditions must be facts of the case.
_PHASE_1: Final = {
    "Resistance", "ScoreRule", "Sensitivity", "CrossResistance", "SameTarget", "IntrinsicResistance", "Rechallenge",
}  # fmt: skip
#: Claim classes whose conditions may ask which options are usable.
_PHASE_3: Final = {"Advice", "GoalClaim", "Preference"}
#: Columns along which one term lies above or within another.
_UPWARD: Final = {"broader", "classes", "ingredients", "enhancers", "roles", "mechanisms"}


class _Checker:
    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.rows = knowledge.resolution.rows
        self.issues: list[Issue] = []

    def tell(
        self, row: ResolvedRow, code: str, column: str, message: str, hint: str = "", severity: Severity = "error"
    ) -> None:
        self.issues.append(Issue(row.read.path, row.read.line, column, code, message, hint, severity))


def check_knowledge(knowledge: Knowledge) -> list[Issue]:
    """Return all issues of the tables, those of reading included, sorted by file and line.

    Errors keep the knowledge from being built; warnings do not.
    """
    checker = _Checker(knowledge)
    checks: tuple[Callable[[_Checker], None], ...] = (
        _check_names, _check_terms, _check_alterations, _check_cycles, _check_claims, _check_phases, _check_preferences,
        _check_levels, _check_references, _check_core,
    )  # fmt: skip
    for check in checks:
        check(checker)
    return sorted({*knowledge.issues, *checker.issues, *check_claims(knowledge), *check_regimens(knowledge)})


def _check_names(checker: _Checker) -> None:
    """One name means one term of a kind (drug codes and levels are each algorithm's own)."""
    first: dict[tuple[str, str], ResolvedRow] = {}
    for row in checker.rows:
        model = row.read.row
        if not isinstance(model, Term):
            continue
        for column, names in (("label", (model.label,)), ("synonyms", model.synonyms)):
            for name in names:
                other = first.setdefault((kind_of(row.id), name_key(name)), row)
                if other.id != row.id:
                    where = f"{other.read.path}:{other.read.line}"
                    checker.tell(
                        row,
                        "K001",
                        column,
                        f"'{name}' is also a name of {other.id}",
                        f"see {where}; give each name to one term",
                    )


def _check_terms(checker: _Checker) -> None:
    for row in checker.rows:
        model = row.read.row
        if isinstance(model, SourceRow) and model.kind == "data set" and not model.version:
            checker.tell(row, "K003", "version", "a data set without version", "write the version that was read")
        elif isinstance(model, GeneRow) and model.length and model.reference and len(model.reference) != model.length:
            message = f"the reference has {len(model.reference)} residues, the length says {model.length}"
            checker.tell(row, "K005", "reference", message, "correct one of them")
        elif isinstance(model, ParameterRow | PrevalenceRow) and _is_reversed(model):
            what = ("minimum", "maximum") if isinstance(model, ParameterRow) else ("resistant", "tested")
            low, high = getattr(model, what[0]), getattr(model, what[1])
            checker.tell(row, "K006", what[0], f"{what[0]} {low} is above {what[1]} {high}", "correct one of them")
        elif isinstance(model, CaseFieldRow):
            _check_field(checker, row, model)
        elif isinstance(model, ModifiableRow) and (fault := model.fault(row.refs.get("terms", ()))):
            checker.tell(row, "K007", *fault)


def _is_reversed(model: ParameterRow | PrevalenceRow) -> bool:
    if isinstance(model, ParameterRow):
        return model.minimum is not None and model.maximum is not None and model.minimum > model.maximum
    return model.resistant is not None and model.tested is not None and model.resistant > model.tested


def _check_field(checker: _Checker, row: ResolvedRow, model: CaseFieldRow) -> None:
    if model.kind == "number" and not model.parameter:
        checker.tell(row, "K007", "parameter", "a number without parameter", "name the parameter that it states")
    if model.kind == "flag" and not (model.if_true or model.if_false):
        checker.tell(row, "K007", "if_true", "a flag that states nothing", "name what it states if true or if false")


def _check_alterations(checker: _Checker) -> None:
    """A declared alteration has the id that the grammar gives its name, and its pattern is whole."""
    for row in checker.rows:
        model = row.read.row
        if not isinstance(model, AlterationRow):
            continue
        for column, names in (("label", (model.label,)), ("synonyms", model.synonyms)):
            for name in names:
                alteration = read_by_grammar(checker.knowledge.resolution, name)
                if alteration and alteration.id != row.id and column == "label":
                    hint = f"call the row {alteration.id}, or choose a label that cannot be read so"
                    checker.tell(row, "K008", column, f"'{name}' reads as {alteration.id}", hint)
        if model.pattern and not model.gene:
            checker.tell(row, "K009", "gene", f"pattern '{model.pattern}' of no gene", "name the gene")
        if (model.pattern == "position") != (model.position is not None):
            message = "pattern `position` and a position go together"
            checker.tell(row, "K009", "position", message, "write both or neither")
        if model.residues and model.pattern != "position":
            checker.tell(row, "K009", "residues", "residues without pattern `position`", "write the pattern")


def _check_cycles(checker: _Checker) -> None:
    """No term lies above or within itself."""
    above: dict[str, list[str]] = defaultdict(list)
    row_of: dict[str, ResolvedRow] = {}
    for row in checker.rows:
        if isinstance(row.read.row, Term):
            row_of.setdefault(row.id, row)
            for column in _UPWARD & row.refs.keys():
                above[row.id].extend(row.refs[column])
    for cycle in find_cycles(above):
        row = row_of[cycle[0]]
        path = " → ".join([*cycle, cycle[0]])
        checker.tell(row, "K002", "broader", f"'{cycle[0]}' lies above itself: {path}", "remove one of these links")


def find_cycles(edges: Mapping[str, list[str]]) -> list[list[str]]:
    """Return one cycle for each knot of a directed graph, each starting at its least member.

    >>> find_cycles({"a": ["b"], "b": ["c"], "c": ["b"]})
    [['b', 'c']]
    """
    state: dict[str, int] = {}
    cycles: list[list[str]] = []
    for root in sorted(edges):
        if state.get(root):
            continue
        path = [root]
        iterators: list[Iterator[str]] = [iter(sorted(edges.get(root, ())))]
        state[root] = 1
        while path:
            for nxt in iterators[-1]:
                if state.get(nxt) == 1:
                    cycle = path[path.index(nxt) :]
                    least = cycle.index(min(cycle))
                    cycles.append(cycle[least:] + cycle[:least])
                elif not state.get(nxt):
                    state[nxt] = 1
                    path.append(nxt)
                    iterators.append(iter(sorted(edges.get(nxt, ()))))
                    break
            else:
                state[path.pop()] = 2
                iterators.pop()
    return cycles


def _check_claims(checker: _Checker) -> None:
    for row in checker.rows:
        model = row.read.row
        if isinstance(model, IndicationRow) and not model.evidence:
            checker.tell(
                row, "K004", "evidence", "an indication without evidence grade", "write A, B, C or D (docs/curation.md)"
            )
        elif isinstance(model, MarkerRequirementRow) and len(row.conditions["requires"]) != 1:
            count = len(row.conditions["requires"])
            checker.tell(
                row,
                "K014",
                "requires",
                f"{count} conditions where one is asked for",
                "join markers by ' or ', or write several rows",
            )
        elif isinstance(model, RegimenPatternRow) and model.at_least > model.at_most:
            checker.tell(
                row,
                "K006",
                "at_least",
                f"at_least {model.at_least} is above at_most {model.at_most}",
                "correct one of them",
            )
        elif (
            isinstance(model, PrevalenceRow)
            and model.fraction is None
            and (model.resistant is None or model.tested is None)
        ):
            checker.tell(
                row, "K015", "fraction", "neither counts nor a fraction", "write resistant and tested, or fraction"
            )


def _check_phases(checker: _Checker) -> None:
    """Conditions on resistance and on options are asked only where they are known (docs/conditions.md)."""
    for row in checker.rows:
        model = row.read.row
        if not isinstance(model, ClaimRow):
            continue
        for column, conditions in row.conditions.items():
            for condition in conditions:
                if condition.phase == 1:
                    continue
                assert isinstance(condition, FactCondition)
                allowed = model.claim_class in _PHASE_3 if condition.phase == 3 else model.claim_class not in _PHASE_1
                if not allowed or column != "conditions":
                    hint = (
                        "only advice, goals and preferences may"
                        if condition.phase == 3
                        else "ask for a marker, an organism or a failure"
                    )
                    checker.tell(
                        row, "K010", column, f"a claim of {row.read.table} may not ask '{condition.kind}'", hint
                    )


def _check_preferences(checker: _Checker) -> None:
    """Preferences that always hold together must not run in a circle: nothing would go first.

    Such are, for each disease, those that ask for that disease, or for none, and for nothing else. Others may
    exclude each other; where they do not, the answer ranks the options of a circle equal.
    """
    by_disease: dict[str, list[ResolvedRow]] = defaultdict(list)
    for row in checker.knowledge.rows("preferences"):
        conditions = row.conditions["conditions"]
        facts = [c for c in conditions if isinstance(c, FactCondition) and c.kind == "disease" and not c.is_negated]
        if len(facts) == len(conditions):
            for disease in {t for c in facts for t in c.terms} or {""}:
                by_disease[disease].append(row)
    for disease, rows in sorted(dict(by_disease).items()):
        row_of = {(r.refs["agent"][0], r.refs["over"][0]): r for r in [*rows, *(by_disease[""] if disease else ())]}
        edges: dict[str, list[str]] = defaultdict(list)
        for agent, over in row_of:
            edges[agent].append(over)
        for cycle in find_cycles(edges):
            pair = (cycle[0], cycle[1 % len(cycle)])
            path = " over ".join([*cycle, cycle[0]])
            checker.tell(row_of[pair], "K011", "over", f"preferences run in a circle: {path}", "remove one of them")


def _check_levels(checker: _Checker) -> None:
    """The levels of an algorithm, or of one code of it, neither overlap nor leave a gap of whole scores."""
    groups: dict[tuple[str, str], list[ResolvedRow]] = defaultdict(list)
    for row in checker.knowledge.rows("levels"):
        groups[row.refs["algorithm"][0], row.refs.get("code", ("",))[0]].append(row)
    for rows in groups.values():
        ordered = sorted(rows, key=_lowest)
        for low, high in pairwise(ordered):
            one, two = low.read.row, high.read.row
            assert isinstance(one, LevelRow)
            assert isinstance(two, LevelRow)
            if two.minimum != one.maximum + 1:
                what = "overlaps with" if two.minimum <= one.maximum else "leaves a gap to"
                checker.tell(
                    high,
                    "K016",
                    "minimum",
                    f"the level {what} {low.id}, which ends at {one.maximum}",
                    "begin one above",
                )


def _check_references(checker: _Checker) -> None:
    """In a gene whose sequence is not declared, alterations of one position name one reference residue.

    Within one folder: another disease may have another organism's gene of the same name.
    """
    terms = AlterationTerms.of(checker.knowledge.resolution)
    first: dict[tuple[str, str, int], tuple[str, ResolvedRow]] = {}
    for row in checker.rows:
        conditions = [c for cs in row.conditions.values() for c in cs if isinstance(c, FactCondition)]
        named = [t for c in conditions if c.kind == "marker" for t in c.terms]
        named += [row.id] if isinstance(row.read.row, AlterationRow) else list(row.refs.get("alteration", ()))
        for curie in named:
            alteration = terms.alteration(curie)
            if alteration is None or alteration.position is None or not alteration.reference:
                continue
            place = (row.read.path.rpartition("/")[0], alteration.gene, alteration.position)
            letter, other = first.setdefault(place, (alteration.reference, row))
            if letter != alteration.reference:
                message = f"{alteration.label}, but elsewhere position {alteration.position} has {letter}"
                column = "conditions" if row.conditions else "label"
                checker.tell(row, "K018", column, message, f"see {other.read.path}:{other.read.line}")


def _check_core(checker: _Checker) -> None:
    """Coded values (traits, reasons, states of an indication …) are declared in the core ontology beside the tables."""
    core = checker.knowledge.root.parent / "core"
    if not core.is_dir():
        return
    declared = {compact(quad.subject.value) for quad in read_core(core) if isinstance(quad.subject, NamedNode)}
    for row in checker.rows:
        for name, column in describe_columns(type(row.read.row)).items():
            if column.emit is None or not column.emit.prefix:
                continue
            value = getattr(row.read.row, name)
            for one in value if isinstance(value, tuple) else (value,):
                curie = f"{column.emit.prefix}:{one}"
                if one and curie not in declared and curie not in checker.knowledge.index:
                    known = sorted(c.partition(":")[2] for c in declared if c.startswith(f"{column.emit.prefix}:"))
                    if not known:
                        continue
                    near = [hit[0] for hit in process.extract(one, known, limit=2, score_cutoff=60)]
                    hint = f"nearest: {', '.join(near)}" if near else f"one of {', '.join(known)}"
                    checker.tell(row, "K017", name, f"'{one}' is not declared in the core ontology", hint)


def _lowest(row: ResolvedRow) -> Decimal:
    model = row.read.row
    assert isinstance(model, LevelRow)
    return model.minimum
