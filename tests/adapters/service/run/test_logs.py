"""The service's log: for people, for machines, and with the call of each line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import trio

from callchart.adapters.service.run.logs import configure
from callchart.adapters.service.sections.service import LogFormat
from callchart.engine.current_call import CURRENT_CALL, CurrentCall

log = logging.getLogger("callchart")


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Restore the handlers and levels of the log after the test."""
    root, handlers = logging.getLogger(), [*logging.getLogger().handlers]
    levels = root.level, log.level
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    log.setLevel(levels[1])


def logged(log_format: LogFormat, level: int = logging.INFO) -> io.StringIO:
    """Configure the log, and return the stream that it writes to."""
    stream = io.StringIO()
    configure(level, log_format, stream)
    return stream


async def within_a_call(call_id: str, message: str) -> None:
    """Log in a task that a task of this call started."""
    CURRENT_CALL.set(CurrentCall(call_id, "phone call"))
    async with trio.open_nursery() as nursery:

        async def say() -> None:
            log.info(message)

        nursery.start_soon(say)


async def test_each_line_is_a_json_object_with_its_call(autojump_clock: object) -> None:
    stream = logged("json")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(within_a_call, "7", "begins")
    log.warning("circuit open for %g s", 5)
    in_call, outside = map(json.loads, stream.getvalue().splitlines())
    assert in_call.pop("timestamp").endswith("Z")
    assert in_call == {"event": "begins", "level": "info", "call": "7", "chart": "phone call"}
    assert (outside["event"], outside["level"]) == ("circuit open for 5 s", "warning")
    assert "call" not in outside


async def test_a_console_line_names_its_call_once(autojump_clock: object) -> None:
    stream = logged("console")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(within_a_call, "7", "call 7: begins")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(within_a_call, "7", "retry in 1 s")
    named, other = stream.getvalue().splitlines()
    assert named.endswith("] call 7: begins")
    assert other.endswith("retry in 1 s call=7 chart='phone call'")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_shows_no_local_variables(log_format: LogFormat) -> None:
    stream = logged(log_format)
    words = "".join(["my card is ", "4000"])
    try:
        raise ValueError("it failed")
    except ValueError:
        log.exception("call 7 failed")
    assert "ValueError: it failed" in stream.getvalue()
    assert words not in stream.getvalue()


def test_libraries_are_logged_from_warnings_up() -> None:
    stream = logged("json", logging.DEBUG)
    logging.getLogger("httpx").info("a request")
    logging.getLogger("httpx").warning("a retry")
    log.debug("a state")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
        "a retry",
        "a state",
    ]
