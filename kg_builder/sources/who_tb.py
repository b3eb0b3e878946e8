"""Import the WHO catalogue of mutations, second edition: each graded variant becomes a claim.

Grades 1 and 2 become ``resistances``: of full degree, but partial where the catalogue's comment calls the
resistance low-level. Grades 4 and 5 become ``sensitivities``: such a claim overrides a broader one ("any loss of
function", "any change of the region") for that very variant, which is what "not associated with resistance"
means, and never a claim that names the variant itself. Grade 3 (uncertain) says nothing; it is counted and left out.

A comment that resistance needs another gene's working product (epistasis) becomes the condition that this gene
has not lost its function, for every variant of grade 1 or 2 of the same gene and drug. Variants are named as
the grammar of alterations has it: ``LoF`` is ``<gene>:loss-of-function``; upstream changes of a gene that has a
promoter of its own in the knowledge (``<gene> promoter``) are changes of that promoter, in the numbering of the
alias that the comment gives, if it gives one. What no grammar reads, but has one meaning (start or stop codon lost),
or one residue doubled) is declared in ``alterations.tsv``; anything else is a warning (S034), counted by kind.

The tables stand beside the knowledge they were made for: a gene, an alteration or a claim that it holds already
(by id, or the same drug and alteration from the same source) is not written again, and counted.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final

from kg_builder.issues import Issue, SourceError
from kg_builder.knowledge.alterations import Alteration, AlterationReader, Gene
from kg_builder.knowledge.faults import Fault
from kg_builder.knowledge.resolve import gene_of
from kg_builder.knowledge.rows import AlterationRow, GeneRow, ResistanceRow, Row, SensitivityRow, SourceRow
from kg_builder.sources.importer import Importer
from kg_builder.sources.known import Known, read_known, refuse_foreign
from kg_builder.sources.who_catalogue import Catalogue, Variant, read_catalogue

__all__ = ["import_file", "read_catalogue", "to_rows"]

STEMS: Final = ("genes", "alterations", "resistances", "sensitivities", "sources")
CURATOR: Final = "who-tb-import"
#: Day on which the second edition was published.
DATE: Final = "2023-11-15"
SOURCE: Final = SourceRow(
    id="source:who-tb-catalogue-2023",
    title="Catalogue of mutations and their association with drug resistance, second edition",
    kind="data set",
    body="World Health Organization",
    year=2023,
    version="v2",
    licence="ODC-By 1.0",
)
_GRADES: Final = {
    1: "associated with resistance",
    2: "interim association with resistance",
    4: "not associated with resistance, interim",
    5: "not associated with resistance",
}
#: What the catalogue went by or comments (a part of its text) -> our words for it.
_REMARKS: Final = {
    "Silent mutation": "silent change",
    "(LoF)": "by the rule for loss of function",
    "RRDR": "by the rule for the resistance-determining region",
    "Selection evidence": "rests on selection under treatment",
    "Literature evidence": "rests on literature",
    "cross-resistance": "cross-resistance with a related drug",
    "Evidence from ALL dataset only": "seen in the wider data set only",
    "Interim based on WHO dataset": "interim by the stricter data set",
    "Previous WHO guidance": "by earlier WHO guidance",
    "WHO-endorsed": "read by an endorsed assay",
    "inflated": "the share of resistant isolates may be overestimated",
    "Borderline": "raises the inhibitory concentration to about the breakpoint",
    "Low-level resistance": "low-level resistance that adds up with others",
    "High-level resistance": "high-level resistance",
}
_WORKING: Final = re.compile(r"linked to a functional (\w+)")
_ALIAS: Final = re.compile(r"Alias (\w+?)_([cn]\.\S+?)(?=\.? |\.?$)")
_UPSTREAM: Final = "upstream_gene_variant"
_DOUBLED: Final = re.compile(r"(p\.[A-Z][a-z]{2}\d+)dup")
#: Kinds of variant that no grammar reads -> words of the alteration, and whether the gene's function is lost.
_DECLARED: Final = {"start_lost": ("start lost", True), "stop_lost": ("stop lost", False)}


def to_rows(catalogue: Catalogue, known: Known) -> tuple[dict[str, list[Row]], list[Issue]]:
    """Return the rows that say what the catalogue says beyond the knowledge, by table, and all warnings.

    Every variant of grade 1, 2, 4 or 5 is a row, or counted in one warning: S034 it cannot be expressed, S035 two
    variants are one, S037 the knowledge holds it already. S038 counts grade 3.

    Raises:
        SourceError: S033 for each drug that the knowledge does not hold.
    """
    return _Maker(catalogue, known).make()


def make_tables(catalogue: Catalogue, knowledge: Path, out_dir: Path) -> tuple[dict[str, list[Row]], list[Issue]]:
    """Return the rows that say what the catalogue says beyond a folder of knowledge, and all warnings.

    Raises:
        SourceError: S009 if the folder to write into holds claims of others; S013 if there is no knowledge; S033 for
            each drug that it does not hold.
    """
    refuse_foreign(out_dir, STEMS, CURATOR)
    return to_rows(catalogue, read_known(knowledge, out_dir, STEMS))


def describe(catalogue: Catalogue) -> str:
    """Return how many variants have each grade, in words."""
    return ", ".join(f"grade {grade}: {count:,}" for grade, count in sorted(catalogue.count_grades().items()))


class _Maker:
    """Makes the rows, and gathers what is told of them."""

    def __init__(self, catalogue: Catalogue, known: Known) -> None:
        self.catalogue = catalogue
        self.known = known
        self.graded = [variant for variant in catalogue.variants if variant.grade in _GRADES]
        self.warnings = list(catalogue.warnings)
        self.alterations: dict[str, AlterationRow] = {}
        self.genes: dict[str, GeneRow] = {}
        self.gene_ids: dict[str, str] = {}
        self.drugs = self.find_drugs()
        self.declare_genes()
        genes = [*known.genes(), *(gene_of(row) for row in self.genes.values())]
        self.gene_of: dict[str, Gene] = {gene.id: gene for gene in genes}
        self.reader = AlterationReader(known.index, genes)
        self.aliased = {variant.gene for variant in self.graded if _ALIAS.search(variant.comment)}
        self.needs = self.find_epistasis()

    def make(self) -> tuple[dict[str, list[Row]], list[Issue]]:
        resistances: dict[str, Row] = {}
        sensitivities: dict[str, Row] = {}
        said = self.known.said_of(SOURCE.id)
        unread: dict[str, list[tuple[Variant, str]]] = defaultdict(list)
        held = 0
        for variant in sorted(self.graded, key=lambda v: (v.grade, v.line)):
            try:
                alteration = self.read(variant)
            except Fault as fault:
                unread[variant.effect].append((variant, fault.message))
                continue
            drug = self.drugs[variant.drug]
            claim = f"claim:who-tb-{_slug(alteration.id)}-{drug.partition(':')[2]}"
            if claim in self.known.ids or (drug, alteration.id) in said:
                held += 1
            elif claim in resistances or claim in sensitivities:
                message = f"{variant.gene} {variant.mutation} and another variant of {variant.drug} are one: {claim}"
                self.warn(variant.line, "mutation", "S035", message, "the one of the lower grade is kept")
            elif variant.grade <= 2:
                resistances[claim] = self.resistance(claim, variant, alteration)
            else:
                sensitivities[claim] = self.sensitivity(claim, variant, alteration)
        for effect, variants in sorted(unread.items()):
            first, why = variants[0]
            message = f"{len(variants):,} of kind {effect} cannot be expressed; the first, {first.gene}: {why}"
            self.warn(first.line, "mutation", "S034", message, "they get no row")
        if held:
            message = f"{held:,} variants of grades 1, 2, 4 and 5 are in the knowledge already"
            self.warn(0, "", "S037", message, "they get no second row")
        if uncertain := self.catalogue.count_grades()[3]:
            self.warn(0, "", "S038", f"{uncertain:,} variants of grade 3 (uncertain) say nothing", "they get no row")
        tables: dict[str, list[Row]] = {
            "genes": list(self.genes.values()),
            "alterations": list(self.alterations.values()),
            "resistances": list(resistances.values()),
            "sensitivities": list(sensitivities.values()),
            "sources": [] if SOURCE.id in self.known.ids else [SOURCE],
        }
        return tables, self.warnings

    def warn(self, line: int, column: str, code: str, message: str, hint: str) -> None:
        self.warnings.append(Issue(self.catalogue.path, line, column, code, message, hint, "warning"))

    # --- names -----------------------------------------------------------------------------------

    def find_drugs(self) -> dict[str, str]:
        """Return the CURIE of each drug of the catalogue."""
        found, issues = {}, []
        lines: dict[str, int] = {}
        for variant in self.graded:
            lines.setdefault(variant.drug, variant.line)
        for drug, line in lines.items():
            curies = self.known.index.find(drug, ("drug",))
            if len(curies) == 1:
                found[drug] = curies[0]
                continue
            near = ", ".join(self.known.index.nearest(drug, ("drug",)))
            hint = f"nearest: {near}" if near else "declare it in drugs.tsv"
            issues.append(Issue(self.catalogue.path, line, "drug", "S033", f"the knowledge has no drug '{drug}'", hint))
        if issues:
            raise SourceError(issues)
        return found

    def declare_genes(self) -> None:
        """Find each gene in the knowledge, or make a row of it; the organism is that of the genes found."""
        mutations: dict[str, list[str]] = defaultdict(list)
        for variant in self.graded:
            mutations[variant.gene].append(variant.mutation)
        organism_of = {r.id: r.read.row.organism for r in self.known.rows if isinstance(r.read.row, GeneRow)}
        found = {gene: self.known.index.find(gene, ("gene",)) for gene in mutations}
        organisms = Counter(organism_of.get(curie, "") for curies in found.values() for curie in curies)
        organism = organisms.most_common(1)[0][0] if organisms else ""
        for gene in sorted(mutations):
            if found[gene]:
                self.gene_ids[gene] = found[gene][0]
                continue
            row = GeneRow(
                id=f"gene:{re.sub(r'[^a-z0-9]+', '-', gene.lower()).strip('-')}",
                label=gene,
                definition=f"Gene of {organism or 'the organism'} with changes graded for resistance by WHO.",
                organism=organism,
                molecule="rna" if any(mutation.startswith("n.") for mutation in mutations[gene]) else "protein",
            )
            self.genes[row.id] = row
            self.gene_ids[gene] = row.id
            self.known.index.add(row.id, row.label)

    def find_epistasis(self) -> dict[tuple[str, str], str]:
        """Return, for (gene, drug), the gene whose product must work for resistance."""
        names = {gene.casefold(): gene for gene in self.gene_ids}
        needs = {}
        for variant in self.graded:
            if match := _WORKING.search(variant.comment):
                gene = names.get(match[1].casefold())
                if gene is None:
                    message = f"the comment asks for a working {match[1]}, which is no gene here"
                    hint = "the condition is left out"
                    self.warn(variant.line, "Comment", "S034", message, hint)
                else:
                    needs[variant.gene, variant.drug] = gene
        return needs

    # --- alterations -----------------------------------------------------------------------------

    def read(self, variant: Variant) -> Alteration:
        """Return the alteration that a variant is.

        Raises:
            Fault: if it cannot be expressed.
        """
        mutation = "loss-of-function" if variant.mutation == "LoF" else variant.mutation
        mutation = re.sub(r"del[ACGT]+ins(?=[ACGT])", "delins", mutation)
        gene = self.gene_of[self.gene_ids[variant.gene]]
        text = f"{gene.id}:{mutation}" if ":" in gene.label else f"{gene.label}:{mutation}"
        named = self.known.index.find(f"{variant.gene}:{mutation}", ("alteration",)) or self.known.index.find(
            text, ("alteration",)
        )
        if len(named) == 1:
            return Alteration(named[0], self.known.index.label(named[0]), "named", gene.id)
        if variant.effect in _DECLARED:
            return self.declare(variant, gene)
        if double := _DOUBLED.fullmatch(mutation):
            return self.declare_doubled(variant, gene, double[1])
        if variant.effect == _UPSTREAM and (promoter := self.find_promoter(variant)):
            text = promoter
        found = self.reader.read_grammar(text)
        if len(found) != 1:
            raise Fault("A008", f"'{text}' states several alterations", "")
        return found[0]

    def find_promoter(self, variant: Variant) -> str:
        """Return an upstream change as one of the gene's own promoter, where the knowledge has such a gene."""
        alias = _ALIAS.search(variant.comment)
        if alias and alias[2].startswith("c.-"):
            gene, mutation = alias[1], alias[2]
        elif variant.gene in self.aliased:
            return ""  # numbered from another start than the promoter's changes
        else:
            gene, mutation = variant.gene, variant.mutation
        found = self.known.index.find(f"{gene} promoter", ("gene",))
        return f"{self.known.index.label(found[0])}:{mutation}" if len(found) == 1 else ""

    def declare(self, variant: Variant, gene: Gene) -> Alteration:
        """Declare an alteration that the grammar cannot read."""
        words, is_loss = _DECLARED[variant.effect]
        label = f"{gene.label}:{words}"
        slug = words.replace(" ", "-")
        if not is_loss:
            label = f"{gene.label}:{variant.mutation}"
            slug = re.sub(r"[^A-Za-z0-9]+", "-", variant.mutation.removeprefix("p.")).strip("-")
        row = AlterationRow(
            id=f"alteration:{gene.slug}-{slug}",
            label=label,
            synonyms=(f"{gene.label}:{variant.mutation}",) if is_loss else (),
            definition=f"Change of {gene.label} by which its {words.removesuffix(' lost')} codon is lost.",
            gene=gene.id,
            broader=(f"{gene.label}:loss-of-function",) if is_loss else (),
        )
        self.alterations[row.id] = row
        return Alteration(row.id, row.label, "named", gene.id)

    def declare_doubled(self, variant: Variant, gene: Gene, residue: str) -> Alteration:
        """Declare the doubling of one residue (``p.Met1dup``), checked as its deletion would be."""
        (deleted,) = self.reader.read_grammar(f"{gene.label}:{residue}del")
        name = f"{deleted.reference}{deleted.position}"
        row = AlterationRow(
            id=f"alteration:{gene.slug}-{name}dup",
            label=f"{gene.label}:{name}dup",
            synonyms=(f"{gene.label}:{variant.mutation}",),
            definition=f"Doubling of residue {name} of {gene.label}.",
            gene=gene.id,
        )
        self.alterations[row.id] = row
        return Alteration(row.id, row.label, "named", gene.id)

    # --- claims ----------------------------------------------------------------------------------

    def resistance(self, claim: str, variant: Variant, alteration: Alteration) -> ResistanceRow:
        conditions = [f"marker {alteration.label}"]
        working = self.needs.get((variant.gene, variant.drug))
        if working:
            conditions.append(f"not marker {self.gene_of[self.gene_ids[working]].label}:loss-of-function")
        return ResistanceRow(
            **self.said(claim, variant, working, 1),
            degree="partial" if "Low-level" in variant.comment else "full",
            conditions="; ".join(conditions),
        )

    def sensitivity(self, claim: str, variant: Variant, alteration: Alteration) -> SensitivityRow:
        return SensitivityRow(**self.said(claim, variant, None, 5), conditions=f"marker {alteration.label}")

    def said(self, claim: str, variant: Variant, working: str | None, sure: int) -> dict[str, Any]:
        """Return what both kinds of claim say of a variant; ``sure`` is the grade that is not an interim one."""
        return {
            "id": claim,
            "agent": self.drugs[variant.drug],
            "note": _note(variant, working),
            "evidence": "evidence:B" if variant.grade == sure else "evidence:C",
            "source": (SOURCE.id,),
            "locator": f"{variant.drug}, {variant.gene} {variant.mutation}",
            "curator": CURATOR,
            "date": DATE,
        }


def _note(variant: Variant, working: str | None) -> str:
    said = f"{variant.criterion}; {variant.comment}"
    parts = [words for part, words in _REMARKS.items() if part in said]
    if working:
        parts.append(f"needs a working {working}")
    return "; ".join([f"Grade {variant.grade}, {_GRADES[variant.grade]}", *parts]) + "."


def _slug(alteration: str) -> str:
    """Return what a claim's id says of an alteration.

    A position before the gene and one within it stay apart: ``c.-7T>C`` gives ``c-7t-c``, ``c.7T>C`` ``c7t-c``.

    >>> _slug("alteration:g-c.-7T-C"), _slug("alteration:g-c.7T-C"), _slug("alteration:g-loss-of-function")
    ('g-c-7t-c', 'g-c7t-c', 'g-lof')
    """
    text = alteration.partition(":")[2].lower().replace("loss-of-function", "lof")
    text = re.sub(r"-c\.(?=\d)", "-c", text).replace("_-", "-minus")
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")


import_file = Importer(read_catalogue, describe, make_tables).import_file
