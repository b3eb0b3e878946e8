"""A case: one patient whose treatment failed, as the contract of docs/case.md fixes it.

Reading checks form: fields, types, ranges that need no knowledge. Names are resolved and numbers
checked against their parameters by :mod:`kg_builder.derivation.prepare`.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from rapidfuzz import process

from kg_builder.issues import CaseError, Issue

#: A genotype, a list of comedications or a file beyond these is no clinical case; refused before any work.
MAX_ENTRIES = 2_000
MAX_BYTES = 64 * 1024 * 1024


def _refuse_coercion(value: object) -> object:
    """Take no truth value and no text for a whole number."""
    if isinstance(value, bool | str):
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Names = Annotated[list[Name], Field(max_length=MAX_ENTRIES)]
#: On a whole number, after its range.
WHOLE = BeforeValidator(_refuse_coercion)
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Number = Annotated[float, Field(allow_inf_nan=False, strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Counts(_Part):
    """Isolates resistant of those tested."""

    resistant: Annotated[int, Field(ge=0), WHOLE]
    tested: Annotated[int, Field(ge=1), WHOLE]

    @model_validator(mode="after")
    def _within(self) -> Self:
        if self.resistant > self.tested:
            raise ValueError(f"{self.resistant} resistant of {self.tested} tested: more resistant than tested")
        return self


class Measured(_Part):
    """A number with the unit of its parameter."""

    value: Number
    unit: str


class Failure(_Part):
    """What failed and how."""

    mode: Name | None = Field(default=None, description="failure mode")
    line: Annotated[int, Field(ge=0, le=30), WHOLE] | None = Field(
        default=None, description="number of the line that failed"
    )
    failed_regimens: Annotated[list[Names], Field(max_length=100)] = Field(
        default_factory=list, description="each a list of drugs, products or modalities"
    )
    months_to_relapse: Amount | None = None


class Findings(_Part):
    """What the laboratory, imaging and pathology say."""

    model_config = ConfigDict(extra="allow", str_strip_whitespace=True)
    alterations: Names = Field(default_factory=list, description="RT:M184V, FLT3-ITD, ER-positive …")
    sequenced: Names = Field(default_factory=list, description="genes that were read whole")
    susceptibility: dict[str, Literal["S", "I", "R"]] = Field(default_factory=dict, max_length=MAX_ENTRIES)
    local_resistance: dict[str, Fraction | Counts] = Field(default_factory=dict, max_length=MAX_ENTRIES)
    organism: Name | None = None
    site: Name | None = None
    histology: Name | None = None
    imaging: Names = Field(default_factory=list)
    biopsy: Name | None = None
    trough_mg_l: dict[str, Amount | Measured] = Field(
        default_factory=dict, max_length=MAX_ENTRIES, description="trough by drug, mg/L, or with its unit"
    )


class Adherence(_Part):
    """Share of doses taken, 0 to 1, by who says so."""

    self_report: Fraction | None = None
    pharmacy_refill: Fraction | None = None
    mems: Fraction | None = Field(default=None, description="electronic monitoring of the container")


class Clinic(_Part):
    """What the clinic can do."""

    model_config = ConfigDict(extra="allow", str_strip_whitespace=True)


class Patient(_Part):
    """Who is to be treated; further fields are declared as data (``case_fields.tsv``)."""

    model_config = ConfigDict(extra="allow", str_strip_whitespace=True)
    sex: Name | None = None
    child_pugh: Literal["A", "B", "C"] | None = None
    comorbidities: Names = Field(default_factory=list)
    comedications: Names = Field(default_factory=list)
    allergies: Names = Field(default_factory=list)
    cumulative_dose_mg_m2: dict[str, Amount] = Field(default_factory=dict, max_length=MAX_ENTRIES)
    adherence: Adherence = Adherence()
    clinic: Clinic = Clinic()
    measurements: dict[str, Number | Measured] = Field(default_factory=dict, max_length=MAX_ENTRIES)


class Case(_Part):
    """One patient. All but ``id`` and ``disease`` may be absent.

    >>> Case(id="a", disease="some disease").failure.failed_regimens
    []
    """

    id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*[^\s\x00-\x1f][^\x00-\x1f]*$")]
    disease: Name
    title: str = ""
    failure: Failure = Failure()
    findings: Findings = Findings()
    patient: Patient = Patient()


def pointer(*parts: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of a field.

    >>> pointer("findings", "susceptibility", "a/b")
    '/findings/susceptibility/a~1b'
    """
    return "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in parts)


def nearest_field(name: str, known: list[str]) -> str:
    """Return a hint that names the fields most like ``name``, best first."""
    found = [k for k, _, _ in process.extract(name, known, processor=str.casefold, limit=3, score_cutoff=50)]
    return "nearest: " + ", ".join(found) if found else "fields here: " + ", ".join(sorted(known))


#: What pydantic puts into the place of a fault for each alternative of a union: objects, then numbers.
_FORMS: dict[object, type[BaseModel]] = {
    "Counts": Counts,
    "function-after[_within(), Counts]": Counts,
    "Measured": Measured,
}
_CHOICES = (*_FORMS, "constrained-float", "float")


def _of_the_form_meant(faults: list[Any]) -> list[Any]:
    """Leave out, where a field may be a number or an object, the faults of the form that was not meant."""
    kept = []
    for fault in faults:
        is_object_form = any(part in _CHOICES[:3] for part in fault["loc"])
        is_number_form = any(part in _CHOICES[3:] for part in fault["loc"])
        is_object = isinstance(fault["input"], dict)
        if not (is_number_form and is_object) and not (is_object_form and fault["type"] == "model_type"):
            kept.append(fault)
    return kept or faults


