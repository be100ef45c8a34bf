"""`python -m tests.journals`: record the kept journals again after a change of the chart.

The tests replay the committed journals. A journal belongs to one chart, so those tests fail after a
change of the chart until somebody records the journals again and reviews the diff."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from callchart.engine.data import Scripts
from callchart.engine.journal import JournalFile, JournalList, JournalWriter, beginning
from callchart.engine.testing import Spoken, Telephone, schedule
from callchart.states import CHART

FOLDER = Path(__file__).parent

QUESTION = "Which press takes 600 kN?"
ANSWER = ("For metals up to 600 kN take the REM-600-A.|", " It is in stock.|", " Shall I send it?")


async def happy_call(telephone: Telephone) -> None:
    telephone.agent_will_say(*ANSWER, latency=0.4, pace=0.1)
    await telephone.until("listening")
    await telephone.caller_says(QUESTION)
    await telephone.until("speaking")
    await telephone.until("listening")
    telephone.agent_will_say("You are welcome.", latency=0.3, ends_call=True)
    await telephone.caller_says("No, thank you.")
    await telephone.until_the_end()


async def interruption(telephone: Telephone) -> None:
    telephone.agent_will_say(*ANSWER, latency=0.4, pace=0.1)
    await telephone.until("listening")
    await telephone.caller_says(QUESTION)
    await telephone.until("speaking.chunks")
    await telephone.caller_says("Wait, a smaller one.", at=telephone.now + 0.8)
    await telephone.until("speaking")
    await telephone.until("listening")


async def false_alarm(telephone: Telephone) -> None:
    telephone.agent_will_say(*ANSWER, latency=0.4, pace=0.1)
    await telephone.until("listening")
    await telephone.caller_says(QUESTION)
    await telephone.until("speaking.chunks")
    await telephone.caller_makes_noise(at=telephone.now + 0.8)
    await telephone.until("listening")


async def model_dies(telephone: Telephone) -> None:
    telephone.agent_will_say(ANSWER[0], latency=0.4, pace=0.1, fails=True)
    await telephone.until("listening")
    await telephone.caller_says(QUESTION)
    await telephone.until("speaking")
    await telephone.until("listening")


async def nobody_there(telephone: Telephone) -> None:
    await telephone.until_the_end()


async def hangup_into_a_word(telephone: Telephone) -> None:
    telephone.agent_will_say(*ANSWER, latency=0.4, pace=0.1)
    await telephone.until("listening")
    await telephone.caller_says(QUESTION)
    await telephone.until("speaking.chunks")
    await telephone.caller_hangs_up(at=telephone.now + 0.7)
    await telephone.until_the_end()


async def no_final(telephone: Telephone) -> None:
    await telephone.until("listening")
    await telephone.caller_says(Spoken(QUESTION, finals=()))
    await telephone.until("speaking")
    await telephone.until("listening")


CALLS: tuple[Callable[[Telephone], Awaitable[None]], ...] = (
    happy_call,
    interruption,
    false_alarm,
    model_dies,
    nobody_there,
    hangup_into_a_word,
    no_final,
)


def main() -> None:
    """Make every call and write its journal, and for one of them also the redacted journal."""
    for call in CALLS:
        schedule.settle(0)
        telephone = Telephone(CHART, scripts=Scripts())
        schedule.run(partial(_held, call, telephone))
        _write(FOLDER / f"{call.__name__}.jsonl", telephone.journal)
        if call is interruption:
            redacted = JournalList()
            data = beginning(CHART, telephone.journal.lines[0])
            journal_writer = JournalWriter(redacted, CHART, data, redacted=True)
            for step in telephone.steps:
                journal_writer.write(step)
            _write(FOLDER / "interruption_redacted.jsonl", redacted)


async def _held(call: Callable[[Telephone], Awaitable[None]], telephone: Telephone) -> None:
    async with telephone:
        await call(telephone)


def _write(path: Path, journal: JournalList) -> None:
    file = JournalFile(path, lambda what: sys.exit(what))
    for line in journal.lines:
        file.write(line)
    file.close()
    path.chmod(0o644)


if __name__ == "__main__":
    main()
