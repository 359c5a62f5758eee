"""Questions about an object that PyTorch answers by functions."""

from __future__ import annotations

from typing import Any

from . import errors
from .dtypes import FROM_NUMPY, dtype, result_dtype
from .tensor import Tensor


def _a_tensor(name: str, value: object) -> Tensor:
    if not isinstance(value, Tensor):
        raise errors.argument(name, "input", 1, "Tensor", value)
    return value


def is_tensor(obj: object) -> bool:
    """Whether `obj` is a tensor.

    >>> import glassgrad as gg
    >>> gg.is_tensor(gg.ones(1))
    True
    """
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether the tensor's dtype is a floating one."""
    return _a_tensor("is_floating_point", input).is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether the tensor's dtype is complex."""
    return _a_tensor("is_complex", input).is_complex()


def numel(input: Tensor) -> int:
    """The number of elements."""
    return _a_tensor("numel", input).numel()


def is_nonzero(input: Tensor) -> bool:
    """Whether the single value is not zero."""
    return bool(_a_tensor("is_nonzero", input))


def is_signed(input: Tensor) -> bool:
    """Whether the tensor's dtype has negative values."""
    return input.is_signed()


def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in inference mode."""
    return input.is_inference()


def is_conj(input: Tensor) -> bool:
    """Whether the tensor is a lazy conjugate: never here."""
    return input.is_conj()


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape."""
    return input.shape == other.shape


def detach(input: Tensor) -> Tensor:
    """The same values in the same memory, outside the graph."""
    return input.detach()


def typename(obj: Any) -> str:
    """The name of the type: a tensor's legacy type, a class's with its module.

    >>> import glassgrad as gg
    >>> gg.typename(gg.ones(1))
    'torch.FloatTensor'
    """
    if isinstance(obj, Tensor):
        return obj.type()
    cls = obj if isinstance(obj, type) else type(obj)
    return cls.__name__ if cls.__module__ in ("builtins", "__builtin__") else f"{cls.__module__}.{cls.__name__}"


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The dtype of an arithmetic operation on two tensors or numbers.

    >>> import glassgrad as gg
    >>> gg.result_type(gg.tensor([1, 2]), 1.5)
    torch.float32
    """
    return FROM_NUMPY[result_dtype([x._data if isinstance(x, Tensor) else x for x in (tensor1, tensor2)])]
