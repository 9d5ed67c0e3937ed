"""Makes `import tensorrt` work in this Python environment, backed by TensorRT-RTX.

`pip install tensorrt` fetches NVIDIA's libraries from NVIDIA's own index. TensorRT-RTX comes as an ordinary wheel,
inside its execution provider for ONNX Runtime. This script installs that wheel and the Python bindings of TensorRT,
compiles a small forwarding library (shim.c) with gcc, and writes two packages beside them:

    tensorrt_libs   loads TensorRT-RTX, then the forwarding library under the names that the bindings link to
    tensorrt        what `pip install tensorrt` would provide: the names of tensorrt_bindings

Then the real parser and the real builder run, without a GPU; running an engine still needs one.

    python tools/tensorrt_rtx/install.py            # installs into the environment of this interpreter
    python tools/tensorrt_rtx/install.py --check    # parses and builds a small network; exits 1 if that fails

Needs gcc, Linux on x86-64, and CPython 3.10 to 3.13. What is missing is told in one line, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

REQUIREMENTS = ("tensorrt-cu13-bindings==11.4.0.106", "onnxruntime-ep-nv-tensorrt-rtx-cu13==0.5.0")
FORWARDED = ("libnvinfer.so.11", "libnvinfer_plugin.so.11", "libnvonnxparser.so.11")
RTX_VERSION = "1.7.1"

LIBS_INIT = '''\
"""Loads TensorRT-RTX under the library names of TensorRT. Written by tools/tensorrt_rtx/install.py."""

import ctypes
import pathlib

_here = pathlib.Path(__file__).parent
_rtx = _here.parent / "onnxruntime_ep_nv_tensorrt_rtx"
for _stem in ("libcudart.so", "libtensorrt_rtx.so", "libtensorrt_onnxparser_rtx.so"):
    _real = max((p for p in _rtx.glob(_stem + ".*") if not p.is_symlink()), key=lambda p: p.stat().st_size)
    ctypes.CDLL(str(_real), mode=ctypes.RTLD_GLOBAL)
for _name in ("libnvinfer.so.11", "libnvinfer_plugin.so.11", "libnvonnxparser.so.11"):
    ctypes.CDLL(str(_here / _name), mode=ctypes.RTLD_GLOBAL)
'''

TENSORRT_INIT = '''\
"""TensorRT's Python API over TensorRT-RTX. Written by tools/tensorrt_rtx/install.py."""

from tensorrt_bindings import *  # noqa: F403
from tensorrt_bindings import __version__  # noqa: F401
'''


def obstacle() -> str | None:
    """Return why it cannot be installed here, or None."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return f"TensorRT-RTX has wheels for Linux on x86-64, and this is {sys.platform} on {platform.machine()}"
    if shutil.which("gcc") is None:
        return "gcc, which compiles the forwarding library, is not installed"
    try:
        return f"TensorRT {version('tensorrt')} is installed here, which is the real one"
    except PackageNotFoundError:
        return None


def install() -> None:
    """Install the two wheels, and write tensorrt_libs/ and tensorrt/ into site-packages.

    Raises:
        subprocess.CalledProcessError: pip or gcc failed; what they say is on stderr.
    """
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *REQUIREMENTS], check=True)
    site = Path(sysconfig.get_paths()["platlib"])
    libraries, package = site / "tensorrt_libs", site / "tensorrt"
    libraries.mkdir(exist_ok=True)
    package.mkdir(exist_ok=True)
    source = Path(__file__).with_name("shim.c")
    for name in FORWARDED:
        flags = ("-shared", "-fPIC", "-O1", f"-Wl,-soname,{name}")
        subprocess.run(["gcc", *flags, "-o", str(libraries / name), str(source), "-ldl"], check=True)
    (libraries / "__init__.py").write_text(LIBS_INIT, "utf-8")
    (package / "__init__.py").write_text(TENSORRT_INIT, "utf-8")
    # By this file nav-trt knows which TensorRT it is, without importing it.
    (package / "rtx_version.txt").write_text(RTX_VERSION + "\n", "utf-8")


def check() -> int:
    """Return the size in bytes of an engine for y = 2 * relu(x) with a dynamic batch; 0 where it was not built."""
    import tensorrt as trt

    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    x = network.add_input("x", trt.float32, (-1, 8))
    relu = network.add_activation(x, trt.ActivationType.RELU).get_output(0)
    twice = network.add_elementwise(relu, relu, trt.ElementWiseOperation.SUM).get_output(0)
    twice.name = "y"
    network.mark_output(twice)
    profile = builder.create_optimization_profile()
    profile.set_shape("x", (1, 8), (4, 8), (16, 8))
    config = builder.create_builder_config()
    config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    return int(engine.nbytes) if engine else 0


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only check an installation")
    try:
        if not parser.parse_args().check:
            if reason := obstacle():
                print(f"not installed: {reason}", file=sys.stderr)
                return 1
            install()
        size = check()
    except (ImportError, OSError, subprocess.CalledProcessError) as error:
        print(f"not installed: {error}", file=sys.stderr)
        return 1
    print(f"test engine of {size} bytes" if size else "the test engine was not built")
    return 0 if size else 1


if __name__ == "__main__":
    sys.exit(main())
