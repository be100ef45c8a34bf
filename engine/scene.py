"""The part of a running call that an activity may use: its line, its providers, its data.

An activity is an async function of a `Scene`. It cannot reach the call's loop: it reports by
events.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from callchart.engine.chart import Chart, ChartError
from callchart.engine.data import CallData
from callchart.engine.did_you_mean import did_you_mean
from callchart.engine.events import Event
from callchart.engine.mailbox import Mailbox
from callchart.engine.phrases import Phrases
from callchart.engine.ports import (
    LanguageModel,
    Line,
    Recognizer,
    Synthesizer,
    VoiceDetectors,
)
from callchart.engine.reply.pipeline import ReplyPipeline
from callchart.engine.reply.playout import Playout
from callchart.engine.tools.tool import Tool, by_name
from callchart.engine.tools.toolbox import OURS


@dataclass(frozen=True, slots=True)
class Services:
    """The providers that all calls share, and the tools that the model may use.

    `transfers` lists the targets of a transfer, as the model reads them: numbers, and patterns with
    X for a digit. If it is empty, the model cannot transfer the call. The carrier checks every
    target against its own list.

    Raises `ToolDeclarationError` if two tools have one name."""

    detectors: VoiceDetectors
    recognizer: Recognizer
    synthesizer: Synthesizer
    model: LanguageModel
    phrases: Phrases
    tools: Sequence[Tool] = ()
    transfers: Sequence[str] = ()

    def __post_init__(self) -> None:
        by_name(self.tools, taken=OURS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The call as one activity sees it, for one stay in its state.

    `data` is the call's data when the state was entered, `state` the state's full name, and
    `activation` the number of this stay. `playout` and `replies` belong to the whole call."""

    line: Line
    services: Services
    playout: Playout
    replies: ReplyPipeline
    mailbox: Mailbox
    data: CallData
    state: str
    activation: int

    def post(self, event: Event) -> None:
        """Post `event` to the call. The chart drops it as stale once this stay has ended.

        Raises `MailboxFull`."""
        self.mailbox.post(event, self.activation)


Activity = Callable[[Scene], Awaitable[None]]


def implementations(chart: Chart, activities: Mapping[str, Activity]) -> Mapping[str, Activity]:
    """Return `activities` and the chart's own, by name. The chart's own go first.

    Raises `ChartError` if a state has an activity that is not among them."""
    known = {**activities, **chart.activities}
    for path, node in chart.nodes.items():
        name = node.state.activity
        if name is not None and name not in known:
            cure = did_you_mean(name, known, repr) or "; add it to Chart(activities=...)"
            raise ChartError(
                f"state {path}: the activity must be one of {', '.join(sorted(known))}, got "
                f"{name!r}{cure}"
            )
    return known
