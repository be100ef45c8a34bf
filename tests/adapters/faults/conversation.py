"""One call on the real engine with the adapters under test, and the words that its caller heard.

The caller asks, waits for the answer, and may ask again; ears and voice are scripted. Answers are
spoken in the tone code, so that each heard word is known; scripts come from a voice of
this process, as those that a service has prepared."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace

import httpx2
import trio

from callchart.adapters.llm.openai import BETWEEN_TOKENS_S, FIRST_TOKEN_S, OpenAIModel
from callchart.engine.chart import Step
from callchart.engine.data import Said, Scripts, ToolUsed
from callchart.engine.phrases import Phrases, script_texts
from callchart.engine.ports import (
    Heard,
    LanguageModel,
    Recognizer,
    Speech,
    Synthesizer,
)
from callchart.engine.scene import Services
from callchart.engine.supervisor import Supervisor
from callchart.states import CHART
from callchart.states.settings import PhoneSettings
from tests.adapters.faults.problems import Problems
from tests.benchmarks.asterisk.energy import EnergyDetectors
from tests.benchmarks.caller import Caller, Script
from tests.benchmarks.calls import attend
from tests.benchmarks.providers import Ear, Voices
from tests.benchmarks.sink import FRAME, RATE_HZ, SILENCE
from tests.benchmarks.voices.earpiece import VoiceLine
from tests.servers.model.server import ModelServer
from tests.servers.tones import speak

#: The longest silence that a caller may hear, in seconds of a machine that is never late.
LONGEST_SILENCE_S = 3.5
#: How often this process measures how late it is (s).
TICK_S = 0.02

#: The filler in another script than all else, which tells it apart.
SCRIPTS = Scripts(
    greeting="hi",
    reprompt="hello",
    apology="sorry",
    regret="sorry bye",
    farewell="bye",
    fillers=("Хм,",),
)
#: The chart's own last resort, after the adapters' bounds.
SETTINGS = PhoneSettings(end_of_turn=0.1)
CALLER = replace(
    Script(), question=0.2, partial=0.05, final=0.05, interrupted_every=0, chunks=1, chunk=1.0
)


@dataclass(frozen=True, slots=True)
class Came:
    """The result of a call.

    `asked` are the recognised questions; `heard` has, for each question, the words of the answer or
    of an apology; `silence_s` is the longest silence between the end of a question and the end of
    its answer, less the time that this process waited for a core."""

    asked: tuple[str, ...]
    heard: tuple[str, ...]
    silence_s: float
    problems: tuple[str, ...]


class Conversation:
    """A call under way; made by `conversation`."""

    def __init__(self, line: _HeardLine, problems: Problems) -> None:
        self._line, self._problems = line, problems
        self._history: Sequence[Said | ToolUsed] = ()

    def note(self, call_id: str, step: Step) -> None:
        """`callchart.engine.call.Inspector`."""
        self._history = step.data.history

    async def hears(self, words: str, question: int = 1) -> None:
        """Wait until the answer to a question (from 1) has these words."""
        while words not in self._words(question):
            await self._line.news.park()

    async def ends(self, words: str) -> None:
        """Wait until these words were heard in any answer."""
        while not any(words in heard.text for heard in self._line.earpiece.turns.values()):
            await self._line.news.park()

    @property
    def questions(self) -> int:
        """The number of questions so far."""
        return self._line.caller.number

    @property
    def came(self) -> Came:
        questions = range(1, self.questions + 1)
        said = [item for item in self._history if isinstance(item, Said)]
        return Came(
            tuple(item.text for item in said if item.who == "caller"),
            tuple(map(self._words, questions)),
            max(map(self._silence_s, questions), default=0.0),
            tuple(self._problems),
        )

    def _words(self, question: int) -> str:
        heard = self._line.earpiece.turns.get(question)
        return heard.text if heard else ""

    def _silence_s(self, question: int) -> float:
        caller = self._line.caller
        until = caller.began.get(question + 1, float("inf"))
        moments = [at for at in self._line.sounds if caller.ended[question] < at < until]
        if not moments:
            # Or was all said to a caller who was speaking still?
            began, ended = caller.began[question], caller.ended[question]
            spoken_over = any(began < at <= ended for at in self._line.sounds)
            return 0.0 if spoken_over else float("inf")
        since = [caller.ended[question], *moments]
        late_s = self._line.late_s
        return max(
            later - at - late_s(at, later) for at, later in zip(since, moments, strict=False)
        )


@asynccontextmanager
async def conversation(
    question: str,
    model: LanguageModel,
    voice: Synthesizer,
    problems: Problems,
    *,
    thought: float = 60.0,
    recognizer: Recognizer | None = None,
) -> AsyncIterator[Conversation]:
    """A call for as long as the block. It asks `question` again and again, `thought` seconds after
    an answer of one second began and ended: in the tone code, where there is a `recognizer`."""
    phrases = Phrases(RATE_HZ)
    await phrases.prepare(Tones(), script_texts(SCRIPTS))
    script = replace(CALLER, thought=thought)
    # The first question comes 0.2 s after the greeting began.
    if recognizer:
        services = Services(EnergyDetectors(), recognizer, voice, model, phrases)
        caller: Caller = _Speaker(script, 0.2 - thought, question)
    else:
        services = Services(Voices(), _Ears(script, question), voice, model, phrases)
        caller = Caller(script, 0.2 - thought)
    line = _HeardLine(question, caller)
    call = Conversation(line, problems)
    supervisor = Supervisor(
        CHART, services, SETTINGS, SCRIPTS, inspectors=[call.note], failed=_failed
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.measure_lateness)
        nursery.start_soon(attend, supervisor, line, float("inf"))
        yield call
        nursery.cancel_scope.cancel()


def _failed(call_id: str, error: BaseException) -> None:
    raise AssertionError(f"the call of {call_id} failed") from error


class _HeardLine(VoiceLine):
    """Also knows when there was any sound, and tells of it."""

    def __init__(self, call_id: str, caller: Caller) -> None:
        super().__init__(call_id, caller)
        self.sounds: list[float] = []
        self._lateness: list[tuple[float, float]] = []
        self.news = trio.lowlevel.ParkingLot()

    def _hear(self, frame: bytes, deadline: float) -> None:
        super()._hear(frame, deadline)
        if frame is not SILENCE:
            self.sounds.append(trio.current_time())
            self.news.unpark_all()

    async def measure_lateness(self) -> None:
        """Note how late each tick is: by as much may the machine have delayed any timer."""
        while True:
            due = trio.current_time() + TICK_S
            await trio.sleep_until(due)
            self._lateness.append((due, trio.current_time() - due))

    def late_s(self, begin: float, end: float) -> float:
        """Return the seconds between two moments in which this process was late."""
        return sum(late for due, late in self._lateness if begin <= due < end)


class _Speaker(Caller):
    """Asks in the tone code."""

    def __init__(self, script: Script, greeting: float, question: str) -> None:
        super().__init__(script, greeting)
        self._question, self._left = speak(question, RATE_HZ), b""

    def ask(self, at: float) -> bytes:
        self.number += 1
        self.began[self.number] = at
        self.ended[self.number] = at + self._question.words[-1].end
        self.next_question = at + self.PATIENCE
        return self._question.pcm

    def frame(self, at: float) -> bytes:
        if not self._left and at >= self.next_question:
            self._left = self.ask(at)
        frame, self._left = self._left[:FRAME], self._left[FRAME:]
        return frame or SILENCE


class _Ear(Ear):
    def __init__(self, script: Script, question: str) -> None:
        super().__init__(script)
        self._question = question

    def utterance_ended(self, utterance: int) -> None:
        self._plan(self._script.final, Heard(utterance, self._question, final=True))


class _Ears:
    """Hears the same question in everything."""

    def __init__(self, script: Script, question: str) -> None:
        self._script, self._question = script, question

    @asynccontextmanager
    async def recognition(self, rate_hz: int) -> AsyncIterator[Ear]:
        yield _Ear(self._script, self._question)


def open_model(
    server: ModelServer, patience: float = BETWEEN_TOKENS_S
) -> AbstractAsyncContextManager[OpenAIModel]:
    """The model of a server that is well. `patience`: how long it may be silent (s)."""
    return OpenAIModel.open(
        model="scripted",
        api_key="secret",
        base_url=server.base_url,
        first_token_s=max(FIRST_TOKEN_S, patience),
        between_tokens_s=patience,
        # The environment's proxies lead elsewhere.
        transport=httpx2.AsyncHTTPTransport(trust_env=False),
    )


class Tones:
    """A voice without a server, which speaks without delay."""

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        await trio.lowlevel.checkpoint()
        out(Speech(speak(text, rate_hz).pcm))
