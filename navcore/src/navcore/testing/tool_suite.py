"""The conformance suite for what every tool has in common; import it from `navcore.testing.suites`."""

from __future__ import annotations

import pickle
from typing import Any

import attrs
import pytest

__all__ = ["ToolSuite"]


class ToolSuite:
    """What holds for every tool; needs the fixture `tool`."""

    @pytest.fixture
    def usable(self, tool: Any) -> Any:
        """Return the tool, or skip where it cannot work on this machine."""
        if reason := tool.unavailable():
            pytest.skip(f"{tool.name}: {reason}")
        return tool

    def test_is_a_value(self, tool: Any) -> None:
        copies = (attrs.evolve(tool), pickle.loads(pickle.dumps(tool)))  # noqa: S301  # our own bytes

        assert all(tool == copy and hash(tool) == hash(copy) for copy in copies), "decorate it with attrs.frozen"
        assert attrs.evolve(tool, name="another-name") != tool, "two tools of different names are equal"

    def test_says_why_it_is_unavailable_and_how_to_fix_it(self, tool: Any) -> None:
        reason = tool.unavailable()

        assert reason is None or ("; " in reason and "\n" not in reason), f"not of the form `cause; fix`: {reason!r}"
