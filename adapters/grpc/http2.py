"""h2's connection, set up as gRPC needs it, and put right in two places.

- GOAWAY lets calls up to a number go on to their end (RFC 9113, 6.8). h2 takes it for the end of
  everything: it drops what was to be sent, and refuses whatever comes after. The one method that
  does this is overridden, though it is h2's own: test_http2.py notices when it changes.
- h2 looks at a frame's length once it has all of the frame. What is not HTTP/2 seems to begin with
  a frame of some megabytes, which never come: so the first bytes are looked at here."""

from __future__ import annotations

import logging
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, Event
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame, GoAwayFrame, SettingsFrame

# At DEBUG it writes headers into the log: metadata, and the words of a server's refusals.
logging.getLogger("hpack").setLevel(logging.INFO)

#: Bytes that a server may send of one call before the caller takes some of them.
STREAM_WINDOW: Final = 256 * 1024

#: The same for all calls together: the most that HTTP/2 can say, so that a slow reader of one call
#: never holds up another.
CONNECTION_WINDOW: Final = 2**31 - 1

#: A frame begins with three bytes of length and one of type; a server's first is SETTINGS.
_BEGINNING: Final = 4


class Http2(H2Connection):
    """The client's side of one HTTP/2 connection, without I/O."""

    def __init__(self) -> None:
        super().__init__(
            H2Configuration(
                client_side=True,
                # A header that is not what it should be is one call's trouble: as bytes, and
                # looked at by that call.
                header_encoding=None,
                validate_inbound_headers=False,
            )
        )
        self._beginning = b""
        self.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: 2**16,
            },
        )
        self.initiate_connection()
        self.increment_flow_control_window(CONNECTION_WINDOW - self.inbound_flow_control_window)

    def received(self, data: bytes | bytearray) -> list[Event]:
        """What happened, by the bytes that came. Raises `ProtocolError`."""
        if missing := _BEGINNING - len(self._beginning):
            self._beginning += bytes(data[:missing])
            if len(self._beginning) == _BEGINNING and self._beginning[-1] != SettingsFrame.type:
                raise ProtocolError("it does not begin with SETTINGS")
        return self.receive_data(data)

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        told = ConnectionTerminated()
        told.error_code = frame.error_code
        told.last_stream_id = frame.last_stream_id
        told.additional_data = frame.additional_data or None
        return [], [told]
