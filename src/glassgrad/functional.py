"""PyTorch's `functional`: functions of tensors, under the name of the module that they come from there."""

from .ops.arrangements import block_diag, cartesian_prod, unravel_index
from .ops.contractions import cdist, tensordot
from .ops.joins import split_ as split
from .ops.matrices import chain_matmul
from .ops.ordering import unique, unique_consecutive
from .ops.products import einsum
from .ops.reductions import norm
from .ops.shapes import atleast_1d, atleast_2d, atleast_3d, broadcast_shapes, broadcast_tensors, meshgrid

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes", "broadcast_tensors", "cartesian_prod", "cdist", "chain_matmul", "einsum",
    "meshgrid", "norm", "split", "tensordot", "unique", "unique_consecutive", "unravel_index",
]  # fmt: skip
