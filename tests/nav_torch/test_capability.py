from __future__ import annotations

import pytest
import torch

from nav_torch import capability
from nav_torch.capability import missing_precision, missing_precision_of_cpu
from nav_torch.plugin import nav_runners
from navcore.domain import DeviceKind

CPU, CUDA = (DeviceKind.CPU,), (DeviceKind.CUDA,)

_X86 = "processor\t: 0\nvendor_id\t: {}\nflags\t\t: fpu sse2 fma avx2 {}\nbogomips\t: 4890.8\n"
_ARM = "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd {}\n"
ZEN_3 = _X86.format("AuthenticAMD", "")
ZEN_4 = _X86.format("AuthenticAMD", "avx512f avx512bw avx512dq avx512vl avx512_bf16 avx512_vnni")
SAPPHIRE_RAPIDS = _X86.format("GenuineIntel", "avx512f avx512bw avx512dq avx512vl avx512_bf16 avx512_fp16 amx_bf16")
SIERRA_FOREST = _X86.format("GenuineIntel", "avx_vnni avx_ne_convert")
GRAVITON_2 = _ARM.format("fphp asimdhp")
GRAVITON_3 = _ARM.format("fphp asimdhp bf16")
RASPBERRY_PI_4 = _ARM.format("")

_FP16 = (
    "this CPU has no instructions for fp16 (avx512_fp16, amx_fp16 or asimdhp and fphp), so torch takes 25 to 30 times "
    "as long as in fp32; use bf16, or a GPU"
)
_BF16 = (
    "this CPU has no instructions for bf16 (avx512bw and avx512dq and avx512f and avx512vl, avx_ne_convert or bf16), "
    "so torch would only convert to fp32 and back; keep fp32, or use a GPU or a CPU with AVX-512"
)


@pytest.mark.parametrize("cpuinfo", [SAPPHIRE_RAPIDS, GRAVITON_2, GRAVITON_3])
def test_fp16_is_for_cpus_that_compute_in_it(cpuinfo: str) -> None:
    assert missing_precision_of_cpu("fp16", cpuinfo) is None


@pytest.mark.parametrize("cpuinfo", [ZEN_3, ZEN_4, SIERRA_FOREST, RASPBERRY_PI_4, ""])
def test_fp16_is_refused_on_other_cpus(cpuinfo: str) -> None:
    assert _FP16 == missing_precision_of_cpu("fp16", cpuinfo)


@pytest.mark.parametrize("cpuinfo", [ZEN_4, SAPPHIRE_RAPIDS, SIERRA_FOREST, GRAVITON_3])
def test_bf16_is_for_cpus_that_onednn_computes_in_it_on(cpuinfo: str) -> None:
    assert missing_precision_of_cpu("bf16", cpuinfo) is None


@pytest.mark.parametrize("cpuinfo", [ZEN_3, GRAVITON_2, RASPBERRY_PI_4, ""])
def test_bf16_is_refused_on_other_cpus(cpuinfo: str) -> None:
    assert _BF16 == missing_precision_of_cpu("bf16", cpuinfo)


def test_flags_that_only_look_alike_do_not_count() -> None:
    assert missing_precision_of_cpu("fp16", "model name\t: avx512_fp16\nflags\t\t: avx512_fp16_not\n") is not None


@pytest.mark.parametrize("precision", [None, "fp32", "int8"])
def test_other_precisions_are_not_judged(precision: str | None) -> None:
    assert missing_precision(precision, CPU) is None


@pytest.mark.skipif(not hasattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported"), reason="torch without oneDNN")
def test_bf16_agrees_with_onednn_on_this_machine() -> None:
    assert torch.ops.mkldnn._is_mkldnn_bf16_supported() == (missing_precision("bf16", CPU) is None)


def test_onednn_may_be_told_not_to(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    (tmp_path / "cpuinfo").write_text(ZEN_4)
    monkeypatch.setattr(capability, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False, raising=False)

    assert "oneDNN does not compute in bf16 here; unset ONEDNN_MAX_CPU_ISA, or keep fp32" == missing_precision(
        "bf16", CPU
    )
    assert _FP16 == missing_precision("fp16", CPU)


@pytest.mark.parametrize("present", [True, False])
def test_a_system_without_cpuinfo_is_refused_and_not_a_crash(monkeypatch, tmp_path, present: bool) -> None:
    file = tmp_path / "cpuinfo"
    if present:
        file.write_bytes(b"\xff\xfe")
    monkeypatch.setattr(capability, "_CPUINFO", file)

    assert _FP16 == missing_precision("fp16", CPU)


def test_an_old_gpu_only_emulates_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")

    assert "Tesla T4 only emulates bf16; use fp16, or a GPU of the Ampere generation or later" == missing_precision(
        "bf16", CUDA
    )
    assert missing_precision("fp16", CUDA) is None


def test_every_lowering_runner_asks() -> None:
    lowering = [runner for runner in nav_runners() if runner.precision and runner.devices == CPU]

    assert {"bf16", "fp16"} == {runner.precision for runner in lowering}
    assert [missing_precision(runner.precision, CPU) for runner in lowering] == [
        runner.unavailable() for runner in lowering
    ]
