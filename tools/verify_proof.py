"""Check a proof of salvage-kg. Stands alone: needs Python and rdflib, no other part of the project.

    python tools/verify_proof.py RELEASE CASE PROOF

RELEASE is the directory of a built release (or of releases), CASE the facts of a case in Turtle (`salvage-kg case`),
PROOF what `salvage-kg explain … --format ttl` or `json` wrote. Exit code 0: accepted; 1: rejected, a line a fault.

A step applies a rule of the release to some statements, its premises, and concludes others. It stands if
(a) each premise stands in the release, in the case, or was concluded by a step before it,
(b) the rule run on the premises alone concludes just this, and with any one premise left out does not,
(c) the rule run on everything concludes it: on release, case and all that the rules conclude before it. Everything is
    derived here, with all rules in their order; nothing that a proof or a case says of it is believed.
Whatever else it says must stand in the release, in the case or among the conclusions proven; hashes must be those of
the files; each claim has just the sources that the release gives it. See docs/proof.md.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import rdflib.plugins.sparql
from rdflib import RDF, RDFS, XSD, Graph, Literal, Namespace, URIRef
from rdflib.plugins.sparql import CUSTOM_EVALS, prepareQuery

rdflib.plugins.sparql.SPARQL_LOAD_GRAPHS = False

Triple = tuple[Any, Any, Any]
BASE = "https://w3id.org/salvage-kg/"
SV, PROV = Namespace(BASE + "ontology#"), Namespace("http://www.w3.org/ns/prov#")
#: What a case may say of its facts, of alterations and of combinations that no release knows: classes and properties.
OWN = {
    "case": "Fact Measurement FailedRegimen factIn factKind states partOf memberCount isLast onParameter value "
    "derivedFrom prevalence",
    "alteration": f"Alteration {RDFS.label} isKindOf inGene negates",
    "proposal": f"{RDFS.label} proposedIn componentCount needsActive needsKept composedBy lacksFor",
}
HASH, SOURCE = URIRef("https://schema.org/sha256"), URIRef("http://purl.org/dc/terms/source")


def plain(triple: Any) -> Triple:
    """Return a triple with a decimal in one way of writing, so that 60 and 60.0 are one term."""
    s, p, o = triple
    is_decimal = isinstance(o, Literal) and o.datatype == XSD.decimal and isinstance(o.value, Decimal)
    return (s, p, Literal(f"{o.value.normalize() + 0:f}", datatype=XSD.decimal, normalize=False) if is_decimal else o)


def parse(text: str, form: str) -> Graph:
    """Read RDF from text; nothing is fetched."""
    graph = Graph(bind_namespaces="none").parse(data=text, format=form)
    for triple in [triple for triple in graph if plain(triple) != triple]:
        graph.remove(triple)
        graph.add(plain(triple))
    return graph


def show(triple: Iterable[Any]) -> str:
    return " ".join(str(term).removeprefix(BASE) for term in triple)


class Rule:
    """A rule file: its IRI, hash, stages and query."""

    def __init__(self, name: str, data: bytes) -> None:
        self.file, self.sha256, text = name, Literal(hashlib.sha256(data).hexdigest()), data.decode()
        self.iri = URIRef(BASE + "rule/" + Path(name).stem.partition("-")[2])
        stages = re.findall(r"^#\+ stages: \[([\d, ]+)\]$", text, re.MULTILINE)
        self.stages = [int(stage) for stage in stages[0].split(",")]
        self.query = prepareQuery(text)

    def conclude(self, graph: Graph) -> set[Triple]:
        """Return what the rule concludes from a graph."""
        CUSTOM_EVALS["join"] = join
        try:
            return set(map(plain, graph.query(self.query)))
        finally:
            del CUSTOM_EVALS["join"]


def join(ctx: Any, part: Any) -> Iterator[Any]:
    """Evaluate a basic graph pattern: next always the part with the fewest matches, where rdflib has a fixed order."""
    if part.name != "BGP":
        raise NotImplementedError
    return _join(ctx, list(part.triples))


def _join(ctx: Any, patterns: list[Triple]) -> Iterator[Any]:
    if not patterns:
        yield ctx.solution()
        return
    bound = [(ctx[s], ctx[p], ctx[o]) for s, p, o in patterns]
    sizes = [sum(1 for _ in islice(ctx.graph.triples(pattern), 64)) for pattern in bound]
    best = sizes.index(min(sizes))
    rest = patterns[:best] + patterns[best + 1 :]
    for match in ctx.graph.triples(bound[best]):
        inner = ctx.push()
        for term, value in zip(patterns[best], match, strict=True):
            if inner[term] is None:
                inner[term] = value
        if all(inner[term] == value for term, value in zip(patterns[best], match, strict=True)):
            yield from _join(inner, rest)


@lru_cache(maxsize=100_000)
def judge_alone(rule: Rule, used: frozenset[Triple], new: frozenset[Triple]) -> str:
    """Check (b): return what is wrong when the rule runs on these premises alone; nothing if all is well."""
    graph = Graph(bind_namespaces="none")
    graph.addN((*triple, graph) for triple in used)
    if (found := rule.conclude(graph)) != new or not new:
        return f"(b) from the premises alone {rule.file} concludes {'; '.join(map(show, found)) or 'nothing'}"
    for triple in used:
        graph.remove(triple)
        if new <= rule.conclude(graph):
            return f"(b) {rule.file} concludes it without the premise {show(triple)}"
        graph.add(triple)
    return ""


class Release:
    """The statements and the rules of a release, each file compared with the manifest."""

    def __init__(self, directory: Path) -> None:
        if not (directory / "manifest.json").is_file():
            directory = directory / (directory / "current").read_text().strip()
        manifest = json.loads((directory / "manifest.json").read_text())
        wanted = re.compile(r"knowledge\.nq\.gz|rules/\d\d-[a-z-]+\.rq")
        data = {name: (directory / name).read_bytes() for name in sorted(manifest["files"]) if wanted.fullmatch(name)}
        if changed := [n for n, read in data.items() if hashlib.sha256(read).hexdigest() != manifest["files"][n]]:
            raise ValueError(f"{directory / changed[0]}: differs from the manifest")
        quads = gzip.decompress(data.pop("knowledge.nq.gz"))
        self.iri, self.sha256 = URIRef(manifest["version_iri"]), Literal(hashlib.sha256(quads).hexdigest())
        rules = [Rule(name, text) for name, text in data.items()]
        self.runs = sorted(((stage, rule) for rule in rules for stage in rule.stages), key=lambda run: run[0])
        self.graph = parse(re.sub(r" <[^<> ]*> \.$", " .", quads.decode(), flags=re.MULTILINE), "nt")


class Case:
    """The facts of a case, and everything that the rules conclude from them, run by run."""

    def __init__(self, release: Release, text: str) -> None:
        said = parse(text, "turtle")
        (self.iri,) = {s for s, p, o in said if p == RDF.type and o == SV.Case}
        self.facts = {triple for triple in said if self._is_fact(triple, release)}
        self.concluded: list[set[Triple]] = []
        everything, added, new = release.graph, list[Triple](), self.facts
        try:
            for _, rule in release.runs:
                fresh = [triple for triple in new if triple not in everything]
                added += fresh
                everything.addN((*triple, everything) for triple in fresh)
                new = rule.conclude(everything)
                self.concluded.append(new)
        finally:
            for triple in added:
                everything.remove(triple)
        self.statuses = {triple for new in self.concluded for triple in new if triple[1] == SV.hasStatus}

    def _is_fact(self, triple: Triple, release: Release) -> bool:
        """Facts speak of the case, its nodes, alterations and combinations no release knows; no rule writes them."""
        subject, predicate, value = triple
        if subject == self.iri:
            scopes = (self.iri, URIRef(BASE + "scope/any-case"))
            return (predicate, value) in ((RDF.type, SV.Case), *((SV.within, scope) for scope in scopes))
        kind = subject.removeprefix(BASE).partition("/")[0]
        is_own = kind in OWN and (kind != "case" or subject.startswith(f"{self.iri}#"))
        said = str(value if predicate == RDF.type else predicate).removeprefix(SV)
        return is_own and said in OWN[kind].split() and (subject, None, None) not in release.graph


def read_proof(path: Path) -> Graph:
    """Read a proof: Turtle, or JSON-LD with no context but its own."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".json":
        return parse(text, "turtle")
    if not isinstance(json.loads(text)["@context"], dict) or len(re.findall(r'"@(?:context|import)"', text)) != 1:
        raise ValueError("a proof has one context, its own")
    return parse(text, "json-ld")


