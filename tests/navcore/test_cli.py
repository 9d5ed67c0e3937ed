"""`nav`, `nav plan` and `nav plugins`: what they print, and how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from navcore.cli import app, main

Install = Callable[..., None]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text("def double(x): return 2 * x", "utf-8")
    return tmp_path


def nav(*arguments: str) -> object:
    """Run the command line in this process and return its exit code."""
    with pytest.raises(SystemExit) as caught:
        app(list(arguments), prog_name="nav")
    return caught.value.code or 0


@pytest.mark.parametrize(
    "command",
    [
        *("optimize", "plan", "plugins", "show", "why", "save", "verify", "run", "compare"),
        *("cache list", "cache gc", "cache clear"),
    ],
)
def test_the_help_of_a_command_has_examples_and_exit_codes(command: str, capsys: Capture) -> None:
    code = nav(*command.split(), "--help")
    text = capsys.readouterr().out

    assert 0 == code
    assert f"Usage: nav {command}" in text
    assert f"Examples:\n    nav {command}" in text
    assert "Exit codes: 0 " in text


def test_help_lists_the_commands_and_loads_nothing_heavy() -> None:
    code = textwrap.dedent("""
        import contextlib, io, sys
        from navcore.cli import app
        text = io.StringIO()
        with contextlib.suppress(SystemExit), contextlib.redirect_stdout(text):
            app(["--help"], prog_name="nav")
        assert "optimize" in text.getvalue(), text.getvalue()
        heavy = {"cattrs", "filelock", "jax", "onnx", "onnxruntime", "openvino", "rich", "tensorflow", "torch"}
        print(sorted(heavy & set(sys.modules)))
    """)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == result.stdout.strip()


def test_the_version_is_that_of_the_distribution(capsys: Capture) -> None:
    from importlib.metadata import version

    assert 0 == nav("--version")
    assert f"nav {version('navcore')}\n" == capsys.readouterr().out


def test_no_arguments_print_the_help(capsys: Capture) -> None:
    nav()
    captured = capsys.readouterr()

    assert "Exit codes: 0 something was found, 1 nothing works, 2 wrong use." in captured.out + captured.err


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [(("optimize", "--runer", "x", "a.onnx"), "--runner"), (("optimise", "a.onnx"), "optimize")],
)
def test_a_misspelled_option_or_command_names_the_nearest(
    arguments: tuple[str, ...], nearest: str, capsys: Capture
) -> None:
    code = nav(*arguments)

    assert 2 == code
    assert nearest in capsys.readouterr().err


def test_plan_prints_routes_and_runs_nothing(folder: Path, capsys: Capture) -> None:
    code = nav("plan", "net.py:double")
    text = capsys.readouterr().out

    assert 0 == code
    assert "Plan from python: 0 builds and 1 trial" in text
    assert ["python", "Python"] in [line.split() for line in text.splitlines()]
    assert ["net.py"] == sorted(entry.name for entry in folder.iterdir() if entry.name != "__pycache__")


def test_plan_as_json_is_all_that_stdout_gets(folder: Path, capsys: Capture) -> None:
    nav("plan", "net.py:double", "--json")
    plan = json.loads(capsys.readouterr().out)

    assert ("python", [], [{"route": "python", "runner": "Python"}]) == (plan["source"], plan["builds"], plan["trials"])


GOOD = """
    import navcore
    from navcore.testing.toys import ToyConverter, ToyExporter, ToyRunner

    @navcore.hookimpl
    def nav_exporters():
        return [ToyExporter()]

    @navcore.hookimpl
    def nav_runners():
        return [ToyRunner(name="ToyHere"), ToyRunner(name="ToyMissing", missing="no driver; install it")]
