"""All alterations of a knowledge base, declared or read by grammar, and how they hang together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kg_builder.knowledge.alterations import Alteration
from kg_builder.knowledge.faults import Fault
from kg_builder.knowledge.patterns import (
    Pattern,
    Patterns,
    generalise,
    generalise_pattern,
    implied_pattern,
    read_residues,
)
from kg_builder.knowledge.resolve import Resolution
from kg_builder.knowledge.rows import AlterationRow


@dataclass(frozen=True, slots=True)
class AlterationTerms:
    """The alterations of the tables.

    Attributes:
        undeclared: those that only the grammar knows, sorted by id.
        labels: label of each undeclared one.
        patterns: declared and implied patterns.
    """

    undeclared: tuple[Alteration, ...]
    labels: Mapping[str, str]
    patterns: Patterns
    _by_id: Mapping[str, Pattern]
    _readable: Mapping[str, Alteration]
    _in_gene: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, resolution: Resolution) -> AlterationTerms:
        """Collect the alterations of resolved rows."""
        rows = [(r, r.read.row) for r in resolution.rows if isinstance(r.read.row, AlterationRow)]
        readable = dict(resolution.seen)
        patterns: dict[str, Pattern] = {}
        in_gene: dict[str, set[str]] = {}
        for resolved, row in rows:
            gene = resolved.refs.get("gene", ("",))[0]
            in_gene.setdefault(gene, set()).add(row.id)
            if row.pattern and gene:
                patterns[row.id] = Pattern(row.id, gene, row.pattern, row.position, read_residues(row.residues))
            alteration = read_by_grammar(resolution, row.label)
            if alteration is not None and alteration.id == row.id:
                readable[row.id] = alteration
        for alteration in readable.values():
            in_gene.setdefault(alteration.gene, set()).add(alteration.id)
            if alteration.id not in patterns and (pattern := implied_pattern(alteration)):
                patterns[alteration.id] = pattern
        undeclared = tuple(resolution.seen[curie] for curie in sorted(resolution.seen))
        return cls(
            undeclared,
            {a.id: a.label for a in undeclared},
            Patterns(patterns[curie] for curie in sorted(patterns)),
            patterns,
            readable,
            {gene: tuple(sorted(ids)) for gene, ids in in_gene.items()},
        )

    def pattern(self, curie: str) -> Pattern | None:
        """Return the pattern that an alteration is, if it is one."""
        return self._by_id.get(curie)

    def alteration(self, curie: str) -> Alteration | None:
        """Return what the grammar says of an alteration, declared or not; None where it cannot read its label."""
        return self._readable.get(curie)

    def broader(self, curie: str) -> tuple[str, ...]:
        """Return the patterns that an alteration falls under by what it is; its row's `broader` is not repeated."""
        found = set(generalise_pattern(self._by_id[curie], self.patterns)) if curie in self._by_id else set()
        if curie in self._readable:
            found |= set(generalise(self._readable[curie], self.patterns))
        return tuple(sorted(found))

    def negated(self, curie: str) -> tuple[str, ...]:
        """Return what a gene's wild type says is absent: every other alteration of the gene."""
        alteration = self._readable.get(curie)
        if alteration is None or alteration.kind != "wild-type":
            return ()
        return tuple(
            other
            for other in self._in_gene.get(alteration.gene, ())
            if other != curie and (other not in self._readable or self._readable[other].is_change)
        )


def read_by_grammar(resolution: Resolution, text: str) -> Alteration | None:
    """Return the one alteration that a text states by the grammar alone, or None."""
    try:
        found = resolution.alterations.read_grammar(text)
    except Fault:
        return None
    return found[0] if len(found) == 1 else None