class Verifier:
    """Judges a proof about a case: ``faults`` of it, its ``steps``, and what those that stand have ``proven``."""

    def __init__(self, release: Release, case: Case, proof: Iterable[Triple]) -> None:
        self.release, self.case, self.faults = release, case, list[str]()
        self.said: dict[tuple[Any, Any], list[Any]] = defaultdict(list)
        #: what it says, as a whole and of whom; `left` is what has not been accounted for yet
        self.whole, self.left = set(proof), set(proof)
        for s, p, o in self.whole:
            self.said[s, p].append(o)
        self.triples = {node: self._statement(node) for node in self._all(RDF.Statement)}
        self.stands = {node: self._is_quoted(node) for node in self.triples}
        self.steps, self.proven = self._all(PROV.Activity), set[Triple]()
        self._check_steps()
        self._check_header()
        for triple in self.left - self.proven - case.facts:
            if triple not in release.graph:
                self.faults.append(f"{show(triple)}: stands neither in release or case nor is it proven")

    def _all(self, kind: URIRef) -> list[Any]:
        found = sorted(s for s, p, o in self.left if p == RDF.type and o == kind)
        self.left -= {(node, RDF.type, kind) for node in found}
        return found

    def _take(self, node: Any, predicate: URIRef) -> list[Any]:
        self.left -= {(node, predicate, value) for value in self.said[node, predicate]}
        return self.said[node, predicate]

    def _statement(self, node: Any) -> Triple:
        parts = [self._take(node, predicate) for predicate in (RDF.subject, RDF.predicate, RDF.object)]
        if [len(values) for values in parts] != [1, 1, 1]:
            self.faults.append(f"{node}: a statement has one subject, one predicate and one object")
            return (node, None, None)
        return parts[0][0], parts[1][0], parts[2][0]

    def _is_quoted(self, node: Any) -> bool:
        origins = self._take(node, PROV.wasQuotedFrom)
        for origin in origins:
            place: Any = {self.release.iri: self.release.graph, self.case.iri: self.case.facts}.get(origin, ())
            if self.triples[node] not in place:
                self.faults.append(f"{node}: (a) {show(self.triples[node])} does not stand in {origin}")
                return False
        return bool(origins)

    def _check_steps(self) -> None:
        waiting: dict[Any, list[Any]] = defaultdict(list)
        verdicts = dict.fromkeys(self.steps, "names not one rule of the release")
        for step in self.steps:
            rules, _, _ = (self._take(step, predicate) for predicate in (SV.ofRule, PROV.used, PROV.generated))
            waiting[rules[0] if len(rules) == 1 else None].append(step)
        for (_, rule), concluded in zip(self.release.runs, self.case.concluded, strict=True):
            if waiting[rule.iri] and self._take(rule.iri, HASH) != [rule.sha256]:
                self.faults.append(f"{rule.iri}: its sha256 in the release is {rule.sha256}")
            verdicts |= {step: self._judge(step, rule, concluded) for step in waiting[rule.iri]}
            passed = [step for step in waiting[rule.iri] if not verdicts[step]]
            waiting[rule.iri] = [step for step in waiting[rule.iri] if verdicts[step]]
            for node in [node for step in passed for node in self.said[step, PROV.generated]]:
                self.stands[node] = True
                self.proven.add(self.triples[node])
        self.faults += [f"{step}: {verdict}" for step, verdict in verdicts.items() if verdict]
        self.faults += [f"{n}: is neither quoted nor concluded" for n, stands in self.stands.items() if not stands]

    def _judge(self, step: Any, rule: Rule, concluded: set[Triple]) -> str:
        """Return what is wrong with a step of this rule at one of its runs; nothing if it stands."""
        for node in self.said[step, PROV.used]:
            if not self.stands.get(node):
                text = show(self.triples.get(node, [node]))
                return f"(a) its premise {text} stands neither in release or case nor was it concluded before"
        used = frozenset(self.triples[node] for node in self.said[step, PROV.used])
        new = frozenset(self.triples.get(node, (node, None, None)) for node in self.said[step, PROV.generated])
        if not new <= concluded:
            return f"(c) run on everything, {rule.file} does not conclude it"
        return judge_alone(rule, used, new)

    def _check_header(self) -> None:
        bundles = self._all(PROV.Bundle)
        origins = [origin for bundle in bundles for origin in self._take(bundle, PROV.wasDerivedFrom)]
        members = {member for bundle in bundles for member in self._take(bundle, PROV.hadMember)}
        if len(bundles) != 1 or set(origins) != {self.release.iri, self.case.iri} or not self.steps:
            self.faults.append(f"not one proof, with steps, derived from {self.release.iri} and {self.case.iri}")
        if not set(self.steps) <= members <= {s for s, _, _ in self.whole}:
            self.faults.append("the members of the proof are not its steps and what else it speaks of")
        if self._take(self.release.iri, HASH) != [self.release.sha256]:
            self.faults.append(f"{self.release.iri}: its sha256 is {self.release.sha256}")
        for node in {term for triple in self.triples.values() for term in triple}:
            sources = set(self.release.graph.objects(node, SOURCE))
            if set(self._take(node, SOURCE)) != sources:
                self.faults.append(f"{node}: its sources in the release are {', '.join(sorted(sources)) or 'none'}")


def main(arguments: list[str]) -> int:
    """Check one proof and return the exit code."""
    if len(arguments) != 3:
        return print("usage: verify_proof.py RELEASE CASE.ttl PROOF.ttl|PROOF.json", file=sys.stderr) or 2
    try:
        release = Release(Path(arguments[0]))
        case = Case(release, Path(arguments[1]).read_text(encoding="utf-8"))
        verifier = Verifier(release, case, read_proof(Path(arguments[2])))
    except Exception as error:  # noqa: BLE001 the outermost place: what cannot be read proves nothing
        print(f"rejected: {type(error).__name__}: {error}")
        return 1
    print(*(f"rejected: {fault}\n" for fault in sorted(verifier.faults)), sep="", end="")
    if not verifier.faults:
        share = f"{len(case.statuses & verifier.proven)} of the {len(case.statuses)} statuses of {case.iri}"
        print(f"accepted: {len(verifier.steps)} steps prove {share}")
    return 1 if verifier.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
