"""Attention: values averaged with weights that say how well their keys fit a query."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Tensor
from .dropouts import dropout
from .elementwise import add, mul
from .products import matmul
from .reductions import softmax
from .shapes import transpose


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(query · keyᵀ · scale + mask) · value: (…, L, E), (…, S, E), (…, S, V) give (…, L, V); scale is 1/√E where none is given.

    A mask of bools says where attention may go; one of numbers is added. `is_causal` lets position i see only those up to i. Rows that may see
    nothing give zeros. `enable_gqa` repeats the heads of key and value. Source: A. Vaswani et al., "Attention is all you need", 2017.

    >>> import glassgrad as gg
    >>> x = gg.eye(2)[None]
    >>> gg.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)[0, 0]
    tensor([1., 0.])
    """
    if is_causal and attn_mask is not None:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if enable_gqa and key.shape[-3] != query.shape[-3]:
        key, value = (x.repeat_interleave(query.shape[-3] // x.shape[-3], -3) for x in (key, value))
    query = mul(query, 1 / math.sqrt(query.shape[-1]) if scale is None else scale)  # fewer numbers than the scores have
    scores = matmul(query, transpose(key, -2, -1))
    if is_causal:
        attn_mask = Tensor._wrap(np.tril(np.ones((query.shape[-2], key.shape[-2]), bool)))
    blind: Any = None
    if attn_mask is not None:
        if attn_mask.dtype.name == "bool":
            scores = scores.masked_fill(~attn_mask, -math.inf)
            seen = attn_mask._data.any(-1, keepdims=True)
            blind = None if np.all(seen) else Tensor._wrap(~seen)
        else:
            scores = add(scores, attn_mask)
    weights = softmax(scores, -1)
    if blind is not None:
        weights = weights.masked_fill(blind, 0.0)
    if dropout_p > 0:
        weights = dropout(weights, dropout_p)
    return matmul(weights, value)
