"""Where a SPARQL server is and who asks: addresses without secrets in them, secrets that no message shows."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

USER_VARIABLE = "SALVAGE_KG_ENDPOINT_USER"
PASSWORD_VARIABLE = "SALVAGE_KG_ENDPOINT_PASSWORD"  # noqa: S105 the name of a variable
TOKEN_VARIABLE = "SALVAGE_KG_ENDPOINT_TOKEN"  # noqa: S105
#: Last part of a query address → that of the update address beside it.
_UPDATES = {"query": "update"}
#: Last part of a query address → those at which servers keep the graph store beside it.
_STORES = {
    "query": ("store", "data"),
    "sparql": ("sparql-graph-crud",),
    "sparql-auth": ("sparql-graph-crud-auth",),
}


class AddressError(ValueError):
    """An address is no URL of a SPARQL server."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks. Nothing of it is ever shown."""

    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.user or self.token)

    @property
    def header(self) -> str:
        """What is sent as Authorization, empty if nobody in particular asks."""
        if self.token:
            return f"Bearer {self.token}"
        return f"Basic {self._pair}" if self.user else ""

    @property
    def secrets(self) -> list[str]:
        """What must not be repeated where a server says it back."""
        return [text for text in (self.token, self.password, self.user and self._pair) if text]

    @property
    def _pair(self) -> str:
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """A SPARQL server.

    Attributes:
        query: address for queries, without user and password.
        update: address for updates; None where none may be sent.
        stores: addresses at which the graph store protocol may be offered, the likeliest first.
        timeout: seconds a request may take.
        credentials: scheme, host and port of an address → who asks there. They are sent nowhere else.
    """

    query: str
    update: str | None = None
    stores: tuple[str, ...] = ()
    timeout: float = 60
    credentials: Mapping[str, Credentials] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Endpoint({shown(self.query)})"

    def credentials_for(self, url: str) -> Credentials:
        """Return who asks at an address."""
        return self.credentials.get(origin_of(url), Credentials())


def read_endpoint(
    query: str,
    environment: Mapping[str, str],
    *,
    update: str | None = None,
    store: str | None = None,
    timeout: float = 60,
) -> Endpoint:
    """Read the addresses of a server as a user gives them.

    User and password within an address are for its host and port alone. Where no address has them they come from
    the environment (:data:`USER_VARIABLE`, :data:`PASSWORD_VARIABLE`, :data:`TOKEN_VARIABLE`), for all addresses.

    Args:
        query: address for queries; it may hold ``user:password@``.
        environment: for instance ``os.environ``.
        update: address for updates; None where none may be sent.
        store: address of the graph store; None where none is known.
        timeout: seconds a request may take.
    Raises:
        AddressError: if an address is no http or https URL; its user and password are not in the message.
    >>> found = read_endpoint("http://me:secret@localhost:8890/sparql", {})
    >>> found.query, found.credentials_for(found.query).user, "secret" in repr(found)
    ('http://localhost:8890/sparql', 'me', False)
    """
    asked, told, kept = (None if url is None else _read(url) for url in (query, update, store))
    assert asked is not None
    given = [found for found in (asked, told, kept) if found]
    general = Credentials(
        environment.get(USER_VARIABLE, ""), environment.get(PASSWORD_VARIABLE, ""), environment.get(TOKEN_VARIABLE, "")
    )
    known = {origin_of(url): own for url, own in reversed(given) if own}
    if not known and general:
        known = {origin_of(url): general for url, _ in given}
    return Endpoint(asked[0], told[0] if told else None, (kept[0],) if kept else (), timeout, known)


def origin_of(url: str) -> str:
    """Return scheme, host and port of an address.

    >>> origin_of("http://localhost:8890/sparql?key=42")
    'http://localhost:8890/'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}/"


def complete(endpoint: Endpoint, *, stores: bool = True) -> Endpoint:
    """Return an endpoint with the addresses for writing that servers usually have beside that for queries.

    ``…/query`` has ``…/update`` and ``…/store`` or ``…/data``; elsewhere updates go where queries go, and beside
    ``…/sparql`` may be ``…/sparql-graph-crud``.

    Args:
        endpoint: what the user gave; what it has stays.
        stores: whether to look for a graph store.
    >>> complete(Endpoint("http://localhost:7878/query")).update
    'http://localhost:7878/update'
    """
    parts = urlsplit(endpoint.query)
    last = parts.path.rpartition("/")[2]
    update = endpoint.update or _beside(parts, _UPDATES.get(last, last))
    found = tuple(_beside(parts, name) for name in _STORES.get(last, ())) if stores else ()
    return replace(endpoint, update=update, stores=endpoint.stores or found)


def shown(url: str) -> str:
    """Return an address as messages show it: without user, password and the values after a question mark.

    >>> shown("http://me:secret@localhost/sparql?key=42")
    'http://localhost/sparql?…'
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "…" if parts.query else "", ""))


def _read(url: str) -> tuple[str, Credentials]:
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise AddressError(f"an address cannot be read: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise AddressError(f"{shown(url)}: is no address of a server; write http://HOST:PORT/PATH")
    if any(c.isspace() or not c.isprintable() for c in url.strip()):
        raise AddressError(f"{shown(url)!a}: holds characters that no address has")
    plain = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path or "/", parts.query, ""))
    return plain, Credentials(unquote(parts.username or ""), unquote(parts.password or ""))


def _beside(parts: SplitResult, name: str) -> str:
    folder = parts.path.rpartition("/")[0]
    return urlunsplit((parts.scheme, parts.netloc, f"{folder}/{name}", parts.query, ""))
