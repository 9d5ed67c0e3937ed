"""JAX in navcore: `nav.jax.optimize(function, parameters, dataloader=[...])`. Imports jax on first use only."""

from nav_jax.config import JaxConfig, JaxExportConfig
from nav_jax.jax_model import JaxModel
from nav_jax.optimize import optimize

__all__ = ["JaxConfig", "JaxExportConfig", "JaxModel", "optimize"]
