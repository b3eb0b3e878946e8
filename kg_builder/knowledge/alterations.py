"""The grammar of alterations, one for claims and for cases.

``GENE:change``, where GENE is a gene's label, synonym or CURIE and change is one of

- a residue change ``M184V``, with several residues a mixture (``M184MV``, ``M184I/V``), each stated;
  ``T69ins`` (``T69i``, ``T69S_SS``), ``D67del`` (``D67d``, ``D67-``), ``Q151*`` (``stop``, ``Ter``),
  ``I67fs``, ``E746_A750del``; the reference residue may be left out where the gene's sequence is known;
  also in HGVS (``p.Asp835His``),
- a base change ``A2143G`` where the gene's molecule is RNA or DNA, ``c.-15C>T``, ``c.138_139insG``,
- ``frameshift``, ``loss-of-function``, ``deletion``, ``mutation``, ``[germline|somatic] pathogenic variant``,
- ``wild type``.

Declared names (alterations.tsv) are looked up first. Case counts in the change: ``i`` is an insertion, ``I``
isoleucine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

from kg_builder.knowledge.faults import Fault
from kg_builder.knowledge.names import NameIndex, name_key

AlterationKind = Literal[
    "named", "reference", "substitution", "insertion", "deletion", "stop", "range", "base", "frameshift",
    "loss-of-function", "gene-deletion", "mutation", "pathogenic-variant", "wild-type",
]  # fmt: skip

AMINO_ACIDS: Final = frozenset("ACDEFGHIKLMNPQRSTVWY")
BASES: Final = frozenset("ACGT")
_THREE: Final = {
    "Ala": "A", "Arg": "R", "Asn": "N", "Asp": "D", "Cys": "C", "Gln": "Q", "Glu": "E", "Gly": "G", "His": "H",
    "Ile": "I", "Leu": "L", "Lys": "K", "Met": "M", "Phe": "F", "Pro": "P", "Ser": "S", "Thr": "T", "Trp": "W",
    "Tyr": "Y", "Val": "V", "Ter": "*",
}  # fmt: skip
_NO_AMINO_ACID: Final = {
    "X": "X means an unknown residue, which states no alteration",
    "B": "B stands for D or N; write the residues that were seen, as D/N",
    "Z": "Z stands for E or Q; write the residues that were seen, as E/Q",
    "J": "J stands for I or L; write the residues that were seen, as I/L",
}
#: Bases that stand for several (IUPAC).
_BASE_CODES: Final = {"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC", "U": "T"}

#: Whole-gene changes: what may be written -> (kind, slug, word of the label).
_WHOLE: Final[dict[str, tuple[AlterationKind, str]]] = {
    **dict.fromkeys(("wild type", "wild-type", "wildtype", "wt"), ("wild-type", "wild type")),
    **dict.fromkeys(("frameshift", "fs"), ("frameshift", "frameshift")),
    **dict.fromkeys(("loss-of-function", "loss of function", "lof"), ("loss-of-function", "loss-of-function")),
    **dict.fromkeys(("deletion", "del", "gene deletion"), ("gene-deletion", "deletion")),
    **dict.fromkeys(("mutation", "mutated", "mutant", "any"), ("mutation", "mutation")),
    "pathogenic variant": ("pathogenic-variant", "pathogenic variant"),
    "germline pathogenic variant": ("pathogenic-variant", "germline pathogenic variant"),
    "somatic pathogenic variant": ("pathogenic-variant", "somatic pathogenic variant"),
}
_RESIDUE = re.compile(r"(?P<ref>[A-Za-z]?)(?P<pos>\d+)(?P<new>.*)")
_THREES = re.compile("|".join(_THREE))
_RANGE = re.compile(r"([A-Z])(\d+)_([A-Z])(\d+)(del|dup|ins[A-Z]+|delins[A-Z]+)")
_CODING = re.compile(
    r"[cng]\.([-*]?\d+(?:[+-]\d+)?)(?:_([-*]?\d+(?:[+-]\d+)?))?(?:([ACGTU])>([ACGTU])|(delins|ins|del|dup)([ACGTU]*))"
)
_LOOKS_READABLE = re.compile(r"(p\.)?[A-Za-z]{0,3}\d+\S*|[cng]\.\S+", re.ASCII)
_TOKENS: Final = {
    **dict.fromkeys(("ins", "Ins", "insertion", "i", "#"), "ins"),
    **dict.fromkeys(("del", "Del", "deletion", "d", "-", "~", "–", "−"), "del"),
    **dict.fromkeys(("*", "stop", "Stop", "Ter", "ter"), "stop"),
    **dict.fromkeys(("fs", "frameshift"), "fs"),
}


@dataclass(frozen=True, slots=True)
class Gene:
    """What the grammar needs to know of a gene; positions count from 1 in residues of its molecule."""

    id: str
    label: str
    length: int | None = None
    reference: str = ""
    molecule: str = "protein"

    @property
    def slug(self) -> str:
        """The part of the CURIE after the colon, which ids of its alterations start with."""
        return self.id.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Alteration:
    """One stated alteration. ``residue`` is a letter, ``ins``, ``del``, ``stop`` or ``fs``; empty where none."""

    id: str
    label: str
    kind: AlterationKind
    gene: str = ""
    position: int | None = None
    reference: str = ""
    residue: str = ""

    @property
    def is_change(self) -> bool:
        """Whether it says that the gene's product differs from the reference."""
        return self.kind not in ("named", "reference", "wild-type")


