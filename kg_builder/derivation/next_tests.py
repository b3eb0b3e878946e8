"""Which test to do next: what each of its results would do to the options, counted on derived cases."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from kg_builder.derivation.changes import RESULTS, Change, Changer, Move, term_iri
from kg_builder.derivation.levers import Levers
from kg_builder.derivation.variants import Deriver, Moves, State
from kg_builder.derivation.whatif_answer import NextTest, ResultOf
from kg_builder.vocabulary import compact, expand

#: Changed cases derived for the results of tests, at most; the tests that claims say could tell most go first.
MOST = 30
#: Options from the top whose result R is looked at.
LEADING = 3


@dataclass(frozen=True)
class _Result:
    """A result of a test: in words, as moves, and how many options have a claim that it touches."""

    text: str
    moves: Moves
    reach: int


class NextTests:
    """Ranks the tests that a case lacks by how many options their results could change."""

    def __init__(self, base: State, levers: Levers, deriver: Deriver, changer: Changer) -> None:
        self._base, self._levers, self._deriver, self._changer = base, levers, deriver, changer
        self._know = base.graph.knowledge
        self._active = {option for option, status in base.statuses.items() if status == "active"}

    def rank(self, *, most: int = MOST) -> tuple[NextTest, ...]:
        """Return the tests of which some result changes an option; first what could change most.

        Args:
            most: changed cases derived, at most, beyond those that are derived already.
        """
        results = self._results()
        self._deriver.most = self._deriver.derived + most
        by_reach = sorted(results.items(), key=lambda item: (-max(r.reach for r in item[1]), item[0]))
        self._deriver.derive([r.moves for _, found in by_reach for r in found])
        tests = []
        for name, found in results.items():
            told = [self._told(r.text, state) for r in found if (state := self._deriver.states.get(r.moves))]
            told = [one for one in told if one.usable or one.lost or one.changed]
            options = {option for one in told for option in (*one.usable, *one.lost, *one.changed)}
            if options:
                tests.append(NextTest(test=name, options=len(options), results=tuple(dict.fromkeys(told))))
        return tuple(sorted(tests, key=lambda test: (-test.options, test.test)))

    def _told(self, text: str, state: State) -> ResultOf:
        usable: list[str] = []
        lost: list[str] = []
        changed: list[str] = []
        for option, was in self._base.statuses.items():
            now = state.statuses.get(option, "excluded")
            if now != was:
                (usable if now == "active" else lost if was == "active" else changed).append(self._know.label(option))
        return ResultOf(
            result=text, usable=tuple(sorted(usable)), lost=tuple(sorted(lost)), changed=tuple(sorted(changed))
        )

    # --- results ----------------------------------------------------------------------------------

    def _results(self) -> dict[str, list[_Result]]:
        """Return the results of each test that can matter: those that touch a claim about an option not lost anyway."""
        found: dict[str, dict[Moves, _Result]] = defaultdict(dict)

        def note(name: str, text: str, moves: Moves, reach: int) -> None:
            found[name].setdefault(moves, _Result(text, moves, reach))

        for move, reach in self._near().items():
            if move.change.action == "add":
                for name in self._names(move):
                    note(name, move.change.text, frozenset({move}), reach)
        for name, move, reach in self._denials():
            note(name, move.change.text, frozenset({move}), reach)
        for gene in sorted(term_iri(move) for move in self._levers.moves if move.kind == "gene"):
            if moves := self._determinants(gene):
                label = self._know.label(gene)
                reach = sum(gene in self._know.describe(option).get("testedBy", ()) for option in self._active)
                note(f"sequencing of {label}", f"{label} with all alterations known to matter", moves, reach)
        for option in self._leading():
            if result := self._resistant(option):
                reach = 1 + len(self._active & self._levers.index.followers(option))
                note(self._names(result)[0], result.change.text, frozenset({result}), reach)
        return {name: list(results.values()) for name, results in sorted(found.items())}

    def _leading(self) -> list[str]:
        """Return the active options whose loss would tell most: the first ones, and those that others follow."""
        sources = {a for claim in self._levers.index.claims.values() for a in claim.sources}
        return [o for o, rank in sorted(self._base.ranks.items()) if rank <= LEADING or o in sources]

    def _near(self) -> dict[Move, int]:
        """Return the moves that touch an active option or one that levers could free, with the number of these."""
        near: Counter[Move] = Counter()
        for option, status in self._base.statuses.items():
            stops = [f for f in self._base.graph.findings.get(option, ()) if f.effect in ("excludes", "inactivates")]
            levers = [self._levers.of(finding, self._base.graph) for finding in stops]
            if status == "active":
                near.update(self._levers.barring(option))
            elif levers and all(levers):
                near.update(frozenset().union(*levers))
        return dict(sorted(near.items(), key=lambda item: item[0].order()))

    def _names(self, move: Move) -> list[str]:
        """Return what a test is called of which this is a result."""
        label = self._know.label(term_iri(move)) if move.comes else ""
        if move.kind in RESULTS:
            return [f"susceptibility of {label}"]
        if move.kind == "gene":
            return [f"sequencing of {label}"]
        if move.parameter:
            return [f"measurement of {self._know.label(move.parameter)}"]
        if move.kind != "marker":
            return [f"{move.kind}: {label}"]
        claims = self._levers.requiring(move)
        named = {name for claim in claims for name in self._know.describe(claim.iri).get("testName", ())}
        return sorted(named) or [f"test for {label}"]

    def _denials(self) -> Iterator[tuple[str, Move, int]]:
        """Yield the negative result of each marker that an active option needs and that nobody looked for."""
        for move in self._levers.moves:
            if move.kind == "marker":
                options = {o for claim in self._levers.requiring(move) for o in claim.agents & self._active}
                for name in self._names(move) if options else ():
                    for denial in self._denying(term_iri(move)):
                        yield name, denial, len(options)

    def _denying(self, term: str) -> list[Move]:
        genes = set(self._know.describe(term).get("inGene", ()))
        read = [m for m in self._levers.moves if m.kind == "gene" and term_iri(m) in genes]
        if read:
            return read
        curie = compact(term)
        return [
            self._changer.marker(expand(other), f"test shows {self._know.label(expand(other))}")
            for other, denied in sorted(self._changer.context.negates.items())
            if curie in denied and other.startswith("alteration:")
        ][:1]

    def _determinants(self, gene: str) -> Moves:
        """Return the moves that together state every alteration of a gene that makes some option fail."""
        terms = {t for t in self._levers.index.defeating_terms if gene in self._know.describe(t).get("inGene", ())}
        moves = [self._changer.marker(term, self._know.label(term)) for term in sorted(terms)]
        return frozenset(moves)

    def _resistant(self, option: str) -> Move | None:
        """Return the result R of a drug that can be tested and was not; None of any other option."""
        for move in self._levers.moves:
            if move.kind == "susceptible" and term_iri(move) == option:
                label = self._know.label(option)
                change = Change(
                    action="add",
                    pointer=move.change.pointer,
                    value=RESULTS["resistant"],
                    text=f"{label} tests resistant",
                )
                return Move(change, move.slot, "resistant", move.terms, comes=move.comes)
        return None
