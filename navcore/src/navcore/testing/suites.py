"""Conformance suites: subclass one per tool, give it fixtures, and pytest checks the contract.

    class TestMyRunner(RunnerSuite):
        @pytest.fixture
        def tool(self):
            return MyRunner(name="MyRunner")

        @pytest.fixture
        def model(self, tmp_path):
            return Model(format=..., signature=..., path=..., examples=({"x": array}, ...))

        @pytest.fixture
        def expected(self):
            return ({"y": array}, ...)      # one mapping per example, computed without the tool

The fixtures may as well lie in a conftest.py. Suites of exporters and converters take a fixture `runner` besides, a
runner for the target format: without it what was written is not run.

Every row of a batch should be computed on its own, so that expected outputs for other batch sizes follow by row.
A tool that is unavailable on this machine skips the tests that need it.
"""

from navcore.testing.edge_suites import ConverterSuite, ExporterSuite
from navcore.testing.runner_suite import RunnerSuite
from navcore.testing.tool_suite import ToolSuite

__all__ = ["ConverterSuite", "ExporterSuite", "RunnerSuite", "ToolSuite"]
