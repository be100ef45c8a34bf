"""gRPC on Trio: calls that stream, over connections that are up before they are needed.

Theory of operation. gRPC is HTTP/2 with messages in its bodies. Two libraries speak it without any
I/O of their own: h2 knows HTTP/2's frames, windows and states (`http2`), grpclib knows gRPC's
framing, metadata and statuses (`seam`). Its transport is asyncio's, and its connection cannot tell
a server that closes in good order from one that is gone; so we have our own. No asyncio loop runs.

    errors, method          the description of a call, and its failures
    dial                    connects to an address: TCP, TLS
    connection, keepalive   HTTP/2 on that stream: one reader, one writer, pings
    exchange                one request and its response: bytes, within flow-control windows
    stream                  the messages of an exchange: the object that callers use
    channel                 a connection that reconnects
    pool                    several channels: the object that adapters open

Three rules:

- Only bodies wait. All other frames are given to h2 without waiting, and the writer is woken: so a
  `finally` can reset a call, even during a cancellation.
- Each exchange has one end (`Exchange.end`), and the first one counts. Waiters look at it when they
  wake; no exception is thrown into a task.
- Every wait has a bound. A connection is up within `CONNECT` seconds, or its calls fail with the
  reason; `Keepalive` detects a silent one; all else is the caller's own deadline, a cancel scope.
"""
