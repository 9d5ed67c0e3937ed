"""PyTorch in navcore: `nav.torch.optimize(module, dataloader=[...])`. Imports torch on first use only."""

from nav_torch.autocast_type import AutocastType
from nav_torch.config_compile import TorchAOTIConfig, TorchCompileConfig
from nav_torch.config_trt import TorchTensorRTConfig
from nav_torch.configs import TorchConfig, TorchExportConfig, TorchScriptConfig
from nav_torch.jit_type import JitType
from nav_torch.optimize import optimize

__all__ = [
    "AutocastType",
    "JitType",
    "TorchAOTIConfig",
    "TorchCompileConfig",
    "TorchConfig",
    "TorchExportConfig",
    "TorchScriptConfig",
    "TorchTensorRTConfig",
    "optimize",
]