class AlterationReader:
    """Reads alterations: declared names first, then the grammar.

    >>> genes = [Gene("gene:RT", "RT", 560)]
    >>> index = NameIndex.from_terms([("gene:RT", "RT", ())])
    >>> [a.id for a in AlterationReader(index, genes).read("RT:M184I/V")]
    ['alteration:RT-M184I', 'alteration:RT-M184V']
    """

    def __init__(self, index: NameIndex, genes: Iterable[Gene], *, any_reference: bool = False) -> None:
        """Read by these names and genes.

        Args:
            any_reference: take a written reference residue that is not the gene's, as genotypes called against
                another strain have it; claims must agree with the gene (A005).
        """
        self._index = index
        self._any_reference = any_reference
        self._genes: Mapping[str, Gene] = {gene.id: gene for gene in genes}
        self._declared: dict[str, Alteration] = {}
        self._slugs = sorted(self._genes.values(), key=lambda g: -len(g.slug))

    def read(self, text: str) -> tuple[Alteration, ...]:
        """Return the alterations that a text states; several for a mixture.

        Raises:
            Fault: T007, T008 unknown or ambiguous name; A001 to A009 what the grammar refuses.
        """
        text = text.strip()
        found = self._index.find(text, ("alteration",))
        if len(found) == 1:
            if not self._index.is_written(text, found[0]):
                # names are found whatever their case; in the grammar case counts: `d` is a deletion, `D` a residue
                with suppress(Fault):
                    return self.read_grammar(text)
            return (self._named(found[0]),)
        if found:
            self._index.resolve(text, ("alteration",))
        return self.read_grammar(text)

    def _named(self, curie: str) -> Alteration:
        """Return a declared alteration, with all that the grammar reads in its label."""
        if curie not in self._declared:
            label = self._index.label(curie)
            try:
                found = self.read_grammar(label)
            except Fault:
                found = ()
            is_read = len(found) == 1 and found[0].id == curie
            self._declared[curie] = found[0] if is_read else Alteration(curie, label, "named")
        return self._declared[curie]

    def read_grammar(self, text: str) -> tuple[Alteration, ...]:
        """Return what the text states by the grammar alone, declared names left aside."""
        if text.startswith("alteration:"):
            return self._read_curie(text)
        left, colon, right = text.partition(":")
        if not colon or not (gene_ids := self._index.find(left, ("gene",))):
            if (split := self._split_blank(text)) is not None:
                return split
            if colon and (_LOOKS_READABLE.fullmatch(right.strip()) or name_key(right) in _WHOLE):
                near = self._index.nearest(left, ("gene",))
                hint = f"nearest: {', '.join(near)}" if near else "declare it in genes.tsv"
                raise Fault("A001", f"unknown gene '{left}' in '{text}'", hint, 0)
            self._index.resolve(text, ("alteration",))
            raise Fault("T007", f"unknown name '{text}'")
        if len(gene_ids) > 1:
            self._index.resolve(left, ("gene",))
        offset = len(left) + 1 + len(right) - len(right.lstrip())
        try:
            return self._read_change(self._genes[gene_ids[0]], right.strip())
        except Fault as fault:
            raise fault.shifted(offset) from None

    def _split_blank(self, text: str) -> tuple[Alteration, ...] | None:
        """Read `GENE wild type`, `GENE M184V`, `GENE-M184V`: a gene, a separator, a change; None if it is not so."""
        for match in re.finditer(r"[ _-]", text):
            gene_ids = self._index.find(text[: match.start()], ("gene",))
            change = text[match.end() :].strip()
            if len(gene_ids) == 1 and (name_key(change) in _WHOLE or _LOOKS_READABLE.fullmatch(change)):
                try:
                    return self._read_change(self._genes[gene_ids[0]], change)
                except Fault as fault:
                    raise fault.shifted(match.end()) from None
        return None

    def _read_curie(self, text: str) -> tuple[Alteration, ...]:
        slug = text.partition(":")[2]
        for gene in self._slugs:
            if slug.startswith(gene.slug + "-"):
                change = slug[len(gene.slug) + 1 :]
                if change.startswith(("c.", "n.", "g.")):
                    change = re.sub(r"([ACGT])-([ACGT])$", r"\1>\2", change).replace("plus", "+")
                whole = change.replace("-", " ")
                found = self._read_change(gene, whole if name_key(whole) in _WHOLE else change)
                if [a.id for a in found] == [text]:
                    return found
        self._index.resolve(text, ("alteration",))
        raise Fault("T007", f"unknown name '{text}'")

    # --- changes ---------------------------------------------------------------------------------

    def _read_change(self, gene: Gene, change: str) -> tuple[Alteration, ...]:
        if whole := _WHOLE.get(name_key(change)):
            kind, words = whole
            label = f"{gene.label} wild type" if kind == "wild-type" else f"{gene.label}:{words}"
            return (Alteration(f"alteration:{gene.slug}-{words.replace(' ', '-')}", label, kind, gene.id),)
        if coding := _CODING.fullmatch(change):
            return self._read_coding(gene, change, coding)
        plain, shift = (change[2:], 2) if change.startswith("p.") else (change, 0)
        plain = plain.strip("()")
        if gene.molecule == "protein" and _THREES.search(plain):
            plain = _THREES.sub(lambda m: _THREE[m[0]], plain)
        if span := _RANGE.fullmatch(plain):
            return self._read_range(gene, plain, span)
        match = _RESIDUE.fullmatch(plain)
        if not match:
            raise Fault(
                "A002",
                f"'{change}' is no change that can be read",
                "write it as M184V, T69ins, Q151*, c.-15C>T or frameshift",
                0,
            )
        try:
            return self._read_residues(gene, match["ref"], int(match["pos"]), match["new"], match.start("new"))
        except Fault as fault:
            raise (fault.shifted(shift) if plain == change[shift:] else fault) from None

    def _read_residues(self, gene: Gene, ref: str, position: int, new: str, at: int) -> tuple[Alteration, ...]:
        if gene.length and not 1 <= position <= gene.length:
            raise Fault(
                "A004",
                f"position {position} is outside {gene.label}",
                f"{gene.label} has {gene.length} residues",
                len(ref),
            )
        stands = gene.reference[position - 1] if 0 < position <= len(gene.reference) else ""
        alphabet = AMINO_ACIDS if gene.molecule == "protein" else BASES
        ref = "T" if ref == "U" and alphabet is BASES else ref
        if ref and ref not in alphabet:
            raise _no_residue(gene, ref, 0)
        if ref and stands and ref != stands and not self._any_reference:
            raise Fault(
                "A005",
                f"{gene.label} has {stands} at position {position}, not {ref}",
                f"write {stands}{position}{new}, or check the position",
                0,
            )
        if not (ref := stands or ref):
            raise Fault(
                "A006",
                f"the reference residue of position {position} of {gene.label} is not known",
                "write it before the position, as in M184V",
                0,
            )
        residues = _split_residues(gene, new, at, f"{ref}{position}")
        return tuple(
            _residue_change(gene, ref, position, residue) for residue in [r for r in residues if r != ref] or [ref]
        )

    def _read_range(self, gene: Gene, plain: str, span: re.Match[str]) -> tuple[Alteration, ...]:
        for letter, where, at in ((span[1], int(span[2]), 0), (span[3], int(span[4]), span.start(3))):
            if gene.length and not 1 <= where <= gene.length:
                raise Fault(
                    "A004",
                    f"position {where} is outside {gene.label}",
                    f"{gene.label} has {gene.length} residues",
                    at + 1,
                )
            if 0 < where <= len(gene.reference) and gene.reference[where - 1] != letter:
                raise Fault(
                    "A005",
                    f"{gene.label} has {gene.reference[where - 1]} at position {where}, not {letter}",
                    "check the position",
                    at,
                )
        return (_make(gene, plain, "range", int(span[2]), span[1]),)

    def _read_coding(self, gene: Gene, change: str, match: re.Match[str]) -> tuple[Alteration, ...]:
        start, end, old, new, event, bases = match.groups()
        if event is None:
            old, new = old.replace("U", "T"), new.replace("U", "T")
            if old == new:
                raise Fault("A002", f"'{change}' changes {old} into itself", "", len(change) - 1)
            if change[0] == "n" and gene.molecule != "protein" and start.isdecimal() and end is None:
                return self._read_residues(gene, old, int(start), new, match.start(4))
            # a base change of a protein's gene may be silent; of RNA or a promoter it is the change itself
            kind: AlterationKind = "base" if gene.molecule == "protein" else "substitution"
            return (_make(gene, f"{change[:2]}{start}{old}>{new}", kind),)
        size = len(bases) if bases or event == "ins" else 0
        if event in ("del", "dup") and not size and start.isdecimal() and (end or start).isdecimal():
            size = int(end or start) - int(start) + 1
        is_shift = gene.molecule == "protein" and start.isdecimal() and event != "delins" and size % 3 != 0
        return (_make(gene, change, "frameshift" if is_shift else "range"),)


