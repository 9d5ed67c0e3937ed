"""What the tests of this folder run over: an argument of one of these names makes a test run once for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10; pytest needs tomli there
    import tomli as tomllib

ROOT = Path(__file__).parents[2]


@attrs.frozen(eq=False)
class Distribution:
    """One folder with a `pyproject.toml`; `modules` are the top-level modules that it installs."""

    folder: Path
    tables: dict[str, Any]
    modules: tuple[str, ...]

    @property
    def project(self) -> dict[str, Any]:
        table: dict[str, Any] = self.tables["project"]
        return table

    def __str__(self) -> str:
        return self.folder.name


def read_toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text("utf-8"))


def _distribution(path: Path) -> Distribution:
    modules = sorted(entry.stem for entry in (path.parent / "src").iterdir() if not entry.name.startswith("_"))
    named = tuple(module for module in modules if module.isidentifier())
    return Distribution(path.parent, read_toml(path), named)


DISTRIBUTIONS = [
    _distribution(path) for path in (ROOT / "navcore/pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml")))
]
SOURCES = [path for each in DISTRIBUTIONS for path in sorted((each.folder / "src").rglob("*.py"))]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "changes/*.md", "navcore/*.md", "plugins/*/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
)
_VALUES = {
    "distribution": DISTRIBUTIONS,
    "plugin": DISTRIBUTIONS[1:],
    "source": SOURCES,
    "page": PAGES,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name in sorted(set(_VALUES) & set(metafunc.fixturenames)):
        ids = [str(value.relative_to(ROOT)) if isinstance(value, Path) else str(value) for value in _VALUES[name]]
        metafunc.parametrize(name, _VALUES[name], ids=ids)


@pytest.fixture
def root() -> Path:
    return ROOT


@pytest.fixture
def settings() -> dict[str, Any]:
    """The root `pyproject.toml`."""
    return read_toml(ROOT / "pyproject.toml")


@pytest.fixture
def plugins() -> list[Distribution]:
    return DISTRIBUTIONS[1:]
