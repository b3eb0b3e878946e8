"""Curation tables to typed rows, resolved names and statements."""

from kg_builder.knowledge.check import check_knowledge
from kg_builder.knowledge.derive import derive_narrower, derive_reflexive
from kg_builder.knowledge.indexes import derive_indexes
from kg_builder.knowledge.knowledge import Knowledge, build_statements, load_knowledge

__all__ = [
    "Knowledge",
    "build_statements",
    "check_knowledge",
    "derive_indexes",
    "derive_narrower",
    "derive_reflexive",
    "load_knowledge",
]
