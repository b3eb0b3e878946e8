"""Row models of terms, sources and scoring algorithms."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import Field

from kg_builder.knowledge.row_base import Day, Emit, Many, Ref, Row, Term

#: Kinds of term that a case states.
_STATED: Final = (
    "state", "sex", "disease", "mode", "organism", "site", "comorbidity", "allergy", "histology", "imaging", "biopsy",
)  # fmt: skip


class GenericTerm(Term):
    """`terms.tsv`: diseases, failure modes, organisms, sites, comorbidities, toxicities, warnings …"""

    broader: Annotated[Many, Ref(()), Emit("broader")] = Field(
        default=(), description="more general terms of the same kind"
    )
    negates: Annotated[Many, Ref(_STATED), Emit("negates")] = Field(
        default=(), description="terms that cannot hold together with this one"
    )
    order: Annotated[int | None, Emit("order")] = Field(
        default=None, description="rank within the kind where there is one (evidence: 1 is best)"
    )
    traits: Annotated[Many, Emit("hasTrait", prefix="trait")] = Field(
        default=(), description="flags the rules read; see docs/curation.md for the list"
    )
    caused_by: Annotated[Many, Ref(("organism",)), Emit("causedBy")] = Field(
        default=(),
        description="of an infection: the organisms that cause it; a case that names another is refused, and "
        "so is any organism in a case of a disease without",
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


class ModifiableRow(Term):
    """`modifiables.tsv`: which facts of a case can change, and which way: what `what-if` may vary."""

    kind: Annotated[
        Literal[
            "marker", "gene", "susceptible", "resistant", "histology", "imaging", "biopsy", "comedication",
            "comorbidity", "state", "measurement",
        ],
        Emit("modifiesKind", prefix="kind"),
    ] = Field(description="kind of fact")  # fmt: skip
    terms: Annotated[Many, Ref(("parameter", "state", "comorbidity")), Emit("modifiesTerm")] = Field(
        default=(), description="only facts about these, or about what is a kind of them; empty: all of the kind"
    )
    change: Annotated[Literal["add", "remove", "replace", "raise", "lower"], Emit("mayChangeBy")] = Field(
        description="add: found out where the case says nothing; remove: ends; replace: becomes another of the terms; "
        "raise, lower: the number moves that way"
    )
    obtain: Annotated[bool, Emit("mayBeObtained")] = Field(
        default=False, description="yes: a number that the case lacks can be measured"
    )
    step: Annotated[Decimal | None, Emit("smallestStep")] = Field(
        default=None, description="smallest difference that is told, in the unit: how far past a limit is just past it"
    )
    diseases: Annotated[Many, Ref(("disease",)), Emit("modifiableIn")] = Field(
        default=(), description="only in these; empty: in all"
    )
    words: Annotated[str, Emit("changeInWords", annotation=True)] = Field(
        description="the change in words, `{}` for what it is about: stop {}"
    )

    def fault(self, terms: Sequence[str]) -> tuple[str, str, str] | None:
        """Return (column, what is wrong, how to repair it) of a row whose cells do not go together.

        Args:
            terms: CURIEs of its terms.
        """
        is_number = self.kind == "measurement"
        if is_number != (bool(terms) and all(term.startswith("parameter:") for term in terms)):
            return "terms", "a measurement is about parameters, and nothing else is", "name the parameters"
        if is_number != (self.step is not None) or (self.change in ("raise", "lower") and not is_number):
            return "step", "a number changes by steps, and nothing else does", "write the smallest step, as 1 or 0.1"
        if self.change == "replace" and len(terms) < 2:
            return "terms", "nothing to become", "name the terms that may take each other's place"
        if self.words.count("{}") != 1:
            return "words", "one {} is expected, for what changes", "write as in: stop {}"
        return None


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
    retained: Annotated[Many, Ref(("drug", "class"))] = Field(
        default=(), description="those of the components that may be kept although inactive; the others carry it"
    )
    diseases: Annotated[Many, Ref(("disease",)), Emit("usedFor")] = Field(
        default=(), description="in which it is used; empty where indications name it: they say in which, and when"
    )
    source: Annotated[Many, Ref(("source",)), Emit("dcterms:source")] = Field(
        default=(), description="what `diseases` rests on; required with it"
    )


class AlgorithmRow(Term):
    """`algorithms.tsv`: published resistance-scoring algorithms."""

    version: Annotated[str, Emit("algorithmVersion")] = Field(description="as its authors number it")
    released: Annotated[Day, Emit("released", annotation=True)] = Field(description="date of release, YYYY-MM-DD")
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
