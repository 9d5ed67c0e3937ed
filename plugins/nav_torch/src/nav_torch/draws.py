"""Where a model's random numbers come from, so that the user's own stay as they are."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np

__all__ = ["Draws"]


@attrs.define(eq=False)
class _Stream:
    """A generator of the process, and the state of our own stream through it."""

    read: Callable[[], Any]
    write: Callable[[Any], object]
    own: Any = None


_Users = tuple[_Stream, Any]
"""A stream, and the state that the user's has."""


@attrs.define(eq=False)
class Draws:
    """Streams of random numbers of torch, numpy and Python that belong to one model.

    They begin as copies of the present states, and go on from block to block, so that a model that draws random
    numbers gives new ones at every call while the user's states stay.

    Attributes:
        device: Device of the model; the generator of a CUDA device is kept besides that of the CPU.
        thrifty: Whether a stream is kept after the first block only if that drew from it: keeping those of NumPy and
            Python takes 120 us, that of torch 15 us with what it drives out of the caches, more than many a model. One
            that draws for the first time later draws from the user's, as it does when the user calls it.
    """

    device: Any
    thrifty: bool = False
    _streams: tuple[_Stream, ...] = attrs.field(init=False)
    _first: bool = True

    def __attrs_post_init__(self) -> None:
        self._streams = (
            *_torch_streams(self.device),
            _Stream(random.getstate, random.setstate),
            _Stream(functools.partial(np.random.get_state, legacy=False), np.random.set_state),
        )

    def begin(self) -> tuple[_Users, ...]:
        """Put these streams in the place of the user's, and return those."""
        if not self._streams:
            return ()
        users = tuple([(stream, stream.read()) for stream in self._streams])
        for stream, _ in users:
            if stream.own is not None:
                stream.write(stream.own)
        return users

    def end(self, users: tuple[_Users, ...], *, failed: bool) -> None:
        """Put the user's streams back.

        Args:
            users: What `begin` returned.
            failed: Whether the block was left before its end, and so may not have drawn what it draws.
        """
        if self.thrifty and self._first and not failed:
            self._streams = tuple(stream for stream, state in users if not _same(stream.read(), state))
            self._first = False
        for stream, state in users:
            stream.own = stream.read()
            stream.write(state)


def _torch_streams(device: Any) -> list[_Stream]:
    import torch

    streams = [_Stream(torch.get_rng_state, torch.set_rng_state)]
    if device.type == "cuda":
        read = functools.partial(torch.cuda.get_rng_state, device)
        streams.append(_Stream(read, functools.partial(torch.cuda.set_rng_state, device=device)))
    return streams


def _same(state: Any, other: Any) -> bool:
    if isinstance(state, dict):  # as numpy gives it: dicts of numbers and arrays
        return all(_same(value, other[key]) for key, value in state.items())
    return bool(np.all(np.asarray(state == other)))
