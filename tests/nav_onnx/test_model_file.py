"""Files that cannot be read: which, why, and what to do."""

import os
import shutil
import tempfile
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from nav_onnx.model_file import read_signature
from navcore.errors import ModelFileError


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(
        ModelFileError, match=r"none.onnx cannot be opened: No such file or directory\n  fix: pass the path"
    ):
        read_signature(tmp_path / "none.onnx")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ModelFileError, match=r"is a folder, not an ONNX file\n  fix: .*\.onnx file inside it"):
        read_signature(tmp_path)


@pytest.fixture
def become_nobody():
    """Root may read everything; after a call of this, the test is somebody else."""

    def become():
        if os.geteuid() == 0:
            try:
                os.seteuid(65534)
            except OSError as error:
                pytest.skip(f"cannot stop being root: {error}")

    before = os.geteuid()
    yield become
    os.seteuid(before)


@pytest.fixture
def open_folder():
    """A folder that everybody may enter, as `tmp_path` is not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_a_file_that_may_not_be_read_is_told_with_how_to_allow_it(affine, open_folder, become_nobody):
    path = Path(shutil.copy(affine, open_folder / "model.onnx"))
    path.chmod(0o000)
    become_nobody()
    with pytest.raises(
        ModelFileError, match=r"model.onnx cannot be read: Permission denied\n  fix: make it .* readable .*: chmod u\+r"
    ):
        read_signature(path)


def test_a_file_in_a_folder_that_may_not_be_entered_is_told(open_folder, become_nobody):
    (open_folder / "closed").mkdir(mode=0o000)
    become_nobody()
    with pytest.raises(ModelFileError, match=r"model.onnx cannot be read: Permission denied\n  fix: make it and its"):
        read_signature(open_folder / "closed" / "model.onnx")


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(ModelFileError, match=r"empty.onnx is empty\n  fix: export it again, or copy it again"):
        read_signature(tmp_path / "empty.onnx")


@pytest.mark.parametrize("kept", [0.95, 0.5, 0.1])
def test_a_truncated_file_is_refused(affine, kept):
    content = affine.read_bytes()
    affine.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(
        ModelFileError, match=r"model.onnx is (not an ONNX file, or truncated|no valid ONNX model): \S.*\n"
    ):
        read_signature(affine)


def test_a_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("hello world, this is not a model")
    with pytest.raises(ModelFileError, match=r"text.onnx is (not an ONNX file|no valid ONNX model)"):
        read_signature(tmp_path / "text.onnx")


def test_an_operator_that_does_not_exist_is_named(affine):
    proto = onnx.load(affine)
    proto.graph.node[0].op_type = "MatMull"
    onnx.save(proto, affine)
    with pytest.raises(ModelFileError, match=r"model.onnx is no valid ONNX model: No Op registered for MatMull"):
        read_signature(affine)


@pytest.fixture
def external(save, weight):
    """A file whose weight lies in `weights.bin` beside it."""
    x, y = ("x", TensorProto.FLOAT, ["batch", 3]), ("y", TensorProto.FLOAT, ["batch", 2])
    nodes = [helper.make_node("MatMul", ["x", "weight"], ["y"])]
    options = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    return save(nodes, [x], [y], {"weight": weight}, **options)


def test_external_data_is_found_beside_the_file(external):
    assert "batch" == read_signature(external).batch


def test_missing_external_data_is_named(external):
    (external.parent / "weights.bin").unlink()
    with pytest.raises(
        ModelFileError, match=r"keeps the weight 'weight' in the file 'weights.bin'.*\n  fix: copy weights.bin"
    ):
        read_signature(external)


def test_external_data_outside_the_folder_is_refused(external):
    (external.parent / "inner").mkdir()
    proto = onnx.load(external, load_external_data=False)
    proto.graph.initializer[0].external_data[0].value = "../weights.bin"
    (external.parent / "inner" / "model.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ModelFileError, match=r"inner/model.onnx is no valid ONNX model: .*weights.bin"):
        read_signature(external.parent / "inner" / "model.onnx")


def test_a_file_that_was_replaced_is_read_again(affine, save):
    read_signature(affine)
    shape = ["N", 7, 11]
    node = helper.make_node("Identity", ["other"], ["same"])
    save([node], [("other", TensorProto.FLOAT, shape)], [("same", TensorProto.FLOAT, shape)])

    assert ("other",) == read_signature(affine).input_names


def _refused(save, nodes, **options):
    return save(nodes, [("x", TensorProto.FLOAT, ["N"])], [("y", TensorProto.FLOAT, ["N"])], **options)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (
            helper.make_node("Relu", ["x"], ["y"], name="n7", alpha=1.0),
            r"Unrecognized attribute: alpha for operator Relu \(node 'n7', Relu\)\n",
        ),
        (helper.make_node("Add", ["x"], ["y"]), r"has input size 1 not in range .* \(a node without a name, Add\)\n"),
        (
            helper.make_node("Relu", ["z"], ["y"], name="n7"),
            r"must be topologically sorted, however input 'z' of node: name: n7 OpType: Relu is not output of any",
        ),
    ],
)
def test_what_the_checker_refuses_is_told_with_the_node(save, node, message):
    with pytest.raises(ModelFileError, match=rf"model.onnx is no valid ONNX model: .*{message}"):
        read_signature(_refused(save, [node]))


def test_a_wrong_node_inside_of_a_function_is_told_too(save):
    inside = helper.make_node("Addd", ["a", "a"], ["b"], name="inside")
    function = helper.make_function("my.domain", "Twice", ["a"], ["b"], [inside], [helper.make_opsetid("", 18)])
    node = helper.make_node("Twice", ["x"], ["y"], domain="my.domain")
    with pytest.raises(ModelFileError, match=r"No Op registered for Addd .*\(node 'inside', Addd\)"):
        read_signature(_refused(save, [node], domains=["my.domain"], functions=[function]))


def test_a_domain_that_the_file_does_not_import_is_told_with_the_node(save):
    node = helper.make_node("Foo", ["x"], ["y"], name="n7", domain="my.domain")
    with pytest.raises(ModelFileError, match=r"No opset import for domain 'my.domain' \(node 'n7', Foo\)"):
        read_signature(_refused(save, [node]))


def test_a_version_of_the_format_that_onnx_does_not_know_is_told_with_those_that_it_does(save):
    path = _refused(save, [helper.make_node("Relu", ["x"], ["y"])], ir=99)
    with pytest.raises(
        ModelFileError,
        match=r"has ONNX IR version 99, and the installed onnx reads up to \d+\n  fix: pip install --upg",
    ):
        read_signature(path)


def test_weights_behind_a_link_as_caches_of_downloads_have_them_are_told_with_the_copy(external):
    weights = external.parent / "weights.bin"
    (weights.rename(external.parent / "blob")).with_name("weights.bin").symlink_to("blob")
    with pytest.raises(
        ModelFileError,
        match=r"'weight' in 'weights.bin', which is a symbolic link.*\n  fix: copy .*: cp -rL \S+ another",
    ):
        read_signature(external)


def test_a_file_behind_a_link_is_read(affine, tmp_path):
    (tmp_path / "link.onnx").symlink_to(affine)

    assert "batch" == read_signature(tmp_path / "link.onnx").batch


def test_numbers_of_four_bits_are_refused_by_name(save):
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)]
    path = save(nodes, [("x", TensorProto.INT4, ["N"])], [("y", TensorProto.FLOAT, ["N"])], opset=21)
    message = r"model.onnx cannot be run: x: int4\[N\] has several elements to a byte.*\n  fix: export .* int8"
    with pytest.raises(ModelFileError, match=message):
        read_signature(path)
