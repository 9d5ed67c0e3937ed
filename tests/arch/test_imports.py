"""Importing navcore or a plugin costs little: no framework, and only the three packages that navcore stands on."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

FRAMEWORKS = {
    "diffusers",
    "flax",
    "jax",
    "jaxlib",
    "keras",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "openvino",
    "polygraphy",
    "tensorflow",
    "tensorrt",
    "torch",
    "torchvision",
    "transformers",
}
STANDS_ON = {"attr", "attrs", "numpy", "pluggy"}
# Not a distribution: the modules of NumPy 1 that Cython compiled make it as they are loaded. Drop it when the floor is
# NumPy 2, whose modules are loaded when they are used.
MADE_BY_NUMPY = {"cython_runtime"}


def _loaded_by(code: str) -> set[str]:
    """Top-level modules, not of the standard library, that the code loads in a new process."""
    script = f"""
import json, sys
before = set(sys.modules)
{code}
roots = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(json.dumps(sorted(roots - set(sys.stdlib_module_names))), file=sys.stderr)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stderr.splitlines()[-1]))


def test_importing_navcore_loads_attrs_numpy_and_pluggy_only() -> None:
    loaded = _loaded_by("import navcore")

    assert {"navcore"} <= loaded
    assert set() == {name for name in loaded if not name.startswith("_")} - {"navcore"} - STANDS_ON - MADE_BY_NUMPY


def test_the_help_of_the_command_line_loads_no_framework() -> None:
    code = """
from navcore.cli import main
sys.argv = ["nav", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""

    assert set() == _loaded_by(code) & FRAMEWORKS


def test_loading_all_plugins_loads_no_framework() -> None:
    code = """
import navcore
registry = navcore.load_plugins()
assert not registry.problems, registry.problems
navcore.__dir__()
"""

    assert set() == _loaded_by(code) & FRAMEWORKS


def test_importing_a_plugin_loads_no_framework(plugin: Any) -> None:
    values = [value for group in plugin.project["entry-points"].values() for value in group.values()]
    code = "\n".join(f"import {value.partition(':')[0]}" for value in values)

    assert set() == _loaded_by(code) & FRAMEWORKS


def test_importing_navcore_asks_no_plugin_for_names() -> None:
    code = "import sys, navcore; sys.exit('importlib.metadata' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert result.returncode == 0, (
        "`from navcore import <module>` inside navcore asks the front door: use `import ... as`"
    )
