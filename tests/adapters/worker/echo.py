"""A worker for tests: it sends each message back, and exits with a number that it receives."""

from __future__ import annotations

import sys

from callchart.adapters.worker.pipes import Owner, Ready, Unable


def main() -> None:
    """Serve until the owner has exited. An argument is a reason to send `Unable` instead."""
    owner = Owner()
    if sys.argv[1:]:
        owner.send(Unable(sys.argv[1], "ask for less"))
        return
    owner.send(Ready())
    while True:
        match owner.receive():
            case int(code):
                sys.exit(code)
            case message:
                print("a library's chatter", flush=True)
                owner.send(message)


if __name__ == "__main__":
    main()
