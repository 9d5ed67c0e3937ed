"""SOURCE and --dataloader: what is imported, what is called, and what is said when that fails."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from navcore.cli.sources import Reference, importable, load_dataloader, load_model, parse_reference, parse_source
from navcore.errors import DataloaderError, UnknownNameError, UsageError

NET = """
    import helper_beside_net
    from pathlib import Path

    class Net:
        def __call__(self, x):
            import lazy_beside_net
            return x

    class Wide:
        def __init__(self, width, depth=2): ...

    def build():
        return Net()

    def double(x):
        return 2 * x

    def nothing():
        pass

    def broken():
        raise RuntimeError("no weights")

    ready = Net()
    samples = [1, 2]
    number = 3

    def some():
        yield 1
"""


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(textwrap.dedent(NET), "utf-8")
    for name in ("helper_beside_net", "lazy_beside_net"):
        (tmp_path / f"{name}.py").write_text("", "utf-8")
    before = set(sys.modules)
    yield tmp_path / "net.py"
    for name in set(sys.modules) - before:
        del sys.modules[name]


def model_of(text: str) -> object:
    source = parse_source(text)
    with importable(source):
        return load_model(source)


def samples_of(text: str) -> list[object]:
    source = parse_reference(text, "--dataloader")
    with importable(source):
        return list(load_dataloader(source))


@pytest.mark.parametrize("text", ["net.py:build", "net.py:Net", "net.py:ready", "net:build", "net:ready"])
def test_factories_and_classes_are_called_and_objects_are_taken(net: Path, text: str) -> None:
    assert "Net" == type(model_of(text)).__name__


def test_a_function_that_needs_arguments_is_the_model(net: Path) -> None:
    model = model_of("net.py:double")

    assert callable(model)
    assert 4 == model(2)


def test_an_attribute_of_an_attribute_is_found(net: Path) -> None:
    assert model_of("net:Path.cwd") == Path.cwd()


def test_a_file_is_the_model(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.touch()

    assert path == load_model(parse_source(str(path)))


def test_both_options_see_the_same_module(net: Path) -> None:
    assert type(model_of("net.py:ready")) is type(model_of("net.py:build"))


def test_the_folder_of_the_file_is_importable_only_meanwhile(net: Path) -> None:
    before = list(sys.path)
    source = parse_source("net.py:Net")
    with importable(source):
        load_model(source)(1)  # imports a file beside it when it is called

    assert before == sys.path


@pytest.mark.parametrize(
    ("expected", "text"), [([1, 2], "net.py:samples"), ([1], "net.py:some"), ([1, 2], "net:samples")]
)
def test_samples_come_from_an_iterable_or_a_function(net: Path, expected: list[object], text: str) -> None:
    assert expected == samples_of(text)


def test_what_cannot_be_iterated_over_is_told(net: Path) -> None:
    with pytest.raises(UsageError, match=r"--dataloader 'net.py:number' gives a int, which cannot be iterated over"):
        samples_of("net.py:number")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("net.py", r"'net.py' is a Python file, .*\n  fix: write net.py:NAME; it defines Net, Wide, build"),
        ("nett.py:build", r"there is no file 'nett.py'\n  fix: did you mean 'net.py'\?"),
        ("net.onnx", r"'net.onnx' is neither a file nor module:attribute"),
        ("net.py:", r"is not module:attribute\n  fix: write module:attribute or file.py:attribute"),
        (":build", r"is not module:attribute"),
        ("no/such:thing", r"there is no file 'no/such'"),
        ("nosuch:thing", r"no module named 'nosuch', neither in .* nor installed"),
        ("net.py:Wide", r"'net.py:Wide' is a class that needs arguments: width\n  fix: write a function"),
        ("net.py:nothing", r"'net.py:nothing' gives None, not a model"),
        ("net.py:broken", r"cannot be called: RuntimeError: no weights \(.*net.py, line 23\)"),
    ],
)
def test_a_wrong_source_is_told_with_its_fix(net: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        model_of(text)


def test_a_missing_attribute_names_the_nearest_and_what_the_file_defines(net: Path) -> None:
    with pytest.raises(UnknownNameError) as caught:
        model_of("net.py:biuld")

    assert "no attribute of net.py named 'biuld'; known: Net, Wide, broken, build" in str(caught.value)
    assert "Path" not in caught.value.known
    assert "did you mean 'build'?" in caught.value.fix


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("import no_such_thing", r"ModuleNotFoundError: No module named 'no_such_thing' \(.*bad.py, line 1\)"),
        ("x = 1\n1 / 0", r"ZeroDivisionError: division by zero \(.*bad.py, line 2\)"),
        ("def broken(:", r"bad.py cannot be imported: SyntaxError"),
        ("import sys; sys.exit(3)", r"SystemExit: 3"),
    ],
)
def test_an_import_that_fails_is_told_with_file_line_and_cause(net: Path, content: str, message: str) -> None:
    Path("bad.py").write_text(content, "utf-8")

    with pytest.raises(UsageError, match=message) as caught:
        model_of("bad.py:model")
    assert "--debug shows the traceback" in caught.value.fix


def test_a_module_whose_own_import_fails_is_not_called_missing(net: Path) -> None:
    Path("bad_module.py").write_text("import no_such_thing", "utf-8")

    with pytest.raises(UsageError, match=r"module 'bad_module' cannot be imported: ModuleNotFoundError"):
        model_of("bad_module:model")


def test_a_reference_to_a_file_starts_its_imports_there(net: Path) -> None:
    source = parse_source("net.py:build")

    assert isinstance(source, Reference)
    assert net.parent.resolve() == source.folder


def test_samples_that_fail_while_they_are_read_are_told_with_file_and_line(net: Path) -> None:
    net.write_text("def samples():\n    yield 1\n    raise RuntimeError('no more')", "utf-8")

    with pytest.raises(DataloaderError, match=r"'net.py:samples' fails: RuntimeError: no more \(.*net.py, line 3\)"):
        samples_of("net.py:samples")


def test_samples_can_be_read_again_if_they_allow_it(net: Path) -> None:
    source = parse_reference("net.py:samples", "--dataloader")
    with importable(source):
        samples = load_dataloader(source)

    assert [1, 2] == list(samples) == list(samples)
