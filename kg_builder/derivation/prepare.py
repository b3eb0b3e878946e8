"""From a case to its graph: names resolved, numbers checked, derived facts with their inputs and formula.

Every fact is a node named by its JSON pointer, ``case:<id>#/findings/alterations/0``; derived facts
hang under ``#/derived/``. Nothing here knows a disease, a drug or a mutation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pyoxigraph as ox

from kg_builder.derivation.case import Case, Counts, Measured, nearest_field, pointer
from kg_builder.derivation.context import CaseField, Context, Parameter
from kg_builder.issues import CaseError, Issue
from kg_builder.knowledge.alterations import Alteration
from kg_builder.knowledge.faults import Fault
from kg_builder.knowledge.patterns import find_contradictions, generalise
from kg_builder.vocabulary import CASE, RDF, SCOPE_ANY, SV, expand

OPTIONS = ("drug", "modality")
_TYPE = ox.NamedNode(RDF + "type")
_DECIMAL = ox.NamedNode("http://www.w3.org/2001/XMLSchema#decimal")
_CONCENTRATION = re.compile(r"ic\d+_mg_l")
_KIND_OF_TERM = {"alteration": "marker", "disease": "comorbidity"}


@dataclass(slots=True)
class Prepared:
    """A case as a graph.

    Attributes:
        iri: IRI of the case, and of the named graph that holds its facts and findings.
        quads: its facts.
        texts: what each fact says, by IRI, for people.
        reached: terms (IRIs) that each marker fact states or falls under.
        sequenced: genes (IRIs) named as sequenced.
        altered: genes (IRIs) of which an alteration is given.
        kinds: fact kinds (``kind:marker``) that it has.
    """

    iri: str
    quads: list[ox.Quad] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    reached: dict[str, frozenset[str]] = field(default_factory=dict)
    sequenced: frozenset[str] = frozenset()
    altered: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()


def case_iri(identifier: str) -> str:
    """Return the IRI of a case.

    >>> case_iri("ward 3/7")
    'https://w3id.org/salvage-kg/case/ward%203%2F7'
    """
    return CASE + quote(identifier, safe="")


def prepare_case(case: Case, context: Context, *, path: str) -> Prepared:
    """Return the graph of a case.

    Raises:
        CaseError: every unknown name, wrong alteration, implausible number and contradiction, each with its pointer.
    """
    return _Preparation(case, context, path).run()


class _Preparation:
    def __init__(self, case: Case, context: Context, path: str) -> None:
        self.case, self.context, self.path = case, context, path
        self.issues: list[Issue] = []
        self.out = Prepared(case_iri(case.id))
        self.graph = ox.NamedNode(self.out.iri)
        self.stated: dict[str, tuple[str, ...]] = {}
        self.said_at: dict[str, str] = {}
        self.known: set[str] = set()
        self.measured: dict[str, str] = {}

    def run(self) -> Prepared:
        self._add(self.out.iri, _TYPE, ox.NamedNode(SV + "Case"))
        self._add(self.out.iri, "within", self.graph)
        self._add(self.out.iri, "within", ox.NamedNode(SCOPE_ANY))
        self._state_failure()
        self._state_findings()
        self._state_patient()
        self._check_contradictions()
        if self.issues:
            raise CaseError(sorted(set(self.issues), key=lambda i: (i.column, i.message)))
        return self.out

    # --- triples ----------------------------------------------------------------------------

    def _add(self, subject: str, predicate: ox.NamedNode | str, value: ox.NamedNode | ox.Literal) -> None:
        predicate = ox.NamedNode(SV + predicate) if isinstance(predicate, str) else predicate
        self.out.quads.append(ox.Quad(ox.NamedNode(subject), predicate, value, self.graph))

    def _fact(self, where: str, kind: str, terms: Iterable[str], text: str) -> str:
        iri = f"{self.out.iri}#{quote(where, safe='/~:,;()')}"
        self._add(iri, "factIn", self.graph)
        self._add(iri, _TYPE, ox.NamedNode(SV + "Fact"))
        self._add(iri, "factKind", ox.NamedNode(expand(f"kind:{kind}")))
        self.out.kinds |= {f"kind:{kind}"}
        for term in terms:
            self._add(iri, "states", ox.NamedNode(expand(term)))
        self.out.texts[iri] = text
        return iri

    def _number(self, where: str, parameter: Parameter, value: float | Decimal | int, *, inputs: Sequence[str] = ()) -> str:
        number = Decimal(str(value))
        low, high = parameter.minimum, parameter.maximum
        if (low is not None and number < low) or (high is not None and number > high):
            self._issue(
                where, "C008", f"{parameter.label} of {number} {parameter.unit} is not plausible",
                f"between {low} and {high} {parameter.unit} is expected",
            )  # fmt: skip
        if parameter.id in self.measured:
            self._issue(where, "C010", f"{parameter.label} is given twice", f"also at {self.measured[parameter.id]}")
        self.measured[parameter.id] = where
        unit = "" if parameter.unit == "1" else f" {parameter.unit}"
        iri = self._fact(where, "measurement", (), f"{parameter.label} {number:f}{unit}")
        self._add(iri, _TYPE, ox.NamedNode(SV + "Measurement"))
        self._add(iri, "onParameter", ox.NamedNode(expand(parameter.id)))
        self._add(iri, "value", ox.Literal(f"{number:f}", datatype=_DECIMAL))
        for source in inputs:
            self._add(iri, "derivedFrom", ox.NamedNode(source))
        return iri

    # --- faults -----------------------------------------------------------------------------

    def _issue(self, where: str, code: str, message: str, hint: str = "") -> None:
        self.issues.append(Issue(self.path, 0, where, code, message, hint))

    def _resolve(self, text: str, kinds: Sequence[str], where: str) -> str | None:
        try:
            return self.context.names.resolve(text, kinds)
        except Fault as fault:
            self.issues.append(fault.issue(self.path, 0, where))
            return None

    def _named(self, text: str | None, kinds: Sequence[str], kind: str, *where: str | int, prefix: str = "") -> str | None:
        if text is None or (term := self._resolve(text, kinds, pointer(*where))) is None:
            return None
        return self._fact(pointer(*where), kind, (term,), f"{prefix}{self.context.names.label(term)}")

    # --- failure ----------------------------------------------------------------------------

    def _state_failure(self) -> None:
        failure = self.case.failure
        self._named(self.case.disease, ("disease",), "disease", "disease")
        self._named(failure.mode, ("mode",), "mode", "failure", "mode", prefix="failure mode: ")
        for i, regimen in enumerate(failure.failed_regimens):
            node = f"{self.out.iri}#/failure/failed_regimens/{i}"
            if regimen:
                self._add(node, _TYPE, ox.NamedNode(SV + "FailedRegimen"))
                self._add(node, "memberCount", ox.Literal(len(set(regimen))))
            for j, name in enumerate(regimen):
                fact = self._named(name, OPTIONS, "failed", "failure", "failed_regimens", i, j, prefix=f"failed regimen {i + 1}: ")
                if fact:
                    self._add(fact, "partOf", ox.NamedNode(node))
        if failure.line is not None and (parameter := self.context.parameters.get("parameter:next-line")):
            line = self._fact(pointer("failure", "line"), "line", (), f"line {failure.line} failed")
            self._number(pointer("derived", "next-line"), parameter, failure.line + 1, inputs=[line])
        self._shorthand("failure.months_to_relapse", failure.months_to_relapse, "failure", "months_to_relapse")

    # --- findings ---------------------------------------------------------------------------

    def _state_findings(self) -> None:
        findings = self.case.findings
        for i, text in enumerate(findings.alterations):
            self._alteration(text, pointer("findings", "alterations", i))
        for i, text in enumerate(findings.sequenced):
            if self._named(text, ("gene",), "gene", "findings", "sequenced", i, prefix="sequenced: "):
                self.out.sequenced |= {expand(self.context.names.resolve(text, ("gene",)))}
        for name, result in findings.susceptibility.items():
            kind = {"S": "susceptible", "I": "intermediate", "R": "resistant"}[result]
            fact = self._named(name, ("drug",), kind, "findings", "susceptibility", name)
            if fact:
                self.out.texts[fact] += f": {result}"
        for name, local in findings.local_resistance.items():
            self._prevalence(name, local)
        self._named(findings.organism, ("organism",), "organism", "findings", "organism", prefix="organism: ")
        self._named(findings.site, ("site",), "site", "findings", "site", prefix="site: ")
        self._named(findings.histology, ("histology",), "histology", "findings", "histology")
        self._named(findings.biopsy, ("biopsy",), "biopsy", "findings", "biopsy", prefix="biopsy: ")
        for i, text in enumerate(findings.imaging):
            self._named(text, ("imaging",), "imaging", "findings", "imaging", i)
        self._quotients()

    def _alteration(self, text: str, where: str) -> None:
        try:
            found = self.context.alterations.read(text)
        except Fault as fault:
            self.issues.append(fault.issue(self.path, 0, where))
            return
        fact = self._fact(where, "marker", [a.id for a in found], text)
        for alteration in found:
            self._describe(alteration)
            self.said_at.setdefault(alteration.id, where)
        self.out.reached[fact] = frozenset(expand(t) for a in found for t in (a.id, *self.stated[a.id]))
        self.out.altered |= {expand(a.gene) for a in found if a.gene}

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
        self._add(subject, _TYPE, ox.NamedNode(SV + "Alteration"))
        self._add(subject, ox.NamedNode("http://www.w3.org/2000/01/rdf-schema#label"), ox.Literal(alteration.label))
        for term in sorted(reached):
            self._add(subject, "isKindOf", ox.NamedNode(expand(term)))
        if alteration.gene:
            self._add(subject, "inGene", ox.NamedNode(expand(alteration.gene)))
            if alteration.kind == "wild-type":
                for pattern in self.context.patterns.of(alteration.gene):
                    self._add(subject, "negates", ox.NamedNode(expand(pattern.id)))

    def _prevalence(self, name: str, local: float | Counts) -> None:
        where = pointer("findings", "local_resistance", name)
        drug = self._resolve(name, ("drug", "class"), where)
        if drug is None:
            return
        label = self.context.names.label(drug)
        if isinstance(local, Counts):
            # posterior mean of a proportion under a uniform prior, Beta(1 + k, 1 + n - k)
            value = Decimal(local.resistant + 1) / Decimal(local.tested + 2)
            text = f"local resistance to {label}: {local.resistant} of {local.tested}, posterior mean {value:.3f}"
        else:
            value, text = Decimal(str(local)), f"local resistance to {label}: {local:g}"
        fact = self._fact(where, "prevalence", (drug,), text)
        self._add(fact, "prevalence", ox.Literal(f"{round(value, 6):f}", datatype=_DECIMAL))

    def _quotients(self) -> None:
        """Inhibitory quotient: trough level over the inhibitory concentration of the patient's strain, both mg/L."""
        concentrations: dict[str, tuple[str, float]] = {}
        for name, values in (self.case.findings.model_extra or {}).items():
            if not _CONCENTRATION.fullmatch(name) or not isinstance(values, dict):
                known = [*type(self.case.findings).model_fields, "ic50_mg_l", "ic90_mg_l", "ic95_mg_l"]
                self._issue(pointer("findings", name), "C002", f"unknown field '{name}'", nearest_field(name, known))
                continue
            for drug, value in values.items():
                where = pointer("findings", name, drug)
                if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
                    self._issue(where, "C004", f"a concentration above 0 is expected, not {value!r}", "mg/L")
                elif term := self._resolve(drug, ("drug",), where):
                    concentrations[term] = (where, float(value))
        for drug, trough in self.case.findings.trough_mg_l.items():
            where = pointer("findings", "trough_mg_l", drug)
            if (found := self._resolve(drug, ("drug",), where)) is None:
                continue
            label = self.context.names.label(found)
            level = self._fact(where, "trough", (found,), f"trough of {label} {trough:g} mg/L")
            if found in concentrations:
                other, concentration = concentrations[found]
                below = self._fact(other, "concentration", (found,), f"inhibitory concentration of {label} {concentration:g} mg/L")
                quotient = Decimal(str(trough)) / Decimal(str(concentration))
                text = f"inhibitory quotient of {label}: {trough:g} / {concentration:g} = {quotient:.2f}"
                fact = self._fact(pointer("derived", "inhibitory-quotient", drug), "quotient", (found,), text)
                self._add(fact, "value", ox.Literal(f"{round(quotient, 6):f}", datatype=_DECIMAL))
                for source in (level, below):
                    self._add(fact, "derivedFrom", ox.NamedNode(source))

    # --- patient ----------------------------------------------------------------------------

    def _state_patient(self) -> None:
        patient = self.case.patient
        self._named(patient.sex, ("sex",), "sex", "patient", "sex")
        if patient.child_pugh:
            self._named(f"Child-Pugh {patient.child_pugh}", ("state",), "state", "patient", "child_pugh")
        for i, text in enumerate(patient.comorbidities):
            where = pointer("patient", "comorbidities", i)
            if term := self._resolve(text, ("comorbidity", "state"), where):
                self._fact(where, term.partition(":")[0], (term,), self.context.names.label(term))
        for i, text in enumerate(patient.comedications):
            self._named(text, ("drug", "class", "role"), "comedication", "patient", "comedications", i, prefix="takes ")
        for i, text in enumerate(patient.allergies):
            self._named(text, ("allergy",), "allergy", "patient", "allergies", i)
        for drug, dose in patient.cumulative_dose_mg_m2.items():
            where = pointer("patient", "cumulative_dose_mg_m2", drug)
            term = self._resolve(drug, ("drug", "class"), where)
            if term and (name := self._resolve(f"cumulative {self.context.names.label(term)} dose", ("parameter",), where)):
                self._number(where, self.context.parameters[name], dose)
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
                self._issue(pointer(*where), "C002", f"unknown field '{name}'", f"{hint}; other parameters go into measurements")
            else:
                self._shorthand(path, value, *where)

    def _shorthand(self, path: str, value: Any, *where: str) -> None:
        declared: CaseField | None = self.context.fields.get(path)
        if value is None or declared is None:
            return
        if declared.parameter:
            if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) == float("inf"):
                self._issue(pointer(*where), "C004", f"a number is expected, not {value!r}", self.context.parameters[declared.parameter].unit)
            else:
                self._number(pointer(*where), self.context.parameters[declared.parameter], value)
            return
        if not isinstance(value, bool):
            self._issue(pointer(*where), "C004", f"true or false is expected, not {value!r}")
            return
        term = declared.if_true if value else declared.if_false
        if term is None:
            return
        kind = term.partition(":")[0]
        self._fact(pointer(*where), _KIND_OF_TERM.get(kind, kind), (term,), self.context.names.label(term))
        if kind == "alteration":
            self.stated[term] = self.context.wider.get(term, ())
            self.said_at.setdefault(term, pointer(*where))

    def _adherence(self) -> None:
        """Objective adherence is the least flattering record; what the patient says in excess of it is the discrepancy."""
        said = self.case.patient.adherence
        facts: dict[str, str] = {}
        shares = {k: Decimal(str(v)) * 100 for k, v in said.model_dump().items() if v is not None}
        words = {"self_report": "self-reported adherence", "pharmacy_refill": "adherence by pharmacy refill", "mems": "adherence by electronic monitoring"}
        for name, share in shares.items():
            where = pointer("patient", "adherence", name)
            if name == "self_report" and (parameter := self.context.parameters.get("parameter:self-reported-adherence")):
                facts[name] = self._number(where, parameter, share)
            else:
                facts[name] = self._fact(where, "adherence", (), f"{words[name]} {share.normalize():f} %")
        objective = {k: v for k, v in shares.items() if k != "self_report"}
        if not objective:
            return
        name, least = min(objective.items(), key=lambda item: (item[1], item[0]))
        inputs = [facts[k] for k in objective]
        if parameter := self.context.parameters.get("parameter:objective-adherence"):
            self._number(pointer("derived", "objective-adherence"), parameter, least, inputs=inputs)
        if "self_report" in shares and (parameter := self.context.parameters.get("parameter:adherence-discrepancy")):
            gap = shares["self_report"] - least
            self._number(pointer("derived", "adherence-discrepancy"), parameter, gap, inputs=[facts["self_report"], facts[name]])

    def _measurement(self, name: str, value: float | Measured) -> None:
        where = pointer("patient", "measurements", name)
        if (term := self._resolve(name, ("parameter",), where)) is None:
            return
        parameter = self.context.parameters[term]
        if isinstance(value, Measured):
            if value.unit != parameter.unit:
                self._issue(where, "C004", f"{parameter.label} is measured in {parameter.unit}, not {value.unit}", "convert it")
                return
            value = value.value
        self._number(where, parameter, value)

    def _check_contradictions(self) -> None:
        for negative, positive in find_contradictions(self.stated, self.context.negates):
            where = self.said_at.get(negative, "/findings/alterations")
            labels = [self._label(negative), self._label(positive)]
            self._issue(where, "C007", f"'{labels[0]}' and '{labels[1]}' cannot both hold", f"see {self.said_at.get(positive, '')}")

    def _label(self, curie: str) -> str:
        return self.context.names.label(curie) if curie in self.context.names else curie.partition(":")[2]
