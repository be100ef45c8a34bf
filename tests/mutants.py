"""`python -m tests.mutants [EVERY]`: mistakes put into the default chart, one by one, and whether
an exploration finds them; with EVERY, each so-many-th of them.

Fails where one survives that `EXPLAINED` does not name."""

from __future__ import annotations

import multiprocessing
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from engine.chart import Chart
from engine.chart.explore import Exploration
from engine.chart.explore.mutations import Caught, Mutant, Portrait, mutants, verdict
from engine.world import Phone
from states import CHART, WORLD

PROCESSES = 2
#: Utterances of the caller in the calls that are explored.
TURNS = 1

#: Mistakes that cannot be found, by the end of what they say, and why.
EXPLAINED = {
    "after longest_call is never": "it may be due at any moment, whatever it is set to",
    "after longest_call is 0 s": "it may be due at any moment, whatever it is set to",
}


def world_of(chart: Chart) -> Phone:
    return replace(WORLD, chart=chart, turns=TURNS)


@cache
def usual() -> Portrait:
    """What the default chart comes to."""
    exploration = Exploration(CHART, world_of(CHART))
    for _ in exploration.run():
        pass
    return Portrait.of(exploration)


@cache
def all_mutants() -> list[Mutant]:
    return list(mutants(CHART))


def judged(number: int) -> tuple[int, Caught, str]:
    """How the mutant of that number is found."""
    worlds: list[Callable[[Chart], Phone]] = [world_of]
    caught, how = verdict(all_mutants()[number], worlds, [usual()])
    return number, caught, how


def main(every: int) -> int:
    """Judge them, two at a time; 1 where one survives unexplained."""
    usual()
    counts: Counter[Caught] = Counter()
    unexplained = 0
    numbers = range(0, len(all_mutants()), every)
    with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
        for number, caught, how in pool.imap(judged, numbers, chunksize=4):
            counts[caught] += 1
            mistake = all_mutants()[number].mistake
            if caught is Caught.SURVIVED:
                why = next((w for end, w in EXPLAINED.items() if mistake.endswith(end)), None)
                unexplained += why is None
                print(f"survived: {mistake}" + (f" ({why})" if why else ""), flush=True)
            else:
                print(f"{caught.name.lower():10} {mistake}: {how[:160]}", flush=True)
    total = sum(counts.values())
    print(f"{total} mistakes, {total - counts[Caught.SURVIVED]} found:")
    for caught in Caught:
        print(f"{counts[caught]:5}  {caught}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
