"""The installed wheel, in an environment and a folder of its own.

The folder has an engine/, states/, adapters/ and proto/ of its own, and proto-plus (imported as
`proto`) is installed, too. Python must not take one for the other.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

ROOT = Path(__file__).parent.parent
#: The folders at the top of the repository.
FOLDERS = ("adapters", "engine", "proto", "states")

BOT = '''
from callchart import PHONE_CALL, DigitReceived, State, ignore, tool, to
from callchart import FinalHeard, PartialHeard, SpeechEnded, SpeechStarted


def is_star(event: DigitReceived) -> bool:
    return event.digit == "*"


@tool
async def opening_hours() -> str:
    """When the shop is open."""
    return "from nine to six"


on_hold = State(
    "on_hold",
    "The caller pressed *, and wants us to wait.",
    on={
        DigitReceived: [to("listening", when=is_star), ignore("only * has a meaning")],
        **dict.fromkeys(
            (SpeechStarted, SpeechEnded, PartialHeard, FinalHeard), ignore("they asked us to wait")
        ),
    },
    after={"longest_hold": (60.0, to("listening"))},
)

CHART = PHONE_CALL.extended(
    "phone call with a hold key",
    add={"call": [on_hold]},
    on={"listening": {DigitReceived: [to("on_hold", when=is_star), ignore("no other key")]}},
)
'''

TEST = """
import adapters, engine, proto, states
import pytest

from callchart.testing import Telephone, Use
from mybot import CHART, opening_hours


def test_the_folders_of_the_project_are_imported_by_their_names():
    assert {module.OWNER for module in (adapters, engine, proto, states)} == {"mybot"}


@pytest.mark.call(chart=CHART, tools=[opening_hours])
async def test_the_tool_answers(telephone: Telephone) -> None:
    telephone.agent_will_say(Use("opening_hours", {}), "We are open {result}.|")
    await telephone.caller_says("When are you open?", at=3.0)
    await telephone.expect(
        states=[..., "speaking", "listening"], heard="We are open from nine to six."
    )
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment with the wheel, its dependencies and proto-plus.

    The dependencies are links to those of the running tests, so that no network is needed."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*build, "--directory", folder], cwd=ROOT, check=True, capture_output=True)
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv/bin/python"
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if "callchart" not in package.name:
            (site / package.name).symlink_to(package)
    (wheel,) = folder.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    install = [*pip, "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return python


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a bot, its test, and four packages that are named like our folders."""
    for name in FOLDERS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("OWNER = 'mybot'\n")
    (tmp_path / "mybot.py").write_text(BOT)
    (tmp_path / "test_mybot.py").write_text(TEST)
    return tmp_path


def run(python: Path, project: Path, *arguments: str | Path) -> str:
    """Run a program of the environment in the project's folder, and return its output."""
    ran = subprocess.run(
        [python.with_name(str(arguments[0])), *arguments[1:]],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_pytest_runs_the_tests_of_a_bot(python: Path, project: Path) -> None:
    assert "2 passed" in run(python, project, "python", "-m", "pytest", "-q")


def test_draw_draws_the_chart_of_a_bot(python: Path, project: Path) -> None:
    run(python, project, "callchart", "draw", "--chart", "mybot:CHART", "--out", "drawings")
    assert "on_hold" in (project / "drawings/chart.svg").read_text("utf-8")


def test_the_package_says_its_version(python: Path, project: Path) -> None:
    assert run(python, project, "python", "-m", "callchart", "--version") == "callchart 0.1.0\n"


def test_the_wheel_does_not_break_proto_plus(python: Path, tmp_path: Path) -> None:
    assert (
        run(python, tmp_path, "python", "-c", "import proto; print(proto.Message.__name__)")
        == "Message\n"
    )
