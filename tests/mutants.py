"""Put mistakes into the default chart, one by one, and check that an exploration finds them:
`python -m tests.mutants [--first N] [--last N]`.

The first look explores calls with at most one utterance of the caller. The mistakes that survive go
on to calls with drafts, then to calls of two turns with one kind of words, then to calls of two
turns with drafts, and last to all calls of two turns. The exit code is 1 if a mistake survives that
`EXPLAINED` does not name, or is found although `EXPLAINED` names it.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from time import perf_counter

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from callchart.engine.chart import Chart
from callchart.engine.exploration import Exploration
from callchart.engine.exploration.environment import Phone
from callchart.engine.exploration.mutation import Mutant, mutants
from callchart.engine.exploration.verdict import Caught, Verdict, baseline, verdict
from callchart.states import CHART, WITH_DRAFTS, WORLD

PROCESSES = 2

#: The environments of each look. A later look takes the mistakes that survive the earlier ones.
LOOKS: Sequence[Sequence[Phone]] = (
    (replace(WORLD, turns=0), replace(WORLD, turns=1)),
    (WITH_DRAFTS,),
    (replace(WORLD, turns=2, words=("words",), under_way=1),),
    (replace(WITH_DRAFTS, turns=2, words=("", "words"), under_way=1),),
    (WORLD,),
)

_ANY_WORDS = (
    "here words without a final are no backchannel, and interrupt (tests/states/test_barged_in.py)"
)
#: The mistakes that no exploration can find, with the reason.
EXPLAINED = {
    "call: after longest_call is 0 s": "it may fire at any moment, whatever its delay",
    "call: after longest_call is never": "it may fire at any moment, whatever its delay",
    "call.turn.greeting.overlapped: on PlaybackFinished, its reaction without reset_apologies": (
        "no failure can come before the end of the greeting"
    ),
    "call.turn.settling.pause: on PartialHeard, reaction 1 without note_partial": (
        "here the same words come twice; real ones may have a question mark the second time "
        "(tests/states/test_drafts.py)"
    ),
    **{
        f"call.turn.barged_in.silence: after false_alarm, {which} without drop_partials": _ANY_WORDS
        for which in ("reaction 4", "reaction 5", "reaction 6", "reaction 7")
    },
    "call.listening.hearing: after longest_utterance, its reaction without "
    "count_silence_from_now": (
        "here what is counted from the end of speech may be due at any moment "
        "(tests/states/test_settling.py)"
    ),
    "call.turn.thinking: on ReplyReady, its reaction without note_ready": (
        "what is spoken was ready, and nothing asks there whether it is"
    ),
    "call.turn.thinking.filling: on FillerStarted, its reaction without note_filler_started": (
        "here the end of its word may be due at any moment (tests/states/test_thinking.py)"
    ),
}


@dataclass(frozen=True, slots=True)
class MutantVerdict:
    """The number of a mutant, and the verdict on it."""

    number: int
    verdict: Verdict

    @property
    def mistake(self) -> str:
        return all_mutants()[self.number].mistake

    @property
    def survives(self) -> bool:
        return self.verdict.caught is Caught.SURVIVED

    @property
    def described(self) -> str:
        if self.survives:
            return f"survived: {self.mistake} ({EXPLAINED.get(self.mistake, 'unexplained')})"
        how = f"{self.verdict.caught.name.lower()}: {self.mistake}: {self.verdict.how[:200]}"
        return how + (f", after {len(self.verdict.path)} steps" if self.verdict.path else "")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument(
        "--first", type=int, default=0, metavar="N", help="the number of the first mutant"
    )
    parser.add_argument("--last", type=int, metavar="N", help="the number of the last mutant")
    given = parser.parse_args(arguments)
    last = len(all_mutants()) if given.last is None else given.last + 1
    console = Console(highlight=False, soft_wrap=True)
    began = perf_counter()
    judged = judge_all(range(given.first, last), console)
    console.print(table(judged, perf_counter() - began))
    wrong = [j for j in judged if j.survives != (j.mistake in EXPLAINED)]
    for one in wrong:
        what = "survived, unexplained" if one.survives else "explained, but found"
        console.print(f"{what}: {one.mistake}", markup=False)
    return 1 if wrong else 0


def judge_all(numbers: Sequence[int], console: Console) -> list[MutantVerdict]:
    """Return the verdicts on these mutants, and print each."""
    judged: dict[int, MutantVerdict] = {}
    with Progress(
        TextColumn("mistakes, look {task.fields[look]}"),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        for look in range(len(LOOKS)):
            if look:
                unexplained = (n for n, j in judged.items() if j.mistake not in EXPLAINED)
                numbers = [n for n in unexplained if judged[n].survives]
            task = progress.add_task("", total=len(numbers), look=look + 1)
            baselines(look)
            # Forked processes share the baselines. A garbage collection would copy them.
            gc.freeze()
            with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
                for one in pool.imap(partial(judge, look=look), numbers):
                    judged[one.number] = one
                    last = look == len(LOOKS) - 1
                    if not one.survives or last or one.mistake in EXPLAINED:
                        console.print(one.described, markup=False)
                    progress.advance(task)
    return list(judged.values())


def judge(number: int, look: int) -> MutantVerdict:
    environments = [partial(around, environment) for environment in LOOKS[look]]
    return MutantVerdict(number, verdict(all_mutants()[number], environments, baselines(look)))


def around(environment: Phone, chart: Chart) -> Phone:
    """Return this environment around another chart."""
    return replace(environment, chart=chart)


@cache
def baselines(look: int) -> list[Exploration]:
    """Return the explorations of the default chart in the environments of a look."""
    return [baseline(CHART, partial(around, environment)) for environment in LOOKS[look]]


@cache
def all_mutants() -> list[Mutant]:
    return list(mutants(CHART))


def table(judged: Sequence[MutantVerdict], seconds: float) -> Table:
    """Return a table of how many mistakes were found, and how."""
    counts = Counter(one.verdict.caught for one in judged)
    survived = counts.pop(Caught.SURVIVED, 0)
    shown = Table("mistakes put into the chart", f"{len(judged):,}")
    shown.columns[1].justify = "right"
    for caught in Caught:
        if caught in counts:
            shown.add_row(f"found: {caught}", f"{counts[caught]:,}")
    shown.add_row("found in all", f"{len(judged) - survived:,}", style="bold")
    shown.add_row("survived, explained", f"{sum(j.mistake in EXPLAINED for j in judged):,}")
    unexplained = sum(j.survives and j.mistake not in EXPLAINED for j in judged)
    shown.add_row("survived, unexplained", f"{unexplained:,}")
    shown.add_row("took", f"{seconds / 60:.1f} min")
    return shown


if __name__ == "__main__":
    sys.exit(main())
