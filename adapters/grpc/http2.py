"""h2's connection, set up as gRPC needs it, and put right where GOAWAY is concerned.

HTTP/2 says (RFC 9113, 6.8) that a GOAWAY lets calls up to a number go on to their end. h2 takes it
for the end of everything: it drops what was to be sent, and refuses whatever comes after. So the
one method that does this is overridden; test_http2.py notices when h2 changes it."""

from __future__ import annotations

from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, Event
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame, GoAwayFrame

#: Bytes that a server may send of one call before the caller takes some of them.
STREAM_WINDOW: Final = 256 * 1024

#: The same for all calls together: the most that HTTP/2 can say, so that a slow reader of one call
#: never holds up another.
CONNECTION_WINDOW: Final = 2**31 - 1


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

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        told = ConnectionTerminated()
        told.error_code = frame.error_code
        told.last_stream_id = frame.last_stream_id
        told.additional_data = frame.additional_data or None
        return [], [told]
