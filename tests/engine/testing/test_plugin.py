"""The pytest plugin in a project of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from callchart.engine.journal import read, replay
from callchart.states import CHART

pytest_plugins = ["pytester"]

Run = Callable[..., pytest.RunResult]

FAILING = """
    async def test_wrong(telephone):
        await telephone.caller_says("When do you open?", at=3.0, until=4.0)
        await telephone.until("speaking")
        telephone.expect(heard="At midnight")
"""


@pytest.fixture
def run(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> Run:
    """Run a test file with the plugin, which an installed Callchart loads automatically."""
    installed = request.config.pluginmanager.hasplugin("callchart")
    loaded = [] if installed else ["-p", "callchart.engine.testing.plugin"]
    pytester.makeini("[pytest]\ntrio_mode = true\n")

    def run(source: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=source)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *loaded, *arguments)

    return run


def test_a_failure_shows_the_journal_the_seed_and_the_line_that_repeats_it(run: Run) -> None:
    result = run(FAILING, "--callchart-seed", "17")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '>       telephone.expect(heard="At midnight")',
            "E       AssertionError: the caller must hear 'At midnight' of the last reply, heard *",
            "*- states of call 1 -*",
            "clear -> waiting -> hearing -> pause -> silent -> opening",
            "*- journal of call 1 -*",
            "*0.000  taken     CallStarted()*(none) -> turn.greeting.clear",
            "*3.020  taken     SpeechStarted(utterance=1)*listening.waiting -> listening.hearing",
            "*- seed 17 -*",
            "to repeat it: pytest 'test_it.py::test_wrong' --callchart-seed 17",
        ]
    )


def test_the_states_of_a_failure_have_the_keys_that_the_caller_pressed(run: Run) -> None:
    result = run(
        """
        async def test_keys(telephone):
            await telephone.until("listening")
            await telephone.caller_presses("12")
            await telephone.until("listening")
            raise AssertionError
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*- states of call 1 -*", "clear -> waiting (pressed 12)"])


def test_a_failed_assertion_shows_its_line_and_the_compared_values(run: Run) -> None:
    result = run(
        """
        async def test_answer(telephone):
            await telephone.until("listening")
            wanted = "At midnight"
            assert telephone.heard[-1].text == wanted
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">       assert telephone.heard[-1].text == wanted",
            "E       AssertionError: assert 'Hello, *' == 'At midnight'",
            "E         - At midnight",
            "E         + Hello, this is the shop. How can I help you?",
            "test_it.py:4: AssertionError",
            "*- states of call 1 -*",
            "clear -> waiting",
        ]
    )
    result.stdout.no_fnmatch_line("*Exception Group*")
    result.stdout.no_fnmatch_line("*telephone.py*")


def test_a_path_that_is_not_taken_shows_a_diff_and_both_lines(run: Run) -> None:
    result = run(
        """
        async def test_path(telephone):
            telephone.expect(states=["greeting", ..., "thinking", "hangup"], within=5)
            await telephone.until(4.0)
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">       await telephone.until(4.0)",
            '>       telephone.expect(states=["greeting", ..., "thinking", "hangup"], within=5)',
            "E       AssertionError: the call did not pass through the expected states:",
            "E         clear  greeting",
            "E       - thinking",
            "E       + waiting",
            "E       (at 5.000 s, in call.listening.waiting)",
        ]
    )


def test_a_failure_of_a_charts_function_shows_its_line(run: Run) -> None:
    result = run(
        """
        import pytest
        from callchart import PHONE_CALL, SpeechStarted, to

        def look_up(data):
            raise LookupError("no such customer")

        looks_up = {"waiting": {SpeechStarted: to("hangup", update=look_up)}}

        @pytest.mark.call(chart=PHONE_CALL.extended("failing", on=looks_up))
        async def test_it(telephone):
            await telephone.caller_says("Hello", at=3.0)
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ['>       raise LookupError("no such customer")', "E       LookupError: no such customer"]
    )
    result.stdout.no_fnmatch_line("*Exception Group*")


def test_a_verb_without_await_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        async def test_it(telephone):
            telephone.caller_presses("1", at=3.0)
        """
    )
    # A process of its own: this one makes an error of each warning.
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*coroutine 'Telephone.caller_presses' was never awaited*"])


