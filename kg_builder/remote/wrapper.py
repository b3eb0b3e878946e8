"""SPARQLWrapper, with the connection in our hands: no redirects, and digest authentication for one server only."""

from __future__ import annotations

import urllib.request
from http.client import HTTPResponse
from typing import Any, cast

from SPARQLWrapper import POST, XML, SPARQLWrapper

from kg_builder import __version__
from kg_builder.remote.endpoint import Endpoint

AGENT = f"salvage-kg/{__version__}"


class Wrapper(SPARQLWrapper):
    """One request to a server; :meth:`query` sends it.

    By itself SPARQLWrapper would follow redirects with the password in hand, and install the password of a digest
    for every later request of the process.
    """

    def __init__(self, opener: urllib.request.OpenerDirector, endpoint: Endpoint) -> None:
        super().__init__(endpoint.query, updateEndpoint=endpoint.update, returnFormat=XML, agent=AGENT)
        self._opener = opener
        self.timeout = endpoint.timeout  # type: ignore[assignment] # seconds need not be whole
        self.setMethod(POST)
        self.setOnlyConneg(True)

    def use(self, text: str, form: str, accept: str, authorization: str) -> None:
        """Set what is asked.

        Args:
            text: query or update.
            form: its first word, SELECT, INSERT …: SPARQLWrapper would guess it, and take a word of a comment for it.
            accept: media types of the answer.
            authorization: header of that name; none if empty.
        """
        self.queryString, self.queryType = text, form
        self.addCustomHttpHeader("Accept", accept)
        if authorization:
            self.addCustomHttpHeader("Authorization", authorization)

    def _query(self) -> tuple[HTTPResponse, str]:
        return self._opener.open(self._createRequest(), timeout=self.timeout), self.returnFormat


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nothing: the answer that redirects becomes an error that says so."""


class _Digest(urllib.request.HTTPDigestAuthHandler):
    """Sends a digest of the password where a server wants that, as Virtuoso does.

    Virtuoso says what it wants only to who sends no password, and closes the connection on who sends a long body
    without a digest. So what was refused is asked again without the password, and a challenge, once met, is answered
    from then on with the request.
    """

    def __init__(self, passwords: urllib.request.HTTPPasswordMgr) -> None:
        super().__init__(passwords)
        self._challenges: dict[str, dict[str, str]] = {}

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        """Put the digest into a request, where one is known to be wanted."""
        challenge = self._challenges.get(_place(request))
        if challenge and not request.get_header("Authorization", "").startswith("Digest "):
            request.remove_header("Authorization")
            request.add_unredirected_header("Authorization", f"Digest {self.get_authorization(request, challenge)}")
        return request

    https_request = http_request

    def http_error_401(self, request: urllib.request.Request, *given: Any) -> HTTPResponse | None:
        """Ask again what was refused; None where there is nothing to try."""
        if request.get_header("Authorization", "").startswith("Basic "):
            given[0].close()
            request.remove_header("Authorization")
            return cast(HTTPResponse, self.parent.open(request, timeout=request.timeout))
        return cast("HTTPResponse | None", super().http_error_401(request, *given))

    def retry_http_digest_auth(self, request: urllib.request.Request, challenge: str) -> HTTPResponse | None:
        """Answer a challenge and remember it."""
        words = urllib.request.parse_http_list(challenge.partition(" ")[2])
        self._challenges[_place(request)] = urllib.request.parse_keqv_list(list(filter(None, words)))
        return super().retry_http_digest_auth(request, challenge)


def _place(request: urllib.request.Request) -> str:
    return request.full_url.partition("?")[0]


def open_with(endpoint: Endpoint) -> urllib.request.OpenerDirector:
    """Return what opens connections: it follows no redirect, and shows who asks at each address."""
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    for origin, own in endpoint.credentials.items():
        if own.user:
            passwords.add_password(None, origin, own.user, own.password)
    return urllib.request.build_opener(_NoRedirect(), _Digest(passwords))
