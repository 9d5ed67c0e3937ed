"""Distributions for a test: real metadata on `sys.path`, so that entry points are discovered as after `pip install`."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install distributions of one module: `install("my-plugin", "0.1", source, navcore={"mine": "my_plugin"})`.

    The module is named like the distribution, with underscores; keywords are entry-point groups, where `__`
    stands for a dot.
    """
    modules: set[str] = set()

    def install(distribution: str, version: str, source: str, **groups: Mapping[str, str]) -> None:
        module = distribution.replace("-", "_")
        modules.add(module)
        site = tmp_path / distribution
        metadata = site / f"{module}-{version}.dist-info"
        metadata.mkdir(parents=True)
        (site / f"{module}.py").write_text(textwrap.dedent(source), "utf-8")
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", "utf-8"
        )
        lines = [
            line
            for group, names in groups.items()
            for line in (f"[{group.replace('__', '.')}]", *(f"{name} = {value}" for name, value in names.items()))
        ]
        (metadata / "entry_points.txt").write_text("\n".join(lines), "utf-8")
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()

    yield install
    for module in modules:
        sys.modules.pop(module, None)
