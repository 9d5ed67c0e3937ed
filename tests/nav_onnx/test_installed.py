"""Two distributions that own the same files: told apart from one, and from half of one, with the command that helps."""

import os
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest

from nav_onnx.installed import installed


@pytest.fixture
def site(tmp_path):
    """Write a folder to import from: `site(["onnxruntime-gpu"], package="onnxruntime-gpu")`."""

    def write(distributions, package="", own=None, half=False):
        for name in distributions:
            folder = tmp_path / f"{name.replace('-', '_')}-1.30.0.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.30.0\n")
            (folder / "RECORD").write_text(f"{own or 'onnxruntime'}/__init__.py,,\n")
        if package:
            (tmp_path / "onnxruntime" / "capi").mkdir(parents=True)
            (tmp_path / "onnxruntime" / "capi" / "build_and_package_info.py").write_text(
                f"package_name = '{package}'\n"
            )
            if not half:
                (tmp_path / "onnxruntime" / "__init__.py").write_text("")
                (tmp_path / "onnxruntime" / "capi" / "onnxruntime_pybind11_state.so").write_text("")
        return [str(tmp_path)]

    return write


def test_one_whole_distribution_is_no_trouble(site):
    found = installed(site(["onnxruntime-gpu"], "onnxruntime-gpu"))

    assert ("", "", "onnxruntime-gpu") == (found.trouble, found.clash, found.in_place)


def test_what_this_environment_has_is_no_trouble():
    found = installed()

    assert "" == found.trouble
    assert onnxruntime.__version__ in dict(found.owners).values()


def test_of_two_folders_the_first_counts(site, tmp_path):
    later = tmp_path / "later" / "onnxruntime_gpu-1.10.0.dist-info"
    later.mkdir(parents=True)
    (later / "METADATA").write_text("Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.10.0\n")
    path = [*site(["onnxruntime-gpu"], "onnxruntime-gpu"), str(later.parent)]

    assert (("onnxruntime-gpu", "1.30.0"),) == installed(path).owners


def test_none_at_all_names_the_extra(site):
    assert "onnxruntime is not installed; pip install 'nav-onnx[cpu]'" == installed(site([])).trouble


def test_two_that_own_the_same_files_clash_and_it_is_told_whose_are_in_place(site):
    found = installed(site(["onnxruntime", "onnxruntime-gpu"], "onnxruntime"))

    assert (
        "onnxruntime 1.30.0 and onnxruntime-gpu 1.30.0 are installed together and own the same files: those of "
        "onnxruntime are in place"
    ) == found.clash
    assert "pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'nav-onnx[gpu]'" == found.repair
    assert "" == found.trouble


def test_the_special_one_of_two_is_kept(site):
    found = installed(site(["onnxruntime", "onnxruntime-directml"], "onnxruntime"))

    assert "pip uninstall -y onnxruntime onnxruntime-directml && pip install onnxruntime-directml" == found.repair


def test_a_plugin_with_a_module_of_its_own_does_not_clash(site):
    assert "" == installed(site(["onnxruntime-qnn"], "onnxruntime", own="onnxruntime_qnn")).clash


@pytest.mark.parametrize("package", ["", "onnxruntime-gpu"], ids=["no folder", "a folder without its files"])
def test_half_of_a_distribution_is_told_with_the_command_that_makes_it_whole(site, package):
    found = installed(site(["onnxruntime-gpu"], package, half=True))

    assert (
        "onnxruntime-gpu 1.30.0 is installed, but files of the module onnxruntime are gone, as happens when one of two "
        "distributions that own them is uninstalled; pip install --force-reinstall --no-deps onnxruntime-gpu==1.30.0"
    ) == found.trouble


def test_two_without_files_are_told_with_the_command_that_leaves_one(site):
    trouble = installed(site(["onnxruntime", "onnxruntime-gpu"])).trouble

    assert trouble.startswith("onnxruntime 1.30.0 and onnxruntime-gpu 1.30.0 are installed, but files of the module")
    assert trouble.endswith("; pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'nav-onnx[gpu]'")


def test_the_runner_that_a_clash_affects_says_the_repair_and_the_others_work(site):
    answers = _runners(site(["onnxruntime-gpu"]))

    assert "None" == answers["OnnxCPU"]
    assert answers["OnnxCUDA"].startswith(f"onnxruntime {onnxruntime.__version__} and onnxruntime-gpu 1.30.0 are inst")
    assert answers["OnnxCUDA"].endswith(
        ", without CUDAExecutionProvider; pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'nav-onnx[gpu]'"
    )
    assert answers["problem"].endswith("own the same files: those of onnxruntime are in place")


def test_half_an_installation_makes_every_runner_unavailable_with_the_repair(site):
    path = site(["onnxruntime-gpu"], "onnxruntime-gpu", half=True)
    # Else the whole one of this environment would be found behind it.
    Path(path[0], "onnxruntime", "__init__.py").touch()
    answers = _runners(path)
    problem = answers.pop("problem")

    assert "onnxruntime-gpu 1.30.0" in problem
    assert all("files of the module onnxruntime are gone" in answer for answer in answers.values())


def test_one_that_cannot_be_imported_is_told_with_its_error(site):
    path = site(["onnxruntime-gpu"], "onnxruntime-gpu")
    Path(path[0], "onnxruntime", "__init__.py").write_text("raise ImportError('libcudart.so.13: cannot open')")
    answers = _runners(path)

    assert "ImportError: libcudart.so.13: cannot open; pip " in answers["OnnxCUDA"]


def _runners(path):
    """What the runners and the facts say in a process that imports from these folders first."""
    code = (
        "from nav_onnx.plugin import nav_environment, nav_runners\n"
        "for runner in nav_runners(): print(runner.name, runner.unavailable(), sep='\\t')\n"
        "print('problem', nav_environment().get('onnxruntime.problem'), sep='\\t')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*path, *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, cwd=path[0]
    )
    return dict(line.split("\t") for line in done.stdout.splitlines())
