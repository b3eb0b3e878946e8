"""Patterns of alterations: which declared or implied term an alteration is a kind of, and what contradicts what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from kg_builder.knowledge.alterations import Alteration

#: Kinds of alteration that destroy the gene's function.
LOSSES: Final = frozenset({"stop", "frameshift", "gene-deletion", "loss-of-function"})
_AT_POSITION: Final = frozenset({"substitution", "insertion", "deletion", "stop"})
#: Alterations of the grammar that stand for others -> the pattern they are.
_IMPLIED: Final = {"mutation": "any", "loss-of-function": "loss-of-function", "pathogenic-variant": "pathogenic"}
_LETTERS: Final = {"i": "ins", "d": "del", "*": "stop"}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A term that stands for alterations of one gene.

    ``kind`` is any, position, loss-of-function, frameshift or pathogenic; ``residues`` (for position) are
    letters, ``ins``, ``del``, ``stop``, empty for any change there.
    """

    id: str
    gene: str
    kind: str
    position: int | None = None
    residues: frozenset[str] = frozenset()


def read_residues(text: str) -> frozenset[str]:
    """Return the residues of a pattern: letters, i, d, *.

    >>> sorted(read_residues("HVi"))
    ['H', 'V', 'ins']
    """
    return frozenset(_LETTERS.get(letter, letter) for letter in text if letter not in " /,")


def implied_pattern(alteration: Alteration) -> Pattern | None:
    """Return the pattern that an alteration of the grammar is, or None where it stands only for itself."""
    kind = _IMPLIED.get(alteration.kind)
    if alteration.kind == "frameshift" and alteration.id.endswith("-frameshift"):
        kind = "frameshift"
    if alteration.kind == "pathogenic-variant" and not alteration.label.endswith(":pathogenic variant"):
        return None
    return Pattern(alteration.id, alteration.gene, kind) if kind else None


def write_residues(residues: frozenset[str]) -> str:
    """Return residues of a pattern as :func:`read_residues` reads them.

    >>> write_residues(frozenset({"V", "ins", "H"}))
    'HVi'
    """
    letters = {word: letter for letter, word in _LETTERS.items()}
    return "".join(sorted(letters.get(residue, residue) for residue in residues))


class Patterns:
    """The patterns known, by gene."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._by_gene: dict[str, list[Pattern]] = {}
        for pattern in patterns:
            self._by_gene.setdefault(pattern.gene, []).append(pattern)

    def of(self, gene: str) -> tuple[Pattern, ...]:
        """Return the patterns of a gene."""
        return tuple(self._by_gene.get(gene, ()))


def generalise(alteration: Alteration, patterns: Patterns) -> tuple[str, ...]:
    """Return the CURIEs of the patterns that an alteration is a kind of, sorted, itself left out."""
    return tuple(
        sorted(p.id for p in patterns.of(alteration.gene) if p.id != alteration.id and _falls_under(alteration, p))
    )


def _falls_under(alteration: Alteration, pattern: Pattern) -> bool:
    match pattern.kind:
        case "any":
            # a base change of a protein's gene may be silent
            return alteration.is_change and alteration.kind != "base"
        case "position":
            is_there = alteration.kind in _AT_POSITION and alteration.position == pattern.position
            return is_there and (not pattern.residues or alteration.residue in pattern.residues)
        case "loss-of-function":
            return alteration.kind in LOSSES
        case "frameshift":
            return alteration.kind == "frameshift"
        case "pathogenic":
            return alteration.kind == "pathogenic-variant"
    return False


def generalise_pattern(pattern: Pattern, patterns: Patterns) -> tuple[str, ...]:
    """Return the CURIEs of the wider patterns of the same gene, sorted."""
    return tuple(sorted(p.id for p in patterns.of(pattern.gene) if p.id != pattern.id and _is_wider(p, pattern)))


def _is_wider(wide: Pattern, narrow: Pattern) -> bool:
    if wide.kind == "any":
        return narrow.kind != "any"
    if wide.kind == "loss-of-function":
        return narrow.kind == "frameshift"
    if wide.kind == narrow.kind == "position" and wide.position == narrow.position:
        return bool(narrow.residues) and (not wide.residues or wide.residues > narrow.residues)
    return False


def find_contradictions(
    stated: Mapping[str, Iterable[str]], negates: Mapping[str, Iterable[str]]
) -> list[tuple[str, str]]:
    """Return the pairs of stated alterations that cannot hold together (wild type and mutated).

    Args:
        stated: each stated alteration with all it is a kind of.
        negates: each term with the terms whose absence it states; read in both directions.
    >>> find_contradictions({"a:x": ["a:any"], "a:wt": []}, {"a:wt": ["a:any"]})
    [('a:wt', 'a:x')]
    """
    reach = {alteration: {alteration, *broader} for alteration, broader in stated.items()}
    found = set()
    for one, terms in reach.items():
        denied = {d for term in terms for d in negates.get(term, ())}
        for other, others in reach.items():
            if other != one and denied & others:
                found.add((one, other))
    return sorted({(a, b) for a, b in found if a in reach and b in reach})
