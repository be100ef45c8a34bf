"""The service's log: one line for each event, for people or for machines.

Every module logs with the standard library. The lines of a call carry its id and its chart, from
`CURRENT_CALL`. No line holds a phone number or spoken words: the modules do not log them.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from callchart.adapters.service.sections.service import LogFormat
from callchart.engine.current_call import CURRENT_CALL


def configure(level: int, log_format: LogFormat, stream: TextIO | None = None) -> None:
    """Send the log to `stream`, by default standard error.

    Callchart's lines are kept from `level` up, the lines of libraries from warnings up."""
    output = sys.stderr if stream is None else stream
    for_people = log_format == "console"
    rendering: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if for_people:
        rendering.append(_leave_out_a_repeated_call)
        # A plain traceback: structlog's own shows local variables, which may hold spoken words.
        rendering.append(
            structlog.dev.ConsoleRenderer(
                colors=output.isatty(),
                pad_event_to=0,
                exception_formatter=structlog.dev.plain_traceback,
            )
        )
    else:
        rendering.append(structlog.processors.format_exc_info)
        rendering.append(structlog.processors.JSONRenderer(ensure_ascii=False))
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=not for_people),
                _add_call,
            ],
            processors=rendering,
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("callchart").setLevel(level)


def _add_call(
    logger: object, method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    if (call := CURRENT_CALL.get()) is not None:
        line.update(call=call.call_id, chart=call.chart)
    return line


def _leave_out_a_repeated_call(
    logger: object, method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Leave out the id if the message begins with it, as in "call 7: begins"."""
    if str(line["event"]).startswith(f"call {line.get('call')}"):
        del line["call"], line["chart"]
    return line
