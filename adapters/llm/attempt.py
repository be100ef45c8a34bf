"""One request and its streamed answer, with limits for the time that a caller waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import httpx2
import openai
import trio

from callchart.adapters.llm.answer import Api, BadStream, GaveUp, StreamedAnswer
from callchart.adapters.llm.errors import Failures
from callchart.adapters.llm.history import encodable
from callchart.adapters.llm.thoughts import Thoughts
from callchart.adapters.openai.failure import Failure
from callchart.engine.data import Said, ToolUsed
from callchart.engine.ports import ToolSpec

#: The time that the server has to end its response after the end of the answer. Then we close the
#: connection, so that the answer does not wait.
_AFTER_END_S = 0.1


@dataclass(frozen=True, slots=True)
class Patience:
    """The longest waits: from the request to the first token, and from one token to the next."""

    first_token_s: float
    between_tokens_s: float


class Attempt:
    """One try of a request.

    `first_token_at` is when the first token of a text or of a tool call came, by Trio's clock, or
    None."""

    def __init__(
        self, api: Api, failures: Failures, out: Callable[[str], None], patience: Patience
    ) -> None:
        self._api, self._failures, self._out, self._patience = api, failures, out, patience
        self._reading = api.reading()
        #: The scope around the response. Its deadline moves with each token.
        self._waiting = trio.CancelScope()
        self.first_token_at: float | None = None
        self._thoughts = Thoughts()
        self._text: list[str] = []
        self._end: str | None = None
        self._failure: Failure | None = None

    async def run(
        self, history: Sequence[Said | ToolUsed], specs: Sequence[ToolSpec], requested_at: float
    ) -> StreamedAnswer | Failure:
        """Send the request, and pass on the text as it arrives.

        The deadline of the first token counts from `requested_at`. A retry has the same moment."""
        self._waiting.deadline = requested_at + self._patience.first_token_s
        with self._waiting:
            try:
                async with self._api.ask(history, specs) as response:
                    # Read the stream itself: the client's iterator stops at [DONE] and leaves four
                    # open generators, which the garbage collector would close at an unknown later
                    # time. For the same reason never leave this loop early: cancel the reading.
                    async for event in httpx2.EventSource(response):
                        if not self._waiting.cancel_called:
                            self._take(event.data)
            except openai.APIStatusError as error:
                self._failure = self._failures.refusal(error)
            except (openai.APIConnectionError, httpx2.RequestError) as error:
                self._failure = self._failures.disconnection(error)
        if self._end is not None:
            return StreamedAnswer("".join(self._text), self._reading.calls, self._end)
        failure = self._failure or self._premature_end()
        # No retry after a first token: the caller must not hear the beginning twice.
        return failure if self.first_token_at is None else replace(failure, retry_after_s=None)

    def _take(self, data: str) -> None:
        if self._end is not None:
            return
        if data == "[DONE]":
            self._ended("")
            return
        try:
            part = self._reading.part(json.loads(data))
        except ValueError:
            self._failed(self._failures.malformed("an event is not JSON"))
        except BadStream as error:
            self._failed(self._failures.malformed(str(error)))
        except GaveUp as error:
            self._failed(self._failures.gave_up(error.error))
        else:
            spoken = self._thoughts.filter_piece(encodable(part.text))
            # A thought does not count as a token: the caller hears silence meanwhile.
            if part.writing and (spoken or not part.text):
                now = trio.current_time()
                self.first_token_at = now if self.first_token_at is None else self.first_token_at
                self._waiting.deadline = now + self._patience.between_tokens_s
            self._say(spoken)
            if part.end:
                self._ended(part.end)

    def _say(self, text: str) -> None:
        if text:
            self._text.append(text)
            self._out(text)

    def _ended(self, end: str) -> None:
        self._say(self._thoughts.rest())
        self._end = end
        self._waiting.deadline = trio.current_time() + _AFTER_END_S

    def _failed(self, failure: Failure) -> None:
        self._failure = failure
        self._waiting.cancel()

    def _premature_end(self) -> Failure:
        """Return the failure of a stream that was cut off, or that a timeout ended."""
        if not self._waiting.cancelled_caught:
            return self._failures.cut_off()
        if self.first_token_at is None:
            return self._failures.late(self._patience.first_token_s)
        return self._failures.stopped(self._patience.between_tokens_s)
