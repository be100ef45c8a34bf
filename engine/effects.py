"""The commands of a call, as values: what `decide` may return and the loop carries out.

Each hands something to a part of the running call and returns at once. A chart of your own may add
further effects by subclassing `Effect`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from callchart.engine.chart.state import Effect
from callchart.engine.data import Reply, Said, ToolUsed

if TYPE_CHECKING:
    from callchart.engine.call import Call


@dataclass(frozen=True, slots=True)
class AnswerLine(Effect):
    """Pick up."""

    def carry_out(self, call: Call) -> None:
        call.line.answer()


@dataclass(frozen=True, slots=True)
class HangUpLine(Effect):
    """End the call; `LineClosed` follows."""

    def carry_out(self, call: Call) -> None:
        call.line.hang_up()


@dataclass(frozen=True, slots=True)
class SendDigits(Effect):
    """Press keys on our side (DTMF): 0-9, A-D, * and #."""

    words: ClassVar[tuple[str, ...]] = ("digits",)
    digits: str

    def carry_out(self, call: Call) -> None:
        call.line.send_digits(self.digits)


@dataclass(frozen=True, slots=True)
class TransferCall(Effect):
    """Hand the caller on to `target`; `CallTransferred` or `TransferFailed` follows.

    The carrier lets through only what its configuration allows."""

    words: ClassVar[tuple[str, ...]] = ("target",)
    target: str

    def carry_out(self, call: Call) -> None:
        call.line.transfer(self.target)


@dataclass(frozen=True, slots=True)
class StartReply(Effect):
    """Begin a reply, or confirm the draft of that number; another one that was under way is
    dropped, text, synthesis and all."""

    reply: Reply

    def carry_out(self, call: Call) -> None:
        call.replies.start(self.reply, call.data.history, call.step.after.activations)

    def described(self) -> dict[str, object]:
        return {"reply": self.reply.number, "purpose": self.reply.purpose}


@dataclass(frozen=True, slots=True)
class StartDraft(Effect):
    """Begin a reply to `history` before it is certain to be heard: no tool works until then.

    `StartReply` with the same number makes it certain."""

    reply: Reply
    history: tuple[Said | ToolUsed, ...]

    def carry_out(self, call: Call) -> None:
        call.replies.draft(self.reply, self.history, call.step.after.activations)

    def described(self) -> dict[str, object]:
        return {"reply": self.reply.number, "purpose": self.reply.purpose}


@dataclass(frozen=True, slots=True)
class StopPlayback(Effect):
    """Nothing more is heard from now on; `PlaybackStopped` says what was.

    Flush first: the carrier still holds up to `settings.backlog` of sound."""

    def carry_out(self, call: Call) -> None:
        call.playout.stop()
