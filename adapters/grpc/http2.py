"""h2's connection, with settings for gRPC, and corrected in two places.

- A GOAWAY lets calls up to a number continue (RFC 9113, 6.8). h2 treats it as the end of the
  connection: it drops unsent data and refuses later frames. We override the private method that
  does this.
- h2 checks the length of a frame only when it has the whole frame. Bytes that are not HTTP/2 look
  like a frame of some megabytes, which never arrive. So we check the first bytes here."""

from __future__ import annotations

import logging
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, Event
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame, GoAwayFrame, SettingsFrame

# At DEBUG hpack logs headers, which hold keys (metadata) and texts of refusals.
logging.getLogger("hpack").setLevel(logging.INFO)

#: The most bytes of one call that a server may send before we take some of them.
STREAM_WINDOW_BYTES: Final = 256 * 1024

#: The same for all calls together: the maximum of HTTP/2, so that a slow reader of one call never
#: delays another.
CONNECTION_WINDOW_BYTES: Final = 2**31 - 1

#: A frame begins with three bytes of length and one of type. A server's first frame is SETTINGS.
_BEGINNING_BYTES: Final = 4


class Http2(H2Connection):
    """The client's side of one HTTP/2 connection, without I/O."""

    def __init__(self) -> None:
        super().__init__(
            H2Configuration(
                client_side=True,
                # Leave headers as bytes and unchecked: a malformed one fails only its own call.
                header_encoding=None,
                validate_inbound_headers=False,
            )
        )
        self._beginning = b""
        self.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES,
                SettingCodes.MAX_HEADER_LIST_SIZE: 2**16,
            },
        )
        self.initiate_connection()
        self.increment_flow_control_window(
            CONNECTION_WINDOW_BYTES - self.inbound_flow_control_window
        )

    def received(self, data: bytes | bytearray) -> list[Event]:
        """Return the events in the received bytes. Raises `ProtocolError`."""
        if missing := _BEGINNING_BYTES - len(self._beginning):
            self._beginning += bytes(data[:missing])
            if (
                len(self._beginning) == _BEGINNING_BYTES
                and self._beginning[-1] != SettingsFrame.type
            ):
                raise ProtocolError("the first frame must be SETTINGS, got another one")
        return self.receive_data(data)

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        event = ConnectionTerminated()
        event.error_code = frame.error_code
        event.last_stream_id = frame.last_stream_id
        event.additional_data = frame.additional_data or None
        return [], [event]
