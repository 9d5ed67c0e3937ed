"""What is handed to another process, and what stays."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.experimental
import numpy as np
import pytest

import nav_jax
from nav_jax import JaxModel
from nav_jax.call import make_call
from nav_jax.hand_over import hand_over, take_over
from navcore.contracts import Model
from navcore.domain import Names, Signature, Status
from navcore.formats import Format

from .conftest import QUICK, affine, encode, tokens

# JAX 0.6.2 has it in jax.experimental only.
enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64

X = np.ones((2, 3), np.float32)


def model_of(model: JaxModel, sample: Any) -> Model:
    call, _ = make_call(model, sample, Names((), ()))
    return Model(format=Format.JAX, signature=Signature((), (), None), object=model, call=call)


def test_what_was_handed_over_is_the_same_model_and_call(encoder_params: Any, tmp_path: Path) -> None:
    given = model_of(JaxModel(encode, encoder_params), tokens(2, 4))

    assert "nav_jax.hand_over:take_over" == hand_over(given, tmp_path, False)
    held, call = take_over(tmp_path)
    assert given.call == call
    ids, keywords = tokens(2, 4)
    function, params = held.pure()
    np.testing.assert_array_equal(
        encode(encoder_params, ids, **keywords)["hidden"], function(params, ids, **keywords)["hidden"]
    )


def test_what_was_handed_over_computes_in_as_many_bits(params: Any, tmp_path: Path) -> None:
    with enable_x64(True):
        hand_over(model_of(JaxModel(affine, params), X), tmp_path, False)
    try:
        take_over(tmp_path)

        assert jax.config.jax_enable_x64
    finally:
        jax.config.update("jax_enable_x64", False)


def test_what_cannot_be_pickled_stays(params: Any, tmp_path: Path) -> None:
    assert hand_over(model_of(JaxModel(lambda x: x @ params["weight"]), X), tmp_path, True) is None


def test_what_the_disk_has_little_room_for_stays_unless_it_is_asked_for(
    params: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))  # type: ignore[attr-defined]
    given = model_of(JaxModel(affine, params), X)

    assert hand_over(given, tmp_path, False) is None
    assert hand_over(given, tmp_path, True) is not None


NOTED = """
import os

def noted(x, *, path, params):
    with open(path, "a") as file:
        file.write(f"{os.getpid()} ")
    return x @ params
"""


def test_exports_run_in_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "noted_model.py").write_text(NOTED)
    monkeypatch.syspath_prepend(tmp_path)  # workers take the path from this process
    package = nav_jax.optimize(
        importlib.import_module("noted_model").noted,
        np.eye(3, dtype=np.float32),
        [(X, {"path": str(tmp_path / "processes")})],
        workspace=tmp_path / "w",
        optimization_profile=QUICK,
        target_device="cpu",
        runners=["JAXCPU", "JAXExportedCPU"],
        isolate_exports=True,
        quiet=True,
    )

    assert [] == [trial for trial in package.status.trials if trial.status is not Status.OK]
    assert 2 == len(set((tmp_path / "processes").read_text().split()))
