"""SavedModels, made by jax2tf from the StableHLO and run by TensorFlow; and their config."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nav_jax import JaxConfig, JaxModel
from nav_jax import convert_savedmodel as module
from nav_jax.convert_savedmodel import SavedModelConverter
from nav_jax.describe import describe
from nav_jax.export_stablehlo import StableHLOExporter
from navcore.contracts import Model
from navcore.domain import Names, Signature, TensorSpec
from navcore.errors import UsageError
from navcore.formats import Format
from navcore.testing.suites import ConverterSuite

from .conftest import affine, encode, old_tensorflow, tokens

SIGNATURE = Signature(
    (TensorSpec("ids", "int32", ("batch", "length")), TensorSpec("mask", "int32", ("batch", "length"))),
    (
        TensorSpec("hidden", "float32", ("batch", "length", 16)),
        TensorSpec("mixed", "float32", ("batch", "length", 16)),
        TensorSpec("mean", "float32", ("batch", 16)),
    ),
    "batch",
)

FLAT = Signature((TensorSpec("x", "float32", ("batch", 3)),), (TensorSpec("y", "float32", ("batch", 2)),), "batch")

CALL = """
import sys
import numpy as np
import tensorflow as tf
feeds = np.load(sys.argv[2])
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
outputs = serve(**{name: tf.constant(feeds[name]) for name in feeds})
np.savez(sys.argv[3], **{name: each.numpy() for name, each in outputs.items()})
"""


@pytest.mark.skipif(find_spec("tensorflow") is None, reason="SavedModels need TensorFlow: nav-jax[savedmodel]")
@pytest.mark.skipif(old_tensorflow() is not None, reason=str(old_tensorflow()))
def test_a_savedmodel_has_the_names_and_gives_what_the_function_gives_at_other_sizes(
    encoder_params: Any, tmp_path: Path
) -> None:
    names = Names(SIGNATURE.input_names, SIGNATURE.output_names)
    description = describe(JaxModel(encode, encoder_params), tokens(2, 7), names)
    live = Model(format=Format.JAX, signature=SIGNATURE, object=JaxModel(encode, encoder_params), call=description.call)
    StableHLOExporter().write(live, tmp_path / "m.jaxexport")
    source = Model(format=Format.JAX_STABLEHLO, signature=SIGNATURE, path=tmp_path / "m.jaxexport")
    SavedModelConverter().write(source, tmp_path / "saved")
    ids, keywords = tokens(5, 9)
    np.savez(tmp_path / "in.npz", ids=ids, **keywords)
    files = [str(tmp_path / name) for name in ("saved", "in.npz", "out.npz")]
    subprocess.run([sys.executable, "-c", CALL, *files], capture_output=True, check=True)
    got, expected = np.load(tmp_path / "out.npz"), encode(encoder_params, ids, **keywords)

    assert {"hidden", "mixed", "mean"} == set(got)
    np.testing.assert_allclose(expected["hidden"], got["hidden"], atol=1e-5)
    np.testing.assert_allclose(expected["parts"][1], got["mean"], atol=1e-5)


class TestSavedModel(ConverterSuite):
    @pytest.fixture
    def expected(self) -> list[Any]:
        return []  # no runner of this plugin opens it; tests/cross/test_jax_packages.py runs it with nav-tf

    @pytest.fixture
    def tool(self) -> Any:
        return SavedModelConverter()

    @pytest.fixture
    def model(self, params: Any, tmp_path: Path) -> Model:
        x = np.ones((2, 3), np.float32)
        described = describe(JaxModel(affine, params), x, Names(("x",), ("y",)))
        live = Model(format=Format.JAX, signature=FLAT, object=JaxModel(affine, params), call=described.call)
        source = tmp_path / "source" / "m.jaxexport"
        source.parent.mkdir()
        StableHLOExporter().write(live, source)
        return Model(format=Format.JAX_STABLEHLO, signature=FLAT, path=source, examples=({"x": x},))


def test_without_tensorflow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)

    assert "TensorFlow is not installed; pip install 'nav-jax[savedmodel]'" == SavedModelConverter().unavailable()


@pytest.mark.parametrize("option", ["enable_xla", "native_serialization"])
def test_options_that_jax_ignores_are_accepted_with_a_warning(option: str) -> None:
    with pytest.warns(UserWarning, match=rf"JaxConfig\({option}=...\) has no effect"):
        assert Format.TF_SAVEDMODEL == JaxConfig(**{option: [True, False]}).format
    with pytest.raises(UsageError, match=option):
        JaxConfig(**{option: 3})
