"""The key of a build changes with each thing that decides what a tool makes, and with nothing else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from navcore.domain import FileHash, Signature, TensorSpec
from navcore.store.cache_key import build_key, device_facts, examples_digest, tool_versions
from navcore.testing.toys import ToyExporter

Install = Callable[..., None]

SIGNATURE = Signature((TensorSpec("x", "float32", ("batch", 3)),), (TensorSpec("y", "float32", ("batch", 2)),), "batch")
FILES = (FileHash("model.onnx", "ab" * 32, 10), FileHash("weights/data", "cd" * 32, 20))
PARTS: dict[str, Any] = {
    "source": "fingerprint of a live model",
    "signature": SIGNATURE,
    "examples": examples_digest([{"x": np.zeros((2, 3), np.float32)}]),
    "tool": {"class": "nav_x:Exporter", "options": {"name": "onnx", "opset": 18, "passes": ["clean", "fuse"]}},
    "versions": {"nav-x": "0.1.0", "torch": "2.13.0+cpu"},
    "device": {"machine": "x86_64", "processor": "one", "python": "3.11"},
}


def changed_leaves(value: Any) -> list[Any]:
    """Every value that differs in one place."""
    if isinstance(value, dict):
        changes = [value | {key: other} for key in value for other in changed_leaves(value[key])]
        return [*changes, value | {"more": ""}, *({k: v for k, v in value.items() if k != key} for key in value)]
    if isinstance(value, list | tuple):
        changes = [
            type(value)((*value[:place], other, *value[place + 1 :]))
            for place, item in enumerate(value)
            for other in changed_leaves(item)
        ]
        return [*changes, value[:-1], type(value)(reversed(value))]
    if isinstance(value, Signature):
        renamed = attrs.evolve(value.inputs[0], name="z")
        longer = attrs.evolve(value.inputs[0], shape=("batch", 4))
        other = attrs.evolve(value.outputs[0], dtype="float16")
        return [
            attrs.evolve(value, batch=None),
            attrs.evolve(value, inputs=(renamed,)),
            attrs.evolve(value, inputs=(longer,)),
            attrs.evolve(value, outputs=(other,)),
            attrs.evolve(value, outputs=()),
        ]
    return [value + 1] if isinstance(value, int) else [f"{value} ", ""]


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return value


def test_the_key_is_a_sha256_and_the_same_each_time() -> None:
    assert build_key(**PARTS) == build_key(**PARTS)
    assert 64 == len(build_key(**PARTS))


@pytest.mark.parametrize("part", PARTS)
def test_any_change_of_any_part_changes_the_key(part: str) -> None:
    variants = [PARTS | {part: other} for other in changed_leaves(PARTS[part])]
    keys = [build_key(**variant) for variant in (PARTS, *variants)]

    assert len(keys) == len(set(keys))
    assert len(keys) > 2


def test_a_change_of_a_file_its_name_or_its_presence_changes_the_key() -> None:
    first, second = FILES
    variants = (
        FILES,
        (first,),
        (first, attrs.evolve(second, sha256="ef" * 32)),
        (first, attrs.evolve(second, path="weights/other")),
        (attrs.evolve(first, sha256=second.sha256), attrs.evolve(second, sha256=first.sha256)),
        (),
    )

    assert len(variants) == len({build_key(**PARTS | {"source": files}) for files in variants})


def test_the_order_of_mappings_and_files_does_not_matter() -> None:
    turned = {name: reordered(value) for name, value in PARTS.items()}

    assert build_key(**PARTS) == build_key(**turned)
    assert build_key(**PARTS | {"source": FILES}) == build_key(**PARTS | {"source": FILES[::-1]})


@given(
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3),
)
def test_different_versions_never_share_a_key(first: dict[str, str], second: dict[str, str]) -> None:
    keys = [build_key(**PARTS | {"versions": versions}) for versions in (first, second)]

    assert (first == second) == (keys[0] == keys[1])


ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize(
    "examples",
    [
        [],
        [{}],
        [{"z": ARRAY}],
        [{"x": ARRAY.astype(np.float64)}],
        [{"x": ARRAY.view(np.int32)}],
        [{"x": ARRAY.reshape(3, 2)}],
        [{"x": ARRAY + 1}],
        [{"x": ARRAY}, {"x": ARRAY}],
        [{"x": ARRAY, "z": ARRAY}],
        [{"x": np.array(["a", "b"], dtype=object)}],
    ],
)
def test_other_examples_have_another_digest(examples: list[dict[str, Any]]) -> None:
    assert examples_digest([{"x": ARRAY}]) != examples_digest(examples)


def test_equal_examples_have_one_digest() -> None:
    texts = [np.array([text], dtype=object) for text in ("a" * 50, "".join(["a"] * 50))]

    assert examples_digest([{"x": ARRAY, "t": texts[0]}]) == examples_digest(
        [{"t": texts[1], "x": np.asfortranarray(ARRAY)}]
    )


def test_the_device_is_the_processor_python_and_the_gpu() -> None:
    facts = device_facts({"cpu.name": "Zen", "cuda.device": "H200", "torch.threads": "2", "memory.bytes": "1"})

    assert {"system", "machine", "processor", "instructions", "python", "cuda.device"} == set(facts)
    assert ("Zen", "H200", f"{sys.version_info.major}.{sys.version_info.minor}") == (
        facts["processor"],
        facts["cuda.device"],
        facts["python"],
    )


TOOL = """
    import attrs
    from navcore.testing.toys import ToyExporter

    @attrs.frozen(kw_only=True)
    class MyExporter(ToyExporter):
        pass
