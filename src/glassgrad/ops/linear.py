"""Affine maps: what a layer of neurons computes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import FROM_NUMPY
from ..tensor import Tensor
from . import arrays
from .declare import vjp
from .elementwise import add
from .products import _matmul, _mm_value
from .runtime import conj, sum_to
from .shapes import _t, _view, reshape, view


def _addmm_value(self: Any, mat1: Any, mat2: Any) -> Any:
    if mat1.dtype is not mat2.dtype and mat1.dtype != mat2.dtype:
        _refuse_dtypes("mat1", mat1, mat2)
    if mat1.ndim != 2 or mat2.ndim != 2 or mat1.shape[1] != mat2.shape[0]:
        if mat2.ndim != 2:
            raise RuntimeError(f"mat2 must be a matrix, got {mat2.ndim}-D tensor")
        _mm_value(mat1, mat2)
    if self.dtype is not mat2.dtype and self.dtype != mat2.dtype:
        _refuse_dtypes("self", self, mat2)
    shape = (mat1.shape[0], mat2.shape[1])
    if self.ndim > 2 or any(n not in (1, m) for n, m in zip(self.shape[::-1], shape[::-1])):
        dim = next((1 - i for i, (n, m) in enumerate(zip(self.shape[::-1], shape[::-1])) if n not in (1, m)), 0)
        raise errors.explain(
            RuntimeError(
                f"The expanded size of the tensor ({shape[dim]}) must match the existing size ({self.shape[dim - 2 + self.ndim]}) at non-singleton "
                f"dimension {dim}.  Target sizes: {list(shape)}.  Tensor sizes: {list(self.shape)}"
            ),
            "what is added to the product (the bias) has one number for each of its columns", errors.line_of(errors.users_place()),
        )  # fmt: skip
    product = arrays.product(mat1, mat2)
    return np.add(product, self, out=product) if type(product) is np.ndarray and type(self) is np.ndarray else product + self


def _refuse_dtypes(name: str, a: Any, b: Any) -> None:
    x, y = FROM_NUMPY[a.dtype], FROM_NUMPY[b.dtype]
    raise errors.explain(
        RuntimeError(f"{name} and mat2 must have the same dtype, but got {x.type_name} and {y.type_name}"), "products do not convert between dtypes",
        errors.line_of(errors.users_place()), f"cast one of them: x.to({y!r}), or the whole model: model.to({x!r})",
    )  # fmt: skip


# mat2 is the transpose of a weight: its gradient is computed as the transpose of the weight's, which then lies in memory in order
_affine = vjp("_affine", _addmm_value, node="AddmmBackward0", self=lambda grad, self_shape: sum_to(grad, self_shape),
              mat1=lambda grad, mat2: arrays.product(grad, conj(mat2).T), mat2=lambda grad, mat1: arrays.product(grad.T, conj(mat1)).T)  # fmt: skip


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input · weightᵀ + bias, along the last dim: (…, in), (out, in), (out) give (…, out).

    >>> import glassgrad as gg
    >>> gg.nn.functional.linear(gg.tensor([1.0, 2.0]), gg.eye(2) * 3, gg.ones(2))
    tensor([4., 7.])
    """
    if not isinstance(input, Tensor):
        raise errors.argument("linear", "input", 1, "Tensor", input)
    shape = input._data.shape
    if not shape:
        raise RuntimeError(f"both arguments to linear need to be at least 1D, but they are 0D and {weight.ndim}D")
    turned = _t(weight) if weight._data.ndim == 2 else weight.t()
    if bias is None:
        return _matmul(input, turned)
    if len(shape) == 2:
        return _affine(bias, input, turned)
    folded = (view if input.is_contiguous() else reshape)(input, (math.prod(shape[:-1]), shape[-1]))
    out = _affine(bias, folded, turned)
    return _view(out, (*shape[:-1], out._data.shape[1]))


_trilinear = vjp(
    "_trilinear", lambda self, weight, other: np.matmul(np.matmul(self, weight) * other[None], np.ones((other.shape[-1], 1), other.dtype))[..., 0].T,
    node="TrilinearBackward0", self=lambda grad, weight, other: _outer_sum(grad, np.matmul(weight, other.T[None])),
    weight=lambda grad, self, other: np.matmul((self.T[None] * grad.T[:, None]), other), other=lambda grad, self, weight:
    _outer_sum(grad, np.matmul(np.swapaxes(weight, 1, 2), self.T[None])),
)  # fmt: skip


def _outer_sum(grad: Any, factor: Any) -> Any:
    """Σ_k grad[n, k] · factor[k, i, n], as (n, i)."""
    return np.sum(grad.T[:, None] * factor, axis=0).T


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input1ᵀ · weight_k · input2 + bias_k for each k: (…, in1), (…, in2), (out, in1, in2), (out) give (…, out)."""
    if input1.ndim != input2.ndim:
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {input1.ndim} and {input2.ndim}")
    for d in range(input1.ndim - 1):
        if input1.shape[d] != input2.shape[d]:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {d}: got {input1.shape[d]} and {input2.shape[d]}")
    for name, x, d in (("input1", input1, 1), ("input2", input2, 2)):
        if x.shape[-1] != weight.shape[d]:
            raise RuntimeError(f"bilinear(): {name} size does not match weight size: got {x.shape[-1]} but expected {weight.shape[d]}")
    if bias is not None and bias.shape[0] != weight.shape[0]:
        raise RuntimeError(f"bilinear(): bias size does not match weight size: got {bias.shape[0]} but expected {weight.shape[0]}")
    lead = tuple(input1.shape[:-1])
    out = reshape(_trilinear(reshape(input1, (-1, input1.shape[-1])), weight, reshape(input2, (-1, input2.shape[-1]))), (*lead, weight.shape[0]))
    return out if bias is None else add(out, bias)


