"""Where providers that compile keep what they have compiled, so that a model opens sooner the next time."""

from __future__ import annotations

import os
from pathlib import Path

from nav_onnx.fingerprint import fingerprint
from nav_onnx.providers import Provider

__all__ = ["cache_options"]

_LONGEST_NAME = 32


def cache_options(provider: Provider, path: Path, version: str) -> dict[str, str]:
    """Return the provider's options for its caches; the folder, one for each content of a model, is made.

    Args:
        provider: What has options of that kind, or none.
        path: The model. ONNX Runtime itself tells engines apart by the graph, so that other weights could get old ones.
        version: Of ONNX Runtime.
    """
    content = fingerprint(path) if provider.caches else None
    if content is None:
        return {}
    folder = _root() / f"{provider.name}-{version}" / content[:_LONGEST_NAME]
    folder.mkdir(parents=True, exist_ok=True)
    return {name: value.format(folder=folder) for name, value in provider.caches}


def _root() -> Path:
    artifacts = os.environ.get("NAVCORE_CACHE_DIR")
    if artifacts:  # beside it: in it navcore takes no files of others
        beside = Path(artifacts).expanduser().absolute()
        return beside.with_name(f"{beside.name}-onnxruntime")
    import platformdirs

    return platformdirs.user_cache_path("navcore") / "onnxruntime"
