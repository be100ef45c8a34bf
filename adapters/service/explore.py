"""`callchart explore`: goes through all that calls can come to, and says what was found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from adapters.service.loading import UserError
from engine.chart.explore import Exploration, answers, count_ties, leave_alone, told, unexplored
from engine.world import Phone


def run_explore(world: Phone, *, turns: int, out: Path, as_json: bool) -> int:
    """Explore the world's chart; 1 where a property breaks."""
    if turns < 0:
        raise UserError(f"--turns {turns}: write how often the caller speaks, 0 or more")
    exploration = Exploration(world.chart, replace(world, turns=turns))
    with Console(stderr=True).status("") as status:
        for done in exploration.run():
            status.update(f"{done} of {len(exploration.nodes)} configurations known so far")
    found = findings(exploration)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        show(found, Console(highlight=False, soft_wrap=True))
    return 1 if found["violations"] else 0


def findings(exploration: Exploration) -> dict[str, Any]:
    """What was found, as JSON has it."""
    alone = leave_alone(exploration)
    chart = exploration.chart
    never = unexplored(exploration)
    return {
        "chart": chart.name,
        "complete": exploration.complete,
        "configurations": len(exploration.nodes),
        "standings": len(exploration.explored),
        "steps": exploration.steps,
        "edges": len(exploration.taken),
        "ties": count_ties(exploration),
        "answers": len(answers(chart)),
        "unexplored": [declared.described(chart) for declared in never],
        "seconds_alone": alone,
        "violations": [
            {
                "property": violation.name,
                "how": violation.how,
                "call": [list(line) for line in told(exploration, violation.way)],
            }
            for violation in exploration.violations
        ],
    }


def show(found: dict[str, Any], console: Console) -> None:
    """The figures, then each call that breaks a property, as a story."""
    given = found["answers"] - len(found["unexplored"])
    console.print(
        f"{found['chart']}: {found['configurations']} configurations, {found['steps']} steps "
        f"between them, {found['edges']} edges, {found['ties']} ties; "
        f"{given} of {found['answers']} declared answers are given"
    )
    if found["violations"] and not found["complete"]:
        console.print("the exploration was not complete")
    for declared in found["unexplored"]:
        console.print(f"never given: {declared}", markup=False)
    for violation in found["violations"]:
        console.print(f"\n[bold red]broken[/]: {violation['property']}: {violation['how']}")
        for n, (happened, leaf) in enumerate(violation["call"]):
            console.print(f"{n:4}  {happened}  ->  {leaf}")
    if not found["violations"]:
        console.print(
            f"no property is broken; a call that is left alone ends within "
            f"{found['seconds_alone']:.1f} s"
        )
