"""From a case to its graph: names resolved, numbers checked, derived facts with their inputs and formula.

Every fact is a node named by its JSON pointer, ``case:<id>#/findings/alterations/0``; derived facts
hang under ``#/derived/``. Nothing here knows a disease, a drug or a mutation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pyoxigraph as ox

from kg_builder.derivation.case import Case, Counts, Measured, nearest_field, pointer
from kg_builder.derivation.context import CaseField, Context
from kg_builder.derivation.exposure import state_exposure
from kg_builder.derivation.facts import DECIMAL, TYPE, FactWriter, Prepared, case_iri
from kg_builder.derivation.posterior import Resistance
from kg_builder.issues import CaseError
from kg_builder.knowledge.alterations import Alteration
from kg_builder.knowledge.faults import Fault
from kg_builder.knowledge.patterns import find_contradictions, generalise
from kg_builder.vocabulary import SCOPE_ANY, SV, expand

OPTIONS = ("drug", "modality")
#: What may stand in a failed regimen.
FAILED = (*OPTIONS, "regimen")
_WRITTEN = re.compile(r":(?:p\.)?([A-Z])(\d+)")
_KIND_OF_TERM = {"alteration": "marker", "disease": "comorbidity"}


def prepare_case(case: Case, context: Context, *, path: str) -> Prepared:
    """Return the graph of a case.

    Raises:
        CaseError: every unknown name, wrong alteration, implausible number and contradiction, each with its pointer.
    """
    return _Preparation(case, context, path).run()


class _Preparation(FactWriter):
    def __init__(self, case: Case, context: Context, path: str) -> None:
        super().__init__(case_iri(case.id), context, path)
        self.case = case
        self.stated: dict[str, tuple[str, ...]] = {}
        self.said_at: dict[str, str] = {}
        self.entries: dict[str, set[str]] = {}
        self.known: set[str] = set()
        self.read: list[Alteration] = []

    def run(self) -> Prepared:
        self.add(self.out.iri, TYPE, ox.NamedNode(SV + "Case"))
        self.add(self.out.iri, "within", self.graph)
        self.add(self.out.iri, "within", ox.NamedNode(SCOPE_ANY))
        self._state_failure()
        self._state_findings()
        self._state_patient()
        self._check_contradictions()
        if any(issue.severity == "error" for issue in self.issues):
            raise CaseError(
                sorted({i for i in self.issues if i.severity == "error"}, key=lambda i: (i.column, i.message))
            )
        self.out.remarks = tuple(self.issues)
        return self.out

    # --- failure ----------------------------------------------------------------------------

    def _state_failure(self) -> None:
        failure = self.case.failure
        self.named(self.case.disease, ("disease",), "disease", "disease")
        self.named(failure.mode, ("mode",), "mode", "failure", "mode", prefix="failure mode: ")
        for i, regimen in enumerate(failure.failed_regimens):
            node = f"{self.out.iri}#/failure/failed_regimens/{i}"
            if regimen:
                self.add(node, TYPE, ox.NamedNode(SV + "FailedRegimen"))
                members = {term for name in regimen for term in self._members(name)}
                self.add(node, "memberCount", ox.Literal(len(members)))
                self.add(node, "isLast", ox.Literal(i == len(failure.failed_regimens) - 1))
            for j, name in enumerate(regimen):
                for fact in self._failed(name, i, j):
                    self.add(fact, "partOf", ox.NamedNode(node))
        if failure.line is not None and (parameter := self.context.parameters.get("parameter:next-line")):
            line = self.fact(pointer("failure", "line"), "line", (), f"line {failure.line} failed")
            self.number(pointer("derived", "next-line"), parameter, failure.line + 1, inputs=[line])
        self._shorthand("failure.months_to_relapse", failure.months_to_relapse, "failure", "months_to_relapse")

    def _failed(self, name: str, i: int, j: int) -> Iterator[str]:
        """Add a fact for what failed, or for each component of a named regimen that failed; yield their IRIs."""
        where, prefix = pointer("failure", "failed_regimens", i, j), f"failed regimen {i + 1}: "
        names = self.context.names
        kinds = OPTIONS if names.find(name, OPTIONS) else FAILED  # a product may have the name of a regimen
        if (term := self.resolve(name, kinds, where)) is None:
            return
        if term not in self.context.components:
            yield self.fact(where, "failed", (term,), prefix + names.label(term))
            return
        for k, part in enumerate(self.context.components[term]):
            below = pointer("derived", "failed_regimens", i, j, k)
            yield self.fact(below, "failed", (part,), f"{prefix}{names.label(term)}: {names.label(part)}")

    def _members(self, name: str) -> tuple[str, ...]:
        """Return what a name in a failed regimen stands for: itself, or the components of a named regimen."""
        found = self.context.names.find(name, OPTIONS) or self.context.names.find(name, ("regimen",))
        return tuple(part for term in found for part in self.context.components.get(term, (term,)))

    # --- findings ---------------------------------------------------------------------------

    def _state_findings(self) -> None:
        findings = self.case.findings
        for i, text in enumerate(findings.alterations):
            self._alteration(text, pointer("findings", "alterations", i))
        for i, text in enumerate(findings.sequenced):
            if self.named(text, ("gene",), "gene", "findings", "sequenced", i, prefix="sequenced: "):
                self.out.sequenced |= {expand(self.context.names.resolve(text, ("gene",)))}
        for name, result in findings.susceptibility.items():
            kind = {"S": "susceptible", "I": "intermediate", "R": "resistant"}[result]
            fact = self.named(name, ("drug",), kind, "findings", "susceptibility", name)
            if fact:
                self.out.texts[fact] += f": {result}"
        for name, local in findings.local_resistance.items():
            self._prevalence(name, local)
        if self.named(findings.organism, ("organism",), "organism", "findings", "organism", prefix="organism: "):
            self._check_organism(str(findings.organism))
        self.named(findings.site, ("site",), "site", "findings", "site", prefix="site: ")
        self.named(findings.histology, ("histology",), "histology", "findings", "histology")
        self.named(findings.biopsy, ("biopsy",), "biopsy", "findings", "biopsy", prefix="biopsy: ")
        for i, text in enumerate(findings.imaging):
            self.named(text, ("imaging",), "imaging", "findings", "imaging", i)
        state_exposure(self, findings)

    def _alteration(self, text: str, where: str) -> None:
        try:
            found = self.context.alterations.read(text)
        except Fault as fault:
            self.issues.append(fault.issue(self.path, 0, where))
            return
        fact = self.fact(where, "marker", [a.id for a in found], text)
        self._compare_reference(text, found, where)
        self.read += found
        for alteration in found:
            self._describe(alteration)
            self.said_at.setdefault(alteration.id, where)
            self.entries.setdefault(alteration.id, set()).add(where)
        self.out.reached[fact] = frozenset(expand(t) for a in found for t in (a.id, *self.stated[a.id]))
        self.out.altered |= {expand(a.gene) for a in found if a.gene}

    def _compare_reference(self, text: str, found: Sequence[Alteration], where: str) -> None:
        """Remark on a reference residue that is not the gene's: another reference strain, or a slip."""
        written = _WRITTEN.search(text)
        for one in found[:1]:
            if written and one.reference and int(written[2]) == one.position and written[1] != one.reference:
                message = f"the reference has {one.reference} at position {one.position}, not {written[1]}"
                self.remark(where, "C012", message, f"read as {one.label}")

    def _describe(self, alteration: Alteration) -> None:
        """Let an alteration that the knowledge does not hold be a kind of the patterns it falls under."""
        if alteration.id in self.context.declared:
            self.stated[alteration.id] = self.context.wider.get(alteration.id, ())
            return
        wider = generalise(alteration, self.context.patterns)
        reached = {alteration.id, *wider, *(w for one in wider for w in self.context.wider.get(one, ()))}
        self.stated[alteration.id] = tuple(sorted(reached))
        if alteration.id in self.known:
            return
        self.known.add(alteration.id)
        subject = expand(alteration.id)
        self.add(subject, TYPE, ox.NamedNode(SV + "Alteration"))
        self.add(subject, ox.NamedNode("http://www.w3.org/2000/01/rdf-schema#label"), ox.Literal(alteration.label))
        for term in sorted(reached):
            self.add(subject, "isKindOf", ox.NamedNode(expand(term)))
        if alteration.gene:
            self.add(subject, "inGene", ox.NamedNode(expand(alteration.gene)))
            for denied in self._denied(alteration):
                self.add(subject, "negates", ox.NamedNode(expand(denied)))

    def _denied(self, alteration: Alteration) -> tuple[str, ...]:
        """Return the declared alterations that a wild-type gene rules out."""
        if alteration.kind != "wild-type":
            return ()
        return tuple(term for term in self.context.in_gene.get(alteration.gene, ()) if term != alteration.id)

    def _prevalence(self, name: str, local: float | Counts) -> None:
        where = pointer("findings", "local_resistance", name)
        drug = self.resolve(name, ("drug", "class"), where)
        if drug is None:
            return
        label = self.context.names.label(drug)
        if isinstance(local, Counts):
            resistance = Resistance(local.resistant, local.tested)
            text = f"local resistance to {label}: {local.resistant} of {local.tested}, {resistance.proportion()}"
        else:
            resistance, text = Resistance(fraction=float(local)), f"local resistance to {label}: {local:g}"
        fact = self.fact(where, "prevalence", (drug,), text)
        self.out.resistances[expand(drug)] = (fact, resistance)
        self.add(fact, "prevalence", ox.Literal(f"{Decimal(str(round(resistance.mean, 6))):f}", datatype=DECIMAL))

    def _check_organism(self, name: str) -> None:
        """Refuse an organism that does not cause the disease: another one, or any where the disease is no infection."""
        names = self.context.names
        organism = names.resolve(name, ("organism",))
        for disease in names.find(self.case.disease, ("disease",)):
            fitting = self.context.organisms.get(disease, ())
            if organism not in fitting:
                known = ", ".join(sorted(names.label(one) for one in fitting)[:5])
                message = f"{names.label(organism)} is no cause of {names.label(disease)}"
                none = "no organism causes it here; a second infection goes into patient.comorbidities"
                self.tell(pointer("findings", "organism"), "C013", message, f"expected: {known}" if known else none)

    # --- patient ----------------------------------------------------------------------------

    def _state_patient(self) -> None:
        patient = self.case.patient
        self.named(patient.sex, ("sex",), "sex", "patient", "sex")
        if patient.child_pugh:
            self.named(f"Child-Pugh {patient.child_pugh}", ("state",), "state", "patient", "child_pugh")
        for i, text in enumerate(patient.comorbidities):
            where = pointer("patient", "comorbidities", i)
            # a disease is looked for last: some stand in the tables as disease and as comorbidity
            first = ("comorbidity", "state")
            kinds = first if self.context.names.find(text, first) else (*first, "disease")
            if term := self.resolve(text, kinds, where):
                kind = term.partition(":")[0]
                self.fact(where, _KIND_OF_TERM.get(kind, kind), (term,), self.context.names.label(term))
        for i, text in enumerate(patient.comedications):
            self.named(text, ("drug", "class", "role"), "comedication", "patient", "comedications", i, prefix="takes ")
        for i, text in enumerate(patient.allergies):
            self.named(text, ("allergy",), "allergy", "patient", "allergies", i)
        for drug, dose in patient.cumulative_dose_mg_m2.items():
            where = pointer("patient", "cumulative_dose_mg_m2", drug)
            term = self.resolve(drug, ("drug", "class"), where)
            if term and (
                name := self.resolve(f"cumulative {self.context.names.label(term)} dose", ("parameter",), where)
            ):
                self.number(where, self.context.parameters[name], dose)
        self._extras(patient.model_extra or {}, "patient", list(type(patient).model_fields))
        self._extras(patient.clinic.model_extra or {}, "patient.clinic", [])
        self._adherence()
        for name, value in patient.measurements.items():
            self._measurement(name, value)

    def _extras(self, values: dict[str, Any], prefix: str, known: list[str]) -> None:
        for name, value in values.items():
            path = f"{prefix}.{name}"
            where = path.split(".")
            if path not in self.context.fields:
                declared = [p.rpartition(".")[2] for p in self.context.fields if p.rpartition(".")[0] == prefix]
                hint = nearest_field(name, known + declared)
                self.tell(
                    pointer(*where), "C002", f"unknown field '{name}'", f"{hint}; other parameters go into measurements"
                )
            else:
                self._shorthand(path, value, *where)

    def _shorthand(self, path: str, value: Any, *where: str) -> None:
        declared: CaseField | None = self.context.fields.get(path)
        if value is None or declared is None:
            return
        if declared.parameter:
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float)
                or value != value
                or abs(value) == float("inf")
            ):
                self.tell(
                    pointer(*where),
                    "C004",
                    f"a number is expected, not {value!r}",
                    self.context.parameters[declared.parameter].unit,
                )
            else:
                self.number(pointer(*where), self.context.parameters[declared.parameter], value)
            return
        if not isinstance(value, bool):
            self.tell(pointer(*where), "C004", f"true or false is expected, not {value!r}")
            return
        term = declared.if_true if value else declared.if_false
        if term is None:
            return
        kind = term.partition(":")[0]
        self.fact(pointer(*where), _KIND_OF_TERM.get(kind, kind), (term,), self.context.names.label(term))
        if kind == "alteration":
            self.stated[term] = self.context.wider.get(term, ())
            self.said_at.setdefault(term, pointer(*where))

    def _adherence(self) -> None:
        """Objective adherence is the least flattering record; what the patient says beyond it is the discrepancy."""
        said = self.case.patient.adherence
        facts: dict[str, str] = {}
        shares = {k: Decimal(str(v)) * 100 for k, v in said.model_dump().items() if v is not None}
        words = {
            "self_report": "self-reported adherence",
            "pharmacy_refill": "adherence by pharmacy refill",
            "mems": "adherence by electronic monitoring",
        }
        for name, share in shares.items():
            where = pointer("patient", "adherence", name)
            if name == "self_report" and (
                parameter := self.context.parameters.get("parameter:self-reported-adherence")
            ):
                facts[name] = self.number(where, parameter, share)
            else:
                facts[name] = self.fact(where, "adherence", (), f"{words[name]} {share.normalize():f} %")
        objective = {k: v for k, v in shares.items() if k != "self_report"}
        if not objective:
            return
        name, least = min(objective.items(), key=lambda item: (item[1], item[0]))
        inputs = [facts[k] for k in objective]
        if parameter := self.context.parameters.get("parameter:objective-adherence"):
            self.number(pointer("derived", "objective-adherence"), parameter, least, inputs=inputs)
        if "self_report" in shares and (parameter := self.context.parameters.get("parameter:adherence-discrepancy")):
            gap = shares["self_report"] - least
            self.number(
                pointer("derived", "adherence-discrepancy"), parameter, gap, inputs=[facts["self_report"], facts[name]]
            )

    def _measurement(self, name: str, value: float | Measured) -> None:
        where = pointer("patient", "measurements", name)
        if (term := self.resolve(name, ("parameter",), where)) is None:
            return
        parameter = self.context.parameters[term]
        if isinstance(value, Measured):
            if value.unit != parameter.unit:
                self.tell(
                    where, "C004", f"{parameter.label} is measured in {parameter.unit}, not {value.unit}", "convert it"
                )
                return
            value = value.value
        self.number(where, parameter, value)

    def _unmixed(self) -> set[tuple[str, str]]:
        """Return the reference residue and another one at one position, said in two entries; one entry is a mixture."""
        found = set()
        for one in self.read:
            for other in self.read if one.kind == "reference" else ():
                same_place = other.kind != "reference" and (other.gene, other.position) == (one.gene, one.position)
                if same_place and self.entries[one.id].isdisjoint(self.entries[other.id]):
                    found.add((one.id, other.id))
        return found

    def _check_contradictions(self) -> None:
        wild = {a.gene: a.id for a in self.read if a.kind == "wild-type"}
        genes = {term: gene for gene in wild for term in self.context.in_gene.get(gene, ())}
        pairs = set(find_contradictions(self.stated, self.context.negates))
        for other in self.read:
            gene = other.gene or genes.get(other.id, "")
            if gene in wild and other.id != wild[gene] and other.kind != "reference":
                pairs.add((wild[gene], other.id))
        pairs |= self._unmixed()
        for term in self.terms:
            pairs |= {(term, other) for other in self.context.negates.get(term, ()) if other in self.terms}
        for negative, positive in sorted({(min(pair), max(pair)) for pair in pairs}):
            message = f"'{self._label(negative)}' and '{self._label(positive)}' cannot both hold"
            where = self.said_at.get(negative) or self.terms.get(negative, "/")
            self.tell(where, "C007", message, f"see {self.said_at.get(positive) or self.terms.get(positive, '')}")

    def _label(self, curie: str) -> str:
        read = {alteration.id: alteration.label for alteration in self.read}
        return read.get(curie) or (self.context.names.label(curie) if curie in self.context.names else curie)
