"""Whole calls through the engine: set-up and metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from callchart.engine.call import Inspector
from callchart.engine.data import Scripts
from callchart.engine.journal import JournalFile
from callchart.engine.phrases import Phrases, script_texts
from callchart.engine.ports import Journal
from callchart.engine.scene import Services
from callchart.engine.supervisor import Supervisor
from callchart.states import CHART
from callchart.states.settings import PhoneSettings
from tests.benchmarks.caller import Caller, Script
from tests.benchmarks.lines import FrameLine, SpanLine
from tests.benchmarks.providers import Ears, Model, Voicebox, Voices
from tests.benchmarks.sink import RATE_HZ, Sink

#: No fillers: an answer waits on purpose for the end of a filler's word, and that wait would count
#: as the engine's.
SCRIPTS = Scripts(fillers=())
SETTINGS = PhoneSettings(longest_call=86_400.0)


class CallFailed(RuntimeError):
    """A call of the benchmark ended with an error, so its metrics mean nothing."""


async def supervisor(
    script: Script,
    *,
    settings: PhoneSettings = SETTINGS,
    journal: Callable[[str], Journal | None] = lambda call_id: None,
    inspectors: Sequence[Inspector] = (),
) -> Supervisor:
    """Return a supervisor for calls that follow `script`."""
    voicebox, phrases = Voicebox(script), Phrases(RATE_HZ)
    await phrases.prepare(voicebox, script_texts(SCRIPTS))
    services = Services(Voices(), Ears(script), voicebox, Model(script), phrases)
    return Supervisor(
        CHART,
        services,
        settings,
        SCRIPTS,
        journal=journal,
        inspectors=inspectors,
        failed=_failed,
    )


def _failed(call_id: str, error: BaseException) -> None:
    raise CallFailed(call_id) from error


@contextmanager
def journal_files() -> Iterator[Callable[[str], Journal]]:
    """Provide journals in a temporary folder, because a service writes journals, too."""
    with TemporaryDirectory(prefix="callchart-bench-") as folder:
        yield lambda call_id: JournalFile(Path(folder) / f"{call_id}.jsonl", _complain)


def _complain(text: str) -> None:
    raise OSError(text)


def new_caller(script: Script) -> Caller:
    return Caller(script, greeting=script.chunk)


async def spans(supervisor: Supervisor, script: Script, lasts: float, name: str) -> Caller:
    """Run a call of `lasts` seconds on a line of spans; the caller hangs up."""
    line = SpanLine(name, new_caller(script))
    await attend(supervisor, line, trio.current_time() + lasts)
    return line.caller


async def frames(supervisor: Supervisor, script: Script, ends: float, name: str) -> FrameLine:
    """Run a call on a line of frames; the caller hangs up when Trio's clock reads `ends`."""
    line = FrameLine(name, new_caller(script), Sink())
    await attend(supervisor, line, ends)
    return line


async def attend(supervisor: Supervisor, line: FrameLine | SpanLine, ends: float) -> None:
    """Run a call on `line`; the caller hangs up when Trio's clock reads `ends`."""
    async with trio.open_nursery() as nursery:
        if isinstance(line, FrameLine):
            nursery.start_soon(line.run)
        nursery.start_soon(_hang_up_at, line, ends)
        await supervisor.attend(line)
        nursery.cancel_scope.cancel()


async def _hang_up_at(line: FrameLine | SpanLine, at: float) -> None:
    await trio.sleep_until(at)
    line.caller_hangs_up()


@dataclass
class Turns:
    """The metrics of the turns of one or several calls. Times in seconds."""

    #: From the end of a question to the first sound of its answer, less the scripted time.
    overhead: list[float] = field(default_factory=list)
    #: From an interruption's first frame to the flush, and to the last heard frame of the answer,
    #: less the speech that the chart waits for before a barge-in.
    to_flush: list[float] = field(default_factory=list)
    to_last_frame: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)
    answered: int = 0
    missed: int = 0
    double: int = 0
    stale: int = 0

    def add(self, line: FrameLine) -> None:
        """Add the turns of a call that has ended."""
        caller, sink, script = line.caller, line.sink, line.caller.script
        scripted = script.first_sound(SETTINGS.end_of_turn)
        whole = round(script.answer * 50)
        for number in range(1, caller.number + 1):
            if number in sink.first:
                self.answered += 1
                self.overhead.append(sink.first[number] - caller.ended[number] - scripted)
                self.double += sink.frames[number] > whole
            elif number < caller.number:
                self.missed += 1
        for number in caller.interrupting & caller.began.keys():
            interrupted = caller.began[number] + SETTINGS.barge_in_speech
            self.to_flush.append(line.flushed[number - 1] - interrupted)
            self.to_last_frame.append(max(0.0, sink.last[number - 1] - interrupted))
        self.lateness += sink.lateness
        self.stale += line.stale
