"""TensorFlow in navcore: `nav.tensorflow.optimize(model, [...])`. Imports TensorFlow on first use only."""

__all__: list[str] = []
