"""Commands for curators: build, check, import, new."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from kg_builder.cli.app import command
from kg_builder.cli.rows import RowFormat, write_rows
from kg_builder.cli.terminal import MissingError, Terminal, UsageError, report, visible
from kg_builder.issues import Issue, TableError
from kg_builder.places import find_home

Ontology = Annotated[
    Path | None, typer.Option("--ontology", metavar="DIR", help="Folder with core/ and knowledge/; default ./ontology.")
]

_ISSUE_COLUMNS = ("path", "line", "column", "severity", "code", "message", "hint")


@command("build")
def build(
    terminal: Terminal,
    ontology: Ontology = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of releases.")] = Path("build"),
    version: Annotated[
        str | None, typer.Option("--as", metavar="VERSION", help="Version of the knowledge; default its newest date.")
    ] = None,
    format: Annotated[Literal["table", "json"], typer.Option("--format", "-f", help="Form of the report.")] = "table",
) -> None:
    """Build the knowledge graph from tables and ontology."""
    from kg_builder.graph.release import build_release

    if version is not None:
        _check_version(version)
    source = _find_ontology(ontology)
    with terminal.progress() as progress:
        manifest = build_release(source / "knowledge", source / "core", out, version=version, progress=progress)
    if format == "json":
        terminal.write(manifest.to_json().decode())
        return
    claims, terms, quads = (sum(counts.values()) for counts in (manifest.claims, manifest.terms, manifest.quads))
    terminal.write(
        f"knowledge {manifest.version} of {manifest.built}, sha256 {manifest.sha256}\n"
        f"{claims:,} claims, {terms:,} terms, {quads:,} statements, in {out}\n"
    )


@command("check")
def check(
    terminal: Terminal,
    ontology: Ontology = None,
    dl: Annotated[bool, typer.Option("--dl", help="Also consistency and profile in OWL 2 DL (slower).")] = False,
    format: RowFormat = "table",
) -> None:
    """Check tables and ontology, fault by fault.

    Each line says file, line, column, what is wrong and how to repair it.
    """
    from kg_builder.curation.check import check_all

    source = _find_ontology(ontology)
    with terminal.progress() as progress:
        issues = check_all(source, dl=dl, progress=progress)
    if format == "table":
        terminal.write("".join(f"{visible(str(issue))}\n" for issue in issues))
    else:
        rows = [tuple(getattr(issue, column) for column in _ISSUE_COLUMNS) for issue in issues]
        write_rows(terminal, _ISSUE_COLUMNS, rows, format, {})
    errors = sum(issue.severity == "error" for issue in issues)
    terminal.note(f"{_count(errors, 'error')}, {_count(len(issues) - errors, 'warning')}")
    if errors:
        raise typer.Exit(1)


@command("import")
def import_source(
    terminal: Terminal,
    source: Annotated[
        Literal["aro", "hivdb", "who-tb"],
        typer.Argument(metavar="SOURCE", help="Whose file it is: aro, hivdb or who-tb."),
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The published file.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for the tables; default ./ontology/knowledge/SOURCE."),
    ] = None,
    ontology: Ontology = None,
) -> None:
    """Turn published knowledge into curation tables.

    They stand beside the knowledge in --ontology: what it holds already is not written again. What cannot be
    said in tables is told on stderr, with its number.
    """
    from importlib import import_module

    if not file.is_file():
        raise UsageError(f"{file}: no such file")
    if out is None:
        if not Path("ontology/knowledge").is_dir():
            raise UsageError("say where the tables shall go: --out DIR (there is no ./ontology/knowledge here)")
        out = Path("ontology/knowledge") / source
    module = import_module(f"kg_builder.sources.{source.replace('-', '_')}")
    knowledge = _find_ontology(ontology) / "knowledge"
    warnings: list[Issue] = []
    with terminal.progress() as progress:
        rows: dict[str, int] = module.import_file(
            file, out, knowledge=knowledge, progress=progress, report=warnings.append
        )
    report(warnings)
    terminal.write("".join(f"{out / f'{table}.tsv'}: {count:,} rows\n" for table, count in rows.items()))


@command("new")
def new(
    terminal: Terminal,
    what: Annotated[Literal["disease"], typer.Argument(metavar="WHAT", help="What to begin: disease.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, as users will write it.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for the tables; default ./ontology/knowledge/NAME."),
    ] = None,
    ontology: Ontology = None,
) -> None:
    """Begin a new disease: empty tables, every column explained.

    The folder must be new or empty. COLUMNS.md in it says what each column holds.
    """
    from kg_builder.curation.new_disease import GUIDE, USUAL, find_disease, slug_of, write_new_disease

    if not name.strip():
        raise UsageError(f"new {what} needs a name")
    if known := find_disease(name, _find_ontology(ontology) / "knowledge"):
        raise TableError([known])
    if out is None:
        if not Path("ontology/knowledge").is_dir():
            raise UsageError("say where the tables shall go: --out DIR (there is no ./ontology/knowledge here)")
        try:
            out = Path("ontology/knowledge") / slug_of(name)
        except ValueError as error:
            raise UsageError(f"{error}: say where the tables shall go: --out DIR") from None
    try:
        write_new_disease(name, out)
    except FileExistsError as error:
        raise UsageError(str(error)) from None
    terminal.write(f"{len(USUAL)} empty tables in {out}, explained in {out / GUIDE}\n")
    terminal.note("next: fill terms.tsv and sources.tsv, then `salvage-kg check` (docs/adding-a-disease.md)")


def _check_version(version: str) -> None:
    """Refuse a version that cannot stand in an IRI, or is written as a date and is none."""
    from kg_builder.knowledge.row_base import DAY, is_day

    if not re.fullmatch(r"[\w.+-]+", version, re.ASCII):
        raise UsageError(f"--as {version!r}: letters, digits and . _ + - only")
    if re.fullmatch(DAY, version) and not is_day(version):
        raise UsageError(f"--as {version}: no day of the calendar")


def _find_ontology(given: Path | None) -> Path:
    """Return the folder that holds core/ and knowledge/: the one given, ./ontology, or the one in the package."""
    if given is not None:
        if not (given / "core").is_dir() or not (given / "knowledge").is_dir():
            raise UsageError(f"--ontology {given}: holds no core/ and knowledge/")
        return given
    for folder in (Path("ontology"), find_home("ontology")):
        if (folder / "core").is_dir() and (folder / "knowledge").is_dir():
            return folder
    raise MissingError("no ontology found: run this in the project's folder, or say --ontology DIR")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
