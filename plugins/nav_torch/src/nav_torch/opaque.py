"""The error for something that a fingerprint cannot look into."""

from __future__ import annotations

__all__ = ["OpaqueError"]


class OpaqueError(Exception):
    """What a value holds cannot be told; never leaves `nav_torch.fingerprint`."""
