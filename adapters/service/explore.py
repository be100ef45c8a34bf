"""`callchart explore`: explores all calls of a chart, and reports what it found.

A call that breaks a property is shown step by step. If a real call can take the same path, it is
written as a journal, which `callchart replay` opens.
"""

from __future__ import annotations

import json
import multiprocessing
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from callchart.adapters.service.user_code import UserError, failure_text
from callchart.engine.chart import Chart, Step, begin
from callchart.engine.exploration import (
    Exploration,
    Infeasible,
    MomentDependence,
    SearchState,
    Violation,
    check_liveness,
    concretize,
    count_ties,
    declared_reactions,
    guards_into,
    never_entered,
    outermost,
    trace_of,
    unexplored,
)
from callchart.engine.exploration.environment import Phone
from callchart.engine.journal import JournalFile, JournalWriter

#: The greatest number of configurations: a process needs about 4 GB for them.
MOST = 1_000_000
#: The same for the environment that fits any chart. It is too large to explore wholly, and these
#: take a minute or two.
MOST_IN_GENERAL = 100_000
#: The time between two lines of progress.
LINE_EVERY_S = 10.0
#: The field of an environment that holds examples for the guards on an event.
FIELDS = {"DigitReceived": "keys", "FinalHeard": "words", "PartialHeard": "words"}
#: The code with which an author adds examples to these fields.
EXAMPLES = {"keys": 'keys=("1", ...)', "words": "words=(*PHONE_WORLD.words, ...)"}


def run_explore(
    chart: Chart,
    own: Sequence[Phone],
    *,
    turns: int | None,
    faults: int | None,
    every_answer: bool,
    out: Path,
    as_json: bool,
    chart_option: str = "",
) -> int:
    """Explore the chart in its `own` environments, in parallel.

    A chart without any is explored in an environment that fits every chart. `chart_option` is the
    option of `callchart replay` that names the chart.

    Return 1 if a property is broken, if an exploration is incomplete, or, with `every_answer`,
    if a declared reaction is never taken."""
    for option, number in (("--turns", turns), ("--faults", faults)):
        if number is not None and number < 0:
            raise UserError(f"{option} must be 0 or more, got {number}")
    environments, most = (own, MOST) if own else ([_general(chart)], MOST_IN_GENERAL)
    more = 0 if turns is None else turns - environments[0].turns
    changed = [
        _changed(environment, environment.turns + more, faults) for environment in environments
    ]
    for environment in changed:
        _begin(environment)
    # The functions of a chart cannot be pickled; a forked process has them already.
    forks = multiprocessing.get_context("fork")
    workers = max(1, len(changed) - 1)
    with ProcessPoolExecutor(workers, forks, _share, (changed, out)) as others:
        rest = [others.submit(_explore_number, n) for n in range(1, len(changed))]
        with progress(Console(stderr=True)) as tell:
            first = explored(changed[0], out, tell, most)
        found = merged(chart, [first, *(each.result() for each in rest)])
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        show(found, Console(highlight=False, soft_wrap=True), chart_option)
    whole = all(each["complete"] for each in found["environments"])
    lacks = not whole or (every_answer and found["unexplored"])
    return 1 if found["violations"] or lacks else 0


def _begin(environment: Phone) -> None:
    """Raise `UserError` if a call cannot begin: a report would have no step to show."""
    (data,) = environment.initial_data()
    try:
        step = begin(environment.chart, data)
        begun = SearchState(
            step.after, step.data, environment.after(environment.initial_environment(), step)
        )
        hash(environment.key(environment.representative(begun)))
    except Exception as error:  # noqa: BLE001 (a function of the chart or the environment may raise anything)
        raise UserError(
            f"chart {environment.chart.name!r}: the exploration cannot begin a call: "
            f"{failure_text(error)}"
        ) from None


def _general(chart: Chart) -> Phone:
    """Return an environment that fits any chart. It treats no two values as equal, so it must be
    small."""
    defaults = chart.data().settings
    lowered = {name: min(1, getattr(defaults, name)) for name in _counted(chart)}
    return Phone(chart, settings=lowered, turns=1)


def _counted(chart: Chart) -> Sequence[str]:
    """Return the names of the settings that count how often something may happen."""
    return [f.name for f in fields(chart.data().settings) if f.metadata.get("unit") == "times"]


