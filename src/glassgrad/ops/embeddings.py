"""Rows of a table chosen by number, and numbers as one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from ..graph.modes import no_grad
from ..tensor import Tensor
from . import arrays
from .declare import vjp
from .elementwise import mul
from .joins import stack
from .levels import raw
from .shapes import reshape


def _rows_back(grad: Any, indices: Any, weight_shape: Any, padding_idx: int, scale_grad_by_freq: bool) -> Any:
    """The gradient of the table: each row's, added where it was taken from."""
    flat = np.reshape(grad, (-1, weight_shape[1]))
    index = np.reshape(indices, (-1,))
    if padding_idx >= 0:
        flat = arrays.where(np.expand_dims(index != padding_idx, 1), flat, 0)
    if scale_grad_by_freq:
        counts = np.bincount(raw(getattr(index, "_data", index)), minlength=weight_shape[0])
        flat = flat / np.expand_dims(arrays.astype(arrays.take(np.maximum(counts, 1), (index,)), flat.dtype), 1)
    return arrays.embed_add(flat, (index,), tuple(weight_shape))


_embedding = vjp("_embedding", lambda weight, indices, padding_idx, scale_grad_by_freq: arrays.take(weight, (indices,)), node="EmbeddingBackward0",
                  method=False,
                 tensors=("weight", "indices"), weight=lambda grad, indices, weight_shape, padding_idx, scale_grad_by_freq: _rows_back(
                     grad, indices, weight_shape, padding_idx, scale_grad_by_freq))  # fmt: skip


def _checked(input: Any, weight: Any) -> None:
    for position, (name, x) in enumerate((("weight", weight), ("indices", input)), 1):
        if not isinstance(x, Tensor):
            raise errors.argument("embedding", name, position, "Tensor", x)
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    if input._data.dtype not in (np.int64, np.int32):
        raise errors.explain(
            RuntimeError(
                f"Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got {input.type()} instead "
                f"(while checking "
                "arguments for embedding)"
            ), "what is looked up are the numbers of rows", errors.line_of(errors.users_place()), "input.long()",
        )  # fmt: skip
    index = raw(input._data)
    if index.size and not 0 <= index.min() <= index.max() < weight._data.shape[0]:
        wrong = index[(index < 0) | (index >= weight._data.shape[0])]
        raise errors.explain(
            IndexError("index out of range in self"), f"the table has {weight._data.shape[0]} rows, and row {int(wrong.flat[0])} is asked for",
            errors.line_of(errors.users_place()), "num_embeddings has to exceed the largest index",
        )  # fmt: skip


def _shortened(weight: Tensor, rows: np.ndarray, max_norm: float, norm_type: float) -> None:
    """Scales the rows of a table that are longer than `max_norm` down to it, in place."""
    with no_grad():
        table = weight.detach()._data
        rows = np.unique(rows)
        length = np.linalg.norm(table[rows].astype(np.float64), norm_type, axis=1)
        long = length > max_norm
        weight.detach()[Tensor._wrap(rows[long])] = Tensor._wrap((table[rows[long]] * (max_norm / (length[long] + 1e-7))[:, None]).astype(table.dtype))


def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:  # fmt: skip
    """weight[input]: for each number the row of a table, (…) and (rows, width) give (…, width).

    The row `padding_idx` gets no gradient; `max_norm` first shortens the rows that are looked up, in place. `sparse` has no effect on values,
    and asks for a gradient of a kind that is not here: it raises NotImplementedError where the table requires grad.

    >>> import glassgrad as gg
    >>> gg.nn.functional.embedding(gg.tensor([1, 0, 1]), gg.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    """
    _checked(input, weight)
    rows = weight.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    if sparse and weight.requires_grad:
        raise NotImplementedError("glassgrad has no sparse gradients: leave sparse=True out")
    if max_norm is not None:
        _shortened(weight, raw(input._data), max_norm, norm_type)
    return _embedding(weight, input, -1 if padding_idx is None else padding_idx, scale_grad_by_freq)


_gathered = vjp("_gathered", lambda self, member: np.matmul(member, self), node="EmbeddingBagBackward0", method=False,
                self=lambda grad, member: np.matmul(member.T, grad))  # fmt: skip


def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None, norm_type: float = 2, scale_grad_by_freq: bool = False,
    mode: str = "mean", sparse: bool = False, per_sample_weights: Tensor | None = None, include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """The sum, mean or maximum of the rows that each bag of numbers names: bags are the rows of a 2-D input, or begin at `offsets` of a 1-D one."""
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. However, found "
                             f"offsets of type {type(offsets)}")  # fmt: skip
        starts = np.arange(0, input.numel() + 1, max(input.shape[1], 1))[: input.shape[0]]
    elif input.ndim == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        starts = offsets._data[:-1] if include_last_offset else offsets._data
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            f"embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='{mode}'). Please open a feature "
            "request on GitHub."
        )
    flat = reshape(input, (-1,))
    _checked(flat, weight)
    index = flat._data
    ends = np.append(starts[1:], len(index))
    kept = np.ones(len(index), bool) if padding_idx is None else index != padding_idx % weight.shape[0]
    bags = [[int(i) for i in range(lo, hi) if kept[i]] for lo, hi in zip(starts, ends)]
    rows = embedding(flat, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    if per_sample_weights is not None:
        rows = mul(rows, reshape(per_sample_weights, (-1, 1)))
    if mode == "max":
        parts = [rows[bag].amax(0) if bag else rows.new_zeros(weight.shape[1]) for bag in bags]
        return stack(parts) if parts else rows.new_empty(0, weight.shape[1])
    member = np.zeros((len(bags), len(index)), rows._data.dtype)
    for row, bag in zip(member, bags):
        row[bag] = 1 / len(bag) if mode == "mean" and bag else 1
    return _gathered(rows, member)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Numbers of classes as rows of zeros with a one: (…) gives (…, num_classes), int64.

    >>> import glassgrad as gg
    >>> gg.nn.functional.one_hot(gg.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if tensor._data.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    values = raw(tensor._data)
    if not values.size and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if values.size and values.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes != -1 and values.size and values.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    count = int(values.max()) + 1 if num_classes == -1 else num_classes
    return Tensor._wrap(arrays.astype(np.expand_dims(tensor._data, -1) == np.arange(count), np.int64))
