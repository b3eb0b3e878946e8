"""Addresses as users give them; no secret is shown."""

from __future__ import annotations

import pytest

from kg_builder.remote.endpoint import AddressError, Endpoint, complete, read_endpoint, shown

OWN = {"SALVAGE_KG_ENDPOINT_USER": "env-user", "SALVAGE_KG_ENDPOINT_PASSWORD": "env-secret"}


@pytest.mark.parametrize(
    "url",
    ["", "localhost:7878", "ftp://localhost/query", "http://", "file:///etc/passwd", "http://[::1", "http://h:99999/q"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(AddressError):
        read_endpoint(url, {})


def test_a_refused_address_does_not_tell_the_password() -> None:
    with pytest.raises(AddressError) as caught:
        read_endpoint("ftp://me:secret@localhost/query", {})
    assert "secret" not in str(caught.value)


def asker(found: Endpoint, url: str) -> tuple[str, str]:
    own = found.credentials_for(url)
    return own.user, own.password


def test_user_and_password_come_from_the_address_first_and_then_from_the_environment() -> None:
    found = read_endpoint("http://me:se%40cret@localhost/query", OWN)
    assert (found.query, asker(found, found.query)) == ("http://localhost/query", ("me", "se@cret"))
    own = read_endpoint("http://localhost/query", OWN, update="http://elsewhere/update")
    assert asker(own, own.query) == asker(own, "http://elsewhere/update") == ("env-user", "env-secret")
    assert not read_endpoint("http://localhost/query", {}).credentials


def test_a_password_in_an_address_is_for_that_server_alone() -> None:
    same = read_endpoint("http://localhost/query", OWN, update="http://writer:secret@localhost/update")
    assert same.update == "http://localhost/update" and asker(same, same.query) == ("writer", "secret")
    for update in (
        "http://w:secret@elsewhere/update",
        "http://w:secret@localhost:81/update",
        "https://w:s@localhost/u",
    ):
        found = read_endpoint("http://localhost/query", OWN, update=update)
        assert asker(found, found.query) == ("", "") and asker(found, found.update or "")[0] == "w"


def test_nothing_shows_a_secret() -> None:
    found = read_endpoint("http://me:secret@localhost/query?key=secret", OWN, update="http://localhost/update")
    for text in (
        repr(found),
        str(found),
        repr(found.credentials),
        shown("http://me:secret@localhost/query?key=secret"),
    ):
        assert "secret" not in text


@pytest.mark.parametrize(
    ("query", "update", "stores"),
    [
        ("http://h:7878/query", "http://h:7878/update", ("http://h:7878/store", "http://h:7878/data")),
        ("http://h/ds/query", "http://h/ds/update", ("http://h/ds/store", "http://h/ds/data")),
        ("http://h/sparql", "http://h/sparql", ("http://h/sparql-graph-crud",)),
        ("http://h/sparql-auth", "http://h/sparql-auth", ("http://h/sparql-graph-crud-auth",)),
        ("http://h/elsewhere", "http://h/elsewhere", ()),
    ],
)
def test_the_usual_places_for_writing_are_found(query: str, update: str, stores: tuple[str, ...]) -> None:
    found = complete(read_endpoint(query, {}))
    assert (found.update, found.stores) == (update, stores)


def test_what_is_given_is_not_guessed() -> None:
    given = read_endpoint("http://h/query", {}, update="http://h/write", store="http://h/graphs")
    assert complete(given) == given
