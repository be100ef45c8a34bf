"""gRPC on Trio: calls that stream, over connections that are up before they are needed.

Theory of operation. gRPC is HTTP/2 with messages in its bodies. Two libraries speak it without any
I/O of their own: h2 knows HTTP/2's frames, windows and states (`http2`), grpclib knows gRPC's
framing, metadata and statuses (`seam`). Its transport is asyncio's, and its connection cannot tell
a server that moves its callers on from one that is gone; both are ours. No asyncio loop ever runs.

    errors, method          what a call is, and how it fails
    dial                    an address becomes a stream of bytes: TCP, TLS
    connection, keepalive   that stream carries HTTP/2: one reader, one writer, pings
    exchange                one request and its response: bytes both ways, within windows
    stream                  an exchange carries messages: what callers hold
    channel                 a connection that comes back
    pool                    several of them: what adapters open

Three rules:

- Only bodies wait. Whatever else is to be said is said to h2 at once, and the writer is woken: so
  a call is reset from a `finally`, in the middle of a cancellation, without waiting.
- Each end of an exchange has one word for how it stands (`Exchange.end`), and the first one counts.
  Waiters look at it when they wake; nothing is thrown into a task.
- Nobody waits without a bound. A connection comes up within `CONNECT`, or callers have its reason;
  a silent one is found out by `Keepalive`; all else is the caller's own deadline, a cancel scope.
"""
