"""Definitions of what the tables hold no definition of: alterations read by grammar, codes, levels, sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kg_builder.knowledge.alterations import Alteration
from kg_builder.knowledge.resolve import ResolvedRow
from kg_builder.knowledge.rows import CaseFieldRow, DrugCodeRow, LevelRow, SourceRow

_EVENTS: Final[Mapping[str, str]] = {
    "insertion": "An alteration of {gene} in which residues are inserted at position {position}, next to {ref}.",
    "deletion": "An alteration of {gene} in which the residue {ref} at position {position} is deleted.",
    "stop": "An alteration of {gene} in which a stop replaces {ref} at position {position}.",
    "substitution": "An alteration of {gene} in which {new} replaces {ref} at position {position}.",
    "reference": "The state of {gene} in which position {position} has the reference residue {ref}.",
    "frameshift": "An alteration of {gene} that shifts the reading frame ({change}).",
    "loss-of-function": "An alteration of {gene} that destroys its function, by a stop, a frameshift or its deletion.",
    "gene-deletion": "An alteration in which {gene} is deleted.",
    "mutation": "An alteration of {gene} of any kind.",
    "wild-type": "The state of {gene} without alteration.",
}
_OTHER: Final = "An alteration of {gene}: {change}."


def define_alteration(alteration: Alteration, label: Callable[[str], str]) -> str:
    """Return the definition of an alteration that only its grammar knows, in a sentence."""
    form = _EVENTS.get(alteration.kind, _OTHER)
    if alteration.kind == "substitution" and alteration.position is None:
        form = _OTHER
    return form.format(
        gene=label(alteration.gene),
        position=alteration.position,
        ref=alteration.reference,
        new=alteration.residue,
        change=alteration.label.partition(":")[2],
    )


def define_row(row: ResolvedRow, label: Callable[[str], str]) -> str:
    """Return the definition of a row whose table has no such column, in a sentence; empty for other rows."""
    model = row.read.row
    if isinstance(model, DrugCodeRow):
        algorithm, gene = label(row.refs["algorithm"][0]), label(row.refs["gene"][0])
        return f"The code by which {algorithm} calls a drug that it scores on {gene}."
    if isinstance(model, LevelRow):
        return f"The level of resistance that {label(row.refs['algorithm'][0])} calls '{model.label}'."
    if isinstance(model, SourceRow):
        return f"A source of claims: {model.kind}, {model.body}, {model.year}."
    if isinstance(model, CaseFieldRow):
        return f"The field {model.path} of a case."
    return ""