def _split_residues(gene: Gene, new: str, at: int, known: str) -> list[str]:
    """Return what stands after the position, one entry a residue."""
    if not new:
        raise Fault(
            "A003",
            f"'{known}' names no residue that was found",
            f"write {known}V, {known}ins, {known}del or {known}*",
            at - 1,
        )
    if new in _TOKENS or (new.startswith("fs") and re.fullmatch(r"fs(\*|Ter)?\d*", new)):
        return [_TOKENS.get(new, "fs")]
    if re.fullmatch(r"[A-Z]?_[A-Z]*", new) or re.fullmatch(r"_?[iI]ns(ertion)?[A-Z]*", new):
        return ["ins"]
    alphabet = AMINO_ACIDS if gene.molecule == "protein" else BASES
    found: list[str] = []
    for part in re.finditer(r"[^/]+", new):
        if part[0] in _TOKENS:
            found.append(_TOKENS[part[0]])
            continue
        for index, letter in enumerate(part[0], part.start()):
            letters = _BASE_CODES.get(letter, letter) if alphabet is BASES else letter
            for one in letters:
                if one in _TOKENS:
                    found.append(_TOKENS[one])
                elif one in alphabet:
                    found.append(one)
                else:
                    raise _no_residue(gene, one, at + index)
    return list(dict.fromkeys(found))


