"""PyTorch's `nn`: so far the activations of `nn.functional`."""

from . import functional

__all__ = ["functional"]


def __getattr__(name: str) -> object:
    raise AttributeError(f"glassgrad.nn has no {name!r} yet: so far it holds the activations of nn.functional")