@contextmanager
def progress(console: Console) -> Iterator[Callable[[str], None]]:
    """Show the progress: in one line of a terminal, or else in a new line every `LINE_EVERY_S`
    seconds."""
    if console.is_terminal and not console.is_dumb_terminal:
        with console.status("") as status:
            yield status.update
        return
    said_at = console.get_time()

    def tell(text: str) -> None:
        nonlocal said_at
        if (now := console.get_time()) - said_at >= LINE_EVERY_S:
            said_at = now
            console.print(text, markup=False, highlight=False, soft_wrap=True)

    yield tell


#: In a worker process: all environments, and the folder for journals.
_shared: tuple[Sequence[Phone], Path]


def _share(environments: Sequence[Phone], out: Path) -> None:
    global _shared
    _shared = environments, out


def _explore_number(number: int) -> dict[str, Any]:
    environments, out = _shared
    return explored(environments[number], out)


def _changed(environment: Phone, turns: int, faults: int | None) -> Phone:
    limits = {} if faults is None else dict.fromkeys(_counted(environment.chart), faults)
    return replace(environment, turns=max(0, turns), settings={**environment.settings, **limits})


def explored(
    environment: Phone,
    out: Path,
    tell: Callable[[str], None] = lambda text: None,
    most: int = MOST,
) -> dict[str, Any]:
    """Return the results for one environment, ready for JSON.

    Writes the calls that break a property to the folder `out`. Stops at more than `most`
    configurations."""
    exploration = Exploration(environment.chart, environment, node_limit=most)
    done = 0
    for done in _running(exploration):
        tell(f"{done} of {len(exploration.nodes)} known configurations explored")
    alone = check_liveness(exploration) if exploration.complete else None
    return {
        "environment": environment.name,
        "turns": environment.turns,
        "complete": exploration.complete,
        # The search is breadth first: it has explored every call of up to this many steps.
        "steps_of_a_call": None if exploration.complete else len(exploration.path_to(done)),
        "configurations": len(exploration.nodes),
        "states": len(exploration.states),
        "steps": exploration.steps,
        "edges": len(exploration.taken),
        "ties": count_ties(exploration),
        "unexplored": [
            declared.described(environment.chart) for declared in unexplored(exploration)
        ],
        "never_entered": never_entered(exploration),
        "seconds_alone": alone,
        "violations": [
            _broken(exploration, violation, environment.name, out)
            for violation in exploration.violations
        ],
    }


def _running(exploration: Exploration) -> Iterator[int]:
    """Run an exploration. Raise `UserError` if its results would be wrong for this chart."""
    try:
        yield from exploration.run()
    except MomentDependence as refused:
        raise UserError(f"chart {exploration.chart.name!r}: {refused}") from None


