"""The command line: `callchart serve`, `doctor`, `call`, and `draw`, `explore`,
`replay`, `demo`, `settings`.

Bad input is one line on stderr and exit code 2; a check that fails is exit code 1."""

from __future__ import annotations

import argparse
import logging
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from callchart.adapters.service.user_code import (
    DEFAULT_CHART,
    UserError,
    failure_text,
    load_chart,
    load_worlds,
    parse_settings,
)
from callchart.engine.chart import Chart, ChartError
from callchart.engine.drawing.files import SUFFIXES, differences, files, is_ours
from callchart.engine.exception_groups import leaves
from callchart.engine.journal import JournalError, ReplayDiffers, read, replay
from callchart.engine.ports import ProviderError
from callchart.engine.settings import SettingError
from callchart.engine.tools.tool import ToolDeclarationError

#: Errors that a user can correct: printed as one line, without a traceback.
USER_ERRORS = (
    ChartError,
    JournalError,
    OSError,
    ProviderError,
    SettingError,
    ToolDeclarationError,
    UserError,
)

#: The folder of the default chart's drawings.
DEFAULT_DRAWINGS = Path("docs/statecharts")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return the exit code of the process."""
    options = parser().parse_args(arguments)
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING)
    try:
        code: int = options.run(options)
        return code
    except KeyboardInterrupt:
        print(f"callchart {options.command}: stopped", file=sys.stderr)
        return 130
    except (*USER_ERRORS, ExceptionGroup) as error:
        mistake = _mistake(error)
        if mistake is None:
            raise
        for line in _lines(mistake):
            print(f"callchart {options.command}: {line}", file=sys.stderr)
        return 2


def _mistake(error: BaseException) -> BaseException | None:
    """Return the error that the user can mend; None if the group contains another error."""
    errors = list(leaves(error))
    return errors[0] if all(isinstance(each, USER_ERRORS) for each in errors) else None


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        prog="callchart", description="A phone call you can draw, replay and prove."
    )
    whole.add_argument("--version", action="version", version=f"callchart {version('callchart')}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    def of_chart(
        name: str, run: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        sub = command(name, run, text)
        sub.add_argument(
            "--chart",
            default=DEFAULT_CHART,
            metavar="MODULE:NAME",
            help=f"the chart to use (default: {DEFAULT_CHART})",
        )
        return sub

    def of_service(
        name: str, run: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        sub = command(name, run, text)
        sub.add_argument(
            "--config",
            type=Path,
            default=Path("callchart.toml"),
            metavar="FILE",
            help="the service's configuration (default: callchart.toml)",
        )
        return sub

    of_service("serve", _serve, "Take calls from Asterisk until SIGTERM or SIGINT.")

    doctor = of_service("doctor", _doctor, "Check each part that a service needs; print the cures.")
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")

    call = of_service("call", _call, "Place a call, and show its states.")
    call.add_argument(
        "extension", metavar="EXTENSION", help="the number to call; transfer.allow must allow it"
    )

    draw = of_chart(
        "draw", _draw, "Draw a chart: pictures, Mermaid, SCXML, table of state x event."
    )
    draw.add_argument("--check", action="store_true", help="write nothing; fail on any difference")
    draw.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="the folder of the drawings; needed with --chart (default: docs/statecharts)",
    )

    again = of_chart(
        "replay", _replay, "Decide each event of a journal again; fail if a step differs."
    )
    again.add_argument("journal", type=Path, metavar="FILE")

    explore = of_chart(
        "explore", _explore, "Explore every possible call; fail if a property breaks."
    )
    explore.add_argument(
        "--turns",
        type=int,
        metavar="N",
        help="how often the caller speaks in a call, at most, in the first environment of WORLDS "
        "(default: its own number; without WORLDS, 2 for a chart that extends the default one, or "
        "1); the numbers of the other environments change by as much",
    )
    explore.add_argument(
        "--faults",
        type=int,
        metavar="N",
        help="how many apologies or reprompts in a row a call may have before it ends: settings "
        "apologies and reprompts (default: those of the environment; 1 without WORLDS)",
    )
    explore.add_argument(
        "--every-answer",
        action="store_true",
        help="fail also if a declared reaction is never taken",
    )
    explore.add_argument(
        "--out",
        type=Path,
        default=Path("explored"),
        metavar="DIR",
        help="the folder for journals of calls that break a property (default: explored)",
    )
    explore.add_argument("--json", action="store_true", help="print the results as JSON")

    demo = of_chart(
        "demo",
        _demo,
        "Run a phone call with real audio, offline; write its journal, recording and report.",
    )
    demo.add_argument(
        "--caller",
        type=Path,
        metavar="FILE",
        help="an audio file of speech, or a script of a caller: a .toml file such as "
        "adapters/service/demo/caller.toml, which explains the format (default: a sample caller)",
    )
    demo.add_argument(
        "--language",
        choices=["en", "ru"],
        default="en",
        help="the language of the call (default: en)",
    )
    demo.add_argument(
        "--providers",
        choices=["offline", "yandex"],
        default="offline",
        help="the providers of speech and answers; yandex: the adapters for SpeechKit and OpenAI, "
        "with servers on this machine (default: offline)",
    )
    demo.add_argument(
        "--whisper",
        type=Path,
        default=Path("whisper-base"),
        metavar="DIR",
        help="the folder of a Whisper model, needed for Russian (default: whisper-base)",
    )
    demo.add_argument(
        "--out", type=Path, default=Path("demo-call"), metavar="DIR", help="default: demo-call"
    )
    pace = demo.add_mutually_exclusive_group()
    pace.add_argument("--realtime", action="store_true", help="run in real time (default)")
    pace.add_argument("--fast", action="store_true", help="skip all waiting")
    demo.add_argument("--json", action="store_true", help="print the report instead of the states")
    demo.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the call; see `callchart settings`",
    )

    settings = of_chart(
        "settings", _settings, "List the settings of a call, and the sources of their defaults."
    )
    settings.add_argument(
        "--schema",
        action="store_true",
        help="print the JSON schema of callchart.toml, for editors, instead of the list",
    )
    return whole


# Import the service's modules only where needed: they import the model's client, which takes half a
# second.


def _serve(options: argparse.Namespace) -> int:
    from callchart.adapters.service.config import read_config
    from callchart.adapters.service.run.serve import run_serve

    return run_serve(read_config(options.config))


def _doctor(options: argparse.Namespace) -> int:
    from callchart.adapters.service.config import read_config_for_doctor
    from callchart.adapters.service.doctor.examine import run_doctor

    config, missing = read_config_for_doctor(options.config)
    return run_doctor(config, missing, as_json=options.json)


def _call(options: argparse.Namespace) -> int:
    from callchart.adapters.service.config import read_config
    from callchart.adapters.service.run.place_call import run_call

    return run_call(read_config(options.config), options.extension)


def _draw(options: argparse.Namespace) -> int:
    chart, folder = load_chart(options.chart), _drawn_in(options)
    found, again = _texts_in(folder), _draw_command(options)
    if options.check and not any(map(is_ours, found.values())):
        raise UserError(f"{folder} has no drawings: run `{again}`")
    try:
        different = differences(chart, found) if options.check else []
        drawn = {} if options.check else files(chart)
    except Exception as error:  # noqa: BLE001 (the races run the functions of the chart)
        raise UserError(
            f"chart {options.chart} must have functions that do not fail, got "
            f"{failure_text(error)}; run `callchart explore` to see the call"
        ) from None
    if options.check:
        for line in different:
            print(line)
        if different:
            print(f"{folder} is not up to date: run `{again}`", file=sys.stderr)
        return 1 if different else 0
    others = [folder / name for name in drawn if name in found and not is_ours(found[name])]
    if others:
        raise UserError(
            *(
                f"{path} must be a drawing, got another file; move it, or name another --out"
                for path in others
            )
        )
    for name, text in drawn.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    for name, text in found.items():
        if name not in drawn and is_ours(text):
            (folder / name).unlink()  # the drawing of a state that the chart no longer has
    print(f"{chart.name}: {len(drawn)} files in {folder}")
    return 0


def _drawn_in(options: argparse.Namespace) -> Path:
    """Return the folder of the drawings. Each chart needs its own: drawing replaces all files."""
    if options.out is not None:
        return Path(options.out)
    if options.chart != DEFAULT_CHART:
        raise UserError(
            f"--out must be a folder for chart {options.chart}, got none; add --out DIR"
        )
    return DEFAULT_DRAWINGS


def _draw_command(options: argparse.Namespace) -> str:
    """Return the command that draws this chart in this folder."""
    command = ["callchart", "draw"]
    if options.chart != DEFAULT_CHART:
        command += ["--chart", options.chart]
    if options.out is not None:
        command += ["--out", str(options.out)]
    return shlex.join(command)


def _texts_in(folder: Path) -> dict[str, str]:
    texts = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in SUFFIXES and path.is_file():
            # Drawings are UTF-8. A file with other bytes is damaged or not ours: let it differ.
            with path.open(encoding="utf-8", errors="replace", newline="") as file:
                texts[str(path.relative_to(folder))] = file.read()
    return texts


def _replay(options: argparse.Namespace) -> int:
    chart: Chart = load_chart(options.chart)
    head, lines = read(options.journal)
    steps = 0
    leaf = ""
    try:
        for step in replay(chart, head, lines):
            steps, leaf = steps + 1, step.after.leaf
    except ReplayDiffers as difference:
        print(f"{options.journal}: {difference}", file=sys.stderr)
        return 1
    except JournalError as error:
        raise JournalError(f"{options.journal}, {error}") from None
    except Exception as error:  # noqa: BLE001 (the chart's functions may raise anything)
        print(f"{options.journal}: step {steps} fails: {failure_text(error)}", file=sys.stderr)
        return 1
    if steps and chart.is_final(leaf):
        print(f"{options.journal}: {steps} steps, all as recorded")
    else:
        print(f"{options.journal}: {steps} steps, all as recorded; the call had not ended")
    return 0


def _explore(options: argparse.Namespace) -> int:
    from callchart.adapters.service.explore import run_explore

    return run_explore(
        load_chart(options.chart),
        load_worlds(options.chart),
        turns=options.turns,
        faults=options.faults,
        every_answer=options.every_answer,
        out=options.out,
        as_json=options.json,
        chart_option="" if options.chart == DEFAULT_CHART else f" --chart {options.chart}",
    )


def _demo(options: argparse.Namespace) -> int:
    try:
        from callchart.adapters.service.demo import call as demo
        from callchart.adapters.service.demo.parts import offline
        from callchart.adapters.service.demo.yandex_parts import yandex
    except ModuleNotFoundError as missing:
        # The demo needs an extra; the other commands do not.
        raise UserError(f"the demo needs {missing.name}: pip install 'callchart[demo]'") from None
    if options.fast and options.providers == "yandex":
        raise UserError(
            "--fast must be absent with --providers yandex, whose servers run in real time; "
            "remove it"
        )
    chart = load_chart(options.chart)
    settings = parse_settings(chart, options.set)
    choose = {"offline": offline, "yandex": yandex}[options.providers]
    try:
        return demo.run_demo(
            chart,
            settings,
            choose(options.language, options.whisper),
            caller=options.caller,
            out=options.out,
            fast=options.fast,
            as_json=options.json,
        )
    except demo.MISTAKES as mistake:
        raise UserError(str(mistake)) from None


def _settings(options: argparse.Namespace) -> int:
    if options.schema:
        from callchart.adapters.service.config import config_schema

        print(config_schema(), end="")
        return 0
    chart = load_chart(options.chart)
    table = Table("setting", "default", "unit", "why")
    for field in chart.data().settings.declared():
        if "why" in field.metadata:
            table.add_row(
                field.name, f"{field.default}", field.metadata["unit"], field.metadata["why"]
            )
    Console().print(table)
    return 0


def _lines(error: BaseException) -> Sequence[str]:
    if isinstance(error, UserError):
        return error.lines
    if isinstance(error, OSError) and error.filename:
        return (f"{error.filename}: {error.strerror}",)
    return (" ".join(str(error).split()),)
