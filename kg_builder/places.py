"""Where the files are that come with the program: in the package once installed, beside it in a check-out."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def find_home(*parts: str) -> Path:
    """Return a folder such as ``ontology`` or ``queries/ask``, wherever this installation keeps it.

    >>> find_home("queries", "ask").is_dir()
    True
    """
    packaged = _PACKAGE / "data" / Path(*parts)
    return packaged if packaged.is_dir() else _PACKAGE.parent.joinpath(*parts)