def merged(chart: Chart, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the results of all environments as one. A reaction counts as taken if any of them
    takes it."""
    never_taken = _in_all([each["unexplored"] for each in found])
    leaves = _in_all([each["never_entered"] for each in found])
    return {
        "chart": chart.name,
        "answers": len(declared_reactions(chart)),
        "unexplored": never_taken,
        "never_entered": list(_never_entered(chart, set(leaves), set(never_taken))),
        "seconds_alone": max(
            (each["seconds_alone"] for each in found if each["complete"]), default=None
        ),
        "violations": [broken for each in found for broken in each["violations"]],
        "environments": [
            {name: figure for name, figure in each.items() if name != "violations"}
            for each in found
        ],
    }


def _in_all(lists: Sequence[Sequence[str]]) -> list[str]:
    """Return the members that all the lists have."""
    return [each for each in lists[0] if all(each in other for other in lists)]


def _never_entered(chart: Chart, leaves: set[str], never_taken: set[str]) -> Iterator[Any]:
    """Yield the outermost states that no call entered, without their children.

    `examples` names, for each field of an environment, the guards that lead into the state. If one
    of them returns True for an example in that field, a call can enter."""
    happened = {
        declared.trigger
        for declared in declared_reactions(chart)
        if declared.described(chart) not in never_taken
    }
    for state in outermost(chart, leaves):
        examples: dict[str, list[str]] = {}
        for trigger, guard in guards_into(chart, state, [*set(chart.leaves) - leaves]):
            if trigger in happened.intersection(FIELDS):
                examples.setdefault(FIELDS[trigger], []).append(guard)
        yield {
            "state": state,
            "examples": {field: sorted({*guards}) for field, guards in examples.items()},
        }


def _broken(
    exploration: Exploration, violation: Violation, environment: str, out: Path
) -> dict[str, Any]:
    lines = list(trace_of(exploration, violation.path))
    found: dict[str, Any] = {
        "property": violation.name,
        "how": violation.how,
        "environment": environment,
    }
    times: Sequence[float | None] = [None] * len(lines)
    try:
        steps = concretize(exploration, violation.path)
    except Infeasible as unreal:
        found["no_journal"] = f"{unreal}; the steps are those of the exploration"
    else:
        out.mkdir(parents=True, exist_ok=True)
        name = re.sub("[^a-z]+", "-", f"{violation.name} {environment}".strip())
        path = out / f"{name}.jsonl"
        write_journal(exploration, steps, path)
        found["journal"] = str(path)
        at = [step.at_us / 1e6 for step in steps]
        times = [*at, *times[len(at) :]]
    found["call"] = [
        {"at": at, "happened": happened, "state": leaf}
        for at, (happened, leaf) in zip(times, lines, strict=True)
    ]
    return found


def write_journal(exploration: Exploration, steps: Sequence[Step], path: Path) -> None:
    """Write the steps of a call as a journal for `callchart replay`."""
    complaints: list[str] = []
    journal = JournalFile(path, complaints.append)
    data = steps[0].data
    began = exploration.chart.data.begin(data.settings, data.seed, data.facts)
    journal_writer = JournalWriter(journal, exploration.chart, began)
    for step in steps:
        journal_writer.write(step)
    journal.close()
    if complaints:
        raise UserError(*complaints)


def show(found: dict[str, Any], console: Console, chart_option: str = "") -> None:
    """Print the figures, then each call that breaks a property, step by step."""

    def say(text: str, style: str | None = None) -> None:
        console.print(text, markup=False, style=style)

    for each in found["environments"]:
        environment = f", {each['environment']}" if each["environment"] else ""
        say(
            f"{found['chart']}{environment}: {each['configurations']} configurations "
            f"with turns up to {each['turns']}, {each['steps']} steps between them, "
            f"{each['edges']} edges, {each['ties']} ties"
        )
    cut_off = [each for each in found["environments"] if not each["complete"]]
    for each in cut_off:
        say(
            f"incomplete: explored every call of up to {each['steps_of_a_call']} "
            f"steps; lower --turns (here {each['turns']}) or --faults, or give the chart's "
            f"module WORLDS that treat more values as equal (docs/charts.md)"
        )
    given = found["answers"] - len(found["unexplored"])
    say(f"{given} of {found['answers']} declared reactions are taken")
    for declared in found["unexplored"]:
        say(f"never taken: {declared}")
    for violation in found["violations"]:
        say(f"\nbroken: {violation['property']}: {violation['how']}")
        for line in violation["call"]:
            at = "" if line["at"] is None else f"{line['at']:.3f} s"
            say(f"{at:>12}  {line['happened']}  ->  {line['state']}")
        if "journal" in violation:
            say(f"callchart replay{chart_option} {violation['journal']}")
        else:
            say(f"no journal: {violation['no_journal']}")
    if not found["violations"] and cut_off:
        say("no property is broken in the explored part")
    elif not found["violations"]:
        say(
            "no property is broken; if only its timers fire, a call ends within "
            f"{found['seconds_alone']:.1f} s"
        )
    for line in _never_entered_lines(found["never_entered"], complete=not cut_off):
        say(line, style="bold")


def _never_entered_lines(states: Sequence[dict[str, Any]], *, complete: bool) -> Iterator[str]:
    """Yield lines about the states that no call entered, which the exploration did not check."""
    if not complete:
        if states:
            names = ", ".join(each["state"] for each in states)
            yield f"NEVER ENTERED in the explored part: {names}"
        return
    for each in states:
        for field, guards in each["examples"].items():
            yield (
                f"NEVER ENTERED: {each['state']}; give an environment in WORLDS an example for "
                f"{' or '.join(guards)}: {EXAMPLES[field]} (docs/charts.md)"
            )
    if others := [each["state"] for each in states if not each["examples"]]:
        yield (
            f"NEVER ENTERED: {', '.join(others)}; raise --turns or --faults, or write other "
            f"environments in WORLDS (docs/charts.md)"
        )
