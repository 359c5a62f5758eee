"""PyTorch's longer path to the layers: `nn.modules.Linear` is `nn.Linear`."""

from typing import Any

from . import module


def __getattr__(name: str) -> Any:
    from ... import nn

    return getattr(nn, name)


__all__ = ["module"]
