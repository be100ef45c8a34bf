"""The public interface: `callchart` and `callchart.testing`."""

from __future__ import annotations

import subprocess
import sys
from types import FunctionType, ModuleType

import pytest

import callchart
import callchart.testing


@pytest.mark.parametrize("module", [callchart, callchart.testing], ids=lambda m: m.__name__)
def test_every_public_name_exists_once_and_is_listed(module: ModuleType) -> None:
    assert len(set(module.__all__)) == len(module.__all__)
    assert set(module.__all__) <= set(dir(module))
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("module", [callchart, callchart.testing], ids=lambda m: m.__name__)
def test_every_public_class_and_function_is_documented(module: ModuleType) -> None:
    public = {name: getattr(module, name) for name in module.__all__}
    # The module documents an alias of a type.
    ours = {n: value for n, value in public.items() if isinstance(value, type | FunctionType)}
    assert [name for name, value in ours.items() if not value.__doc__] == []


def test_an_unknown_name_raises_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'callchart' has no attribute 'chart_of'"):
        _ = callchart.chart_of  # type: ignore[attr-defined]


@pytest.mark.real
def test_the_import_alone_loads_neither_trio_nor_pydantic() -> None:
    # The worker processes of speech providers import `callchart...` and must start quickly.
    program = "import sys, callchart; print(sorted({'trio', 'pydantic'} & set(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
