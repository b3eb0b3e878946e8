"""SPARQLWrapper, with the connection in our hands: no redirects, and digest authentication for one server only."""

from __future__ import annotations

import urllib.request
from http.client import HTTPResponse

from SPARQLWrapper import POST, XML, SPARQLWrapper

from kg_builder import __version__
from kg_builder.remote.endpoint import Credentials

AGENT = f"salvage-kg/{__version__}"


class Wrapper(SPARQLWrapper):
    """One request to a server; :meth:`query` sends it.

    By itself SPARQLWrapper would follow redirects with the password in hand, and install the password of a digest
    for every later request of the process.
    """

    def __init__(self, opener: urllib.request.OpenerDirector, query: str, update: str | None) -> None:
        super().__init__(query, updateEndpoint=update, returnFormat=XML, agent=AGENT)
        self._opener = opener
        self.setMethod(POST)
        self.setOnlyConneg(True)

    def use(self, text: str, form: str, accept: str, credentials: Credentials) -> None:
        """Set what is asked.

        Args:
            text: query or update.
            form: its first word, SELECT, INSERT …: SPARQLWrapper would guess it, and take a word of a comment for it.
            accept: media types of the answer.
            credentials: of who asks.
        """
        self.queryString, self.queryType = text, form
        self.addCustomHttpHeader("Accept", accept)
        if credentials.token:
            self.addCustomHttpHeader("Authorization", f"Bearer {credentials.token}")
        elif credentials.user:
            self.setCredentials(credentials.user, credentials.password)

    def _query(self) -> tuple[HTTPResponse, str]:
        return self._opener.open(self._createRequest(), timeout=self.timeout), self.returnFormat


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nothing: the answer that redirects becomes an error that says so."""


def open_with(credentials: Credentials, *addresses: str) -> urllib.request.OpenerDirector:
    """Return what opens connections: it answers a digest challenge of these addresses, and follows no redirect."""
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if credentials.user:
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, addresses, credentials.user, credentials.password)
        handlers.append(urllib.request.HTTPDigestAuthHandler(passwords))
    return urllib.request.build_opener(*handlers)
