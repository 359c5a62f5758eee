"""PyTorch's `signal`."""

from . import windows

__all__ = ["windows"]
