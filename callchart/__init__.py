"""A phone call you can draw, replay and prove: the names that a bot's author needs.

    from callchart import PHONE_CALL, State, stay, tool, to

`PHONE_CALL` is the default call. `State`, `to`, `stay`, `defer` and `ignore` declare states of
your own, `Chart.extended` adds them to a chart, and `tool` turns a function into a tool of the
model. `callchart.testing` has the telephone, the fakes and the questions for tests.

These two modules are the public interface. Every other module is private and may change.

Names load on first use, so `import callchart` loads neither Trio nor pydantic: the worker processes
of the speech providers start without them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from callchart._exports import *  # noqa: F403 (_exports lists the names, once)
    from callchart._exports import __all__ as __all__
else:

    def __getattr__(name: str) -> Any:
        # import_module, because `from callchart import _exports` would call this function again.
        exports = import_module("callchart._exports")
        if name == "__all__" or name in exports.__all__:
            return getattr(exports, name)
        raise AttributeError(f"module 'callchart' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return [*globals(), *__getattr__("__all__")]
