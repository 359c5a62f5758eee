"""Questions about an object that PyTorch answers by functions."""

from __future__ import annotations

from .tensor import Tensor


def is_tensor(obj: object) -> bool:
    """Whether `obj` is a tensor.

    >>> import glassgrad as gg
    >>> gg.is_tensor(gg.ones(1))
    True
    """
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether the tensor's dtype is a floating one."""
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether the tensor's dtype is complex."""
    return input.is_complex()


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()
