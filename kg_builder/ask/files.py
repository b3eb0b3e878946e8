"""Query files: SPARQL with a YAML header in comments (``#+``).

::

    #+ id: claims-of-a-drug
    #+ summary: What is said of a drug.
    #+ tags: [drug]
    #+ params:
    #+   - {name: drug, type: drug, doc: the drug asked about}
    #+ returns:
    #+   - {name: claim, type: claim}
    #+   - {name: score, type: decimal, unit: "1"}
    SELECT ... WHERE { VALUES ?drug { UNDEF } # param

A parameter's default stands in ``VALUES ?name { default } # param``, so that the file runs unchanged in
any SPARQL 1.1 server. A type is a kind of term (CURIE prefix), several with ``|``, ``term`` for any
kind, or one of :data:`LITERALS`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from rapidfuzz import process

from kg_builder.ask.guard import check_query
from kg_builder.issues import Issue, QueryError
from kg_builder.vocabulary import KINDS

#: Types of literals -> local name of their datatype in XML Schema.
LITERALS = {"integer": "integer", "decimal": "decimal", "string": "string", "boolean": "boolean", "date": "date"}

#: A parameter's block; group 1 is its name, group 2 its default.
BLOCK = re.compile(r"VALUES\s+\?(\w+)\s*\{([^{}]*)\}[ \t]*#[ \t]*param\b")
_NAME = r"^[a-z][a-z0-9_]*$"


def kinds_of(type_name: str) -> tuple[str, ...]:
    """Return the kinds of term that a type allows; none for the type of a literal.

    >>> kinds_of("drug|class"), kinds_of("integer")
    (('drug', 'class'), ())
    """
    if type_name in LITERALS:
        return ()
    return tuple(KINDS) if type_name == "term" else tuple(type_name.split("|"))


def _check_type(text: str) -> str:
    unknown = [kind for kind in kinds_of(text) if kind not in KINDS]
    if unknown:
        choices = f"{', '.join(LITERALS)}, term or a kind: {', '.join(KINDS)}"
        raise ValueError(f"unknown type {unknown[0]!r}; a type is {choices}")
    return text


TypeName = Annotated[str, AfterValidator(_check_type)]


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Param(_Header):
    """A parameter of a query."""

    name: str = Field(pattern=_NAME)
    type: TypeName
    doc: str


class Return(_Header):
    """A column of the rows."""

    name: str = Field(pattern=_NAME)
    type: TypeName
    unit: str = Field(default="", description="UCUM code, `1` for a plain number; empty for what is no number")
    doc: str = ""


class Header(_Header):
    """What a query file says of itself."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    summary: str
    tags: tuple[str, ...] = ()
    params: tuple[Param, ...] = ()
    returns: tuple[Return, ...] = ()


class QueryFile(BaseModel):
    """A query with its header; ``path`` is shown in messages."""

    model_config = ConfigDict(frozen=True)
    path: str
    header: Header
    text: str


def fault(path: str, code: str, message: str, hint: str = "", *, line: int = 0, field: str = "") -> QueryError:
    """Return the error of one fault of a query file or of what was asked of it."""
    return QueryError([Issue(path, line, field, code, message, hint)])


def load_query(path: Path) -> QueryFile:
    """Read a query file of this project and check that header and parameter blocks agree.

    Raises:
        QueryError: Q001 no such file, Q002 the header or a block is at fault.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise fault(str(path), "Q001", "no such query file") from None
    except UnicodeDecodeError as error:
        raise fault(str(path), "Q002", f"not UTF-8 at byte {error.start}") from error
    return _read_query(str(path), text, required=True)


def load_untrusted_query(path: Path) -> QueryFile:
    """Read a query file of a user: a header is not needed; only reading queries are let through.

    Raises:
        QueryError: as :func:`load_query`; Q005 it is no SPARQL 1.1 query; Q006 it would write, reach out
            (SERVICE) or choose graphs (FROM).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise fault(str(path), "Q001", "no such query file") from None
    except UnicodeDecodeError as error:
        raise fault(str(path), "Q002", f"not UTF-8 at byte {error.start}") from error
    check_query(text, str(path))
    return _read_query(str(path), text, required=False)


def _read_query(path: str, text: str, *, required: bool) -> QueryFile:
    lines = [line[2:].removeprefix(" ") for line in text.splitlines() if line.startswith("#+")]
    if not lines and not required:
        name = re.sub(r"[^a-z0-9]+", "-", Path(path).stem.lower()).strip("-")
        header = Header(id=f"q-{name}" if not name[:1].isalpha() else name, summary="")
    else:
        header = _read_header(path, "\n".join(lines))
    blocks = {match[1] for match in BLOCK.finditer(text)}
    declared = {param.name for param in header.params}
    for name in sorted(declared - blocks):
        raise fault(path, "Q002", f"parameter '{name}' has no block", f"write VALUES ?{name} {{ UNDEF }} # param")
    for name in sorted(blocks - declared):
        raise fault(path, "Q002", f"the block of ?{name} is of no parameter", "name it under `params` of the header")
    return QueryFile(path=path, header=header, text=text)


def _read_header(path: str, text: str) -> Header:
    if not text:
        raise fault(path, "Q002", "the file has no header", "begin with lines `#+ id: …` and `#+ summary: …`")
    try:
        return Header.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise fault(path, "Q002", f"the header is no YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        issues = [
            Issue(path, 0, ".".join(map(str, each["loc"])), "Q002", f"header: {each['msg']}") for each in error.errors()
        ]
        raise QueryError(issues) from error


def load_catalogue(directory: Path) -> dict[str, QueryFile]:
    """Return id → query of every ``*.rq`` file of a directory, by id.

    Raises:
        QueryError: with the faults of all files; Q002 also where a file is not named by its id.
    """
    found: dict[str, QueryFile] = {}
    issues: list[Issue] = []
    for path in sorted(directory.glob("*.rq")):
        try:
            query = load_query(path)
        except QueryError as error:
            issues.extend(error.issues)
            continue
        if query.header.id != path.stem:
            issues.append(Issue(str(path), 0, "id", "Q002", f"id '{query.header.id}' is not the file's name"))
        found[query.header.id] = query
    if issues:
        raise QueryError(issues)
    return found


def find_query(name: str, directory: Path) -> QueryFile:
    """Return the query of this id.

    Raises:
        QueryError: Q001 with the nearest ids if there is none; Q002 if its file is at fault.
    """
    known = sorted(path.stem for path in directory.glob("*.rq"))
    if name in known:
        return load_query(directory / f"{name}.rq")
    near = [hit[0] for hit in process.extract(name, known, limit=3, score_cutoff=50)] or known
    hint = f"nearest: {', '.join(near)}" if known else f"{directory} holds no query"
    raise fault(name, "Q001", "no query has this name", hint)
