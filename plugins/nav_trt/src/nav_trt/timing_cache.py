"""How long kernels took on this GPU with this TensorRT, kept from build to build."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import platformdirs

from nav_trt.gpu import find_gpu
from nav_trt.installed import installed

__all__ = ["load_timings", "store_timings", "timing_cache_file"]


def timing_cache_file(folder: str | None) -> Path:
    """Return where timings are kept: one file for each version of TensorRT and each kind of GPU.

    Args:
        folder: A folder, or a file ending in `.cache`, which is taken as it is; None: beside navcore's artifact cache.
    """
    if folder is not None and folder.endswith(".cache"):
        return Path(folder)
    gpu, version = find_gpu(), installed()
    words = (str(version), "without a GPU" if isinstance(gpu, str) else gpu.name)
    name = re.sub(r"[^a-z0-9.]+", "-", "_".join(words).lower())
    return _folder(folder) / f"{name}.cache"


def load_timings(config: Any, file: Path) -> None:
    """Let a builder config use the timings of a file, or new ones where there is none.

    TensorRT itself takes no timings from a damaged file, or of another GPU or version.
    """
    held = file.read_bytes() if file.is_file() else b""
    config.set_timing_cache(config.create_timing_cache(held), False)


def store_timings(config: Any, file: Path) -> None:
    """Write what a builder config knows by now; builds that run at once may lose each other's, never damage them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".timings-", delete=False) as new:
        new.write(bytes(config.get_timing_cache().serialize()))
    os.replace(new.name, file)


def _folder(folder: str | None) -> Path:
    if folder is not None:
        return Path(folder)
    artifacts = os.environ.get("NAVCORE_CACHE_DIR")
    if artifacts:  # beside it: in it navcore takes no files of others
        beside = Path(artifacts).expanduser().absolute()
        return beside.with_name(f"{beside.name}-tensorrt")
    return platformdirs.user_cache_path("navcore") / "tensorrt"
