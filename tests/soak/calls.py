"""A random call: one number decides everything in it, from the caller's words to failing providers.

Moments are often whole frames, and often as far apart as the delays of the chart's timers, so
that outside events meet timers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import trio

from callchart.engine.chart import Chart
from callchart.engine.data import Scripts
from callchart.engine.testing import FakeSynthesizer, Manner, Spoken, Story, Telephone, Use
from callchart.engine.tools.tool import Tool, tool
from callchart.states import CHART

SUBJECTS = ("nails", "a hammer", "the REM-600-A", "opening hours", "delivery", "glue", "prices")
QUESTIONS = ("Do you have {}?", "Tell me about {}", "And {}", "No, {}, please", "What of {} then")
AGREEMENT = ("mhm", "yes", "aha", "okay", "right")
SENTENCES = (
    "We have {} in the shop.|",
    "About {} there is a lot to say, and it takes a while.|",
    "{}, then ",
    "Is it {} that you want to know about?|",
)
#: The delays of timers (s), also less one frame, because voice is noticed after its first frame.
INTERVALS = (0.02, 0.15, 0.3, 0.38, 0.4, 0.68, 0.7, 0.88, 0.9, 0.98, 1.0, 2.0, 2.68, 2.98, 3.0)
FILLERS = ("One moment, let me see.", "Well,")


async def look_up(subject: str) -> str:
    """Look something up."""
    return subject


async def put_aside(subject: str) -> str:
    """Put something aside for the caller."""
    return subject


LOOK_UP = tool(look_up, seconds=4.0)
PUT_ASIDE = tool(put_aside, on_interruption="finish", seconds=3.0)


class RandomCall:
    """The random call of a number. `tell` plans its story; `telephone` makes its telephone."""

    def __init__(self, number: int, chart: Chart = CHART) -> None:
        self.number, self._chart = number, chart
        self._luck = Random(f"random call {number}")
        #: The numbers of begun and finished uses of the tool that must finish.
        self.begun = self.done = 0

    def telephone(self) -> Telephone:
        """Return a telephone with providers of its own."""
        luck = self._luck
        settings: dict[str, float] = {"longest_call": luck.choice((9.0, 14.0, 20.0))}
        settings["drafts"] = luck.choice((0, 0, 1, 3))
        if luck.random() < 0.3:
            settings["no_input"] = luck.choice((1.0, 3.0))
        if luck.random() < 0.2:
            settings["backlog"] = luck.choice((0.04, 2.0))
        if luck.random() < 0.2:
            settings["filler_after"] = luck.choice((0.3, 1.0))
        fillers = FILLERS[: luck.choice((0, 0, 1, 2))]
        return Telephone(
            self._chart,
            settings=settings,
            scripts=Scripts(fillers=fillers),
            seed=self.number,
            synthesizer=self._synthesizer(),
            tools=self._tools(),
            transfers=["100"],
        )

    async def tell(self, story: Story) -> None:
        """Plan the events until the end of the call."""
        luck, call = self._luck, story.telephone
        call.recognizer.latency = luck.choice((0.0, 0.0, 0.1, 0.4, 0.7, 1.2, 2.5))
        call.line.closing = luck.choice((0.0, 0.0, 0.0, 0.1, math.inf))
        call.line.transfers = luck.choice((frozenset(), frozenset({"100"})))
        call.line.answers_transfers = luck.random() < 0.9
        for _ in range(luck.randrange(5)):
            self._will_answer(call)
        at = luck.choice((0.0, 1.0, 2.18, 2.2, 3.0))
        for _ in range(luck.choice((0, 1, 1, 2, 2, 3, 4))):
            at = self._speaks(story, self._moment(at))
        for _ in range(luck.choice((0, 0, 1, 2))):
            self._happens_else(story, luck.uniform(0.0, at + 4.0))
        await story.happens()

    # --- providers -------------------------------------------------------------------------------

    def _synthesizer(self) -> FakeSynthesizer:
        luck = self._luck
        voice = FakeSynthesizer(Manner(latency=luck.choice((0.0, 0.0, 0.1, 0.3))))
        voice.tells_words = luck.random() < 0.8
        for subject in SUBJECTS:
            if luck.random() < 0.25:
                voice.will(subject, self._manner())
        return voice

    def _manner(self) -> Manner:
        luck = self._luck
        latency, pace = luck.choice((0.0, 0.2, 0.8, 1.9, 2.0)), luck.choice((0.05, 0.2, 0.5))
        kind = luck.random()
        return Manner(
            latency=latency,
            piece=luck.choice((None, 0.2, 0.4)),
            pace=pace,
            fails=luck.choice((0.0, 0.3)) if kind < 0.1 else None,
            hangs=luck.choice((0.0, 0.3)) if kind > 0.92 else None,
        )

    def _will_answer(self, call: Telephone) -> None:
        luck, kind = self._luck, self._luck.random()
        pieces: list[str | Use] = [self._sentence() for _ in range(luck.choice((1, 1, 2, 3)))]
        if luck.random() < 0.25:
            name = luck.choice(("look_up", "put_aside", "put_aside", "transfer", "hang_up", "none"))
            argument = {"target": "100"} if name == "transfer" else {"subject": "glue"}
            pieces.insert(luck.randrange(len(pieces) + 1), Use(name, argument))
        call.agent_will_say(
            *([] if kind < 0.03 else pieces),
            latency=luck.choice((0.0, 0.0, 0.1, 0.3, 0.7, 1.0, 1.98, 2.0, 3.5, 9.0)),
            pace=luck.choice((0.0, 0.1, 0.4, 1.0)),
            by_word=luck.random() < 0.2,
            ends_call=luck.random() < 0.08,
            fails=0.03 < kind < 0.1,
            hangs=kind > 0.93,
        )

    def _tools(self) -> Sequence[Tool]:
        luck = self._luck
        looking, putting = luck.choice((0.0, 0.5, 2.0, 6.0)), luck.choice((0.0, 0.5, 2.0, 2.9))

        async def looks_up(subject: str) -> str:
            await trio.sleep(looking)
            return f"this of {subject}"

        async def puts_aside(subject: str) -> str:
            self.begun += 1
            await trio.sleep(putting)
            self.done += 1
            return "booked"

        # Reuse the schemas: to make one takes longer than a call.
        return [replace(LOOK_UP, function=looks_up), replace(PUT_ASIDE, function=puts_aside)]

    def _sentence(self) -> str:
        return self._luck.choice(SENTENCES).format(self._luck.choice(SUBJECTS))

    # --- the caller, and others outside ----------------------------------------------------------

    def _moment(self, after: float) -> float:
        """Return a later moment: after the delay of a timer, or after any time."""
        luck = self._luck
        if luck.random() < 0.6:
            later = luck.choice(INTERVALS) + luck.choice((-1e-6, 0.0, 0.0, 1e-6))
        else:
            later = luck.uniform(0.02, 4.0)
        return after + max(0.02, later)

    def _speaks(self, story: Story, at: float) -> float:
        """Plan sound of the caller from `at` on, and return its end."""
        luck, kind = self._luck, self._luck.random()
        if kind < 0.2:
            spoken, lasting = Spoken(""), luck.choice((0.02, 0.1, 0.3, 0.3, 0.88, 0.9, 1.5))
        elif kind < 0.35:
            spoken, lasting = Spoken(luck.choice(AGREEMENT)), luck.choice((0.2, 0.4))
        else:
            words = luck.choice(QUESTIONS).format(luck.choice(SUBJECTS))
            spoken, lasting = self._recognised(words), luck.choice((0.5, 1.0, 1.4))
        story.caller_says(spoken, at=at, until=at + lasting)
        return at + lasting

    def _recognised(self, words: str) -> Spoken:
        """Return the spoken words, most often with exact results of the recognizer."""
        luck, kind = self._luck, self._luck.random()
        later = luck.choice(INTERVALS) + luck.choice((-1e-6, 0.0, 1e-6))
        first, second = words[: len(words) // 2], words[len(words) // 2 :]
        if kind < 0.1:
            return Spoken(words, finals=((0.0, first), (later, second)))
        if kind < 0.16:
            return Spoken(words, finals=())
        if kind < 0.2:
            return Spoken(words, partials=(), finals=())
        if kind < 0.26:
            return Spoken(words, finals=((0.1, words), (0.1 + later, words)))
        if kind < 0.36:
            return Spoken(words, partials=(), finals=((later, words),))
        return Spoken(words)

    def _happens_else(self, story: Story, at: float) -> None:
        """Plan an event other than words of the caller."""

        async def marks_are_lost() -> None:
            story.telephone.line.confirms_marks = False
            # The engine estimates the heard words from now on, as it does without word timings.
            story.telephone.synthesizer.tells_words = False

        match self._luck.choice(("hang up", "hang up", "key", "line", "operator", "ears", "marks")):
            case "hang up":
                story.caller_hangs_up(at=at)
            case "key":
                story.caller_presses(self._luck.choice("0123456789*#"), at=at)
            case "line":
                story.line_breaks(at=at)
            case "operator":
                story.operator_hangs_up(at=at)
            case "ears":
                story.recognizer_fails(at=at)
            case _:
                story.event("marks are lost", marks_are_lost, at=at)
