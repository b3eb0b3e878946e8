"""Names of terms: labels, synonyms, CURIEs and slugs, found whatever their case and blanks.

One index serves the tables and the cases; it is built from rows or from a released graph.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from rapidfuzz import fuzz, process

from kg_builder.knowledge.faults import Fault
from kg_builder.vocabulary import BASE, KINDS, compact

#: Dashes and quotes that word processors put in place of the plain ones.
_PLAIN = str.maketrans({**dict.fromkeys("‐‑‒–—−", "-"), **dict.fromkeys("‘’′", "'"), **dict.fromkeys("“”″", '"')})
#: Least similarity (0 to 100) of a name that is offered as a repair.
_SIMILAR = 60

#: Kinds in words, where the CURIE prefix is not the word.
_WORDS = {
    "class": "drug class",
    "drugcode": "drug code",
    "bindingsite": "binding site",
    "mode": "failure mode",
    "evidence": "evidence level",
    "state": "patient state",
}


@lru_cache(maxsize=100_000)
def name_key(text: str) -> str:
    """Return what names are compared by: case, width, dashes and runs of blanks do not count.

    >>> name_key("  Chronic  Hepatitis‑B ")
    'chronic hepatitis-b'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    return " ".join(text.casefold().split())


def kind_of(curie: str) -> str:
    """Return the kind of a term: the prefix of its CURIE.

    >>> kind_of("drug:dolutegravir")
    'drug'
    """
    return curie.partition(":")[0]


def words_for(kinds: Sequence[str]) -> str:
    """Return kinds in words.

    >>> words_for(("drug", "class"))
    'drug or drug class'
    """
    words = [_WORDS.get(kind, kind) for kind in kinds]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" or {words[-1]}"


