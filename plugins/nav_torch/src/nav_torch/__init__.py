"""PyTorch in navcore: `nav.torch.optimize(module, dataloader=[...])`. Imports torch on first use only."""

from nav_torch.optimize import optimize

__all__ = ["optimize"]
