"""The verdict on a random call: did anything go wrong, and what?"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Literal

from callchart.engine.chart import Chart
from callchart.engine.data import Said
from callchart.engine.events import FinalHeard, PartialHeard, SpeechEnded, SpeechStarted
from callchart.engine.exception_groups import leaves
from callchart.engine.exploration.environment.properties import ACTED_ON
from callchart.engine.testing import Story, Telephone
from callchart.engine.testing import schedule as running
from callchart.engine.testing.moves import Schedule
from callchart.engine.testing.questions import entered
from callchart.states import CHART
from callchart.states.phrasing import consists_of
from callchart.states.tools import UNDER_WAY
from tests.races.questions import wrong_answers
from tests.soak.calls import RandomCall

Wrong = Literal["stale frames", "double replies", "stuck calls", "leaked tasks", "others"]

Heard = PartialHeard | FinalHeard

#: The longest allowed time without a step (s). The longest utterance is as long.
LONGEST_WITHOUT_A_STEP = 30.0
#: The longest allowed silence (s): `no_input` after a noise whose words did not come (`end_of_turn`
#: and `words_wait`).
LONGEST_SILENCE = 6.0 + 0.7 + 2.0 + 0.1


@dataclass(frozen=True, slots=True)
class CallVerdict:
    """The verdict on one call. `seconds` is its length in virtual time; `shape` is a hash of its
    journal without times and words."""

    number: int
    seconds: float = 0.0
    steps: int = 0
    shape: bytes = b""
    wrong: Wrong | None = None
    #: The number of stale frames, or 1 for another defect.
    count: int = 0
    #: The defects, and the readable journal.
    report: str = ""


def judge(number: int, chart: Chart = CHART, *, reports: bool = False) -> CallVerdict:
    """Make the random call of that number. With `reports`, also report a correct call."""
    random = RandomCall(number, chart)
    story = Story(Schedule(number), random.telephone)
    running.settle(number)
    call, defects = story.telephone, ""
    try:
        defects = running.run(partial(_defects, random, story))
    except Exception as error:  # noqa: BLE001 (any failure is a result)
        defects = "\n".join(_leaves(error))
    wrong, count = _kind(defects) if defects else (None, 0)
    return CallVerdict(
        number,
        call.steps[-1].at_us / 1e6 if call.steps else 0.0,
        len(call.steps),
        _shape(story),
        wrong,
        count,
        _report(story, defects) if defects or reports else "",
    )


async def _defects(random: RandomCall, story: Story) -> str:
    """Run the story, and return the defects that the invariants of every call do not cover."""
    await random.tell(story)
    call = story.telephone
    return "\n".join(
        [
            *_answered_twice(call),
            *_lost_words(call),
            *(
                f"{question!r} was answered with {answer!r}"
                for question, answer in wrong_answers(call)
            ),
            *_long_waits(call),
            *_dead_air(call),
            *_unfinished_tools(random, call),
        ]
    )


def _shape(story: Story) -> bytes:
    """Return a hash of the story's trace, the same in every process."""
    return hashlib.blake2b(repr(story.trace).encode(), digest_size=8).digest()


def _report(story: Story, defects: str) -> str:
    parts = (defects, story.as_told(), story.telephone.readable_journal())
    return "\n\n".join(part for part in parts if part)


def _leaves(error: BaseException) -> Iterator[str]:
    return (f"{type(each).__name__}: {each}" for each in leaves(error))


def _kind(defects: str) -> tuple[Wrong, int]:
    if frames := re.findall(r"(\d+) stale frames", defects):
        return "stale frames", sum(map(int, frames))
    kinds: dict[str, Wrong] = {
        "under way": "leaked tasks",
        "in a circle": "stuck calls",
        "is not over": "stuck calls",
        "dead air": "stuck calls",
        "without a step": "stuck calls",
        "at once": "double replies",
        "replies are begun": "double replies",
        "answered twice": "double replies",
    }
    return next((kind for words, kind in kinds.items() if words in defects), "others"), 1


def _answered_twice(call: Telephone) -> Iterator[str]:
    """Yield defects: two answers between two utterances, or more answers than utterances."""
    heard = {said.reply for said in call.history if _is_an_answer(call, said)}
    results = (step.event for step in call.steps if isinstance(step.event, Heard))
    utterances = {result.utterance for result in results if result.text.strip()}
    if len(heard) > len(utterances):
        yield f"{len(utterances)} utterances were answered twice: {len(heard)} answers were heard"
    replies: set[int] = set()
    for said in call.history:
        if said.who == "caller":
            replies = set()
        elif _is_an_answer(call, said):
            replies.add(said.reply or 0)
        if len(replies) > 1:
            yield f"the caller was answered twice: replies {sorted(replies)}"


def _lost_words(call: Telephone) -> Iterator[str]:
    """Yield words that the chart acted on and that are in no question of the caller."""
    asked = " ".join(said.text for said in call.history if said.who == "caller")
    heard = [step.event for step in call.steps if step.outcome in ACTED_ON]
    finals = {event.utterance: event.text for event in heard if isinstance(event, FinalHeard)}
    partials = {event.utterance: event.text for event in heard if isinstance(event, PartialHeard)}
    for utterance, text in {**partials, **finals}.items():
        if text.strip() not in asked and not consists_of(text, call.scripts.backchannels):
            yield f"{text!r} of utterance {utterance} is lost"


def _is_an_answer(call: Telephone, said: Said) -> bool:
    return said.reply is not None and call.recording.replies[said.reply].script is None


def _long_waits(call: Telephone) -> Iterator[str]:
    for before, after in pairwise(call.steps):
        if after.at_us - before.at_us > LONGEST_WITHOUT_A_STEP * 1e6:
            yield f"{(after.at_us - before.at_us) / 1e6:g} s without a step, in {before.after.leaf}"


def _dead_air(call: Telephone) -> Iterator[str]:
    """Yield silences before our hangup that are longer than `LONGEST_SILENCE`."""
    ends = min(entered(call.steps, "hangup"), default=0.0)
    sounds = [(begin, end) for begin, end in _sounds(call) if begin < ends]
    silent_since = 0.0
    for begin, end in sorted([*sounds, (ends, ends)]):
        if begin - silent_since > LONGEST_SILENCE:
            yield f"{begin - silent_since:.2f} s of dead air, until {begin:g} s"
        silent_since = max(silent_since, end)


def _sounds(call: Telephone) -> Iterator[tuple[float, float]]:
    """Yield the beginning and the end of each sound, of the agent and of the caller (s)."""
    recording = call.recording
    for played in call.line.played():
        yield recording.moment(played.begin), recording.moment(played.end)
    since: float | None = None
    for step in call.steps:
        if isinstance(step.event, SpeechStarted):
            since = step.at_us / 1e6
        elif isinstance(step.event, SpeechEnded) and since is not None:
            yield since, step.at_us / 1e6


def _unfinished_tools(random: RandomCall, call: Telephone) -> Iterator[str]:
    """Yield defects: a tool that must finish and did not, or a use without a result in the
    history."""
    if random.begun != random.done:
        yield f"{random.begun} uses of put_aside began, {random.done} ended"
    for used in call.tools_used:
        if used.result == UNDER_WAY:
            yield f"the use of {used.name} has no end"
