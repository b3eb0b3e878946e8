"""Troughs and inhibitory concentrations of a case, in mg/L, and the quotient of the two."""

from __future__ import annotations

import re
from decimal import Decimal

import pyoxigraph as ox
from pydantic import TypeAdapter, ValidationError

from kg_builder.derivation.case import Amount, Findings, Measured, nearest_field, pointer
from kg_builder.derivation.facts import DECIMAL, FactWriter

_CONCENTRATION = re.compile(r"(ic\d\d|mic)_mg_l")
_READ: TypeAdapter[Amount | Measured] = TypeAdapter(Amount | Measured)
#: Milligrams per litre in one of each unit.
_UNITS = {"mg/L": Decimal(1), "µg/mL": Decimal(1), "ug/mL": Decimal(1), "ng/mL": Decimal("0.001")}


def state_exposure(writer: FactWriter, findings: Findings) -> None:
    """Add a fact for each trough and concentration, and the inhibitory quotient of a drug that has both.

    Quotient: trough over the concentration that inhibits the patient's strain, both mg/L. Faults are noted with the
    writer: a field or drug that is unknown, a number that is none, a unit that is none of mg/L, µg/mL and ng/mL.
    """
    below: dict[str, tuple[str, str, Decimal]] = {}
    for name, values in (findings.model_extra or {}).items():
        if not _CONCENTRATION.fullmatch(name) or not isinstance(values, dict):
            known = [*Findings.model_fields, "ic50_mg_l", "ic90_mg_l", "ic95_mg_l", "mic_mg_l"]
            writer.tell(pointer("findings", name), "C002", f"unknown field '{name}'", nearest_field(name, known))
            continue
        for drug, value in values.items():
            where = pointer("findings", name, drug)
            number, term = _read(writer, value, where), writer.resolve(drug, ("drug",), where)
            if number == 0:
                writer.tell(where, "C004", "a concentration above 0 is expected, not 0", "mg/L")
            elif number and term:
                label, measure = writer.context.names.label(term), name.partition("_")[0].upper()
                fact = writer.fact(where, "concentration", (term,), f"{measure} of {label} {number.normalize():f} mg/L")
                writer.add(fact, "value", _decimal(number))
                below[term] = (fact, measure, number)
    for drug, value in findings.trough_mg_l.items():
        where = pointer("findings", "trough_mg_l", drug)
        number, term = _read(writer, value, where), writer.resolve(drug, ("drug",), where)
        if number is None or term is None:
            continue
        label = writer.context.names.label(term)
        trough = writer.fact(where, "trough", (term,), f"trough of {label} {number.normalize():f} mg/L")
        writer.add(trough, "value", _decimal(number))
        if term in below:
            concentration, measure, inhibiting = below[term]
            quotient = round(number / inhibiting, 6)
            ratio = f"trough {number.normalize():f} mg/L / {measure} {inhibiting.normalize():f} mg/L"
            text = f"inhibitory quotient of {label}: {ratio} = {quotient:.2f}"
            fact = writer.fact(pointer("derived", "inhibitory-quotient", drug), "quotient", (term,), text)
            writer.add(fact, "value", _decimal(quotient))
            for source in (trough, concentration):
                writer.add(fact, "derivedFrom", ox.NamedNode(source))


def _read(writer: FactWriter, value: object, where: str) -> Decimal | None:
    """Return a concentration in mg/L, or None with the fault noted."""
    try:
        read = value if isinstance(value, Measured) else _READ.validate_python(value)
    except ValidationError:
        writer.tell(where, "C004", f"a concentration of 0 or more is expected, not {value!r}", "mg/L")
        return None
    if not isinstance(read, Measured):
        return Decimal(str(read))
    if read.unit not in _UNITS:
        expected = f"one of {', '.join(_UNITS)}"
        writer.tell(where, "C004", f"a concentration is not measured in {read.unit}", expected)
        return None
    if not read.value >= 0:
        writer.tell(where, "C004", f"a concentration of 0 or more is expected, not {read.value}", read.unit)
        return None
    return Decimal(str(read.value)) * _UNITS[read.unit]


def _decimal(number: Decimal) -> ox.Literal:
    return ox.Literal(f"{number:f}", datatype=DECIMAL)
