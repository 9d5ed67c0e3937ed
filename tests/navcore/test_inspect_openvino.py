"""What the reader of OpenVINO IR accepts; what it refuses is in tests/hostile."""

from __future__ import annotations

from pathlib import Path

import pytest

from navcore.errors import PackageFileError
from navcore.store.inspect import inspect_artifact, opener

from ..hostile.models import ir  # noqa: TID252  # tests are no package that could be named


def inspect(folder: Path, **files: bytes) -> None:
    openers = {}
    for name, data in files.items():
        (folder / name).write_bytes(data)
        openers[f"artifacts/ir/{name}"] = opener(folder / name)
    inspect_artifact("openvino-ir", "artifacts/ir/model.xml", openers, Path("model.nav"))


def test_a_network_with_its_weights_is_fine(tmp_path: Path) -> None:
    inspect(tmp_path, **{"model.xml": ir(), "model.bin": bytes(16)})


def test_a_network_without_constants_needs_no_weights(tmp_path: Path) -> None:
    inspect(tmp_path, **{"model.xml": b"<net name='x' version='11'><layers/></net>"})


def test_a_network_whose_weights_are_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageFileError, match=r"'artifacts/ir/model\.xml' has a constant at 0 of 16 bytes"):
        inspect(tmp_path, **{"model.xml": ir()})


def test_offsets_of_other_layers_are_their_own_matter(tmp_path: Path) -> None:
    other = '<layer id="1" name="p" type="PriorBox"><data offset="0.5" size="7"/></layer>'

    inspect(tmp_path, **{"model.xml": ir(body=other), "model.bin": bytes(16)})


def test_a_network_that_is_missing_is_refused() -> None:
    with pytest.raises(PackageFileError, match=r"'artifacts/ir/model\.xml' is missing"):
        inspect(Path())


def test_a_large_network_is_read_in_pieces(tmp_path: Path) -> None:
    layers = "".join(f'<layer id="{index}" name="layer{index}" type="Relu"/>' for index in range(200_000))

    inspect(tmp_path, **{"model.xml": ir(body=layers), "model.bin": bytes(16)})
