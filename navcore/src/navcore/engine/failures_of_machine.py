"""What messages mean that are about the machine: memory, disk, and what is not installed.

Taken from real ones of torch 2.13, ONNX Runtime 1.31, OpenVINO 2026.4, NumPy 2.4 and CPython 3.11;
tests/navcore/test_failures.py has them. A message that no rule knows is shown as it is.
"""

from __future__ import annotations

from navcore.domain import FailureKind
from navcore.engine.failure_rule import Rule

__all__ = ["MISSING", "SPACE"]

_MEMORY_FIX = "give smaller samples, pass a smaller max_batch_size in the OptimizationProfile, or free memory"
_DISK_FIX = "free space there, or pass workspace=<a folder on a disk with more room>"

SPACE = (
    Rule(
        FailureKind.OUT_OF_MEMORY,
        r"out of memory\. Tried to allocate (?P<size>[\d.]+ \w+)\. GPU (?P<gpu>\d+) has a total capac\w+ of "
        r"(?P<total>[\d.]+ \w+) of which (?P<free>[\d.]+ \w+) is free",
        "GPU {gpu} ran out of memory: {size} were needed, {free} of its {total} were free",
        _MEMORY_FIX,
    ),
    Rule(
        FailureKind.OUT_OF_MEMORY,
        r"CUDA out of memory\. Tried to allocate (?P<size>[\d.]+ \w+)",
        "the GPU ran out of memory when {size} more were needed",
        _MEMORY_FIX,
    ),
    Rule(
        FailureKind.OUT_OF_MEMORY,
        r"running (?P<operator>\w+) node\. Name:'(?P<node>[^']*)' Status Message: .*"
        r"Failed to allocate memory for requested buffer of size (?P<bytes>\d+)",
        "{operator} node {node!r} needs {bytes} of memory at once, which could not be had",
        _MEMORY_FIX,
    ),
    Rule(
        FailureKind.OUT_OF_MEMORY,
        r"\[CPU\] (?P<operator>\w+) node with name '(?P<node>[^']*)' [^\n]*\n[^\n]*"
        r"Failed to allocate (?P<bytes>\d+) bytes of memory",
        "{operator} node {node!r} needs {bytes} of memory at once, which could not be had",
        _MEMORY_FIX,
    ),
    Rule(
        FailureKind.OUT_OF_MEMORY,
        r"you tried to allocate (?P<bytes>\d+) bytes",
        "{bytes} of memory were needed at once, and could not be had",
        _MEMORY_FIX,
    ),
    Rule(
        FailureKind.OUT_OF_MEMORY,
        r"Unable to allocate (?P<size>[\d.]+ \w+) for an array with shape (?P<shape>\([^)]*\)) and data "
        r"type (?P<type>\S+)",
        "{size} of memory for an array of {type} with shape {shape} could not be had",
        _MEMORY_FIX,
    ),
    Rule(
        FailureKind.OUT_OF_MEMORY,
        r"^MemoryError\b|std::bad_alloc|\[Errno 12\]",
        "memory ran out",
        _MEMORY_FIX,
    ),
    Rule(
        FailureKind.DISK_FULL,
        r"(?:No space left on device|Disk quota exceeded): (?:'[^']*' -> )?'(?P<file>[^']+)'",
        "the disk is full: {file} could not be written",
        _DISK_FIX,
    ),
    Rule(
        FailureKind.DISK_FULL,
        r"\[Errno 28\]|No space left on device|\[Errno 122\]|Disk quota exceeded",
        "the disk is full",
        _DISK_FIX,
    ),
    Rule(
        FailureKind.DISK_FULL,
        r"^OSError: (?P<wanted>\d+) requested and (?P<written>\d+) written",
        "only {written} of {wanted} elements of an array could be written: the disk is full",
        _DISK_FIX,
    ),
    Rule(
        FailureKind.DISK_FULL,
        # Neither torch's writer nor a C++ stream says more.
        r"inline_container\.cc:\d+\] \. unexpected pos \d+ vs \d+|basic_ios::clear: iostream error",
        "a file could not be written to its end, most likely because the disk is full",
        _DISK_FIX,
    ),
)

MISSING = (
    Rule(
        FailureKind.MISSING_DEPENDENCY,
        r"^ModuleNotFoundError: No module named '(?P<module>\w+)'",
        "the module {module!r} is not installed",
        "pip install {distribution}",
    ),
    Rule(
        FailureKind.MISSING_DEPENDENCY,
        r"^ModuleNotFoundError: No module named '(?P<module>\w+\.[\w.]+)'",
        "the installed {distribution} has no module {module!r}: its version does not fit",
        "pip install --upgrade {distribution}",
    ),
    Rule(
        FailureKind.MISSING_DEPENDENCY,
        r"^ImportError: cannot import name '(?P<attribute>\w+)' from '(?P<module>[\w.]+)'",
        "the installed {distribution} has no {module}.{attribute}: its version does not fit",
        "pip install --upgrade {distribution}",
    ),
    Rule(
        FailureKind.MISSING_DEPENDENCY,
        r"Failed to load library \S*libonnxruntime_providers_\w+\.so with error: (?P<library>lib[^\s:]+): cannot open",
        "ONNX Runtime does not find {library}, which its GPU provider needs",
        "pip install 'onnxruntime-gpu[cuda,cudnn]', or put the folder of {library} into LD_LIBRARY_PATH",
    ),
    Rule(
        FailureKind.MISSING_DEPENDENCY,
        r"(?P<runtime>ONNX Runtime \S+) runs \S+ on \w+: (?P<provider>\w+ExecutionProvider) could not be started",
        "{runtime} could not start its {provider}: there is no GPU, or no CUDA or cuDNN library of the right version",
        "read the log for the library, and pip install 'onnxruntime-gpu[cuda,cudnn]'",
    ),
    Rule(
        FailureKind.MISSING_DEPENDENCY,
        r"(?P<library>[^\s/:]+\.so[\w.]*): cannot open shared object file",
        "the shared library {library} is not on this machine",
        "install the package that has it, or put its folder into LD_LIBRARY_PATH",
    ),
    Rule(
        FailureKind.MISSING_DEPENDENCY,
        r"No working C\+\+ compiler found in (?P<setting>[\w.]+)",
        "torch's compiler writes C++, and there is no working C++ compiler ({setting})",
        "install one, for example with apt install g++, or give its path in the environment variable CXX",
    ),
    Rule(
        FailureKind.MISSING_DEPENDENCY,
        r"Cannot find a working triton installation",
        "torch's compiler needs Triton for GPUs, and it does not work here",
        "pip install --upgrade triton",
    ),
    Rule(
        FailureKind.MISSING_DEPENDENCY,
        r"Torch not compiled with CUDA enabled",
        "this torch was built without CUDA",
        "install a build of torch with CUDA, or pass target_device='cpu'",
    ),
)
