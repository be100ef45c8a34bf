"""The demo: one phone call with real audio on this machine, and the files that it writes."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import trio
from rich.console import Console

from callchart.adapters.carrier.audio_file import AudioFileError, Recording, write_wav
from callchart.adapters.carrier.caller import CallerScriptError, Script, ScriptedCaller, read_caller
from callchart.adapters.carrier.wav import WavLine
from callchart.adapters.service.demo.answers import AnswersError
from callchart.adapters.service.demo.clock import HeldClock, RealClock
from callchart.adapters.service.demo.parts import Parts
from callchart.adapters.service.report.live import LiveView
from callchart.adapters.service.report.report import Report, report
from callchart.adapters.service.report.timeline import levels, timeline
from callchart.adapters.vad.silero import SileroDetectors
from callchart.engine.call import Inspector
from callchart.engine.chart import Chart
from callchart.engine.data import CallData
from callchart.engine.drawing.model import diagram_of
from callchart.engine.drawing.palette import Palette, palette_of
from callchart.engine.journal import JournalFile, read
from callchart.engine.phrases import Phrases, script_texts
from callchart.engine.scene import Services
from callchart.engine.settings import Settings
from callchart.engine.supervisor import Supervisor

#: Wide-band speech: the offline recogniser was trained on it, and SpeechKit recognises it best.
RATE_HZ = 16000

RECORDING, JOURNAL, TIMELINE, REPORT = (
    "recording.wav",
    "journal.jsonl",
    "timeline.svg",
    "report.json",
)


class DemoFailed(Exception):
    """The call failed before its end; the log has the cause."""


#: Errors that a user can mend, apart from those of the other commands.
MISTAKES = (AnswersError, AudioFileError, CallerScriptError, DemoFailed)


def run_demo(
    chart: Chart,
    settings: Settings,
    parts: Parts,
    *,
    caller: Path | None,
    out: Path,
    fast: bool,
    as_json: bool,
) -> int:
    """Run the call, then write recording, journal, timeline and report into `out`.

    Check all input before the first file is written."""
    script = read_caller(caller or parts.caller, RATE_HZ)
    is_new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=as_json)
    view = LiveView(console, chart, words=True)
    clock = HeldClock() if fast else RealClock()
    journal = JournalFile(out / JOURNAL, complain)
    if not as_json:
        console.print(parts.description, style="dim", soft_wrap=True)
    try:
        recording, ended, asked = trio.run(
            _run_call,
            clock,
            chart,
            settings,
            parts,
            script,
            journal,
            () if as_json else (view.step,),
            clock=clock.trio_clock,
        )
    except BaseException:
        journal.close()
        (out / JOURNAL).unlink(missing_ok=True)
        if is_new:
            out.rmdir()
        raise
    if ended is None:
        raise DemoFailed(f"the call failed; its journal is {out / JOURNAL}")
    made = report(chart, *read(out / JOURNAL))
    _write_files(out, recording, made, palette_of(diagram_of(chart)))
    if as_json:
        print(json.dumps(made.as_json(), ensure_ascii=False, indent=2))
    else:
        view.turns(made)
        if asked:
            counts = ", ".join(f"{method} {times}" for method, times in sorted(asked.items()))
            console.print(f"requests to the servers: {counts}", style="dim")
        console.print(f"\n{out}/: {RECORDING}, {JOURNAL}, {TIMELINE}, {REPORT}")
    return 0


async def _run_call(
    clock: HeldClock | RealClock,
    chart: Chart,
    settings: Settings,
    parts: Parts,
    script: Script,
    journal: JournalFile,
    inspectors: Sequence[Inspector],
) -> tuple[Recording, CallData | None, Mapping[str, int]]:
    # Open every provider before the phone rings.
    detectors = SileroDetectors(work=clock)
    await detectors.build_ahead(RATE_HZ)
    async with parts.open(clock) as opened:
        phrases = Phrases(RATE_HZ)
        await phrases.prepare(opened.synthesizer, script_texts(parts.scripts))
        supervisor = Supervisor(
            chart,
            Services(detectors, opened.recognizer, opened.synthesizer, opened.model, phrases),
            settings,
            parts.scripts,
            journal=lambda call_id: journal,
            inspectors=inspectors,
        )
        line = WavLine(ScriptedCaller(script), call_id="demo")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.run)
            ended = await supervisor.attend(line)
        return line.recording, ended, opened.asked


def _write_files(out: Path, recording: Recording, made: Report, palette: Palette) -> None:
    """Write the files. A file that cannot be written is reported; the others are still written."""
    try:
        write_wav(out / RECORDING, recording)
    except AudioFileError as error:
        complain(str(error))
    stereo = np.column_stack((recording.caller, recording.agent))
    drawn = timeline(made, palette, *levels(stereo, recording.rate_hz))
    _write(out / TIMELINE, drawn)
    _write(out / REPORT, json.dumps(made.as_json(), ensure_ascii=False, indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        complain(f"{path}: {error.strerror}")


def complain(what: str) -> None:
    """Report an error that does not end the call."""
    print(f"callchart demo: {what}", file=sys.stderr)
