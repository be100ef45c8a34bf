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
        self._random = Random(f"random call {number}")
        #: The numbers of begun and finished uses of the tool that must finish.
        self.begun = self.done = 0

    def telephone(self) -> Telephone:
        """Return a telephone with providers of its own."""
        random = self._random
        settings: dict[str, float] = {"longest_call": random.choice((9.0, 14.0, 20.0))}
        settings["drafts"] = random.choice((0, 0, 1, 3))
        if random.random() < 0.3:
            settings["no_input"] = random.choice((1.0, 3.0))
        if random.random() < 0.2:
            settings["backlog"] = random.choice((0.04, 2.0))
        if random.random() < 0.2:
            settings["filler_after"] = random.choice((0.3, 1.0))
        fillers = FILLERS[: random.choice((0, 0, 1, 2))]
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
        random, call = self._random, story.telephone
        call.recognizer.latency = random.choice((0.0, 0.0, 0.1, 0.4, 0.7, 1.2, 2.5))
        call.line.closing = random.choice((0.0, 0.0, 0.0, 0.1, math.inf))
        call.line.transfers = random.choice((frozenset(), frozenset({"100"})))
        call.line.answers_transfers = random.random() < 0.9
        for _ in range(random.randrange(5)):
            self._will_answer(call)
        at = random.choice((0.0, 1.0, 2.18, 2.2, 3.0))
        for _ in range(random.choice((0, 1, 1, 2, 2, 3, 4))):
            at = self._speaks(story, self._moment(at))
        for _ in range(random.choice((0, 0, 1, 2))):
            self._happens_else(story, random.uniform(0.0, at + 4.0))
        await story.happens()

    # --- providers -------------------------------------------------------------------------------

    def _synthesizer(self) -> FakeSynthesizer:
        random = self._random
        voice = FakeSynthesizer(Manner(latency=random.choice((0.0, 0.0, 0.1, 0.3))))
        voice.tells_words = random.random() < 0.8
        for subject in SUBJECTS:
            if random.random() < 0.25:
                voice.will(subject, self._manner())
        return voice

    def _manner(self) -> Manner:
        random = self._random
        latency, pace = random.choice((0.0, 0.2, 0.8, 1.9, 2.0)), random.choice((0.05, 0.2, 0.5))
        kind = random.random()
        return Manner(
            latency=latency,
            piece=random.choice((None, 0.2, 0.4)),
            pace=pace,
            fails=random.choice((0.0, 0.3)) if kind < 0.1 else None,
            hangs=random.choice((0.0, 0.3)) if kind > 0.92 else None,
        )

    def _will_answer(self, call: Telephone) -> None:
        random, kind = self._random, self._random.random()
        pieces: list[str | Use] = [self._sentence() for _ in range(random.choice((1, 1, 2, 3)))]
        if random.random() < 0.25:
            name = random.choice(
                ("look_up", "put_aside", "put_aside", "transfer", "hang_up", "none")
            )
            argument = {"target": "100"} if name == "transfer" else {"subject": "glue"}
            pieces.insert(random.randrange(len(pieces) + 1), Use(name, argument))
        call.agent_will_say(
            *([] if kind < 0.03 else pieces),
            latency=random.choice((0.0, 0.0, 0.1, 0.3, 0.7, 1.0, 1.98, 2.0, 3.5, 9.0)),
            pace=random.choice((0.0, 0.1, 0.4, 1.0)),
            by_word=random.random() < 0.2,
            ends_call=random.random() < 0.08,
            fails=0.03 < kind < 0.1,
            hangs=kind > 0.93,
        )

    def _tools(self) -> Sequence[Tool]:
        random = self._random
        looking, putting = random.choice((0.0, 0.5, 2.0, 6.0)), random.choice((0.0, 0.5, 2.0, 2.9))

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
        return self._random.choice(SENTENCES).format(self._random.choice(SUBJECTS))

    # --- the caller, and others outside ----------------------------------------------------------

    def _moment(self, after: float) -> float:
        """Return a later moment: after the delay of a timer, or after any time."""
        random = self._random
        if random.random() < 0.6:
            later = random.choice(INTERVALS) + random.choice((-1e-6, 0.0, 0.0, 1e-6))
        else:
            later = random.uniform(0.02, 4.0)
        return after + max(0.02, later)

    def _speaks(self, story: Story, at: float) -> float:
        """Plan sound of the caller from `at` on, and return its end."""
        random, kind = self._random, self._random.random()
        if kind < 0.2:
            spoken, lasting = Spoken(""), random.choice((0.02, 0.1, 0.3, 0.3, 0.88, 0.9, 1.5))
        elif kind < 0.35:
            spoken, lasting = Spoken(random.choice(AGREEMENT)), random.choice((0.2, 0.4))
        else:
            words = random.choice(QUESTIONS).format(random.choice(SUBJECTS))
            spoken, lasting = self._recognised(words), random.choice((0.5, 1.0, 1.4))
        story.caller_says(spoken, at=at, until=at + lasting)
        return at + lasting

    def _recognised(self, words: str) -> Spoken:
        """Return the spoken words, most often with exact results of the recognizer."""
        random, kind = self._random, self._random.random()
        later = random.choice(INTERVALS) + random.choice((-1e-6, 0.0, 1e-6))
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

        match self._random.choice(
            ("hang up", "hang up", "key", "line", "operator", "ears", "marks")
        ):
            case "hang up":
                story.caller_hangs_up(at=at)
            case "key":
                story.caller_presses(self._random.choice("0123456789*#"), at=at)
            case "line":
                story.line_breaks(at=at)
            case "operator":
                story.operator_hangs_up(at=at)
            case "ears":
                story.recognizer_fails(at=at)
            case _:
                story.event("marks are lost", marks_are_lost, at=at)