@pytest.mark.parametrize("fixture", ["telephone", "make_telephone", "story"])
def test_a_sync_test_with_a_telephone_fails_with_the_cure(run: Run, fixture: str) -> None:
    result = run(f"def test_plain({fixture}):\n    pass\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"a test with `{fixture}` must be async: write `async def`"])
    result.stdout.no_fnmatch_line("*plugin.py*")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            "chrt=1",
            "@pytest.mark.call must have arguments of Telephone, got chrt; did you mean *t?",
        ),
        ("settings={'no_imput': 1}", "unknown setting 'no_imput'; did you mean no_input?"),
        (
            "chart=Chart('wrong', [State('a', activity='plya', after=OUT), OVER], events=())",
            "state a: the activity must be one of fill, hear, *, got 'plya'; did you mean 'play'?",
        ),
    ],
)
def test_a_mistake_in_the_marker_call_is_one_line(run: Run, arguments: str, says: str) -> None:
    result = run(
        f"""
        import pytest
        from callchart import Chart, State, to

        OUT, OVER = {{"out": (1, to("over"))}}, State("over", final=True)

        @pytest.mark.call({arguments})
        async def test_it(telephone):
            await telephone.until("listening")
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([says])
    result.stdout.no_fnmatch_line("*plugin.py*")


@pytest.mark.parametrize(
    ("chart", "says"),
    [
        ("CHART", "got 'CHART': write MODULE:NAME"),
        ("no_such:CHART", "got 'no_such:CHART': No module named 'no_such'"),
        ("callchart.states:CART", "got 'callchart.states:CART'; did you mean CHART?"),
    ],
)
def test_a_chart_that_is_named_wrongly_is_one_line(run: Run, chart: str, says: str) -> None:
    source = "async def test_it(telephone):\n    pass\n"
    result = run(source, "-o", f"callchart_chart={chart}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"the ini option callchart_chart must name a Chart, {says}"])
    result.stdout.no_fnmatch_line("*plugin.py*")


def test_the_journal_of_a_failed_call_is_saved_on_request(
    run: Run, pytester: pytest.Pytester
) -> None:
    run(FAILING, "--callchart-journals", "journals").assert_outcomes(failed=1)
    (path,) = Path(pytester.path / "journals").iterdir()
    assert path.name == "test_it.py-test_wrong.1.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    head, lines = read(path)
    assert len(list(replay(CHART, head, lines))) == len(lines) > 10


def test_a_folder_that_cannot_be_made_is_reported_with_the_failure(
    run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makefile(".txt", taken="a file")
    result = run(FAILING, "--callchart-journals", "taken.txt/journals")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Not a directory*", "*- seed 0 -*"])


def test_a_test_that_passes_saves_nothing(run: Run, pytester: pytest.Pytester) -> None:
    source = "async def test_right(telephone):\n    await telephone.until('greeting')\n"
    run(source, "--callchart-journals", "journals").assert_outcomes(passed=1)
    assert not (pytester.path / "journals").exists()


def test_a_marker_sets_the_arguments_of_the_telephone(run: Run) -> None:
    run(
        """
        import pytest

        pytestmark = pytest.mark.call(settings={"no_input": 3.0}, seed=5)

        async def test_of_the_module(telephone, make_telephone):
            assert (telephone.settings.no_input, telephone.seed) == (3.0, 5)
            assert make_telephone(seed=6).seed == 6

        @pytest.mark.call(settings={"no_input": 4.0})
        async def test_of_its_own(telephone):
            assert (telephone.settings.no_input, telephone.seed) == (4.0, 5)
        """
    ).assert_outcomes(passed=2)


def test_a_project_names_its_own_chart(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        my_chart="""
        from callchart.engine.chart import State
        from callchart.states import CHART

        MINE = CHART.extended("mine")
        WRONG = State("no chart")
        """
    )
    source = "async def test_it(telephone):\n    assert telephone.chart.name == 'mine'\n"
    pytester.syspathinsert()
    run(source, "-o", "callchart_chart=my_chart:MINE").assert_outcomes(passed=1)
    result = run(source, "-o", "callchart_chart=my_chart:WRONG")
    result.stdout.fnmatch_lines(
        ["the ini option callchart_chart must name a Chart, got 'my_chart:WRONG', a State"]
    )


def test_schedules_follow_the_seed(run: Run) -> None:
    result = run(
        """
        import pytest

        @pytest.mark.schedules(3)
        async def test_it(telephone):
            print("seed", telephone.seed)
        """,
        *("--callchart-seed", "40", "-s"),
    )
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*seed 40*", "*seed 41*", "*seed 42*"])


@pytest.mark.parametrize("count", [0, -1])
def test_a_marker_with_less_than_one_schedule_is_refused(run: Run, count: int) -> None:
    result = run(
        f"""
        import pytest

        @pytest.mark.schedules({count})
        async def test_it(telephone):
            assert False
        """
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        [f"test_it.py::test_it: schedules(n): n must be 1 or more, got {count}"]
    )
    result.stdout.no_fnmatch_line("*plugin.py*")


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_an_option_with_less_than_one_schedule_is_a_usage_error(run: Run, count: str) -> None:
    result = run("def test_it(): ...", f"--callchart-schedules={count}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"*error: argument --callchart-schedules: must be a number, 1 or more, got {count}"]
    )


def test_the_line_that_repeats_a_failure_repeats_it(run: Run) -> None:
    source = """
        import pytest
        import trio

        @pytest.mark.schedules(20)
        async def test_luck(make_telephone):
            ran = []
            async def task(number):
                await trio.sleep(1)
                ran.append(number)
            async with trio.open_nursery() as nursery:
                for number in range(3):
                    nursery.start_soon(task, number)
            make_telephone()
            assert ran[0] != 0
    """
    first, second = (run(source, "--callchart-seed", "3") for _ in range(2))
    outcomes = first.parseoutcomes()
    assert outcomes["failed"] > 0
    assert outcomes["passed"] > 0
    assert second.parseoutcomes() == outcomes
    lines = [line for line in first.outlines if line.startswith("to repeat it")]
    test = lines[0].partition("'")[2].partition("'")[0]
    run(source, test, "--callchart-seed", "3").assert_outcomes(failed=1)


def test_a_test_with_a_telephone_runs_without_trio_mode(
    run: Run, pytester: pytest.Pytester
) -> None:
    pytester.makeini("[pytest]\n")
    source = "async def test_it(telephone):\n    await telephone.until('listening')\n"
    run(source).assert_outcomes(passed=1)
