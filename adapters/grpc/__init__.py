"""gRPC on Trio: calls that stream, over connections that are up before they are needed.

Theory of operation. gRPC is HTTP/2 with messages in its bodies. We use parts of two libraries that
do no I/O: h2 for HTTP/2's frames, windows and states (`http2`), and grpclib for gRPC's framing,
metadata and statuses (`seam`). We do not use grpclib's connection: it needs asyncio, and it cannot
tell a server that closes in good order from one that is gone.

    method, errors          the description of a call, and its failures
    dial                    connects to an address: TCP, TLS
    connection, keepalive   HTTP/2 on that stream: one reader, one writer, pings
    exchange                one request and its response: bytes, within flow-control windows
    stream                  the messages of an exchange: the object that callers use
    channel                 a connection that reconnects
    pool                    several channels: the object that adapters open

Three rules:

- Only sending a body waits. All other frames go to h2 without waiting, and wake the writer. So a
  `finally` can reset a call, even during a cancellation.
- Each exchange has one end (`Exchange.end`), and the first one counts. A waiting task reads it when
  it wakes; no exception is thrown into a task.
- Every wait has a limit. A connection is up within `CONNECT_SECONDS`, or its calls fail with the
  reason. `Keepalive` detects a silent connection. For all other waits the caller sets a deadline,
  with a cancel scope.
"""