"""


def _installed(
    install: Install, tmp_path: Path, version: str = "1.0", source: str = TOOL, requires: str = ""
) -> dict[str, str] | None:
    """Versions for a tool of an installed plugin; the distribution is found through its entry point."""
    name = f"tool-{abs(hash((version, source, requires))):x}"
    install(name, version, source, navcore={"mine": f"{name.replace('-', '_')}"})
    metadata = tmp_path / name / f"{name.replace('-', '_')}-{version}.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text() + requires)
    module = importlib.import_module(name.replace("-", "_"))
    found = tool_versions(module.MyExporter())
    if found is None:
        return None
    return {key.replace(name, "NAME").replace(module.__name__, "MODULE"): value for key, value in found.items()}


def test_versions_are_those_of_the_plugin_what_it_requires_and_navcore(install: Install, tmp_path: Path) -> None:
    from importlib.metadata import version

    requires = 'Requires-Dist: numpy>=1.26\nRequires-Dist: not_Installed.here[x]>=1; extra == "gpu"\n'
    versions = _installed(install, tmp_path, requires=requires)

    assert versions is not None
    assert {
        "NAME": "1.0",
        "navcore": version("navcore"),
        "numpy": version("numpy"),
        "not-installed-here": "absent",
    } == {name: value for name, value in versions.items() if not name.endswith("source")}


def test_a_plugin_that_is_edited_has_other_versions(install: Install, tmp_path: Path) -> None:
    first = _installed(install, tmp_path)
    second = _installed(install, tmp_path, source=TOOL.replace("pass", "revision: int = 2"))

    assert first is not None
    assert second is not None
    assert {"MODULE source"} == {name for name in first if first[name] != second.get(name)}


def test_a_tool_of_navcore_needs_its_version_only() -> None:
    assert {"navcore"} == set(tool_versions(ToyExporter()) or ())


def test_a_tool_whose_code_cannot_be_found_has_no_versions() -> None:
    namespace: dict[str, Any] = {"__name__": "typed_at_a_prompt"}
    exec("import attrs\nfrom navcore.testing.toys import ToyExporter\nclass Mine(ToyExporter): pass", namespace)

    assert tool_versions(namespace["Mine"]()) is None
