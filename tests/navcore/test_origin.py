"""Where a user's model file is, which files belong to it, and whether they are still the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from navcore.contracts import Model
from navcore.domain import Artifact, FileHash
from navcore.errors import PackageFileError, WorkspaceError
from navcore.formats import Format
from navcore.store.origin import Origin, copy_origin, note_origin, read_origin, unpacked_origin
from navcore.store.workspace import Workspace
from navcore.testing.toys import TOY_LIVE, TOY_NPZ, TOY_SIGNATURE, ToyModel


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    root = tmp_path / "w"
    root.mkdir()
    return Workspace(root)


def noted(space: Workspace, held: Format, path: Path) -> Origin:
    note_origin(space, Model(format=held, signature=TOY_SIGNATURE, path=path))
    origin = read_origin(space.root)

    assert origin is not None
    return origin


def test_a_live_model_has_no_file(space: Workspace) -> None:
    note_origin(space, Model(format=TOY_LIVE, signature=TOY_SIGNATURE, object=ToyModel()))

    assert read_origin(space.root) is None


def test_a_file_is_known_by_its_content(space: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    ToyModel().save(path)
    origin = noted(space, TOY_NPZ, path)

    assert path == origin.path
    assert "" == origin.changed()
    path.write_bytes(b"another")
    assert str(path) == origin.changed()


def test_all_files_of_a_folder_and_the_weights_beside_a_graph_belong_to_the_model(
    space: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "saved"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables/data").write_bytes(b"weights")
    (tmp_path / "net.xml").write_text("<net/>")
    (tmp_path / "net.bin").write_bytes(b"weights")
    model = noted(space, Format.TF_SAVEDMODEL, folder).artifact
    graph = noted(space, Format.OPENVINO_IR, tmp_path / "net.xml").artifact

    assert ["saved/saved_model.pb", "saved/variables/data"] == [file.path for file in model.files]
    assert ["net.bin", "net.xml"] == [file.path for file in graph.files]


def test_a_link_keeps_the_name_that_the_user_gave(space: Workspace, tmp_path: Path) -> None:
    blob = tmp_path / "0f3c"
    ToyModel().save(blob.with_suffix(".npz"))
    blob.with_suffix(".npz").rename(blob)
    (tmp_path / "net.npz").symlink_to(blob)

    assert ["net.npz"] == [file.path for file in noted(space, TOY_NPZ, tmp_path / "net.npz").artifact.files]


def test_a_copy_in_the_workspace_moves_with_it(space: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    ToyModel().save(path)
    copied = copy_origin(space, noted(space, TOY_NPZ, path))
    path.unlink()
    moved = shutil.move(space.root, tmp_path / "elsewhere")
    found = read_origin(Path(moved))

    assert space.root / "artifacts/source/net.npz" == copied.path
    assert found is not None
    assert Path(moved) / "artifacts/source/net.npz" == found.path
    assert "" == found.changed()


def test_a_file_that_is_not_what_it_was_is_not_copied(space: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    ToyModel().save(path)
    origin = noted(space, TOY_NPZ, path)
    path.write_bytes(b"another")

    with pytest.raises(WorkspaceError, match=r"net\.npz is not what it was"):
        copy_origin(space, origin)


@pytest.mark.parametrize("main", ["samples/inputs/0-0.npy", "artifacts/source/other.npz", "artifacts/onnx/net.npz"])
def test_the_source_of_a_package_lies_where_sources_lie(tmp_path: Path, main: str) -> None:
    stored = Artifact(TOY_NPZ, main, TOY_SIGNATURE, (FileHash("artifacts/source/net.npz", "0" * 64, 1),))

    with pytest.raises(PackageFileError, match="the source of the package lies at"):
        unpacked_origin(tmp_path, stored)


def test_a_note_that_cannot_be_read_is_told(space: Workspace) -> None:
    (space.root / "origin.json").write_text("{")

    with pytest.raises(WorkspaceError, match=r"origin\.json cannot be read"):
        read_origin(space.root)
