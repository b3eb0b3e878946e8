"""The door to salvage-kg from Python: open a release, hand in cases, ask questions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyoxigraph as ox

from kg_builder.derivation.answer import Answer, KnowledgeVersion, Susceptibility
from kg_builder.derivation.assemble import Assembly
from kg_builder.derivation.case import Case, read_case, split_cases
from kg_builder.derivation.casegraph import CaseGraph, KnowledgeReader
from kg_builder.derivation.context import read_context
from kg_builder.derivation.explain import Explanation, explain_claim, source_text
from kg_builder.derivation.facts import Prepared
from kg_builder.derivation.prepare import OPTIONS, prepare_case
from kg_builder.derivation.proof import ProofNode
from kg_builder.derivation.rules import Rule, read_rules, run_rules, schedule
from kg_builder.derivation.susceptibility import Algorithm
from kg_builder.graph.store import Manifest, open_release, read_manifest
from kg_builder.issues import CaseError, Issue
from kg_builder.places import find_home
from kg_builder.vocabulary import KINDS, expand

if TYPE_CHECKING:
    from kg_builder.ask import Rows

#: Cases scored together; more would not be faster and would hold more memory.
SCORE_BATCH = 250


class KnowledgeGraph:
    """A release of the knowledge graph, loaded once, that answers cases and questions.

    Not safe for use by several threads at once: a case stands in the store while it is answered.
    """

    def __init__(self, store: ox.Store, manifest: Manifest, *, rules: Iterable[Rule] | None = None) -> None:
        self._store, self.manifest = store, manifest
        self._rules = tuple(rules) if rules is not None else read_rules(find_home("queries", "derive"))
        self._by_name = {rule.name: rule for rule in self._rules}
        self._runs = schedule(self._rules)
        self._knowledge = KnowledgeReader(store)
        self._context = read_context(store)

    @classmethod
    def open(cls, path: Path | str | None = None) -> Self:
        """Open a release.

        Args:
            path: directory of a release or of releases. Without it: the environment variable
                ``SALVAGE_KG_RELEASE``, then what ships with the package, then ``./build``.
        Raises:
            StoreError: if there is none or it is damaged.
        """
        places = [path, os.environ.get("SALVAGE_KG_RELEASE"), Path(__file__).parent / "data" / "release", Path("build")]
        found = next((Path(p) for p in places if p and (p is path or Path(p).exists())), Path("build"))
        return cls(open_release(found), read_manifest(found))

    @property
    def version(self) -> KnowledgeVersion:
        """Which knowledge this is."""
        return KnowledgeVersion(version=self.manifest.version, built=self.manifest.built, sha256=self.manifest.sha256)

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
                    raise CaseError(
                        [
                            Issue(
                                where,
                                0,
                                "/id",
                                "C010",
                                f"case id '{case.id}' stands twice",
                                "ids are unique in a batch",
                            )
                        ]
                    )
                seen.add(case.id)
                prepare_case(case, self._context, path=where)
                yield case
            except CaseError as error:
                yield error

    def remarks(self, case: Case, *, path: str = "") -> tuple[Issue, ...]:
        """Return warnings about how a case was read, for instance a reference residue that is not the gene's."""
        return prepare_case(case, self._context, path=path or case.id).remarks

    def options(self, case: Case) -> Answer:
        """Derive the options for one case.

        Raises:
            CaseError: if a name or number of the case is at fault.
        """
        prepared = prepare_case(case, self._context, path=case.id)
        try:
            graph = self._derive(prepared)
            return Assembly(graph, self._by_name, self.version, case.id).answer()
        finally:
            self._forget(prepared.iri)

    def options_many(self, cases: Iterable[Case]) -> Iterator[Answer]:
        """Derive the options for each case, in order."""
        return (self.options(case) for case in cases)

    def options_graph(self, case: Case) -> str:
        """Return the facts and conclusions of a case as Turtle."""
        prepared = prepare_case(case, self._context, path=case.id)
        try:
            self._derive(prepared)
            triples = [q.triple for q in self._store.quads_for_pattern(None, None, None, ox.NamedNode(prepared.iri))]
            from kg_builder.graph.serialise import turtle

            return turtle(triples)
        finally:
            self._forget(prepared.iri)

    def susceptibility(self, cases: Iterable[Case]) -> Iterator[Susceptibility]:
        """Score each case with the current algorithm, in order; cases are scored in batches."""
        algorithm = Algorithm(self._store, self._knowledge, find_home("queries", "score"))
        stream = iter(cases)
        while batch := [(c.id, prepare_case(c, self._context, path=c.id)) for c in islice(stream, SCORE_BATCH)]:
            yield from algorithm.score(batch)

    def explain(self, case: Case, agent: str) -> ProofNode:
        """Return the whole derivation of one option's status.

        Raises:
            CaseError: if the case is at fault, the name unknown, or the option no candidate for the case.
        """
        prepared = prepare_case(case, self._context, path=case.id)
        try:
            graph = self._derive(prepared)
            iri = self._find_option(agent, case, graph)
            return Explanation(graph, self._by_name).explain(iri)
        finally:
            self._forget(prepared.iri)

    def explain_claim(self, name: str) -> ProofNode:
        """Return what a claim says, its conditions in words and its sources.

        Raises:
            CaseError: if there is no such claim.
        """
        curie = name if name.startswith("claim:") else f"claim:{name}"
        if not self._knowledge.describe(expand(curie)):
            raise CaseError([Issue("", 0, "", "C005", f"no claim '{curie}'", "see `salvage-kg ask claims-of-a-drug`")])
        return explain_claim(expand(curie), self._knowledge)

    def cite(self, source: str) -> str:
        """Return a source, given by its IRI, as it is cited: body, title, year, version."""
        return source_text(source, self._knowledge)

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
        return self._knowledge.first(expand(curie), "http://purl.obolibrary.org/obo/IAO_0000115")

    # --- work -------------------------------------------------------------------------------

    def _derive(self, prepared: Prepared) -> CaseGraph:
        graph = ox.NamedNode(prepared.iri)
        self._store.extend(prepared.quads)
        concluded = run_rules(self._store, self._runs, graph, facts=prepared.kinds)
        given = [quad.triple for quad in prepared.quads]
        return CaseGraph(prepared.iri, given + concluded, prepared.texts, self._knowledge)

    def _forget(self, iri: str) -> None:
        self._store.remove_graph(ox.NamedNode(iri))

    def _find_option(self, agent: str, case: Case, graph: CaseGraph) -> str:
        iri = expand(self._resolve_option(agent))
        if iri not in graph.statuses:
            names = ", ".join(sorted(self._knowledge.label(a) for a in graph.statuses))
            message = (
                f"{self._knowledge.label(iri)} is neither indicated for the disease of case '{case.id}' nor did it fail"
            )
            raise CaseError([Issue("", 0, "", "C011", message, f"candidates: {names}")])
        return iri

    def _resolve_option(self, agent: str) -> str:
        return self._context.names.resolve(agent, OPTIONS)


def _singular(kind: str) -> str:
    """Return the CURIE prefix of a kind written in the singular or plural."""
    for word in (kind, kind.removesuffix("s"), kind.removesuffix("es"), kind.removesuffix("ies") + "y"):
        if word in KINDS:
            return word
    raise KeyError(kind)
