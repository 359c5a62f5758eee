"""PyTorch's `utils`: here, `checkpoint`."""

from . import checkpoint

__all__ = ["checkpoint"]
