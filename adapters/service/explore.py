"""`callchart explore`: goes through all that calls can come to, and says what was found.

A call that breaks a property is told step by step, and written as a journal where a real call can
go that way; `callchart replay` opens it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from adapters.service.loading import UserError
from engine.chart import Step
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


def run_explore(world: Phone, *, turns: int, out: Path, as_json: bool) -> int:
    """Explore the world's chart; 1 where a property breaks."""
    if turns < 0:
        raise UserError(f"--turns {turns}: write how often the caller speaks, 0 or more")
    exploration = Exploration(world.chart, replace(world, turns=turns))
    with Console(stderr=True).status("") as status:
        for done in exploration.run():
            status.update(f"{done} of {len(exploration.nodes)} configurations known so far")
    found = findings(exploration, out)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        show(found, Console(highlight=False, soft_wrap=True))
    return 1 if found["violations"] else 0


def findings(exploration: Exploration, out: Path) -> dict[str, Any]:
    """What was found, as JSON has it; the calls that break a property are in the folder."""
    alone = leave_alone(exploration)
    chart = exploration.chart
    return {
        "chart": chart.name,
        "complete": exploration.complete,
        "configurations": len(exploration.nodes),
        "standings": len(exploration.explored),
        "steps": exploration.steps,
        "edges": len(exploration.taken),
        "ties": count_ties(exploration),
        "answers": len(answers(chart)),
        "unexplored": [declared.described(chart) for declared in unexplored(exploration)],
        "seconds_alone": alone,
        "violations": [
            _broken(exploration, violation, out) for violation in exploration.violations
        ],
    }


def _broken(exploration: Exploration, violation: Violation, out: Path) -> dict[str, Any]:
    lines = list(told(exploration, violation.way))
    found: dict[str, Any] = {"property": violation.name, "how": violation.how}
    times: Sequence[float | None] = [None] * len(lines)
    try:
        steps = concrete(exploration, violation.way)
    except Unreal as unreal:
        found["no_journal"] = f"{unreal}; what is told is what was explored"
    else:
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{re.sub('[^a-z]+', '-', violation.name)}.jsonl"
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

    given = found["answers"] - len(found["unexplored"])
    say(
        f"{found['chart']}: {found['configurations']} configurations, {found['steps']} steps "
        f"between them, {found['edges']} edges, {found['ties']} ties; "
        f"{given} of {found['answers']} declared answers are given"
    )
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
