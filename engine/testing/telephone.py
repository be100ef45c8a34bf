"""A telephone to call the agent: one call, on a virtual clock, driven by a test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import EllipsisType, TracebackType
from typing import Any, Self

import trio
import trio.testing

from callchart.engine.activities import ACTIVITIES, check_activities
from callchart.engine.call import Call
from callchart.engine.chart import Chart, Step
from callchart.engine.data import Facts, Said, Scripts, ToolUsed
from callchart.engine.did_you_mean import did_you_mean
from callchart.engine.events import HangUpRequested
from callchart.engine.journal import JournalList, JournalWriter
from callchart.engine.phrases import Phrases, script_texts
from callchart.engine.scene import Services
from callchart.engine.settings import Settings
from callchart.engine.testing.hearing import FakeRecognizer, FakeVoiceDetectors, Spoken
from callchart.engine.testing.invariants import check_invariants
from callchart.engine.testing.line import FakeLine
from callchart.engine.testing.model import FakeAnswer, FakeModel, Use
from callchart.engine.testing.path_diff import names_with_keys, path_diff
from callchart.engine.testing.questions import (
    HeardReply,
    Path,
    Recording,
    follows,
    heard_by_caller,
    history,
    is_in,
    stale_frames,
    states,
    tools_used,
)
from callchart.engine.testing.report import readable
from callchart.engine.testing.speech import CHARACTERS_A_SECOND, FakeSynthesizer
from callchart.engine.tools.tool import Tool

#: The default limit of a wait, in virtual seconds: longer than any timer of the default chart
#: except `longest_call`.
PATIENCE_S = 60.0
#: More steps than this at one instant are an endless loop.
MAX_STEPS_AT_INSTANT = 1000
#: The keys of a telephone.
KEYS = "0123456789ABCD*#"


class Telephone:
    """One call to the agent: `async with Telephone(chart) as telephone:`, then its events.

    The call begins at the first awaited verb. Script latencies, faults and answers before it. `at`
    and `until` are seconds since the call began. Each verb waits until its event has happened. At
    the end of the block, open expectations are met or fail, the caller hangs up, the call ends, and
    `check_invariants` runs.

    `settings` may be a mapping of the settings that differ from the defaults. Without `scripts`
    there are no fillers. `tools` are the tools of the model, `transfers` the permitted targets of a
    transfer. Raises `AssertionError` for an expectation that is not met. Every wait has a limit."""

    def __init__(
        self,
        chart: Chart,
        *,
        settings: Settings | Mapping[str, Any] | None = None,
        scripts: Scripts | None = None,
        seed: int = 0,
        line: FakeLine | None = None,
        detectors: FakeVoiceDetectors | None = None,
        recognizer: FakeRecognizer | None = None,
        synthesizer: FakeSynthesizer | None = None,
        model: FakeModel | None = None,
        tools: Sequence[Tool] = (),
        transfers: Sequence[str] = (),
    ) -> None:
        check_activities(chart)
        self.chart, self.seed = chart, seed
        if not isinstance(settings, Settings):
            settings = type(chart.data().settings).of(dict(settings or {}))
        #: The settings of the call, of the chart's class.
        self.settings: Any = settings
        self.scripts = scripts or Scripts(fillers=())
        self.line = line or FakeLine()
        self.detectors = detectors or FakeVoiceDetectors()
        self.recognizer = recognizer or FakeRecognizer()
        self.synthesizer = synthesizer or FakeSynthesizer()
        self.model = model or FakeModel()
        self.tools, self.transfers = tools, transfers
        self.journal = JournalList()
        self.recording = Recording(chart, self.line, self.synthesizer, journal=self.journal.lines)
        self._phrases = Phrases(self.line.rate_hz)
        self._nursery_manager: AbstractAsyncContextManager[trio.Nursery]
        self._nursery: trio.Nursery | None = None
        self._call: Call | None = None
        self._over = False
        self._steps_at_instant = 0
        self._wait: _Wait | None = None
        self._open_expectations: list[Expectation] = []

    async def __aenter__(self) -> Self:
        self._nursery_manager = trio.open_nursery()
        self._nursery = await self._nursery_manager.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        __tracebackhide__ = True
        assert self._nursery is not None
        failure = error
        if error is None:
            try:
                # It takes a limited virtual time, and can be cancelled.
                await self._finish()  # noqa: ASYNC102
            except (AssertionError, trio.Cancelled) as unmet:  # noqa: ASYNC103 - see below
                failure = unmet
        self._nursery.cancel_scope.cancel()
        # Do not pass the test's own failure through the nursery, which would wrap it in a group.
        # Pass a cancellation through it: the call may have failed, and the nursery raises that.
        if isinstance(failure, trio.Cancelled):
            return await self._nursery_manager.__aexit__(  # noqa: ASYNC102 - its scope is cancelled
                type(failure), failure, failure.__traceback__
            )
        await self._nursery_manager.__aexit__(None, None, None)  # noqa: ASYNC102 - it is cancelled
        if failure is not error and failure is not None:
            raise failure
        return None

    # --- scripts --------------------------------------------------------------------------------

    def agent_will_say(
        self,
        *texts: str | Use,
        latency: float = 0.0,
        pace: float = 0.0,
        by_word: bool = False,
        ends_call: bool = False,
        fails: bool = False,
        hangs: bool = False,
    ) -> None:
        """Script the next answer of the model that has no script, text by text or word by word.

        Between texts, `Use(name, arguments)` uses a tool; in later texts, its result replaces
        "{result}". The first piece comes after `latency`, each further one after `pace` (seconds).
        At the end the answer asks to hang up (`ends_call`), `fails`, or never ends (`hangs`).
        Without a script, the agent repeats the words that it heard."""
        pieces: list[str | Use] = []
        for text in texts:
            if isinstance(text, Use):
                pieces.append(text)
            else:
                pieces += [f"{word} " for word in (text.split() if by_word else [text])]
        self.model.will_write(FakeAnswer(tuple(pieces), latency, pace, ends_call, fails, hangs))

    # --- events ---------------------------------------------------------------------------------

    async def caller_says(
        self,
        words: str | Spoken,
        *,
        at: float | None = None,
        until: float | None = None,
        lasting: float | None = None,
    ) -> None:
        """Let the caller speak from `at` (default: now), `until` a moment or `lasting` so long (s).

        By default it lasts as long as the words take. `Spoken` scripts the results of the
        recognizer."""
        __tracebackhide__ = True
        spoken = Spoken(words) if isinstance(words, str) else words
        await self.caller_starts_speaking(spoken, at=at)
        if until is None:
            until = self.now + (lasting or max(0.5, len(spoken.text) / CHARACTERS_A_SECOND))
        await self.caller_stops_speaking(at=until)

    async def caller_makes_noise(self, *, at: float | None = None, lasting: float = 0.3) -> None:
        """Let the caller cough: voice without words."""
        __tracebackhide__ = True
        await self.caller_says(Spoken(""), at=at, lasting=lasting)

    async def caller_starts_speaking(
        self, words: str | Spoken = "", *, at: float | None = None
    ) -> None:
        """Let the caller begin to speak. Without `words`, the recognizer hears none."""
        __tracebackhide__ = True
        await self._reach(at)
        spoken = Spoken(words) if isinstance(words, str) else words
        self.line.start_speaking(self.recognizer.knows(spoken))

    async def caller_stops_speaking(self, *, at: float | None = None) -> None:
        """Let the caller fall silent."""
        __tracebackhide__ = True
        await self._reach(at)
        self.line.stop_speaking()

    async def caller_hangs_up(self, *, at: float | None = None) -> None:
        """Let the caller hang up."""
        __tracebackhide__ = True
        await self._reach(at)
        self.line.remote_hangs_up()

    async def caller_presses(self, digits: str, *, at: float | None = None) -> None:
        """Let the caller press keys, one after the other."""
        __tracebackhide__ = True
        for digit in digits:
            if digit not in KEYS:
                raise ValueError(f"a key must be one of 0-9, A-D, * and #, got {digit!r}")
        await self._reach(at)
        for digit in digits:
            self.line.press(digit)

    async def line_breaks(self, *, at: float | None = None) -> None:
        """Close the line without a reason."""
        __tracebackhide__ = True
        await self._reach(at)
        self.line.break_off()

    async def operator_hangs_up(
        self, reason: str = "the service stops", *, at: float | None = None
    ) -> None:
        """Let the operator ask the agent to end the call."""
        __tracebackhide__ = True
        await self._reach(at)
        if self._call is not None and not self._over:
            self._call.mailbox.post(HangUpRequested(reason))

    async def until(self, what: float | str, *, within: float = PATIENCE_S) -> None:
        """Let time pass until a moment (seconds), or until the call is in a state of that name."""
        __tracebackhide__ = True
        if isinstance(what, str):
            self._check_names([what])
            await self._reach(None)
            state = what
            await self._wait_for(lambda: is_in(self.state, state), f"in {state}", within)
        else:
            await self._reach(what)

    async def until_the_end(self, *, within: float | None = None) -> None:
        """Let time pass until the call has ended: by default at most `longest_call` and 60 s."""
        __tracebackhide__ = True
        await self._reach(None)
        longest = self.settings.longest_call + PATIENCE_S
        await self._wait_for(lambda: self._over, "over", longest if within is None else within)

    def expect(
        self,
        *,
        states: Path | None = None,
        heard: str | None = None,
        stale_frames: int | None = None,
        within: float = PATIENCE_S,
    ) -> Expectation:
        """Expect that the call passes through these states, and then has these values.

        `states` is the path from the beginning of the call; `...` matches any states. `heard` are
        the words of the last reply that the caller has heard, `stale_frames` is the number of
        frames of ended replies that the caller has heard. Await the expectation to wait for the
        states, for at most `within` virtual seconds. Otherwise the next verb of the telephone, or
        the end of the call, waits for them."""
        self._check_names([name for name in states or () if not isinstance(name, EllipsisType)])
        frame = sys._getframe(1)
        line = TracebackType(None, frame, frame.f_lasti, frame.f_lineno)
        expectation = Expectation(self._meet, states, heard, stale_frames, within, line)
        self._open_expectations.append(expectation)
        return expectation

    # --- questions ------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Seconds since the call began."""
        return 0.0 if self._call is None else round(trio.current_time() - self.recording.began, 9)

    @property
    def state(self) -> str:
        """The full name of the active leaf; "" before the first step."""
        return self.steps[-1].after.leaf if self.steps else ""

    @property
    def over(self) -> bool:
        """True when the call has ended and its tasks have finished."""
        return self._over

    @property
    def steps(self) -> Sequence[Step]:
        """All steps so far, for `callchart.engine.testing.questions`."""
        return self.recording.steps

    @property
    def history(self) -> tuple[Said, ...]:
        """The history in the call's data: the engine's view of the conversation."""
        return history(self.steps)

    @property
    def tools_used(self) -> tuple[ToolUsed, ...]:
        """The tools that the model has used, from the call's history."""
        return tools_used(self.steps)

    @property
    def heard(self) -> list[HeardReply]:
        """The words that the caller has heard, reply by reply, from the sound on the line."""
        return heard_by_caller(self.recording)

    # --- inside ---------------------------------------------------------------------------------

    async def _reach(self, moment: float | None) -> None:
        """Begin the call if needed, meet open expectations, and wait until `moment`."""
        __tracebackhide__ = True
        if self._call is None:
            await self._begin()
        await self._meet_all()
        if moment is None:
            return
        if moment < self.now - 1e-6:
            raise AssertionError(
                f"a moment must not be in the past: got {moment:g} s at {self.now:g} s"
            )
        await trio.sleep_until(self.recording.began + moment)

    async def _begin(self) -> None:
        if self._nursery is None:
            raise RuntimeError("a telephone must be entered: write `async with telephone`")
        await self._phrases.prepare(self.synthesizer, script_texts(self.scripts))
        clips = self._phrases.fillers(self.scripts)
        line = self.line
        facts = Facts(line.call_id, line.rate_hz, line.parties, self.scripts, clips)
        data = self.chart.data.begin(self.settings, self.seed, facts)
        self._call = Call(
            self.chart,
            self.line,
            Services(
                self.detectors,
                self.recognizer,
                self.synthesizer,
                self.model,
                self._phrases,
                self.tools,
                self.transfers,
            ),
            data,
            activities=ACTIVITIES,
            journal_writer=JournalWriter(self.journal, self.chart, data),
            inspectors=[self._note],
        )
        self.recording.began = trio.current_time()
        self._nursery.start_soon(self._run, self._call, name=f"call {self.line.call_id}")
        await self._wait_for(lambda: bool(self.steps), "begun", PATIENCE_S)

    async def _run(self, call: Call) -> None:
        try:
            await call.run()
        finally:
            self._over = True
            if self._wait is not None:
                self._wait.ended.set()

    def _note(self, call_id: str, step: Step) -> None:
        steps = self.recording.steps
        same_instant = bool(steps) and steps[-1].at_us == step.at_us
        self._steps_at_instant = self._steps_at_instant + 1 if same_instant else 0
        if self._steps_at_instant > MAX_STEPS_AT_INSTANT:
            raise AssertionError(
                f"{MAX_STEPS_AT_INSTANT} steps at {step.at_us / 1e6:.3f} s, now in "
                f"{step.after.leaf}: the call goes round in a circle"
            )
        self.recording.note(step)
        # Check at every step: a state may last 0 s.
        if self._wait is not None and self._wait.condition():
            self._wait.held = True
            self._wait.ended.set()

    async def _wait_for(self, condition: Callable[[], bool], what: str, within: float) -> None:
        """Wait for a step after which the condition is true, then for the end of its instant."""
        __tracebackhide__ = True
        if not (held := condition()) and not self._over:
            self._wait = wait = _Wait(condition)
            with trio.move_on_after(within):
                await wait.ended.wait()
            self._wait, held = None, wait.held or condition()
        if not held:
            why = "it has ended" if self._over else f"not within {within:g} s"
            raise AssertionError(self._with_place(f"the call is not {what}: {why}"))
        await trio.testing.wait_all_tasks_blocked()

    async def _meet_all(self) -> None:
        __tracebackhide__ = True
        while self._open_expectations:
            await self._open_expectations[0]

    async def _meet(self, expected: Expectation) -> None:
        __tracebackhide__ = True
        if expected not in self._open_expectations:
            return
        self._open_expectations.remove(expected)
        if self._call is None:
            await self._begin()
        if (path := expected.states) is not None:
            try:
                await self._wait_for(
                    lambda: follows(states(self.steps), path), "where it should be", expected.within
                )
            except AssertionError:
                names = names_with_keys(self.chart, self.steps)
                diff = path_diff(names, states(self.steps), path)
                message = f"the call did not pass through the expected states:\n{diff}"
                raise self._unmet(expected, message) from None
        if expected.heard is not None:
            heard = self.heard[-1].text if self.heard else ""
            if heard != expected.heard:
                message = (
                    f"the caller must hear {expected.heard!r} of the last reply, heard {heard!r}"
                )
                raise self._unmet(expected, message)
        if expected.stale_frames is not None:
            stale = stale_frames(self.recording)
            if stale != expected.stale_frames:
                message = (
                    f"the caller must hear {expected.stale_frames} stale frames, heard {stale}"
                )
                raise self._unmet(expected, message)

    def _unmet(self, expected: Expectation, message: str) -> AssertionError:
        """Return the failure of an expectation, with a traceback to the line in the test."""
        return AssertionError(self._with_place(message)).with_traceback(expected.line)

    async def _finish(self) -> None:
        __tracebackhide__ = True
        await self._meet_all()
        if self._call is None:
            return
        if not self._over:
            self.line.remote_hangs_up()
            await self.until_the_end()
        try:
            check_invariants(self.recording, self.model)
            self._check_nothing_is_left()
        except AssertionError as broken:
            raise AssertionError(self._with_place(str(broken))) from None

    def _check_nothing_is_left(self) -> None:
        assert self._nursery is not None
        left = {
            "tasks": len(self._nursery.child_tasks),
            "voice detectors": self.detectors.in_use,
            "recognitions": self.recognizer.in_use,
            "syntheses": self.synthesizer.under_way,
            "answers": self.model.under_way,
        }
        if any(left.values()):
            what = ", ".join(f"{count} {name}" for name, count in left.items() if count)
            raise AssertionError(f"the call is over, and there are still {what} under way")

    def _check_names(self, names: Sequence[str]) -> None:
        for name in names:
            if not any(is_in(leaf, name) for leaf in self.chart.leaves):
                known = {node.state.name for node in self.chart.nodes.values()}
                hint = did_you_mean(name, known, repr)
                raise ValueError(f"chart {self.chart.name!r} has no state {name!r}{hint}")

    def _with_place(self, message: str) -> str:
        return f"{message}\n(at {self.now:.3f} s, in {self.state or 'no state yet'})"

    def readable_journal(self) -> str:
        """Return the journal of the call so far, a line for each step."""
        return readable(self.journal.lines)


class _Wait:
    """A condition that the test waits for. It is checked at each step."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        self.condition, self.held, self.ended = condition, False, trio.Event()


class Expectation:
    """An expectation of a test. Await it, or let the telephone do so later."""

    def __init__(
        self,
        meet: Callable[[Expectation], Any],
        states: Path | None,
        heard: str | None,
        stale_frames: int | None,
        within: float,
        line: TracebackType,
    ) -> None:
        self._meet = meet
        self.states, self.heard, self.stale_frames = states, heard, stale_frames
        #: `line` is the line in the test that made it, for the report of a failure.
        self.within, self.line = within, line

    def __await__(self) -> Generator[Any, Any, None]:
        __tracebackhide__ = True
        yield from self._meet(self).__await__()
