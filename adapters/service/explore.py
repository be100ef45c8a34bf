"""`callchart explore`: goes through all that calls can come to, and says what was found.

A call that breaks a property is told step by step, and written as a journal where a real call can
go that way; `callchart replay` opens it."""

from __future__ import annotations

import json
import multiprocessing
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from adapters.service.loading import UserError
from engine.chart import Chart, Step
from engine.chart.explore import (
    Exploration,
    Unreal,
    Violation,
    answers,
    concrete,
    count_ties,
    leave_alone,
    told,
    unexplored,
)
from engine.journal import JournalFile, Recorder
from engine.world import Phone


def run_explore(
    worlds: Sequence[Phone],
    *,
    turns: int | None,
    faults: int | None,
    every_answer: bool,
    out: Path,
    as_json: bool,
) -> int:
    """Explore the chart in these worlds, side by side; 1 where a property breaks in one, or, if so
    asked, where an answer is given in none."""
    for option, number in (("--turns", turns), ("--faults", faults)):
        if number is not None and number < 0:
            raise UserError(f"{option} {number}: write 0 or more")
    more = 0 if turns is None else turns - worlds[0].turns
    changed = [_changed(world, world.turns + more, faults) for world in worlds]
    # A chart holds functions, which go through no pipe: a fork has them already.
    forks = multiprocessing.get_context("fork")
    workers = max(1, len(changed) - 1)
    with ProcessPoolExecutor(workers, forks, _know, (changed, out)) as others:
        rest = [others.submit(_explore_known, n) for n in range(1, len(changed))]
        with Console(stderr=True).status("") as status:
            first = explored(changed[0], out, status.update)
        found = merged(worlds[0].chart, [first, *(each.result() for each in rest)])
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        show(found, Console(highlight=False, soft_wrap=True))
    return 1 if found["violations"] or (every_answer and found["unexplored"]) else 0


#: In a process beside the first: what all of them explore, and where journals go.
_known: tuple[Sequence[Phone], Path]


def _know(worlds: Sequence[Phone], out: Path) -> None:
    global _known
    _known = worlds, out


def _explore_known(number: int) -> dict[str, Any]:
    worlds, out = _known
    return explored(worlds[number], out)


def _changed(world: Phone, turns: int, faults: int | None) -> Phone:
    borne = {} if faults is None else {"apologies": faults, "reprompts": faults}
    return replace(world, turns=max(0, turns), settings={**world.settings, **borne})


def explored(
    world: Phone, out: Path, tell: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """What was found in one world, as JSON has it; the calls that break a property are in the
    folder `out`."""
    exploration = Exploration(world.chart, world)
    for done in exploration.run():
        tell(f"{done} of {len(exploration.nodes)} configurations known so far")
    alone = leave_alone(exploration)
    return {
        "world": world.name,
        "turns": world.turns,
        "complete": exploration.complete,
        "configurations": len(exploration.nodes),
        "standings": len(exploration.explored),
        "steps": exploration.steps,
        "edges": len(exploration.taken),
        "ties": count_ties(exploration),
        "unexplored": [declared.described(world.chart) for declared in unexplored(exploration)],
        "seconds_alone": alone,
        "violations": [
            _broken(exploration, violation, world.name, out) for violation in exploration.violations
        ],
    }


def merged(chart: Chart, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What was found in all worlds together: an answer is given that is given in one of them."""
    return {
        "chart": chart.name,
        "answers": len(answers(chart)),
        "unexplored": [
            described
            for described in found[0]["unexplored"]
            if all(described in each["unexplored"] for each in found)
        ],
        "seconds_alone": max(each["seconds_alone"] for each in found),
        "violations": [broken for each in found for broken in each["violations"]],
        "worlds": [
            {name: figure for name, figure in each.items() if name != "violations"}
            for each in found
        ],
    }


def _broken(
    exploration: Exploration, violation: Violation, world: str, out: Path
) -> dict[str, Any]:
    lines = list(told(exploration, violation.way))
    found: dict[str, Any] = {
        "property": violation.name,
        "how": violation.how,
        "world": world,
    }
    times: Sequence[float | None] = [None] * len(lines)
    try:
        steps = concrete(exploration, violation.way)
    except Unreal as unreal:
        found["no_journal"] = f"{unreal}; what is told is what was explored"
    else:
        out.mkdir(parents=True, exist_ok=True)
        name = re.sub("[^a-z]+", "-", f"{violation.name} {world}".strip())
        path = out / f"{name}.jsonl"
        write_journal(exploration, steps, path)
        found["journal"] = str(path)
        at = [step.at / 1e6 for step in steps]
        times = [*at, *times[len(at) :]]
    found["call"] = [
        {"at": at, "happened": happened, "state": leaf}
        for at, (happened, leaf) in zip(times, lines, strict=True)
    ]
    return found


def write_journal(exploration: Exploration, steps: Sequence[Step], path: Path) -> None:
    """A call's steps, as `callchart replay` reads them."""
    complaints: list[str] = []
    journal = JournalFile(path, complaints.append)
    data = steps[0].data
    began = exploration.chart.data.begin(data.settings, data.seed, data.facts)
    recorder = Recorder(journal, exploration.chart, began)
    for step in steps:
        recorder.step(step)
    journal.close()
    if complaints:
        raise UserError(*complaints)


def show(found: dict[str, Any], console: Console) -> None:
    """The figures, then each call that breaks a property, as a story."""

    def say(text: str) -> None:
        console.print(text, markup=False)

    for each in found["worlds"]:
        world = f", {each['world']}" if each["world"] else ""
        say(
            f"{found['chart']}{world}: {each['configurations']} configurations with turns up to "
            f"{each['turns']}, {each['steps']} steps between them, {each['edges']} edges, "
            f"{each['ties']} ties"
        )
    given = found["answers"] - len(found["unexplored"])
    say(f"{given} of {found['answers']} declared answers are given")
    for declared in found["unexplored"]:
        say(f"never given: {declared}")
    for violation in found["violations"]:
        say(f"\nbroken: {violation['property']}: {violation['how']}")
        for line in violation["call"]:
            at = "" if line["at"] is None else f"{line['at']:.3f} s"
            say(f"{at:>12}  {line['happened']}  ->  {line['state']}")
        if "journal" in violation:
            say(f"callchart replay {violation['journal']}")
        else:
            say(f"no journal: {violation['no_journal']}")
    if not found["violations"]:
        say(
            "no property is broken; a call that is left alone ends within "
            f"{found['seconds_alone']:.1f} s"
        )
