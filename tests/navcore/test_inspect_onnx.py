"""What the walker of ONNX files sees: the same as parsers do, without one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from navcore.errors import PackageFileError
from navcore.store.inspect import inspect_artifact, opener
from navcore.store.inspect_onnx import external_files
from navcore.store.protobuf import FieldWalker, Span

from ..hostile.models import field, onnx, tensor, varint  # noqa: TID252  # tests are no package that could be named


def model(folder: Path, data: bytes, **others: bytes) -> dict[str, Path]:
    files = {"model.onnx": data, **others}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return {f"artifacts/onnx/{name}": folder / name for name in files}


def inspect(files: dict[str, Path]) -> None:
    openers = {name: opener(path) for name, path in files.items()}
    inspect_artifact("onnx", "artifacts/onnx/model.onnx", openers, Path("model.nav"))


def external(location: str, **more: str) -> bytes:
    return tensor("w", {"location": location, **more})


def test_a_model_without_external_data_is_fine(tmp_path: Path) -> None:
    inspect(model(tmp_path, onnx(initializer=tensor("w"))))

    assert () == external_files(tmp_path / "model.onnx")


def test_external_data_in_its_own_files_is_fine(tmp_path: Path) -> None:
    two = onnx(field(5, external("b.data", offset="8", length="8")), external("a.data", checksum="0"))

    inspect(model(tmp_path, two, **{"a.data": bytes(16), "b.data": bytes(16)}))

    assert ("a.data", "b.data") == external_files(tmp_path / "model.onnx")


def test_external_data_may_lie_deeper(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()

    inspect(model(tmp_path, onnx(initializer=external("weights/1.bin")), **{"weights/1.bin": bytes(16)}))


def test_files_of_subgraphs_and_functions_are_found(tmp_path: Path) -> None:
    branch = field(1, field(4, "If") + field(5, field(6, field(5, external("branch.bin")))))
    function = field(25, field(7, field(5, field(5, external("function.bin")))))
    model(tmp_path, onnx(branch) + function)

    assert ("branch.bin", "function.bin") == external_files(tmp_path / "model.onnx")


@pytest.mark.parametrize("location", ["../x", "/x", "a/../b", "*/_ORT_MEM_ADDR_/*", ""])
def test_files_elsewhere_are_an_error_that_says_what_to_do(tmp_path: Path, location: str) -> None:
    model(tmp_path, onnx(initializer=external(location)))

    with pytest.raises(PackageFileError, match=r"model\.onnx cannot be packed: its tensor 'w'") as error:
        external_files(tmp_path / "model.onnx")

    assert "with its external data in its own folder" in error.value.fix


def test_a_model_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    size = 3 << 30
    head = field(1, 10)
    weights = field(8, "w") + varint(9 << 3 | 2) + varint(size)
    initializer = varint(5 << 3 | 2) + varint(len(weights) + size) + weights
    graph = varint(7 << 3 | 2) + varint(len(initializer) + size) + initializer
    files = model(tmp_path, head + graph)
    with files["artifacts/onnx/model.onnx"].open("r+b") as file:
        file.truncate(len(head + graph) + size)  # takes no space: a hole

    inspect(files)


def test_a_model_of_too_many_fields_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("navcore.store.protobuf._MAX_FIELDS", 1000)

    with pytest.raises(PackageFileError, match="more than 1000 fields"):
        inspect(model(tmp_path, onnx(field(1, field(1, "x")) * 2000)))


def test_an_artifact_without_its_main_file_is_refused() -> None:
    with pytest.raises(PackageFileError, match=r"'artifacts/onnx/model\.onnx' is missing"):
        inspect({})


def test_a_format_that_is_not_known_here_is_not_looked_into() -> None:
    inspect_artifact("strange", "main", {}, Path("model.nav"))


def test_fields_are_walked_through_a_small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("navcore.store.protobuf._WINDOW", 3)
    data = field(1, 300) + field(2, "hello") + field(3, 2**63) + varint(4 << 3 | 5) + bytes(4) + field(5, "")
    walker = FieldWalker(io.BytesIO(data))

    fields = list(walker.fields(Span(0, len(data))))

    assert [(1, 300), (3, 2**63), (4, 0)] == [found for found in fields if isinstance(found[1], int)]
    assert ["hello", ""] == [walker.text(span, 5) for _, span in fields if isinstance(span, Span)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x08", "a number that does not end"),
        (b"\x08" + b"\x80" * 20, "a number that does not end"),
        (b"\x0a\x05ab", "longer than its message"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "longer than its message"),
        (b"\x0d\x00", "longer than its message"),
        (b"\x00\x00", "a field 0"),
        (b"\x0b\x0c", "no field of kind 3"),
    ],
)
def test_bytes_that_are_no_message_are_an_error(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(FieldWalker(io.BytesIO(data)).fields(Span(0, len(data))))


def test_a_text_that_is_too_long_is_an_error() -> None:
    walker = FieldWalker(io.BytesIO(b"abcdef"))

    with pytest.raises(ValueError, match="a text of 6 bytes at byte 0, where 5 are expected"):
        walker.text(Span(0, 6), 5)
