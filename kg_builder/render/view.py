"""An answer laid out for reading: sections of entries with numbered sources; how it looks comes later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from kg_builder.derivation.answer import Answer, Finding, Objective, OptionAnswer, PatternAnswer, RegimenAnswer
from kg_builder.derivation.posterior import Proportion
from kg_builder.render.text import clean

#: Effects in the order in which they are shown: what decides comes first.
EFFECTS = ("excludes", "inactivates", "retains", "cautions", "favours")

#: Effects worth a line under an option of this status; a rejected drug's merits are left to `explain`.
SHOWN = {
    "active": EFFECTS,
    "partial": EFFECTS,
    "retained": ("inactivates", "retains", "cautions"),
    "not-active": ("inactivates",),
    "excluded": ("excludes", "inactivates"),
}

#: Reasons that reach an option through another one; what is known of the option itself is told before them.
ROUNDABOUT = {"cross-resistance", "same-target"}

#: Stands before what is said of the Pareto front.
FRONT = "*"

#: How an objective is told; the value stands in the gap.
AIMS = {
    "standing": "{} indication",
    "activity": "{} active",
    "evidence": "evidence {}",
    "interactions": "interactions to manage: {}",
    "toxicity": "shared toxicities: {}",
    "barrier": "least barrier {}",
    "retained": "{} kept",
    "forgiveness": "{} forgiving",
    "doses": "doses a day: {}",
    "units": "units a day: {}",
}

#: Reasons of one code and degree that are shown under an option before the rest are only counted.
MOST_ALIKE = 3


class NamedCase(Protocol):
    """What the head of an answer says about its case."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str | None: ...
    @property
    def disease(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Reason:
    """One line under an entry."""

    effect: str
    code: str
    degree: str | None
    text: str
    refs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """An option, an action, a warning or a test."""

    name: str
    rank: int | None = None
    status: str | None = None
    texts: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Entries under a title; ``notes`` stand below them."""

    title: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerView:
    """An answer ready to be set in type."""

    title: str
    subject: str
    sections: tuple[Section, ...]
    sources: tuple[tuple[int, str], ...]
    notice: str
    knowledge: str


def build_view(answer: Answer, case: NamedCase, cite: Callable[[str], str]) -> AnswerView:
    """Lay out one answer.

    Args:
        answer: what the derivation gave; its order is kept.
        case: whose answer it is, for the head.
        cite: IRI of a source → how it is cited.
    """
    options = (*answer.agents, *answer.modalities)
    shown: list[Finding] = []
    for status, findings in ((option.status, option.findings) for option in options):
        shown += _worth_showing(status, findings)
    for regimen in answer.regimens:
        shown += _worth_showing(regimen.status, regimen.findings)
    cited = dict.fromkeys(iri for finding in shown for iri in finding.sources)
    numbers = {iri: number for number, iri in enumerate(cited, start=1)}

    def pick(title: str, chosen: Iterable[OptionAnswer], *statuses: str) -> Section:
        return Section(title, tuple(_option(option, numbers) for option in chosen if option.status in statuses))

    sections = (
        pick("Options", answer.agents, "active"),
        pick("Partly active", answer.agents, "partial"),
        Section(
            "Regimens",
            tuple(_standing(regimen, numbers) for regimen in answer.regimens if regimen.status == "active"),
            tuple(map(_pattern, answer.patterns)),
        ),
        pick("Other treatment", answer.modalities, "active", "partial", "retained"),
        Section("To do", tuple(Entry(clean(a.name), texts=_unless_same(a.text, a.name)) for a in answer.actions)),
        Section(
            "To watch",
            tuple(
                Entry(clean(w.name), texts=(*_for_agents(w.agents), *_unless_same(w.text, w.name)))
                for w in answer.warnings
            ),
        ),
        Section(
            "Not known, and it would matter",
            tuple(
                Entry(clean(m.test), texts=(f"would change: {clean(', '.join(m.would_change))}",))
                for m in answer.missing
            ),
        ),
        pick("Kept although inactive", answer.agents, "retained"),
        Section(
            "Regimens that fall",
            tuple(_fallen(regimen, numbers) for regimen in answer.regimens if regimen.status != "active"),
        ),
        pick("Not active", options, "not-active"),
        pick("Rejected", options, "excluded"),
    )
    version = answer.knowledge
    return AnswerView(
        title=" · ".join(clean(part) for part in (answer.case, case.title) if part),
        subject=" · ".join(clean(part) for part in (case.disease, answer.goal and f"goal: {answer.goal}") if part),
        sections=tuple(section for section in sections if section.entries or section.title == "Options"),
        sources=tuple((number, clean(cite(iri))) for iri, number in numbers.items()),
        notice=clean(answer.notice),
        knowledge=f"Knowledge {version.version} of {version.built}, sha256 {version.sha256[:12]}",
    )


def _worth_showing(status: str, findings: Iterable[Finding]) -> list[Finding]:
    shown = SHOWN[status]
    return sorted(
        (f for f in findings if f.effect in shown), key=lambda f: (EFFECTS.index(f.effect), f.code in ROUNDABOUT)
    )


def _reasons(status: str, findings: Iterable[Finding], numbers: Mapping[str, int]) -> tuple[Reason, ...]:
    """Return the reasons of an option: findings that read alike share a line, and of many alike a few are shown."""
    merged: dict[tuple[str, str, str | None], dict[str, set[int]]] = {}
    for finding in _worth_showing(status, findings):
        texts = merged.setdefault((finding.effect, finding.code, finding.degree), {})
        texts.setdefault(clean(finding.text), set()).update(numbers[iri] for iri in finding.sources)
    reasons: list[Reason] = []
    for kind, texts in merged.items():
        listed = list(texts.items())
        shown = listed if len(listed) <= MOST_ALIKE + 1 else listed[:MOST_ALIKE]
        reasons += (Reason(*kind, text, tuple(sorted(refs))) for text, refs in shown)
        if rest := listed[len(shown) :]:
            refs = sorted(set().union(*(refs for _, refs in rest)))
            reasons.append(Reason(*kind, f"and {len(rest)} more of this kind; `explain` shows them all", tuple(refs)))
    return tuple(reasons)


def _option(option: OptionAnswer, numbers: Mapping[str, int]) -> Entry:
    reasons = _reasons(option.status, option.findings, numbers)
    return Entry(clean(option.name), option.rank, option.status, reasons=reasons)


def _standing(regimen: RegimenAnswer, numbers: Mapping[str, int]) -> Entry:
    parts = " + ".join(regimen.components)
    aims = " · ".join(text for name, aim in regimen.objectives.items() if (text := _aim(name, aim)))
    front = f"{FRONT} no other regimen is better in one respect and worse in none" if regimen.on_pareto_front else ""
    texts = ("" if regimen.pattern else parts, aims, front)
    reasons = _reasons(regimen.status, regimen.findings, numbers)
    return Entry(clean(regimen.name), regimen.rank, regimen.status, tuple(clean(t) for t in texts if t), reasons)


def _aim(name: str, aim: Objective) -> str:
    """Return an objective in a word or two; nothing where nothing is known or nothing there."""
    if aim.value in ("unknown", 0):
        return ""
    if aim.interval and isinstance(aim.value, float):
        return AIMS.get(name, f"{name} {{}}").format(Proportion(aim.value, *aim.interval))
    number = f"{aim.value:g}" if isinstance(aim.value, float) else str(aim.value)
    return AIMS.get(name, f"{name} {{}}").format(number)


def _fallen(regimen: RegimenAnswer, numbers: Mapping[str, int]) -> Entry:
    remains = f"remains: {' + '.join(regimen.remains)}" if regimen.remains else "nothing of it remains"
    reasons = _reasons(regimen.status, regimen.findings, numbers)
    name = f"pattern: {regimen.name}" if regimen.pattern else regimen.name
    return Entry(clean(name), None, regimen.status, (clean(remains),), reasons)


def _pattern(pattern: PatternAnswer) -> str:
    if not pattern.combinations:
        return clean(f"{pattern.name}: cannot be met, see what falls")
    word = "combination" if pattern.combinations == 1 else "combinations"
    front = f", {pattern.front} on the Pareto front" if pattern.shown < pattern.front else ""
    return clean(f"{pattern.name}: {pattern.combinations} {word}{front}, {pattern.shown} shown")


def _unless_same(text: str, name: str) -> tuple[str, ...]:
    return () if clean(text).rstrip(".").casefold() == clean(name).casefold() or not text else (clean(text),)


def _for_agents(agents: tuple[str, ...]) -> tuple[str, ...]:
    return (f"with {clean(', '.join(agents))}",) if agents else ()
