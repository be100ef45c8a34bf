"""The server's process: `python -m tests.servers.speechkit '{"ports": {...}, ...}'`."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from yandex.cloud.ai.stt.v3 import stt_service_pb2_grpc
from yandex.cloud.ai.tts.v3 import tts_service_pb2_grpc

from tests.servers import http
from tests.servers.exchanges import Exchanges, Rules
from tests.servers.keys import Keys
from tests.servers.process import serve_until_parent_ends
from tests.servers.scripts import Script
from tests.servers.speechkit.recognition import Recognizer
from tests.servers.speechkit.rest import Rest
from tests.servers.speechkit.scripts import Hearing, Speaking
from tests.servers.speechkit.synthesis import Synthesizer

#: Each open request needs a thread.
THREADS = 600


class SpeechKit:
    """All services, and their common state."""

    def __init__(self, port: int, certificate: Mapping[str, str] | None) -> None:
        self._port, self._certificate = port, certificate
        self.exchanges, self.keys = Exchanges(), Keys()
        self.speaking = Rules(Speaking)
        self.rest_speaking = Rules(Speaking)
        self.hearing = Rules(Hearing)
        self.iam = Rules(Script)
        self._lock = threading.Lock()
        self._server = self._start()

    def reset(self) -> None:
        self.exchanges.clear()
        self.keys.reset()
        for rules in (self.speaking, self.rest_speaking, self.hearing, self.iam):
            rules.clear()

    def goaway(self, grace: float) -> None:
        """Send GOAWAY on all connections, and accept new ones immediately.

        Open requests may go on for `grace` seconds."""
        with self._lock:
            self._server.stop(grace)
            self._server = self._start()

    def _start(self) -> grpc.Server:
        pool = ThreadPoolExecutor(THREADS)
        server = grpc.server(pool, options=[("grpc.so_reuseport", 1)])
        synthesizer = Synthesizer(self.exchanges, self.speaking, self.keys)
        recognizer = Recognizer(self.exchanges, self.hearing, self.keys)
        tts_service_pb2_grpc.add_SynthesizerServicer_to_server(synthesizer, server)
        stt_service_pb2_grpc.add_RecognizerServicer_to_server(recognizer, server)
        address = f"127.0.0.1:{self._port}"
        if self._certificate is None:
            server.add_insecure_port(address)
        else:
            key, chain = (Path(self._certificate[name]).read_bytes() for name in ("key", "chain"))
            server.add_secure_port(address, grpc.ssl_server_credentials([(key, chain)]))
        server.start()
        return server

    def commands(self) -> dict[str, Any]:
        """Return the commands for tests; see `server.SpeechKitServer`."""

        def script(
            service: str, script: dict[str, Any], containing: str, times: int | None
        ) -> None:
            match service:
                case "grpc":
                    self.speaking.add(Speaking(**script), containing, times)
                case "http":
                    self.rest_speaking.add(Speaking(**script), containing, times)
                case "iam":
                    self.iam.add(Script(**script), containing, times)
                case "stt":
                    self.hearing.add(Hearing.of(script), containing, times)
                case _:
                    raise ValueError(f"there is no service {service!r}")

        return {
            "reset": self.reset,
            "asked": self.exchanges.as_json,
            "wait": lambda open, asked, seconds: self.exchanges.wait(open, asked, seconds),
            "script": script,
            "accept": self.keys.accept,
            "token_life": self.keys.set_lifetime,
            "expire": self.keys.expire,
            "goaway": self.goaway,
        }


def main(task: Mapping[str, Any]) -> None:
    speechkit = SpeechKit(task["ports"]["grpc"], task.get("certificate"))
    rest = Rest(speechkit.exchanges, speechkit.rest_speaking, speechkit.iam, speechkit.keys)
    routes = {("POST", "/control"): http.control(speechkit.commands()), **rest.routes}
    http.serve(task["ports"]["http"], routes)
    serve_until_parent_ends()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
