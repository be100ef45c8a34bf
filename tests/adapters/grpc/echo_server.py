"""A server of the official gRPC library, run as a process.

It echoes, hangs and fails as a call asks, and counts the calls that hang. Its messages are plain
bytes. After SIGTERM it gives open calls 5 s to end."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

STATUSES = {code.value[0]: code for code in grpc.StatusCode}


class Service(grpc.GenericRpcHandler):
    """The methods, by the last part of their path."""

    def __init__(self) -> None:
        self.open = 0
        self.ended_ns = 0
        self.lock = threading.Lock()

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        match handler_call_details.method.rpartition("/")[2]:
            case "Repeat":
                return grpc.unary_stream_rpc_method_handler(self.repeat)
            case "Hang":
                return grpc.unary_stream_rpc_method_handler(self.hang)
            case "Fail":
                return grpc.unary_stream_rpc_method_handler(self.fail)
            case "Metadata":
                return grpc.unary_stream_rpc_method_handler(self.metadata)
            case "Peer":
                return grpc.unary_stream_rpc_method_handler(self.peer)
            case "Chat":
                return grpc.stream_stream_rpc_method_handler(self.chat)
            case "Count":
                return grpc.unary_stream_rpc_method_handler(self.count)
        return None

    def repeat(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Send messages: the request is their number and their size."""
        number, size = map(int, request.split())
        for index in range(number):
            yield index.to_bytes(4, "big") + bytes(size - 4)

    def hang(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Send one message, and do not end the call."""
        done = threading.Event()

        def ended() -> None:
            # Count in this callback: gRPC may never resume a generator that has yielded.
            with self.lock:
                self.ended_ns = time.monotonic_ns()
                self.open -= 1
            done.set()

        with self.lock:
            self.open += 1
        if not context.add_callback(ended):
            ended()
        yield b"hanging"
        done.wait()

    def fail(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Fail: the request is a number of messages, then a status and its message."""
        number, status, words = request.split(b" ", 2)
        for _ in range(int(number)):
            yield b"before"
        context.abort(STATUSES[int(status)], words.decode())

    def metadata(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Return the metadata of the call, as JSON."""
        yield json.dumps([list(item) for item in context.invocation_metadata()]).encode()

    def peer(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Return the connection of the call."""
        yield context.peer().encode()

    def chat(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """Send each message back."""
        yield from requests

    def count(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Return the number of hanging calls, and the moment (ns) when the last one ended."""
        with self.lock:
            yield f"{self.open} {self.ended_ns}".encode()


def main(port: str, options: str, *files: str) -> None:
    """Serve on `port` (0: any) with gRPC's `options`, over TLS if `files` are a key and chain."""
    server = grpc.server(
        ThreadPoolExecutor(200), [Service()], options=list(json.loads(options).items())
    )
    address = f"127.0.0.1:{port}"
    if files:
        key, chain = (Path(file).read_bytes() for file in files)
        bound = server.add_secure_port(address, grpc.ssl_server_credentials([(key, chain)]))
    else:
        bound = server.add_insecure_port(address)
    server.start()
    signal.signal(signal.SIGTERM, lambda *_: server.stop(5))
    print(bound, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
