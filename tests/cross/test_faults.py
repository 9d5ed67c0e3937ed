"""A run survives its tools: whatever one of them does, the others are found and the failure is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

import navcore as nav
from navcore.contracts import Tool
from navcore.domain import Failure, Status
from navcore.testing.faults import FAULTS, FaultyConverter, FaultyRunner
from navcore.testing.toys import TOY_TOOLS, ToyModel, ToyPlugin, toy_samples

from .conftest import QUICK

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workers need POSIX process groups")

EXPECTED = {
    "segfault": ("crash", "the worker died of SIGSEGV during"),
    "exit": ("crash", "the worker exited with status 9 during"),
    "abort": ("crash", "the worker died of SIGABRT during"),
    "killed": ("out-of-memory", "killed by SIGKILL during"),
    "hang": ("timeout", "took longer than 2 s"),
    "allocate": ("out-of-memory", "took more than 300000000 bytes of memory"),
    "disk-full": ("disk-full", "the disk is full"),
    "raise": ("exception", "stubborn"),
    "close-pipes": ("crash", "closed the worker's connection"),
    "fork": ("crash", "the worker exited with status 0 during"),
}


def run(tmp_path: Path, *tools: Tool, **options: Any) -> nav.Package:
    registry = nav.load_plugins([ToyPlugin(tools=(*TOY_TOOLS, *tools))], installed=False)
    options = {"timeout_s": 2.0, "memory_limit_bytes": 300_000_000} | options
    return nav.optimize(
        ToyModel(), toy_samples(), workspace=tmp_path / "w", optimization_profile=QUICK, registry=registry, **options
    )


def children() -> list[psutil.Process]:
    return [
        process for process in psutil.Process().children(recursive=True) if process.status() != psutil.STATUS_ZOMBIE
    ]


def failure_of(package: nav.Package, tool: str) -> Failure:
    results: list[Any] = [*package.status.builds, *package.status.trials]
    return next(
        result.failure for result in results if tool in (getattr(result, "tool", ""), getattr(result, "runner", ""))
    )


def works(package: nav.Package) -> set[str]:
    return {trial.runner for trial in package.status.trials if trial.status is Status.OK}


@pytest.mark.parametrize("fault", EXPECTED)
@pytest.mark.parametrize("tool", ["faulty", "Faulty"])
def test_a_tool_that_breaks_costs_its_route_and_nothing_else(tmp_path: Path, fault: str, tool: str) -> None:
    broken: Tool = FaultyConverter(fault=fault) if tool == "faulty" else FaultyRunner(fault=fault)
    package = run(tmp_path, broken)
    failure = failure_of(package, tool)
    kind, reason = EXPECTED[fault]

    assert {"ToyLive", "ToyNpz", "ToyJson"} == works(package)
    assert kind == failure.kind, failure
    assert reason in failure.reason
    assert (package.workspace / failure.log).exists()
    assert [] == children()


def test_a_converter_that_prints_100_mb_is_no_failure_and_its_log_is_cut(tmp_path: Path) -> None:
    package = run(tmp_path, FaultyConverter(fault="print"), timeout_s=60.0)

    assert "the tool returned without writing model.json" == failure_of(package, "faulty").reason
    log = package.workspace / "logs" / "build-toy-npz+faulty.log"
    assert log.stat().st_size < 5_000_000
    assert b"bytes are left out here" in log.read_bytes()
    assert {"ToyLive", "ToyNpz", "ToyJson"} == works(package)


def test_garbage_from_a_tool_is_named(tmp_path: Path) -> None:
    converted = failure_of(run(tmp_path, FaultyConverter(fault="garbage")), "faulty")
    ran = failure_of(run(tmp_path, FaultyRunner(fault="garbage")), "Faulty")

    assert "not a Signature" in converted.reason
    assert "the outputs cannot be sent" in ran.reason


def test_every_fault_is_tried() -> None:
    assert set(FAULTS) == {*EXPECTED, "print", "garbage", "write"}


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    run(tmp_path, FaultyRunner(fault="exit"))
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    run(tmp_path, FaultyRunner(fault="segfault"))

    assert before == (len(os.listdir("/proc/self/fd")) if before else 0)


def test_a_disk_that_fills_up_costs_the_route_that_filled_it(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        package = run(disk, FaultyConverter(fault="write"))
        failure = failure_of(package, "faulty")

        assert ("disk-full", "the disk is full") == (failure.kind, failure.reason)
        assert {"ToyLive", "ToyNpz", "ToyJson"} == works(package)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
