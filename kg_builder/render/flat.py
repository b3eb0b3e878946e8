"""Answers and scores as rows of one table, for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator

from kg_builder.derivation.answer import Answer, DrugScore, Susceptibility
from kg_builder.render.text import clean
from kg_builder.vocabulary import compact

ANSWER_COLUMNS = (
    "case", "kind", "name", "id", "status", "rank", "effect", "code", "degree", "text", "sources", "knowledge",
)  # fmt: skip

SCORE_COLUMNS = (
    "case",
    "algorithm",
    "version",
    "code",
    "name",
    "score",
    "level",
    "interpretation",
    "gene_read",
    "matched",
)


def answer_rows(answer: Answer) -> Iterator[tuple[object, ...]]:
    """Yield a row for each finding, and one for each option without any, each action, warning and missing test."""

    def row(kind: str, name: str, iri: str | None = None, *rest: object) -> tuple[object, ...]:
        cells = [*rest, *[None] * (7 - len(rest))]
        return (answer.case, kind, name, compact(iri) if iri else None, *cells, answer.knowledge.version)

    kinds = (("agent", answer.agents), ("regimen", answer.regimens), ("modality", answer.modalities))
    for kind, options in kinds:
        for option in options:
            for found in option.findings:
                sources = "|".join(compact(iri) for iri in found.sources)
                said = (found.effect, found.code, found.degree, found.text, sources)
                yield row(kind, option.name, option.iri, option.status, option.rank, *said)
            if not option.findings:
                yield row(kind, option.name, option.iri, option.status, option.rank)
    for action in answer.actions:
        yield row("action", action.name, action.iri, None, None, None, None, None, action.text)
    for warning in answer.warnings:
        yield row("warning", warning.name, warning.iri, None, None, None, None, None, warning.text)
    for missing in answer.missing:
        text = f"would change: {', '.join(missing.would_change)}"
        yield row("missing", missing.test, None, None, None, None, None, None, text)


#: what a reader sees under the title of one case
SCORE_HEADS = ("code", "drug", "score", "level", "reading", "because of")


def score_title(result: Susceptibility) -> str:
    """Return the head of one case's scores."""
    return f"{clean(result.case)} · {result.algorithm.name} {result.algorithm.version}"


def score_cells(result: Susceptibility) -> Iterator[tuple[object, ...]]:
    """Yield the rows under :data:`SCORE_HEADS`; a drug whose gene was not read has no score to show."""
    for drug in result.drugs:
        if drug.gene_read:
            yield (drug.code, drug.name, drug.score, drug.level, drug.interpretation, _matched(drug))
        else:
            yield (drug.code, drug.name, None, None, "gene not read", None)


def _matched(drug: DrugScore) -> tuple[str, ...]:
    return tuple(f"{item.item} {item.score:g}" for item in drug.matched)


def score_rows(result: Susceptibility) -> Iterator[tuple[object, ...]]:
    """Yield a row for each drug code of the algorithm."""
    for drug in result.drugs:
        yield (
            result.case, result.algorithm.name, result.algorithm.version, drug.code, drug.name,
            drug.score, drug.level, drug.interpretation, drug.gene_read, _matched(drug),
        )  # fmt: skip
