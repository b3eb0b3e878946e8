"""What tests of several importers share: a small file of one's own, with a fault in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kg_builder.issues import SourceError

Write = Callable[..., Path]


@pytest.fixture
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Write:
    """A writer of the test module's SMALL, a file's name and text, with some passages replaced by others."""
    name, text = request.module.SMALL

    def write_changed(*changes: tuple[str, str]) -> Path:
        changed = text
        for old, new in changes:
            assert old in changed
            changed = changed.replace(old, new, 1)
        path = tmp_path / name
        path.write_text(changed, encoding="utf-8")
        return path

    return write_changed


@pytest.fixture
def faults(write: Write) -> Callable[..., list[tuple[str, int]]]:
    """A finder of (code, line) of the faults told of SMALL with one change, of those that say some words."""

    def find(read: Callable[[Path], object], change: tuple[str, str], words: str) -> list[tuple[str, int]]:
        with pytest.raises(SourceError) as caught:
            read(write(change))
        return [(issue.code, issue.line) for issue in caught.value.issues if words in issue.message]

    return find
