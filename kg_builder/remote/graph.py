"""The knowledge graph on a server: cases and questions answered there, or here from what the server lets us read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Self

from kg_builder.derivation.case import Case
from kg_builder.derivation.context import Context, read_context
from kg_builder.derivation.engine import Engine
from kg_builder.derivation.rules import Rule
from kg_builder.graph.store import Manifest
from kg_builder.issues import StoreError
from kg_builder.knowledge_graph import KnowledgeGraph
from kg_builder.remote.client import Client, EndpointError
from kg_builder.remote.description import read_description, read_served
from kg_builder.remote.endpoint import Endpoint, shown
from kg_builder.remote.fetch import fetch_cut, fetch_names
from kg_builder.remote.store import RemoteStore

Say = Callable[[str], None]


class RemoteGraph(KnowledgeGraph):
    """A release on a SPARQL server.

    Where updates are allowed, the rules run on the server, and the case stands there in a graph of its own while it
    is derived. Elsewhere the knowledge that the disease needs is fetched and the case stays here.
    """

    def __init__(
        self, client: Client, manifest: Manifest, *, say: Say = lambda _: None, rules: Iterable[Rule] | None = None
    ) -> None:
        """Answer from a server; :meth:`connect` finds out what it holds.

        Args:
            client: the server.
            manifest: of the release there.
            say: told what a user should know of the way an answer is derived.
            rules: rules of derivation; those that come with the program by default.
        """
        self._client, self._say = client, say
        self._remote = RemoteStore(client, say)
        self._may_update: bool | None = None if client.endpoint.update else False
        super().__init__(self._remote, manifest, rules=rules)

    @classmethod
    def connect(cls, endpoint: Endpoint, *, say: Say = lambda _: None) -> Self:
        """Open the release that a server holds.

        Raises:
            EndpointError: if the server does not answer.
            StoreError: if it holds no release, or one whose load was broken off.
            ModuleNotFoundError: if SPARQLWrapper is not installed.
        """
        client = Client(endpoint)
        found = read_description(client) or read_served(client)
        if found is None:
            hint = "run `salvage-kg load --endpoint URL`; if a load is under way, wait for its end"
            raise StoreError(f"{shown(endpoint.query)}: holds no release of the knowledge graph; {hint}")
        client.remark = f"release {found.sha256}"
        return cls(client, found.manifest, say=say)

    def _read_context(self) -> Context:
        return read_context(fetch_names(self._client))

    def _engine(self, case: Case) -> Engine:
        """Return the engine for a case: over the server, or over what was fetched for the disease."""
        if self._is_update_allowed():
            if "" not in self._engines:
                self._engines[""] = Engine(self._remote, self._rules)
            return self._engines[""]
        disease = self._context.names.resolve(case.disease, ("disease",))
        if disease not in self._engines:
            self._engines[disease] = Engine(fetch_cut(self._client, disease), self._rules)
        return self._engines[disease]

    def _is_update_allowed(self) -> bool:
        if self._may_update is None:
            try:
                self._remote.try_update()
            except EndpointError as error:
                if not error.is_refusal:
                    raise
                self._say(f"{error}; so the answer is derived here, from the knowledge that the server gives")
                self._may_update = False
            else:
                self._may_update = True
        return self._may_update
