"""What a row model says about each of its columns, worked out once per table."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from kg_builder.knowledge.names import words_for
from kg_builder.knowledge.rows import TABLES, AsCondition, ClaimRow, Conditions, Emit, Ref, Row, columns

#: Kinds a row of `terms.tsv` may have.
GENERIC_KINDS = (
    "disease", "mode", "organism", "site", "comorbidity", "allergy", "state", "toxicity", "warning", "action",
    "modality", "goal", "evidence", "role", "target", "bindingsite", "histology", "imaging", "biopsy", "region", "sex",
)  # fmt: skip

#: Kinds of the ids of a table that is neither `terms` nor of claims.
_TABLE_KIND = {
    "sources": "source", "genes": "gene", "alterations": "alteration", "parameters": "parameter",
    "case_fields": "field", "modifiables": "modifiable", "mechanisms": "mechanism", "classes": "class",
    "drugs": "drug", "regimens": "regimen", "algorithms": "algorithm", "drugcodes": "drugcode", "levels": "level",
}  # fmt: skip

Shape = Literal["text", "list", "flag", "integer", "decimal"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: how its cells are read and what they become."""

    name: str
    shape: Shape
    required: bool
    choices: tuple[str, ...] = ()
    at_least: Any = None
    at_most: Any = None
    ref: Ref | None = None
    emit: Emit | None = None
    as_condition: AsCondition | None = None
    conditions: Conditions | None = None
    meaning: str = ""

    @property
    def values_in_words(self) -> str:
        """What a cell may hold, in words: kinds of term, the values there are, a range; empty for any text.

        >>> describe_columns(TABLES["goals"])["disease"].values_in_words
        'name of a disease'
        """
        if self.ref:
            what = words_for(self.ref.kinds) if self.ref.kinds else "term of the same kind"
            return f"name of {'an' if what[0] in 'aeiou' else 'a'} {what}"
        if self.at_least is not None or self.at_most is not None:
            return self.range_in_words
        return ", ".join(self.choices)

    @property
    def range_in_words(self) -> str:
        """The range of a number in words, as messages give it."""
        if self.at_least is not None and self.at_most is not None:
            return f"{self.at_least} to {self.at_most}"
        return f"{self.at_least} or more" if self.at_least is not None else f"{self.at_most} or less"


def kinds_of_table(table: str) -> tuple[str, ...]:
    """Return the CURIE prefixes that the ids of a table may have.

    >>> kinds_of_table("drugs"), kinds_of_table("goals")
    (('drug',), ('claim',))
    """
    if table == "terms":
        return GENERIC_KINDS
    return ("claim",) if issubclass(TABLES[table], ClaimRow) else (_TABLE_KIND[table],)


def summary_of_table(table: str) -> str:
    """Return what a row of a table says, in one sentence or two.

    >>> summary_of_table("fitness_costs")
    'the mutant pays; keeping the drug on holds it in its costly state.'
    """
    return " ".join((TABLES[table].__doc__ or "").partition(": ")[2].split())


@cache
def describe_columns(model: type[Row]) -> Mapping[str, Column]:
    """Return the columns of a row model by name, in the table's order."""
    return {name: _describe(name, model.model_fields[name]) for name in columns(model)}


def _describe(name: str, field: FieldInfo) -> Column:
    options = _options(field.annotation)
    shape: Shape = "text"
    choices: tuple[str, ...] = ()
    for option in options:
        if get_origin(option) is tuple:
            shape = "list"
        elif get_origin(option) is Literal:
            choices = tuple(c for c in get_args(option) if c)
        elif option is bool:
            shape = "flag"
        elif option is int:
            shape = "integer"
        elif option is Decimal:
            shape = "decimal"
    found: dict[type, Any] = {type(item): item for item in field.metadata}
    return Column(
        name=name,
        shape=shape,
        required=field.is_required(),
        choices=choices,
        at_least=found[Ge].ge if Ge in found else None,
        at_most=found[Le].le if Le in found else None,
        ref=found.get(Ref),
        emit=found.get(Emit),
        as_condition=found.get(AsCondition),
        conditions=found.get(Conditions),
        meaning=field.description or "",
    )


def _options(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
