"""PyTorch's `nn`: so far the activations of `nn.functional`."""

from . import functional

__all__ = ["functional"]
