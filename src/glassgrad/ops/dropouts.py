"""Dropout: elements, or whole channels, set to zero at random in training, the others scaled up so that the mean stays."""

from __future__ import annotations

import math
import warnings

import numpy as np

from .. import errors
from ..tensor import Tensor
from .creation import ones, ones_like
from .elementwise import add, mul
from .random import bernoulli_

ALPHA = 1.7580993408473766  # what selu tends to far below 0, with the sign changed


def _noise(input: Tensor, shape: tuple[int, ...] | None, keep: float) -> Tensor:
    """1 with the probability `keep`, else 0; without a shape, of the input's and laid out as it is."""
    return bernoulli_(ones_like(input.detach()) if shape is None else ones(shape, dtype=input.dtype), keep)


def _probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _apply(input: Tensor, shape: tuple[int, ...] | None, p: float, training: bool, inplace: bool) -> Tensor:
    _probability(p)
    if p == 0 or not training or input.numel() == 0:
        return input
    if p < 1 and not input.is_floating_point() and not input.is_complex():
        raise RuntimeError(f"result type Float can't be cast to the desired output type {input.dtype.type_name}")
    noise = input.new_zeros(input.shape if shape is None else shape) if p == 1 else _noise(input, shape, 1 - p).div_(1 - p)
    return input.mul_(noise) if inplace else mul(input, noise)


def _channels(input: Tensor) -> tuple[int, ...]:
    """One number for each channel of each example."""
    if input.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return (*input.shape[:2], *(1,) * (input.ndim - 2))


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element 0 with probability p, else divided by 1 - p; the input itself when not `training`.

    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.

    >>> import glassgrad as gg
    >>> _ = gg.manual_seed(0)
    >>> gg.nn.functional.dropout(gg.ones(5))
    tensor([0., 0., 2., 0., 0.])
    """
    if not isinstance(input, Tensor):
        raise errors.argument("dropout", "input", 1, "Tensor", input)
    return _apply(input, None, p, training, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each channel of (N, C, L) or (C, L) 0 with probability p."""
    _probability(p)
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that dropout1d exists to provide channel-wise dropout on "
            f"inputs with 1 "
            "spatial dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    x = input if input.ndim == 3 else input.unsqueeze(0)
    out = _apply(x, _channels(x), p, training, inplace)
    return out if input.ndim == 3 else out.squeeze(0)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each channel of (N, C, H, W) 0 with probability p."""
    _probability(p)
    _warn_of_dims("dropout2d", input, (3, 4), "channel-wise dropout on inputs with 2 spatial dimensions, a channel dimension, and an optional batch "
                  "dimension (i.e. 3D or 4D inputs).")  # fmt: skip
    if input.ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - input is interpreted as shape "
            "(N, C, L), where C is the channel dim. This behavior will change in a future release to interpret the input as one without a batch dimension, "
            "i.e. shape (C, H, W). To maintain the 1D channel-wise dropout behavior, please switch to using dropout1d instead.", stacklevel=2,
        )  # fmt: skip
    return _apply(input, _channels(input), p, training, inplace) if training else input


def _warn_of_dims(name: str, input: Tensor, usual: tuple[int, int], provides: str) -> None:
    if input.ndim not in usual:
        warnings.warn(
            f"{name}: Received a {input.ndim}-D input to {name}, which is deprecated and will result in an error in a future release. To retain the behavior "
            f"and silence this warning, please use dropout instead. Note that {name} exists to provide {provides}", stacklevel=3,
        )  # fmt: skip


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each channel of (N, C, D, H, W) or (C, D, H, W) 0 with probability p."""
    _probability(p)
    _warn_of_dims("dropout3d", input, (4, 5), "channel-wise dropout on inputs with 3 spatial dimensions, a channel dimension, and an optional batch "
                  "dimension (i.e. 4D or 5D inputs).")  # fmt: skip
    x = input if input.ndim == 5 else input.unsqueeze(0)
    out = _apply(x, _channels(x), p, training, inplace)
    return out if input.ndim == 5 else out.squeeze(0)


def _alpha(input: Tensor, shape: tuple[int, ...] | None, p: float, training: bool, inplace: bool) -> Tensor:
    _probability(p)
    if p == 0 or not training or input.numel() == 0:
        return input
    if p == 1:
        return mul(input, input.new_zeros(input.shape if shape is None else shape))
    noise = _noise(input, shape, 1 - p)
    a = 1.0 / math.sqrt((ALPHA * ALPHA * p + 1) * (1 - p))
    shift = Tensor._wrap(np.asarray((noise._data - 1) * (ALPHA * a) + ALPHA * a * p, input._data.dtype))
    scale = Tensor._wrap(np.asarray(noise._data * a, input._data.dtype))
    return input.mul_(scale).add_(shift) if inplace else add(mul(input, scale), shift)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout for selu: dropped elements take its lower limit, and mean and variance stay."""
    return _alpha(input, None, p, training, inplace)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels."""
    return _alpha(input, _channels(input) if training and p > 0 else None, p, training, inplace)
