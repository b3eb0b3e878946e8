"""Which form of an answer a client is given (RFC 9110, section 12)."""

from __future__ import annotations

import pytest

from kg_builder.server.negotiate import BOOLEANS, GRAPHS, SOLUTIONS, Offer, choose
from kg_builder.server.problems import Refused

JSON, XML = "application/sparql-results+json", "application/sparql-results+xml"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/*", "text/csv"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV", "text/csv"),
        ("text/tab-separated-values;q=0.9, text/csv;q=0.8", "text/tab-separated-values"),
        (f"{JSON};q=0.5, {XML}", XML),
        (f"{XML}, {JSON}", JSON),
        (f"{JSON};q=0, */*", XML),
        ("*/*;q=0.1, text/csv", "text/csv"),
        ("text/*;q=1, text/csv;q=0.1", "text/tab-separated-values"),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "application/xml"),
        ("application/json", "application/json"),
        ("text/csv; charset=utf-8", "text/csv"),
        ("text/csv;header=present", "text/csv"),
        ("nonsense, text/csv", "text/csv"),
        ("*/csv, text/csv;q=0.2, application/json;q=0.1", "text/csv"),
        ("text/csv;q=high, application/xml;q=0.1", "application/xml"),
        ("text/csv;q=7, application/xml;q=0.1", "application/xml"),
        ("text/csv;q=0.999, application/xml;q=0.998", "text/csv"),
    ],
)
def test_best_form(accept: str | None, expected: str) -> None:
    assert choose(accept, SOLUTIONS).media_type == expected


@pytest.mark.parametrize(
    ("accept", "offers"),
    [
        ("text/html", SOLUTIONS),
        ("text/csv", BOOLEANS),
        ("text/csv;q=0", SOLUTIONS),
        ("image/*", GRAPHS),
        ("*/*;q=0", GRAPHS),
        ("nonsense", GRAPHS),
        (",,,;;;===", GRAPHS),
    ],
)
def test_nothing_fits(accept: str, offers: tuple[Offer, ...]) -> None:
    with pytest.raises(Refused) as caught:
        choose(accept, offers)
    assert caught.value.status == 406
    assert offers[0].media_type in caught.value.detail


def test_other_names_of_a_form_are_sent_under_that_name() -> None:
    offer = choose("application/xml", GRAPHS)
    assert (offer.media_type, offer.written_as) == ("application/xml", "application/rdf+xml")
    assert choose("text/plain", GRAPHS).written_as == "application/n-triples"
    assert choose("application/json", GRAPHS).written_as == "application/ld+json"


def test_text_says_its_charset() -> None:
    assert choose("text/csv", SOLUTIONS).content_type == "text/csv; charset=utf-8"
    assert choose(None, SOLUTIONS).content_type == JSON


def test_an_endless_header_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        choose("text/csv," * 1000, SOLUTIONS)
    assert caught.value.status == 431