def validation_issues(error: ValidationError, *, path: str, model: type[BaseModel] = Case) -> list[Issue]:
    """Say each fault of form with the pointer of its field."""
    issues = []
    for fault in _of_the_form_meant(error.errors(include_url=False)):
        parts = [p for p in fault["loc"] if p not in _CHOICES]
        where = pointer(*parts) or "/"
        kind, message, hint = fault["type"], fault["msg"], ""
        code = "C004"
        if kind == "extra_forbidden":
            code, message = "C002", f"unknown field '{parts[-1]}'"
            form = next((_FORMS[part] for part in fault["loc"] if part in _FORMS), None)
            hint = nearest_field(str(parts[-1]), list(form.model_fields) if form else _fields_at(model, parts[:-1]))
        elif kind == "missing":
            code, message = "C003", f"field '{parts[-1]}' is missing"
            hint = "a case needs id and disease" if len(parts) == 1 else ""
        elif kind == "too_long":
            code, message = "C009", f"more than {MAX_ENTRIES:,} entries"
            hint = "that is no case of one patient"
        elif kind == "less_than_equal" and fault["ctx"]["le"] == 1:
            message, hint = f"{fault['input']} is out of range", "it must be 0 to 1"
            if fault["input"] <= 100:
                hint += f"; write {fault['input'] / 100:g} for {fault['input']:g} %"
        elif kind == "value_error":
            message = message.removeprefix("Value error, ")
        else:
            shown = json.dumps(fault["input"], ensure_ascii=False, default=str)
            message = f"{message[0].lower()}{message[1:]}, not {shown[:60]}{'…' if len(shown) > 60 else ''}"
        issues.append(Issue(path, 0, where, code, message, hint))
    return list(dict.fromkeys(issues))


def _fields_at(model: type[BaseModel], parts: list[Any]) -> list[str]:
    for part in parts:
        field = model.model_fields.get(str(part))
        annotation = field.annotation if field else None
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    return list(model.model_fields)


def read_case(data: object, *, path: str) -> Case:
    """Check the form of one case.

    Raises:
        CaseError: every fault of form, each with the pointer of its field.
    """
    if not isinstance(data, dict):
        raise CaseError([Issue(path, 0, "/", "C001", "a case is an object with fields", "see salvage-kg schema case")])
    try:
        return Case.model_validate(data)
    except ValidationError as error:
        raise CaseError(validation_issues(error, path=path)) from None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise ValueError(f"field '{key}' stands twice")
        seen[key] = value
    return seen


def _load_json(text: str, path: str, line: int) -> object:
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise CaseError(
            [Issue(path, line + error.lineno - 1, "", "C001", f"not JSON at character {error.colno}: {error.msg}", "")]
        ) from None
    except RecursionError:
        raise CaseError([Issue(path, line, "", "C009", "nested too deeply", "a case has four levels")]) from None
    except ValueError as error:
        raise CaseError([Issue(path, line, "", "C001", str(error), "")]) from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


class _StrictLoader(yaml.SafeLoader):
    """YAML without aliases (they can blow up) and without duplicate keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [self.construct_object(k, deep=True) for k, _ in node.value]
        if len(keys) != len({str(k) for k in keys}):
            raise yaml.constructor.ConstructorError(None, None, "a field stands twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


def _load_yaml(text: str, path: str) -> list[object]:
    try:
        return [d for d in yaml.load_all(text, Loader=_StrictLoader) if d is not None]
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error) or "nested too deeply"
        raise CaseError([Issue(path, mark.line + 1 if mark else 0, "", "C001", f"not YAML: {reason}", "")]) from None


def split_cases(text: str, *, path: str) -> list[tuple[str, object | CaseError]]:
    """Split a document of cases into raw cases: (where, data or what is wrong with it).

    Args:
        text: one JSON object, a JSON list, JSON lines, or YAML documents; chosen by content.
        path: name for messages; a ``.yaml`` or ``.yml`` ending chooses YAML.
    """
    if len(text) > MAX_BYTES:
        issue = Issue(path, 0, "", "C009", f"larger than {MAX_BYTES // 2**20} MiB", "split it into several files")
        return [(path, CaseError([issue]))]
    text = text.removeprefix("\ufeff")
    body = text.lstrip()
    try:
        if not body:
            flat: list[object] = []
        elif path.endswith((".yaml", ".yml")) or body[0] not in "{[":
            documents = _load_yaml(text, path)
            flat = [d for doc in documents for d in (doc if isinstance(doc, list) else [doc])]
        elif body.startswith("["):
            data = _load_json(text, path, 1)
            flat = data if isinstance(data, list) else [data]
        else:
            lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
            if len(lines) > 1 and all(
                line.lstrip().startswith("{") and line.rstrip().endswith("}") for _, line in lines
            ):
                return [_split_line(path, n, line) for n, line in lines]
            if len(lines) > 1 and lines[0][1].rstrip().endswith("}") and lines[0][1].lstrip().startswith("{"):
                return [_split_line(path, n, line) for n, line in lines]
            flat = [_load_json(text, path, 1)]
    except CaseError as error:
        return [(path, error)]
    if not flat:
        return [(path, CaseError([Issue(path, 0, "", "C001", "no case in it", "see salvage-kg schema case")]))]
    return [(path if len(flat) == 1 else f"{path}[{i}]", d) for i, d in enumerate(flat)]


def _split_line(path: str, number: int, line: str) -> tuple[str, object | CaseError]:
    try:
        return f"{path}:{number}", _load_json(line, path, number)
    except CaseError as error:
        return f"{path}:{number}", error
