"""PyTorch's older names of `amp.autocast` and `amp.GradScaler`, for the device "cuda"."""

import warnings
from typing import Any

from .. import amp


def _deprecated(name: str) -> None:
    warnings.warn(f"`torch.cuda.amp.{name}(args...)` is deprecated. Please use `torch.amp.{name}('cuda', args...)` instead.", FutureWarning, stacklevel=3)


class autocast(amp.autocast):
    """`amp.autocast` for CUDA."""

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True):
        _deprecated("autocast")
        super().__init__("cuda", dtype, enabled, cache_enabled)

    def clone(self) -> Any:
        return self


class GradScaler(amp.GradScaler):
    """`amp.GradScaler` for CUDA."""

    def __init__(self, init_scale: float = 65536.0, growth_factor: float = 2.0, backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True):
        _deprecated("GradScaler")
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
