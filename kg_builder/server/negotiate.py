"""Content negotiation (RFC 9110, section 12): which form of an answer a client is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from kg_builder.server.problems import Refused

#: Characters of an Accept header that are read; more is no wish of a client.
LONGEST_ACCEPT = 4096

CSV, TSV = "text/csv", "text/tab-separated-values"
RESULTS_JSON, RESULTS_XML = "application/sparql-results+json", "application/sparql-results+xml"
TURTLE, N_TRIPLES, RDF_XML, JSON_LD = (
    "text/turtle",
    "application/n-triples",
    "application/rdf+xml",
    "application/ld+json",
)
HTML = "text/html"


@dataclass(frozen=True, slots=True)
class Offer:
    """A form that an answer can have.

    Attributes:
        media_type: what it is called in the answer's Content-Type.
        written_as: the media type whose writer makes it; another one where clients know the form by two names.
    """

    media_type: str
    written_as: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "written_as", self.written_as or self.media_type)

    @property
    def content_type(self) -> str:
        """Value of the header Content-Type."""
        return f"{self.media_type}; charset=utf-8" if self.media_type.startswith("text/") else self.media_type


#: Of several forms that a client likes equally the first is sent; other names of a form stand last.
BOOLEANS = (
    Offer(RESULTS_JSON),
    Offer(RESULTS_XML),
    Offer("application/json", RESULTS_JSON),
    Offer("application/xml", RESULTS_XML),
    Offer("text/xml", RESULTS_XML),
)
SOLUTIONS = (*BOOLEANS[:2], Offer(CSV), Offer(TSV), *BOOLEANS[2:])
GRAPHS = (
    Offer(TURTLE),
    Offer(N_TRIPLES),
    Offer(RDF_XML),
    Offer(JSON_LD),
    Offer("application/json", JSON_LD),
    Offer("application/xml", RDF_XML),
    Offer("text/xml", RDF_XML),
    Offer("text/plain", N_TRIPLES),
)
PAGE = Offer(HTML)
JSON = Offer("application/json")

#: Form of a query → forms of its answer.
FORMS = {"SELECT": SOLUTIONS, "ASK": BOOLEANS, "CONSTRUCT": GRAPHS, "DESCRIBE": GRAPHS}


def choose(accept: str | None, offers: Sequence[Offer]) -> Offer:
    """Return the offer that the client likes best.

    Args:
        accept: value of the Accept header; None or empty if the client takes anything.
        offers: what there is, best first.
    Raises:
        Refused: 406 if nothing fits, with what there is; 431 if the header is beyond reason.
    >>> choose("text/csv;q=0.5, application/xml", SOLUTIONS).written_as
    'application/sparql-results+xml'
    """
    if accept is None or not accept.strip():
        return offers[0]
    if len(accept) > LONGEST_ACCEPT:
        detail = f"the Accept header is longer than {LONGEST_ACCEPT:,} characters"
        raise Refused(431, "header-too-long", "A header field is too long", detail)
    ranges = _read_ranges(accept)
    best, best_quality = offers[0], 0.0
    for offer in offers:
        quality = _quality(offer.media_type, ranges)
        if quality > best_quality:
            best, best_quality = offer, quality
    if best_quality == 0.0:
        there_is = ", ".join(dict.fromkeys(offer.media_type for offer in offers))
        raise Refused(406, "not-acceptable", "No form of the answer fits the Accept header", f"there is {there_is}")
    return best


@lru_cache(maxsize=256)
def _read_ranges(accept: str) -> tuple[tuple[str, str, float], ...]:
    """Return (type, subtype, quality) of each media range; what is no media range is passed over.

    Parameters other than q are passed over too: nothing that is offered differs by one.
    """
    ranges = []
    for item in accept.split(","):
        media_range, *parameters = item.split(";")
        major, slash, minor = media_range.strip().lower().partition("/")
        quality = _read_quality(parameters)
        if slash and major and minor and quality is not None and (major != "*" or minor == "*"):
            ranges.append((major, minor, quality))
    return tuple(ranges)


def _read_quality(parameters: Sequence[str]) -> float | None:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            digits = value.strip()
            if not digits.replace(".", "", 1).isdecimal() or not digits.isascii():
                return None
            quality = float(digits)
            return quality if quality <= 1 else None
    return 1.0


def _quality(media_type: str, ranges: Sequence[tuple[str, str, float]]) -> float:
    """Return how much a media type is liked: the most specific range that matches it says."""
    major, _, minor = media_type.partition("/")
    best, specificity = 0.0, -1
    for range_major, range_minor, quality in ranges:
        if (range_major, range_minor) == (major, minor):
            rank = 2
        elif (range_major, range_minor) == (major, "*"):
            rank = 1
        elif range_major == "*":
            rank = 0
        else:
            continue
        if rank > specificity:
            best, specificity = quality, rank
    return best
