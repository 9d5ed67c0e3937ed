"""`nav optimize` and `nav show`: what they print where, and how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import navcore
from navcore.cli import app

Capture = pytest.CaptureFixture[str]

NET = """
    import random

    print("printed by the user's file")

    def double(x):
        return 2 * x

    def noise(x):
        return x + random.random()

    def samples():
        import numpy
        yield {"x": numpy.ones((2, 4), "float32")}
"""
QUICK = ("--max-batch-size", "1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(textwrap.dedent(NET), "utf-8")
    return tmp_path


def nav(*arguments: str) -> object:
    """Run the command line in this process and return its exit code."""
    with pytest.raises(SystemExit) as caught:
        app(list(arguments), prog_name="nav")
    return caught.value.code or 0


def optimize(*arguments: str, model: str = "double") -> object:
    return nav("optimize", f"net.py:{model}", *QUICK, *arguments)


X = ("--inputs", "x:float32[batch,4]")


def test_optimize_prints_the_table_on_stdout_and_progress_on_stderr(folder: Path, capsys: Capture) -> None:
    code = optimize(*X)
    captured = capsys.readouterr()

    assert 0 == code
    assert "double (python) on cpu" in captured.out
    assert "★  python" in captured.out
    assert "[1/1] check python on Python: ok" in captured.err
    assert captured.out.count("★ python on Python, chosen by") == 1


def test_a_dataloader_gives_the_samples(folder: Path, capsys: Capture) -> None:
    assert 0 == optimize("--dataloader", "net.py:samples", "--json")
    assert [[2, 4]] == [shape for _, shape in json.loads(capsys.readouterr().out)["samples"][0]["shapes"]]


def test_json_is_all_that_stdout_gets(folder: Path, capsys: Capture) -> None:
    code = optimize(*X, "--json")
    captured = capsys.readouterr()
    result = json.loads(captured.out)

    assert 0 == code
    assert ("double", "python") == (result["title"], result["source"]["name"])
    assert "printed by the user's file" in captured.err


def test_quiet_shows_nothing(folder: Path, capsys: Capture) -> None:
    (folder / "net.py").write_text("def double(x): return 2 * x", "utf-8")
    code = optimize(*X, "--quiet")

    assert 0 == code
    assert ("", "") == tuple(capsys.readouterr())


def test_a_strategy_decides_what_is_marked(folder: Path, capsys: Capture) -> None:
    optimize(*X, "--strategy", "min-latency", "--json")

    assert ["min-latency"] == [choice["strategy"] for choice in json.loads(capsys.readouterr().out)["choices"]]


def test_the_workspace_is_where_it_was_asked_for(folder: Path) -> None:
    optimize(*X, "--workspace", "here", "--quiet")

    assert (folder / "here" / "package.json").is_file()
    assert not (folder / "navigator_workspace").exists()


def test_nothing_works_is_exit_code_1_with_the_reason(folder: Path, capsys: Capture) -> None:
    code = optimize(*X, model="noise")
    text = capsys.readouterr().out

    assert 1 == code
    assert "Nothing works" in text
    assert "Disagrees with the source\n  python on Python" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), r"fix: describe the inputs, for example --inputs 'x:float32[batch,3]', or name samples with --dataloader"),
        ((*X, "--runner", "Pyton"), "no runner named 'Pyton'; known: "),
        ((*X, "--target-format", "onx"), "no format named 'onx'; known: "),
        ((*X, "--strategy", "fast"), "no strategy named 'fast'; known: max-throughput"),
        ((*X, "--dataloader", "net.py:samples"), "both --inputs and --dataloader were given\n  fix: give one of them"),
        ((*X, "--workspace", "."), "is not empty and not a workspace of navcore"),
        (("--inputs", "x:float32"), "--inputs 'x:float32' is neither a .npz file nor NAME:DTYPE[DIMENSIONS]"),
        (("--dataloader", "samples"), "--dataloader 'samples' is not module:attribute"),
        ((*X, "--device", "gpu"), "'gpu'"),
        ((*X, "--max-batch-size", "0"), "--max-batch-size"),
    ],
)
def test_wrong_use_is_exit_code_2_with_cause_and_fix(
    folder: Path, arguments: tuple[str, ...], message: str, capsys: Capture
) -> None:
    code = optimize(*arguments)
    captured = capsys.readouterr()

    assert 2 == code
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_debug_shows_the_traceback_of_the_users_file(folder: Path, capsys: Capture) -> None:
    (folder / "net.py").write_text("1 / 0", "utf-8")
    code = optimize(*X, "--debug")
    text = capsys.readouterr().err

    assert 2 == code
    assert "ZeroDivisionError" in text.partition("error: ")[0]
    assert "net.py cannot be imported: ZeroDivisionError: division by zero" in text


def test_a_ctrl_c_in_the_users_code_ends_with_130(folder: Path, capsys: Capture) -> None:
    (folder / "net.py").write_text("raise KeyboardInterrupt", "utf-8")

    assert 130 == optimize(*X)
    assert "interrupted\n" == capsys.readouterr().err


def test_show_loads_no_framework(folder: Path) -> None:
    optimize(*X, "--quiet")
    code = textwrap.dedent("""
        import contextlib, sys
        from navcore.cli import app
        with contextlib.suppress(SystemExit):
            app(["show", "navigator_workspace"], prog_name="nav")
        print(sorted({"jax", "onnx", "onnxruntime", "openvino", "tensorflow", "torch"} & set(sys.modules)))
    """)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == result.stdout.splitlines()[-1]


def test_show_prints_what_optimize_printed(folder: Path, capsys: Capture) -> None:
    optimize(*X)
    first = capsys.readouterr().out.partition("\n")[2]  # the user's file prints a line
    code = nav("show", "navigator_workspace")

    assert 0 == code
    assert first == capsys.readouterr().out


def test_show_prints_the_json_that_optimize_printed(folder: Path, capsys: Capture) -> None:
    optimize(*X, "--json")
    first = capsys.readouterr().out
    nav("show", "navigator_workspace", "--json")

    assert first == capsys.readouterr().out


def test_show_of_a_run_in_which_nothing_worked_is_exit_code_1(folder: Path) -> None:
    optimize(*X, model="noise")

    assert 1 == nav("show", "navigator_workspace")


def test_show_of_another_folder_is_wrong_use(folder: Path, capsys: Capture) -> None:
    assert 2 == nav("show", ".")
    assert "is not a workspace of navcore\n  fix: pass the folder that a run wrote into" in capsys.readouterr().err


def test_python_prints_the_summary_too_unless_it_is_quiet(folder: Path, capsys: Capture) -> None:
    import numpy as np

    samples = [np.ones((2, 4), np.float32)]
    profile = navcore.OptimizationProfile(max_batch_size=1)
    navcore.optimize(np.negative, samples, optimization_profile=profile, quiet=True)
    quiet = tuple(capsys.readouterr())
    navcore.optimize(np.negative, samples, optimization_profile=profile)

    assert ("", "") == quiet
    assert "★ python on Python, chosen by" in capsys.readouterr().out


def test_a_dataloader_that_fails_halfway_is_wrong_use(folder: Path, capsys: Capture) -> None:
    (folder / "net.py").write_text(
        "def double(x): return 2 * x\ndef samples():\n    yield [1.0]\n    raise RuntimeError('no more')", "utf-8"
    )
    code = optimize("--dataloader", "net.py:samples")
    text = capsys.readouterr().err

    assert 2 == code
    assert "RuntimeError: no more" in text
    assert "net.py, line 4" in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("inputs", "fix"),
    [
        (("y:float32[batch,4]",), "fix: in --inputs, rename 'y' to 'x': the model's parameters are x\n"),
        (("y:bool[4]", "z:bool[4]"), "fix: in --inputs, use the names of the model's parameters: x; not y, z\n"),
    ],
)
def test_inputs_by_other_names_are_told_how_to_be_called(
    folder: Path, inputs: tuple[str, ...], fix: str, capsys: Capture
) -> None:
    code = optimize(*(part for text in inputs for part in ("--inputs", text)))

    assert 2 == code
    assert fix in capsys.readouterr().err


def test_inputs_that_the_model_refuses_for_another_reason_get_no_such_advice(folder: Path, capsys: Capture) -> None:
    (folder / "net.py").write_text("def double(x): raise RuntimeError('too wide')", "utf-8")

    assert 2 == optimize(*X)
    assert "rename" not in capsys.readouterr().err


def test_the_installed_plugins_of_the_command_line_are_those_of_nav_plugins(folder: Path, capsys: Capture) -> None:
    (folder / "net.py").write_text("strange = object()", "utf-8")
    code = optimize(*X, model="strange")
    text = capsys.readouterr().err

    assert 2 == code
    assert "navcore.console (navcore " in text
    assert "given by the caller" not in text


def test_a_workspace_that_is_refused_is_told_in_options(folder: Path, capsys: Capture) -> None:
    optimize(*X, "--workspace", ".")

    assert "fix: pass --workspace <a new or empty folder>" in capsys.readouterr().err


def test_a_notice_is_told_in_options(folder: Path, capsys: Capture) -> None:
    (folder / "net.py").write_text(
        "def picky(x):\n    if len(x) not in (2, 4): raise ValueError('no')\n    return x", "utf-8"
    )
    optimize(*X, model="picky")
    captured = capsys.readouterr()

    assert "--no-batching" in captured.err
    assert "--no-batching" in captured.out
    assert "batching=False" not in captured.err + captured.out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_console_without_unicode_gets_the_summary_too(folder: Path, encoding: str) -> None:
    optimize(*X, "--quiet")
    command = [sys.executable, "-c", "from navcore.cli import main; main()", "show", "navigator_workspace"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    result = subprocess.run(command, capture_output=True, text=True, encoding=encoding, env=environment, check=False)

    assert ("", 0) == (result.stderr, result.returncode)
    assert "* python on Python, chosen by" in result.stdout
