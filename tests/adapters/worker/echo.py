"""A worker for tests: says each message back; a number ends it with that code."""

from __future__ import annotations

import sys

from callchart.adapters.worker.pipes import Owner, Ready, Unable


def main() -> None:
    """Works until the owner is gone. An argument is a reason not to work."""
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
