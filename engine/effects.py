"""The effects of a call: commands as values, which `decide` returns and the loop carries out.

Each passes a command to a part of the running call, without waiting. A chart may add effects of its
own: subclasses of `Effect`.
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
    """Transfer the caller to `target`; `CallTransferred` or `TransferFailed` follows.

    The carrier refuses targets that its configuration does not allow."""

    words: ClassVar[tuple[str, ...]] = ("target",)
    target: str

    def carry_out(self, call: Call) -> None:
        call.line.transfer(self.target)


@dataclass(frozen=True, slots=True)
class StartReply(Effect):
    """Begin a reply, or confirm the draft with its number. Any other reply ends."""

    reply: Reply

    def carry_out(self, call: Call) -> None:
        call.replies.start(self.reply, call.data.history, call.step.after.activations)

    def described(self) -> dict[str, object]:
        return {"reply": self.reply.number, "purpose": self.reply.purpose}


@dataclass(frozen=True, slots=True)
class StartDraft(Effect):
    """Begin a draft: a reply to `history` that the caller may never hear.

    No tool runs until `StartReply` with the same number confirms it."""

    reply: Reply
    history: tuple[Said | ToolUsed, ...]

    def carry_out(self, call: Call) -> None:
        call.replies.draft(self.reply, self.history, call.step.after.activations)

    def described(self) -> dict[str, object]:
        return {"reply": self.reply.number, "purpose": self.reply.purpose}


@dataclass(frozen=True, slots=True)
class StopPlayback(Effect):
    """Stop the playback; `PlaybackStopped` reports the words that the caller heard.

    It flushes the carrier's queue, which holds up to `settings.backlog` of sound."""

    def carry_out(self, call: Call) -> None:
        call.playout.stop()