"""


def test_plugins_lists_what_each_adds_and_what_is_unavailable_and_why(install: Install, capsys: Capture) -> None:
    install("good-plugin", "2.5", GOOD, navcore={"good": "good_plugin"})
    code = nav("plugins")
    text = capsys.readouterr().out

    assert 0 == code
    assert (
        "good  (good-plugin 2.5)\n"
        "  edges: toy-live -> toy-npz\n"
        "  runners: ToyHere (toy-npz, cpu), ToyMissing (toy-npz, cpu)\n"
        "  unavailable: ToyMissing\n"
        "    no driver\n"
        "    fix: install it\n"
    ) in text
    assert "strategies: max-throughput, max-throughput-and-min-latency, min-latency" in text


def test_plugins_lists_problems_with_version_and_fix(install: Install, capsys: Capture) -> None:
    install("broken-plugin", "0.1", "raise ImportError('no such library')", navcore={"broken": "broken_plugin"})
    nav("plugins")
    text = " ".join(capsys.readouterr().out.split())

    assert "Problems broken (broken-plugin 0.1)" in text
    assert "ImportError: no such library fix: upgrade or uninstall it" in text


@pytest.mark.parametrize("command", ["plan", "optimize"])
def test_a_broken_plugin_is_told_and_the_others_work(
    command: str, folder: Path, install: Install, capsys: Capture
) -> None:
    install("broken-plugin", "0.1", "raise ImportError('no such library')", navcore={"broken": "broken_plugin"})
    options = ("--inputs", "x:float32[batch,4]", "--max-batch-size", "1") if command == "optimize" else ()
    code = nav(command, "net.py:double", *options)

    assert 0 == code
    assert "warning: plugin broken (broken-plugin 0.1): `broken_plugin` cannot be imported" in capsys.readouterr().err


def test_plugins_as_json(install: Install, capsys: Capture) -> None:
    install("good-plugin", "2.5", GOOD, navcore={"good": "good_plugin"})
    nav("plugins", "--json")
    (plugin,) = (each for each in json.loads(capsys.readouterr().out)["plugins"] if each["name"] == "good")

    assert ["toy-live -> toy-npz"] == plugin["edges"]
    assert [("ToyMissing", "no driver", "install it")] == [
        tuple(omission.values()) for omission in plugin["unavailable"]
    ]


@pytest.mark.parametrize(("expected", "given"), [("PASSIVE", None), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_sleep_unless_the_user_says_otherwise(
    expected: str, given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if given is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", given)
    monkeypatch.setattr(sys, "argv", ["nav", "--version"])
    with pytest.raises(SystemExit):
        main()

    assert expected == os.environ["OMP_WAIT_POLICY"]


def test_the_installed_command_works_and_hands_its_exit_code_on(folder: Path) -> None:
    command = [sys.executable, "-c", "from navcore.cli import main; main()", "show", "nowhere"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert 2 == result.returncode
    assert "error: " in result.stderr
    assert "" == result.stdout


ELSEWHERE = """
    import navcore
    from navcore.testing.toys import ToyRunner

    @navcore.hookimpl
    def nav_runners():
        return [ToyRunner(name="Elsewhere", accepts=navcore.Format.PYTHON, devices=(navcore.DeviceKind.CUDA,))]
"""


def test_plan_tells_what_was_left_out_in_options(folder: Path, install: Install, capsys: Capture) -> None:
    install("elsewhere-plugin", "1.0", ELSEWHERE, navcore={"elsewhere": "elsewhere_plugin"})
    nav("plan", "net.py:double", "--device", "cpu")

    assert (
        "  Elsewhere\n    runs on cuda, and the target device is cpu\n    fix: --device cuda\n"
        in capsys.readouterr().out
    )


def test_show_of_results_that_cannot_be_read_is_wrong_use(folder: Path, capsys: Capture) -> None:
    (folder / "w" / "package.json").mkdir(parents=True)
    (folder / "w" / ".navcore-workspace").touch()

    assert 2 == nav("show", "w")
    assert "package.json cannot be read: Is a directory\n  fix: " in capsys.readouterr().err
