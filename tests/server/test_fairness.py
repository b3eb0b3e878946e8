"""Who floods the endpoint holds up nobody else."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from kg_builder.server.limits import Limits

ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n0 ?o }"
NEXT = "ASK { ?s a ?class }"
#: It computes for longer than is patiently waited for.
MIDDLING = "SELECT (COUNT(*) AS ?n) { { SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } LIMIT 150000 } }"


@pytest.fixture(scope="module")
def flooded(pooled: Any) -> Iterator[Any]:
    with pooled(Limits(seconds=8.0, memory_mb=256, workers=2, slow=3, queue=64)) as pool:
        yield pool


async def ask_beside_a_flood(pool: Any, questions: list[str], peer: str) -> list[Any]:
    """Ask while somebody called ``one`` sends thirty endless queries at once, and each again when it is refused."""

    async def flooding(number: int) -> None:
        for turn in itertools.count():
            await pool.query(f"{ENDLESS} # {number} {turn}", peer="one")

    flood = [asyncio.create_task(flooding(number)) for number in range(30)]
    await asyncio.sleep(0.5)
    asked = [await pool.query(each, peer=peer) for each in questions]
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
    return asked


def test_who_floods_holds_up_nobody_else(flooded: Any) -> None:
    """What others ask may even take some time itself: it goes before all that the one who floods has sent."""
    alone = flooded.ask(MIDDLING)
    assert alone.kind == "answered"
    asked = flooded.run(ask_beside_a_flood(flooded, [NEXT, MIDDLING] * 6, "another"))
    assert {outcome.kind for outcome in asked} == {"answered"}
    assert sorted(outcome.seconds for outcome in asked)[len(asked) // 2] < flooded.pool.limits.seconds / 4


def test_quick_questions_go_on_beside_a_flood_from_the_same_address(flooded: Any) -> None:
    """As behind a proxy: what has computed for long makes room for what has not."""
    asked = flooded.run(ask_beside_a_flood(flooded, [f"{NEXT} # {number}" for number in range(25)], "one"))
    assert {outcome.kind for outcome in asked} == {"answered"}
    assert sorted(outcome.seconds for outcome in asked)[len(asked) // 2] < flooded.pool.limits.seconds / 4


def test_in_a_full_queue_who_has_most_in_it_makes_room(pooled: Any) -> None:
    with pooled(Limits(seconds=2.0, memory_mb=256, workers=1, slow=0, queue=6)) as pool:

        async def ask() -> tuple[Any, list[Any]]:
            many = [asyncio.create_task(pool.query(f"{ENDLESS} # {i}", peer="one")) for i in range(7)]
            await asyncio.sleep(1.0)
            another = await pool.query(NEXT, peer="another")
            return another, await asyncio.gather(*many)

        another, many = pool.run(ask())
        assert another.kind == "answered"
        assert ["too many requests wait" in outcome.refused.detail for outcome in many] == [False] * 6 + [True]
