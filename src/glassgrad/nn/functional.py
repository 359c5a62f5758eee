"""Activations as functions of tensors, under PyTorch's names: a thin door onto ops/."""

from __future__ import annotations

from typing import Any

from ..ops.elementwise import relu as _relu
from ..ops.elementwise import sigmoid, tanh
from ..ops.elementwise import softplus as _softplus
from ..ops.reductions import log_softmax as _log_softmax
from ..ops.reductions import softmax as _softmax
from ..tensor import Tensor

__all__ = ["log_softmax", "relu", "sigmoid", "softmax", "softplus", "tanh"]


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), element by element; written into the input itself with `inplace`.

    >>> import glassgrad as gg
    >>> gg.nn.functional.relu(gg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return input.relu_() if inplace else _relu(input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e^(β·input)) / β, element by element, and the input itself where β·input exceeds the threshold.

    A smooth relu. Its derivative is the sigmoid of β·input.

    >>> import glassgrad as gg
    >>> gg.nn.functional.softplus(gg.tensor([0.0, 100.0]))
    tensor([  0.6931, 100.0000])
    """
    return _softplus(input, beta, threshold)


def softmax(input: Tensor, dim: int, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """e^input / Σ e^input along `dim`: positive numbers that add up to 1.

    >>> import glassgrad as gg
    >>> gg.nn.functional.softmax(gg.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return _softmax(input, dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """input - log Σ e^input along `dim`, shifted by the maximum so that nothing overflows.

    >>> import glassgrad as gg
    >>> gg.nn.functional.log_softmax(gg.tensor([0.0, 1000.0]), dim=0)
    tensor([-1000.,     0.])
    """
    return _log_softmax(input, dim, dtype=dtype)