def _no_residue(gene: Gene, letter: str, at: int) -> Fault:
    if gene.molecule != "protein":
        return Fault("A007", f"'{letter}' is no base", f"{gene.label} is read in bases: A, C, G or T", at)
    if letter in _NO_AMINO_ACID:
        return Fault("A007", f"'{letter}' is no single amino acid", _NO_AMINO_ACID[letter], at)
    hint = (
        f"write {letter.upper()}"
        if letter.upper() in AMINO_ACIDS
        else f"one of {''.join(sorted(AMINO_ACIDS))}, i, d or *"
    )
    return Fault("A007", f"'{letter}' is no amino acid", hint, at)


_KIND_OF_RESIDUE: Final[dict[str, AlterationKind]] = {
    "ins": "insertion",
    "del": "deletion",
    "stop": "stop",
    "fs": "frameshift",
}


def _residue_change(gene: Gene, ref: str, position: int, residue: str) -> Alteration:
    kind = "reference" if residue == ref else _KIND_OF_RESIDUE.get(residue, "substitution")
    return _make(gene, f"{ref}{position}{residue}", kind, position, ref, residue)


def _make(
    gene: Gene, change: str, kind: AlterationKind, position: int | None = None, reference: str = "", residue: str = ""
) -> Alteration:
    slug = change.replace(">", "-").replace("+", "plus").replace("*", "stop")
    label = f"{gene.label}:{change}"
    return Alteration(f"alteration:{gene.slug}-{slug}", label, kind, gene.id, position, reference, residue)
