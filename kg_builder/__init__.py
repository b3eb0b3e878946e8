"""salvage-kg: which drugs still work after treatment failed, which do not, and why.

>>> from kg_builder import Case
>>> Case(id="example", disease="a disease").id
'example'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kg_builder.derivation.answer import Answer, Susceptibility
    from kg_builder.derivation.case import Case
    from kg_builder.issues import CaseError, Issue, QueryError, SalvageError, StoreError, TableError
    from kg_builder.knowledge_graph import KnowledgeGraph

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Case",
    "CaseError",
    "Issue",
    "KnowledgeGraph",
    "QueryError",
    "SalvageError",
    "StoreError",
    "Susceptibility",
    "TableError",
]

_HOMES = {
    "Answer": "kg_builder.derivation.answer",
    "Susceptibility": "kg_builder.derivation.answer",
    "Case": "kg_builder.derivation.case",
    "KnowledgeGraph": "kg_builder.knowledge_graph",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: the command line starts faster for it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "kg_builder.issues")), name)
