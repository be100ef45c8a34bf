"""The installable project: the wheel, its names and entry points, and the lock."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.real

ROOT = Path(__file__).parent.parent
#: The folders at the top of the repository that are linked into the import package.
FOLDERS = ("adapters", "engine", "proto", "states")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """Return the contents of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def lock() -> list[str]:
    """Return the lines of the lock."""
    return (ROOT / "requirements.lock").read_text().splitlines()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Provide the wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*build, "--directory", folder], cwd=ROOT, check=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        yield archive


def dist_info(wheel: zipfile.ZipFile, name: str) -> str:
    """Return the text of a file of the wheel's metadata."""
    path = next(path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


def test_the_wheel_holds_one_package(wheel: zipfile.ZipFile) -> None:
    tops = {path.partition("/")[0] for path in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"callchart"}


def test_the_wheel_holds_every_file_of_our_packages(wheel: zipfile.ZipFile) -> None:
    files = {
        f"callchart/{path.relative_to(ROOT).as_posix()}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert files <= set(wheel.namelist())


def test_the_wheel_has_the_marker_of_a_typed_package(wheel: zipfile.ZipFile) -> None:
    assert "callchart/py.typed" in wheel.namelist()


def test_the_licence_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    assert "Apache License" in dist_info(wheel, "licenses/LICENSE")


@pytest.mark.parametrize(
    ("group", "value"),
    [
        ("console_scripts", "callchart.adapters.service.cli:main"),
        ("pytest11", "callchart.engine.testing.plugin"),
    ],
)
def test_every_entry_point_of_the_wheel_can_be_loaded(
    wheel: zipfile.ZipFile, group: str, value: str
) -> None:
    assert f"[{group}]\ncallchart = {value}\n" in dist_info(wheel, "entry_points.txt")
    assert importlib.metadata.EntryPoint("callchart", value, group).load()


def test_the_gpl_voice_comes_only_with_the_demo(project: dict[str, Any]) -> None:
    holders = [
        name
        for name, wanted in [
            ("run time", project["project"]["dependencies"]),
            *project["project"]["optional-dependencies"].items(),
        ]
        if any(Requirement(text).name == "espeakng-loader" for text in wanted)
    ]
    assert holders == ["demo"]


def test_the_lock_holds_only_names_and_exact_versions(lock: list[str]) -> None:
    # A lock without hosts and paths works with any mirror, on any machine.
    pins = [line for line in lock if not line.startswith("#")]
    assert pins
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", pin)] == []
    assert [line for line in lock if "/" in line] == []


def test_the_lock_has_every_declared_dependency(lock: list[str], project: dict[str, Any]) -> None:
    pinned = {
        canonicalize_name(name): version
        for name, _, version in (line.partition("==") for line in lock if not line.startswith("#"))
    }
    wanted = [
        Requirement(text)
        for texts in [
            project["project"]["dependencies"],
            *project["project"]["optional-dependencies"].values(),
            *project["dependency-groups"].values(),
        ]
        for text in texts
    ]
    unsatisfied = [
        str(requirement)
        for requirement in wanted
        if requirement.name != "callchart"
        and not requirement.specifier.contains(pinned.get(canonicalize_name(requirement.name), "0"))
    ]
    assert unsatisfied == []
