"""Commands that take cases: options, susceptibility, explain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from kg_builder.cli.app import command
from kg_builder.cli.remote import (
    TIMEOUT,
    EndpointOption,
    TimeoutOption,
    UpdateOption,
    open_graph,
    tidy_when_stopped,
)
from kg_builder.cli.terminal import Terminal, UsageError, name_of, read_text, report
from kg_builder.derivation.pareto import PreferenceError, read_priorities
from kg_builder.issues import CaseError, Issue, SalvageError, StoreError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from kg_builder import Case, KnowledgeGraph
    from kg_builder.derivation.answer import Answer, Susceptibility

Cases = Annotated[list[str], typer.Argument(metavar="CASE", help="Files of cases (JSON, JSONL, YAML); - for stdin.")]
Result = TypeVar("Result")


Prefer = Annotated[
    str | None,
    typer.Option(metavar="NAMES", help="Objectives that order regimens, the first counts most: adherence,barrier"),
]


def read_names(prefer: str | None) -> tuple[str, ...]:
    """Return the names of a list with commas."""
    return () if prefer is None else tuple(name.strip() for name in prefer.split(","))


@command("options")
@tidy_when_stopped()
def options(
    terminal: Terminal,
    cases: Cases,
    format: Annotated[
        Literal["table", "json", "jsonl", "csv", "ttl", "md"],
        typer.Option("--format", "-f", help="Form of the answer."),
    ] = "table",
    prefer: Prefer = None,
    endpoint: EndpointOption = None,
    update_endpoint: UpdateOption = None,
    timeout: TimeoutOption = TIMEOUT,
) -> None:
    """Rank what can still be given; say why not the rest.

    A case that is at fault is told on stderr, and the others are still answered; the exit code is then 1. So it is
    when what a case states contradicts the knowledge; such a case is answered all the same.
    """
    names = read_names(prefer)
    read_priorities(names)
    texts = _read_all(cases)
    kg = open_graph(terminal, endpoint, update_endpoint, timeout)
    batch = Batch(kg, texts, names)
    if format == "ttl":
        _write_all(terminal, batch, (kg.options_graph(case, names) for case in batch.cases()), str)
    elif format in ("json", "jsonl"):
        _write_json(terminal, batch, map(batch.answer, batch.cases()), lines=format == "jsonl")
    elif format == "csv":
        from kg_builder.render.flat import ANSWER_COLUMNS, answer_rows
        from kg_builder.render.text import dump_csv

        terminal.write(dump_csv(ANSWER_COLUMNS, []))
        _write_all(
            terminal, batch, map(batch.answer, batch.cases()), lambda answer: dump_csv(None, answer_rows(answer))
        )
    else:
        answered = ((case, batch.answer(case)) for case in batch.cases())
        _write_all(terminal, batch, answered, _answer_setter(terminal, kg, format), between="\n")
    batch.finish()


def _answer_setter(terminal: Terminal, kg: KnowledgeGraph, format: str) -> Callable[[tuple[Case, Answer]], str]:
    from kg_builder.render.view import build_view

    if format == "md":
        from kg_builder.render.markdown import write_answer

        return lambda pair: write_answer(build_view(pair[1], pair[0], kg.cite))
    from kg_builder.render.console import set_answer

    page = terminal.page()
    return lambda pair: set_answer(build_view(pair[1], pair[0], kg.cite), page)


@command("susceptibility")
def susceptibility(
    terminal: Terminal,
    cases: Cases,
    format: Annotated[
        Literal["table", "json", "jsonl", "csv", "md"], typer.Option("--format", "-f", help="Form of the scores.")
    ] = "table",
) -> None:
    """Score a genotype, drug by drug and item by item."""
    texts = _read_all(cases)
    kg = terminal.open()
    batch = Batch(kg, texts)
    scored = kg.susceptibility(batch.cases())
    if format in ("json", "jsonl"):
        _write_json(terminal, batch, scored, lines=format == "jsonl")
    elif format == "csv":
        from kg_builder.render.flat import SCORE_COLUMNS, score_rows
        from kg_builder.render.text import dump_csv

        terminal.write(dump_csv(SCORE_COLUMNS, []))
        _write_all(terminal, batch, scored, lambda result: dump_csv(None, score_rows(result)))
    else:
        _write_all(terminal, batch, scored, _score_setter(terminal, format), between="\n")
    batch.finish()


def _score_setter(terminal: Terminal, format: str) -> Callable[[Susceptibility], str]:
    from kg_builder.render.flat import SCORE_HEADS, score_cells, score_title

    if format == "md":
        from kg_builder.render.markdown import write_table

        return lambda result: write_table(SCORE_HEADS, score_cells(result), title=score_title(result))
    from kg_builder.render.console import set_table

    page = terminal.page()
    return lambda result: set_table(SCORE_HEADS, score_cells(result), page, title=score_title(result))


@command("explain")
def explain(
    terminal: Terminal,
    case: Annotated[
        str, typer.Argument(metavar="CASE|claim:NAME", help="A file with the case, - for stdin; or a claim.")
    ],
    agent: Annotated[str | None, typer.Argument(metavar="[AGENT]", help="Drug, product, modality or regimen.")] = None,
    pick: Annotated[
        str | None, typer.Option("--case", metavar="ID", help="Which case, where the file has many.")
    ] = None,
    whole: Annotated[bool, typer.Option("--all", help="Every option of the case, not one.")] = False,
    format: Annotated[
        Literal["table", "json", "ttl", "md"], typer.Option("--format", "-f", help="Form of the proof.")
    ] = "table",
    prefer: Prefer = None,
) -> None:
    """Prove a conclusion, down to claims and sources.

    Of an option: why it has its status, from the facts of the case and from claims. As json and ttl: every step, in a
    form that tools/verify_proof.py checks.

    Of a claim (explain claim:NAME): what it says, when it holds, and on whose word.
    """
    is_claim = case.startswith("claim:")
    if is_claim and (agent or pick or whole or prefer):
        raise UsageError("explain claim:NAME takes neither an agent nor --all nor --case nor --prefer")
    if not is_claim and bool(agent) == whole:
        raise UsageError("explain needs a case and an agent, or a case and --all, or one claim:NAME")
    texts = [] if is_claim else _read_all([case])
    kg = terminal.open()
    chosen = None if is_claim else _one_case(kg, texts[0], pick)
    try:
        terminal.write(_proof_text(terminal, kg, chosen or case, agent, format, read_names(prefer)))
    except (StoreError, PreferenceError):
        raise
    except SalvageError as error:  # the case is sound: what is at fault is the name that the caller typed
        raise UsageError("\n".join(_in_words(issue) for issue in error.issues) or str(error)) from error


def _proof_text(
    terminal: Terminal, kg: KnowledgeGraph, case: Case | str, agent: str | None, format: str, prefer: Sequence[str]
) -> str:
    from kg_builder.render import proof as render

    if not isinstance(case, str) and format in ("json", "ttl"):
        steps = kg.prove(case, agent, prefer)
        return render.write_steps_json(steps) if format == "json" else render.write_steps_turtle(steps)
    if isinstance(case, str):
        trees = [kg.explain_claim(case)]
    else:
        trees = [kg.explain(case, agent, prefer)] if agent else kg.explain_all(case, prefer)
    if format == "json":
        return "".join(tree.model_dump_json(indent=2) + "\n" for tree in trees)
    if format == "ttl":
        return "".join(map(render.write_turtle, trees))
    if format == "md":
        from kg_builder.render.markdown import write_proof

        return "\n".join(map(write_proof, trees))
    page = terminal.page()
    return "\n".join(render.set_proof(tree, page) for tree in trees)


@command("case")
def case_facts(
    terminal: Terminal,
    case: Annotated[str, typer.Argument(metavar="CASE", help="A file with the case, - for stdin.")],
    pick: Annotated[
        str | None, typer.Option("--case", metavar="ID", help="Which case, where the file has many.")
    ] = None,
    format: Annotated[Literal["ttl"], typer.Option("--format", "-f", help="Form of the facts.")] = "ttl",
    prefer: Prefer = None,
) -> None:
    """Print the facts of a case as RDF.

    Nothing is concluded yet. Among them are the composed regimens that are judged; --prefer as for the proof.

    The premises of every proof about it that are no claims; tools/verify_proof.py reads them.
    """
    texts = _read_all([case])
    kg = terminal.open()
    terminal.write(kg.case_graph(_one_case(kg, texts[0], pick), read_names(prefer)))


Text = tuple[str, "str | CaseError"]


class Batch:
    """Cases of several files; those at fault are told as they are met, and the rest goes on.

    ``total`` is the number of cases given, faulty ones included. An id that cases of two files share is a fault
    of the second: an answer could not say whose it is.
    """

    def __init__(self, kg: KnowledgeGraph, texts: Iterable[Text], prefer: Sequence[str] = ()) -> None:
        self._kg, self._prefer = kg, prefer
        self._found = [(file, case) for file, text in texts for case in _try_cases(kg, file, text)]
        self._files: dict[str, str] = {}
        self.total = len(self._found)
        self.faulty = 0

    def cases(self) -> Iterator[Case]:
        """Yield each sound case, in order."""
        for file, case in self._found:
            if isinstance(case, CaseError):
                self.faulty += 1
                report(case.issues)
            elif case.id in self._files:
                self.faulty += 1
                message = f"id '{case.id}' stands already in {self._files[case.id]}"
                report([Issue(file, 0, "/id", "C010", message, "give each case an id of its own")])
            else:
                self._files[case.id] = file
                report(self._kg.remarks(case, path=file))
                yield case

    def answer(self, case: Case) -> Answer:
        """Return the options for a case; tell what of it contradicts the knowledge."""
        answer = self._kg.options(case, self._prefer)
        if conflicts := self._kg.conflicts(case, answer, path=self._files[case.id]):
            self.faulty += any(issue.severity == "error" for issue in conflicts)
            report(conflicts)
        return answer

    def finish(self) -> None:
        """Exit with 1 if a case was at fault."""
        if self.faulty:
            raise typer.Exit(1)


def _read_all(paths: Sequence[str]) -> list[Text]:
    """Return (name, text or what is wrong with it) of each file. Raises UsageError for one that is not there."""
    if paths.count("-") > 1:
        raise UsageError("standard input (-) can be read only once")
    texts: list[Text] = []
    for path in paths:
        try:
            texts.append((name_of(path), read_text(path)))
        except CaseError as error:
            texts.append((name_of(path), error))
    return texts


def _try_cases(kg: KnowledgeGraph, file: str, text: str | CaseError) -> Iterable[Case | CaseError]:
    return [text] if isinstance(text, CaseError) else kg.try_cases(text, path=file)


def _one_case(kg: KnowledgeGraph, text: Text, pick: str | None) -> Case:
    file = text[0]
    found = list(_try_cases(kg, *text))
    sound = [case for case in found if not isinstance(case, CaseError)]
    if pick is not None:
        sound = [case for case in sound if case.id == pick]
        if sound:
            return sound[0]
    faults = [issue for case in found if isinstance(case, CaseError) for issue in case.issues]
    if faults:
        raise CaseError(faults)
    if pick is not None:
        raise UsageError(f"{file}: no case has the id '{pick}'")
    if len(sound) != 1:
        raise UsageError(f"{file}: holds {len(sound)} cases; say which with --case ID")
    return sound[0]


def _in_words(issue: Issue) -> str:
    return f"{issue.message}; {issue.hint}" if issue.hint else issue.message


def _write_all(
    terminal: Terminal, batch: Batch, results: Iterable[Result], show: Callable[[Result], str], *, between: str = ""
) -> None:
    with terminal.progress(while_writing=True) as progress:
        for number, result in enumerate(results, start=1):
            terminal.write((between if number > 1 else "") + show(result))
            progress(f"{number} of {batch.total} cases")


def _write_json(terminal: Terminal, batch: Batch, results: Iterable[BaseModel], *, lines: bool) -> None:
    """Write a line a case; or one object for one case, and a list for several."""
    is_list = not lines and batch.total != 1
    done = 0
    with terminal.progress(while_writing=True) as progress:
        for done, result in enumerate(results, start=1):
            text = result.model_dump_json(indent=None if lines else 2)
            if is_list:
                terminal.write(("[\n" if done == 1 else ",\n") + text)
            else:
                terminal.write(text + "\n")
            progress(f"{done} of {batch.total} cases")
    if is_list:
        terminal.write("\n]\n" if done else "[]\n")
