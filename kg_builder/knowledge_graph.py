"""The door to salvage-kg from Python: open a release, hand in cases, ask questions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyoxigraph as ox

from kg_builder.derivation.answer import Answer, KnowledgeVersion, Susceptibility
from kg_builder.derivation.assemble import Assembly
from kg_builder.derivation.case import Case, read_case, split_cases
from kg_builder.derivation.casegraph import CaseGraph, KnowledgeReader
from kg_builder.derivation.conflicts import find_conflicts
from kg_builder.derivation.context import Context, read_context
from kg_builder.derivation.engine import Engine
from kg_builder.derivation.explain import Explanation, explain_claim, source_text
from kg_builder.derivation.pareto import read_priorities
from kg_builder.derivation.prepare import OPTIONS, prepare_case
from kg_builder.derivation.proof import Proof, ProofNode
from kg_builder.derivation.rules import Rule, read_rules
from kg_builder.graph.protocol import CaseStore
from kg_builder.graph.slices import TERMS, slice_name
from kg_builder.graph.store import Manifest, find_release, open_cut, open_release, read_manifest
from kg_builder.issues import CaseError, Issue
from kg_builder.knowledge.faults import Fault
from kg_builder.places import find_home
from kg_builder.vocabulary import KINDS, expand

if TYPE_CHECKING:
    from kg_builder.ask import Rows
    from kg_builder.derivation.plan import Plan
    from kg_builder.derivation.whatif_answer import WhatIf

#: Cases scored together; more would not be faster and would hold more memory.
SCORE_BATCH = 250


class KnowledgeGraph:
    """A release of the knowledge graph that answers cases and questions.

    A case loads the cut of the release for its disease, a question the whole, each once and when first needed.
    Not safe for use by several threads at once.
    """

    def __init__(
        self,
        store: CaseStore | None,
        manifest: Manifest,
        *,
        rules: Iterable[Rule] | None = None,
        release: Path | None = None,
    ) -> None:
        """Answer from a store, or from a release on disk.

        Args:
            store: the whole knowledge; None to load it from ``release``.
            manifest: what the release says of itself.
            rules: rules of derivation; those that come with the program by default.
            release: directory of a release or of releases; None if the store is all there is.
        """
        self.manifest = manifest
        self._whole, self._release = store, release
        self._rules = tuple(rules) if rules is not None else read_rules(find_home("queries", "derive"))
        self._engines: dict[str, Engine] = {}
        self._context = self._read_context()

    @classmethod
    def open(cls, path: Path | str | None = None) -> Self:
        """Open a release.

        Args:
            path: directory of a release or of releases. Without it: the environment variable
                ``SALVAGE_KG_RELEASE``, then what ships with the package, then ``./build``.
        Raises:
            StoreError: if there is none or it is damaged.
        """
        release = find_default_release(path)
        return cls(None, read_manifest(release), release=release)

    def _read_context(self) -> Context:
        return read_context(open_cut(self._release, TERMS) if self._release else self._store)

    @property
    def version(self) -> KnowledgeVersion:
        """Which knowledge this is."""
        return KnowledgeVersion(version=self.manifest.version, built=self.manifest.built, sha256=self.manifest.sha256)

    @property
    def _store(self) -> CaseStore:
        if self._whole is None:
            assert self._release is not None
            self._whole = open_release(self._release)
        return self._whole

    @cached_property
    def _reader(self) -> KnowledgeReader:
        return KnowledgeReader(self._store)

    def _engine(self, case: Case) -> Engine:
        """Return the engine for a case: over the cut for its disease, or over the whole where there are no cuts."""
        disease = self._context.names.resolve(case.disease, ("disease",)) if self._release else ""
        if disease not in self._engines:
            name = slice_name(disease)
            has_cut = self._release is not None and name in self.manifest.files
            store = open_cut(self._release, name) if self._release and has_cut else self._store
            self._engines[disease] = Engine(store, self._rules)
        return self._engines[disease]

    def load_cuts(self) -> None:
        """Load the cut for every disease now, so that no case waits for its own; for a server."""
        for disease in self._context.names.ids("disease"):
            if slice_name(disease) in self.manifest.files:
                self._engine(Case(id="-", disease=disease)).warm()

    # --- cases ------------------------------------------------------------------------------

    def read_cases(self, text: str, *, path: str) -> list[Case]:
        """Read cases from JSON, JSON lines or YAML and check their names and numbers too.

        Raises:
            CaseError: every fault of every case.
        """
        cases: list[Case] = []
        issues: list[Issue] = []
        for item in self.try_cases(text, path=path):
            if isinstance(item, CaseError):
                issues.extend(item.issues)
            else:
                cases.append(item)
        if issues:
            raise CaseError(issues)
        return cases

    def try_cases(self, text: str, *, path: str) -> Iterator[Case | CaseError]:
        """Read cases one by one; a case at fault gives its error and the next one is read."""
        seen: set[str] = set()
        for where, data in split_cases(text, path=path):
            try:
                if isinstance(data, CaseError):
                    raise data
                case = read_case(data, path=where)
                if case.id in seen:
                    twice = Issue(where, 0, "/id", "C010", f"case id '{case.id}' stands twice", "each has its own")
                    raise CaseError([twice])
                seen.add(case.id)
                prepare_case(case, self._context, path=where)
                yield case
            except CaseError as error:
                yield error

    def remarks(self, case: Case, *, path: str = "") -> tuple[Issue, ...]:
        """Return warnings about how a case was read, for instance a reference residue that is not the gene's."""
        return prepare_case(case, self._context, path=path or case.id).remarks

    def options(self, case: Case, prefer: Sequence[str] = ()) -> Answer:
        """Derive the options for one case.

        Args:
            case: the case.
            prefer: objectives by which regimens are put in order, the first counts most; docs/cli.md lists them.
        Raises:
            CaseError: if a name or number of the case is at fault.
            PreferenceError: if an objective is unknown, or named twice.
        """
        prepared = prepare_case(case, self._context, path=case.id)
        engine = self._engine(case)
        with engine.derive(prepared, read_priorities(prefer)) as graph:
            assembly = Assembly(graph, engine.rules, self.version, case.id, asked_genes=engine.asked_genes)
            return assembly.answer()

    def conflicts(self, case: Case, answer: Answer, *, path: str = "") -> tuple[Issue, ...]:
        """Return what a case states against what the knowledge has of its organism."""
        return find_conflicts(case, answer, self._context.names, path=path or case.id)

    def options_many(self, cases: Iterable[Case]) -> Iterator[Answer]:
        """Derive the options for each case, in order."""
        return (self.options(case) for case in cases)

    def options_graph(self, case: Case, prefer: Sequence[str] = ()) -> str:
        """Return the facts and conclusions of a case as Turtle."""
        from kg_builder.graph.serialise import turtle

        prepared = prepare_case(case, self._context, path=case.id)
        graph = ox.NamedNode(prepared.iri)
        triples = self._engine(case).describe(prepared, read_priorities(prefer))
        return turtle(ox.Quad(t.subject, t.predicate, t.object, graph) for t in triples)

    def case_graph(self, case: Case, prefer: Sequence[str] = ()) -> str:
        """Return the facts of a case as Turtle, with the regimens that are judged, and nothing that follows."""
        from kg_builder.graph.serialise import turtle

        prepared = prepare_case(case, self._context, path=case.id)
        return turtle(self._engine(case).compose(prepared, read_priorities(prefer)).quads)

    def susceptibility(self, cases: Iterable[Case]) -> Iterator[Susceptibility]:
        """Score each case with the current algorithm, in order; neighbours of one disease are scored together.

        Raises:
            CaseError: if a name or number of a case is at fault.
        """
        for engine, group in groupby(cases, self._engine):
            while batch := [(c.id, prepare_case(c, self._context, path=c.id)) for c in islice(group, SCORE_BATCH)]:
                yield from engine.algorithm.score(batch)

    def what_if(self, case: Case) -> WhatIf:
        """Return the smallest changes of modifiable facts that would change the answer, and the next tests.

        Raises:
            CaseError: if a name or number of the case is at fault.
        """
        from kg_builder.derivation.whatif import what_if

        return what_if(self._engine(case), case, self._context, self.version)

    def plan(self, case: Case, lines: int = 2) -> Plan:
        """Return for each regimen which options would be left if it failed with the resistance it selects.

        Raises:
            CaseError: if a name or number of the case is at fault.
            ValueError: if ``lines``, the number of lines looked at, is not 1 to 3.
        """
        from kg_builder.derivation.plan import Planner

        return Planner(self._engine(case), self._context, self.options).plan(case, self.version, lines=lines)

    def explain(self, case: Case, agent: str, prefer: Sequence[str] = ()) -> ProofNode:
        """Return the whole derivation of the status of one option or regimen.

        Args:
            case: the case.
            agent: name of an option, of a regimen, or of a composed one as the answer writes it.
            prefer: as for :meth:`options`; which composed regimens are judged follows from it.
        Raises:
            CaseError: if the case is at fault, the name unknown, or the option no candidate for the case.
            PreferenceError: as :meth:`options`.
        """
        prepared = prepare_case(case, self._context, path=case.id)
        engine = self._engine(case)
        with engine.derive(prepared, read_priorities(prefer)) as graph:
            return Explanation(graph, engine.rules).explain(self._find_option(agent, case, graph))

    def explain_all(self, case: Case, prefer: Sequence[str] = ()) -> list[ProofNode]:
        """Return the derivation of the status of every option, by name."""
        prepared = prepare_case(case, self._context, path=case.id)
        engine = self._engine(case)
        with engine.derive(prepared, read_priorities(prefer)) as graph:
            explanation = Explanation(graph, engine.rules)
            return [explanation.explain(a) for a in sorted(graph.statuses, key=lambda a: (graph.knowledge.label(a), a))]

    def prove(self, case: Case, agent: str | None = None, prefer: Sequence[str] = ()) -> Proof:
        """Return the steps behind one option's status and findings, or behind everything concluded of the case.

        Raises:
            CaseError: as :meth:`explain`.
        """
        from kg_builder.derivation.provenance import trace

        prepared = prepare_case(case, self._context, path=case.id)
        engine = self._engine(case)
        option = None
        if agent is not None:
            with engine.derive(prepared, read_priorities(prefer)) as graph:
                option = self._find_option(agent, case, graph)
        with trace(engine.store, engine.rules.values(), engine.compose(prepared, read_priorities(prefer))) as tracer:
            return tracer.prove(tracer.conclusions(option), self.manifest)

    def explain_claim(self, name: str) -> ProofNode:
        """Return what a claim says, its conditions in words and its sources.

        Raises:
            CaseError: if there is no such claim.
        """
        curie = name if name.startswith("claim:") else f"claim:{name}"
        if not self._reader.describe(expand(curie)):
            raise CaseError([Issue("", 0, "", "C005", f"no claim '{curie}'", "see `salvage-kg ask claims-of-a-drug`")])
        return explain_claim(expand(curie), self._reader)

    def cite(self, source: str) -> str:
        """Return a source, given by its IRI, as it is cited: body, title, year, version."""
        readers = [engine.knowledge for engine in self._engines.values()]
        return source_text(source, readers[0] if readers else self._reader)

    # --- questions --------------------------------------------------------------------------

    def ask(self, name: str, **params: Any) -> Rows:
        """Run a question of the catalogue, or a query file, with parameters.

        Raises:
            QueryError: if there is no such question, or a parameter is at fault.
        """
        # rdflib's parser guards what is asked; it is slow to import and answers to cases do not need it
        from kg_builder.ask import bind, find_query, load_untrusted_query, run

        is_file = name.endswith(".rq")
        query = load_untrusted_query(Path(name)) if is_file else find_query(name, find_home("queries", "ask"))
        return run(self._store, bind(query, {k: str(v) for k, v in params.items()}, self._context.names))

    def list(self, kind: str) -> list[tuple[str, str, str]]:
        """Return the terms of a kind: (CURIE, label, definition), by label.

        Args:
            kind: CURIE prefix (``drug``, ``class``, ``disease`` …), singular or plural.
        Raises:
            KeyError: if there is no such kind.
        """
        prefix = _singular(kind)
        names = self._context.names
        rows = [(curie, names.label(curie), self._definition(curie)) for curie in names.ids(prefix)]
        return sorted(rows, key=lambda row: (row[1].casefold(), row[0]))

    def _definition(self, curie: str) -> str:
        return self._reader.first(expand(curie), "http://purl.obolibrary.org/obo/IAO_0000115")

    def _find_option(self, agent: str, case: Case, graph: CaseGraph) -> str:
        composed = {**graph.board.proposed, **graph.board.nearest} if graph.board else {}
        if found := next((regimen for regimen in composed if agent in (regimen, graph.label(regimen))), None):
            return found
        iri = expand(self._resolve_option(agent))
        if iri not in graph.statuses:
            names = ", ".join(sorted(graph.label(a) for a in graph.statuses if a not in composed))
            message = (
                f"{graph.knowledge.label(iri)} is neither indicated for the disease of case '{case.id}' nor did it fail"
            )
            raise CaseError([Issue("", 0, "", "C011", message, f"candidates: {names}")])
        return iri

    def _resolve_option(self, agent: str) -> str:
        try:
            return self._context.names.resolve(agent, (*OPTIONS, "regimen"))
        except Fault as fault:
            raise CaseError([fault.issue("", 0, "agent")]) from None


def find_default_release(path: Path | str | None) -> Path:
    """Return the release to use: as :meth:`KnowledgeGraph.open` looks for it.

    Raises:
        StoreError: if there is none.
    """
    places = [path, os.environ.get("SALVAGE_KG_RELEASE"), Path(__file__).parent / "data" / "release", Path("build")]
    return find_release(next((Path(p) for p in places if p and (p is path or Path(p).exists())), Path("build")))


def _singular(kind: str) -> str:
    """Return the CURIE prefix of a kind written in the singular or plural."""
    for word in (kind, kind.removesuffix("s"), kind.removesuffix("es"), kind.removesuffix("ies") + "y"):
        if word in KINDS:
            return word
    raise KeyError(kind)
