"""Inputs that an artifact is not good for are refused before it runs: native code may read past their ends."""

from __future__ import annotations

from navcore.contracts import Infer, Tensors
from navcore.domain import Signature
from navcore.errors import NavError

__all__ = ["SizeError", "within"]


class SizeError(NavError):
    """Inputs of sizes, or on a device, that an artifact was not compiled for."""


def within(signature: Signature, infer: Infer) -> Infer:
    """Return the Infer with a check of the signature's ranges before it; where there are none, itself.

    The Infer raises a SizeError for a size outside of them.
    """
    if not signature.ranges:
        return infer

    def checked(feeds: Tensors) -> Tensors:
        beyond = signature.beyond({name: feeds[name].shape for name in signature.input_names})
        if beyond:
            raise SizeError(f"inputs are outside of what was compiled: {beyond}", "give such sizes, or another runner")
        return infer(feeds)

    return checked