class NameIndex:
    """Finds the term that a text names.

    >>> index = NameIndex.from_terms([("drug:dolutegravir", "dolutegravir", ("DTG",))])
    >>> index.resolve(" dtg ", ("drug", "class"))
    'drug:dolutegravir'
    """

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}
        self._slugs: dict[str, list[str]] = {}
        self._labels: dict[str, str] = {}
        self._by_kind: dict[str, dict[str, str]] = {}
        self._choices: dict[tuple[str, ...], dict[str, str]] = {}
        self._nearest: dict[tuple[str, tuple[str, ...], int], list[str]] = {}

    @classmethod
    def from_terms(cls, terms: Iterable[tuple[str, str, Iterable[str]]]) -> NameIndex:
        """Build the index from (CURIE, label, synonyms)."""
        index = cls()
        for curie, label, synonyms in terms:
            index.add(curie, label, synonyms)
        return index

    def add(self, curie: str, label: str, synonyms: Iterable[str] = ()) -> None:
        """Let one more term be found by its CURIE, its slug, its label and its synonyms."""
        kind, _, slug = curie.partition(":")
        self._labels.setdefault(curie, label)
        self._choices.clear()
        self._nearest.clear()
        by_kind = self._by_kind.setdefault(kind, {})
        for name in (label, *synonyms):
            key = name_key(name)
            if not key:
                continue
            ids = self._names.setdefault(key, [])
            if curie not in ids:
                ids.append(curie)
            by_kind.setdefault(name, curie)
        slugs = self._slugs.setdefault(name_key(slug), [])
        if curie not in slugs:
            slugs.append(curie)

    def __contains__(self, curie: object) -> bool:
        return curie in self._labels

    def __len__(self) -> int:
        return len(self._labels)

    def ids(self, kind: str = "") -> list[str]:
        """Return the CURIEs of all terms, or of those of one kind, in the order they were added."""
        return [curie for curie in self._labels if not kind or kind_of(curie) == kind]

    def label(self, curie: str) -> str:
        """Return a term's label.

        Raises:
            KeyError: if no term has this CURIE.
        """
        return self._labels[curie]

    def is_written(self, text: str, curie: str) -> bool:
        """Return whether the text is, letter for letter, the term's CURIE, its label or a synonym of it."""
        return text == curie or self._by_kind.get(kind_of(curie), {}).get(text) == curie

    def find(self, text: str, kinds: Sequence[str]) -> tuple[str, ...]:
        """Return every term of these kinds that the text names; labels and synonyms before slugs."""
        text = text.strip()
        if text in self._labels:
            return (text,) if kind_of(text) in kinds else ()
        key = name_key(text)
        found = tuple(c for c in self._names.get(key, ()) if kind_of(c) in kinds)
        if found:
            return found
        found = tuple(c for c in self._slugs.get(key, ()) if kind_of(c) in kinds)
        if found or ":" not in key:
            return found
        curie = compact(text) if text.startswith(BASE) else text
        kind, _, slug = curie.partition(":")
        return tuple(
            c for c in self._slugs.get(name_key(slug), ()) if kind_of(c) == kind.casefold() and kind_of(c) in kinds
        )

    def resolve(self, text: str, kinds: Sequence[str]) -> str:
        """Return the CURIE of the one term of these kinds that the text names.

        Args:
            text: label, synonym, CURIE, IRI or slug; case and blanks do not count.
            kinds: CURIE prefixes that are allowed here.
        Raises:
            Fault: T007 unknown (with the nearest names), T008 several terms, T022 a term of another kind.
        """
        found = self.find(text, kinds)
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(f"{c} ({self._labels[c]})" for c in found)
            raise Fault("T008", f"name '{text}' is that of several terms: {names}", f"write {' or '.join(found)}")
        other = self.find(text, tuple(KINDS))
        if other:
            are = ", ".join(f"{c} ({words_for((kind_of(c),))})" for c in other)
            raise Fault("T022", f"'{text}' is {are}; a {words_for(kinds)} is asked for here", self._hint(text, kinds))
        raise Fault("T007", f"unknown name '{text}'", self._hint(text, kinds) or f"no {words_for(kinds)} is declared")

    def nearest(self, text: str, kinds: Sequence[str], n: int = 3) -> list[str]:
        """Return up to n names of these kinds that are most like the text, best first, one a term."""
        kinds = tuple(kinds)
        if (known := self._nearest.get((text, kinds, n))) is not None:
            return known
        if kinds not in self._choices:
            self._choices[kinds] = {name: name_key(name) for kind in kinds for name in self._by_kind.get(kind, ())}
        prefix, _, slug = text.partition(":")
        key = name_key(slug.replace("-", " ") if prefix in KINDS else text)
        hits = process.extract(key, self._choices[kinds], scorer=fuzz.WRatio, limit=8 * n, score_cutoff=_SIMILAR)
        ranked = sorted((-_likeness(key, name_key(name)), name) for _, _, name in hits)
        names: dict[str, str] = {}
        for likeness, name in ranked:
            if -likeness >= _SIMILAR:
                curie = next(self._by_kind[k][name] for k in kinds if name in self._by_kind.get(k, ()))
                names.setdefault(curie, name)
        self._nearest[text, kinds, n] = list(names.values())[:n]
        return self._nearest[text, kinds, n]

    def _hint(self, text: str, kinds: Sequence[str]) -> str:
        near = self.nearest(text, kinds)
        if near:
            return "nearest: " + ", ".join(near)
        return f"declare it, or name another {words_for(kinds)}" if any(self._by_kind.get(k) for k in kinds) else ""


def _likeness(one: str, two: str) -> float:
    """Return how alike two keys are, 0 to 100: letter by letter, in any order of words, or one within the other."""
    within = fuzz.partial_ratio(one, two) * 0.85 if min(len(one), len(two)) >= 5 else 0.0
    return max(fuzz.ratio(one, two), fuzz.token_sort_ratio(one, two), within if within > 0.85 * 90 else 0.0)
