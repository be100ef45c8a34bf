"""The HTTP/1.1 server of the test servers, with a thread for each connection.

Answers may fail by script. Tests send commands to the endpoint `/control`."""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import perf_counter
from typing import Any

Route = Callable[["Conversation"], None]

#: The value of SO_LINGER with which `close` sends a reset and drops unsent data.
ABORT = struct.pack("ii", 1, 0)


class Gone(Exception):
    """The client closed the connection."""


class Conversation:
    """One request and its answer."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler
        self.headers = handler.headers
        self.body = handler.rfile.read(int(self.headers.get("content-length") or 0))
        host, port = handler.client_address[:2]
        self.peer = f"{host}:{port}"
        #: True once the answer's head was sent: it is too late for another status.
        self.begun = False

    @property
    def key(self) -> str:
        """The key or token of the authorization header; "" without one."""
        return (self.headers.get("authorization") or "").partition(" ")[2]

    def send(self, status: int, content: object, headers: Mapping[str, str] = {}) -> None:
        """Send a whole answer, in JSON."""
        body = json.dumps(content).encode()
        self._head(status, {"content-type": "application/json", **headers}, len(body))
        self._handler.wfile.write(body)

    def begin(self, content_type: str) -> None:
        """Send the head of an answer in parts."""
        self._head(HTTPStatus.OK, {"content-type": content_type, "transfer-encoding": "chunked"})

    def part(self, content: bytes) -> None:
        """Send a part. Raises `Gone`."""
        self._write(b"%x\r\n%b\r\n" % (len(content), content))

    def end(self) -> None:
        self._write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Break the connection."""
        connection = self._handler.connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        connection.close()
        self._handler.close_connection = True

    def wait_until(self, at: float) -> None:
        """Wait until `time.perf_counter` reads `at`. Raises `Gone` if the client has left."""
        while (left := at - perf_counter()) > 0:
            seconds = min(left, 3600.0)
            readable, _, _ = select.select([self._handler.connection], [], [], seconds)
            if readable and not self._handler.connection.recv(1, socket.MSG_PEEK):
                raise Gone

    def _head(self, status: int, headers: Mapping[str, str], length: int | None = None) -> None:
        self.begun = True
        self._handler.send_response(status)
        for name, value in headers.items():
            self._handler.send_header(name, value)
        if length is not None:
            self._handler.send_header("content-length", str(length))
        self._handler.end_headers()

    def _write(self, data: bytes) -> None:
        try:
            self._handler.wfile.write(data)
        except OSError:
            raise Gone from None


def serve(port: int, routes: Mapping[tuple[str, str], Route]) -> None:
    """Start a server whose routes are keyed by (method, path), and return."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            conversation = Conversation(self)
            path = self.path.partition("?")[0]
            try:
                if route := routes.get((self.command, path)):
                    route(conversation)
                else:
                    conversation.send(HTTPStatus.NOT_FOUND, {"error": f"there is no {path}"})
            except (Gone, ConnectionError):
                self.close_connection = True

        do_GET = do_POST = _answer  # noqa: N815 (the base class's names)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Ignore a connection that the client reset; print any other error."""
            if not isinstance(sys.exc_info()[1], ConnectionError):
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def control(commands: Mapping[str, Callable[..., Any]]) -> Route:
    """Return the route of `POST /control`.

    Its body is {"do": command, ...arguments}, and its answer the result of the command."""

    def route(conversation: Conversation) -> None:
        command = json.loads(conversation.body)
        do = command.pop("do")
        try:
            result = commands[do](**command)
        except (KeyError, TypeError, ValueError) as error:
            conversation.send(HTTPStatus.BAD_REQUEST, {"error": f"{do}: {error!r}"})
        else:
            conversation.send(HTTPStatus.OK, result)

    return route
