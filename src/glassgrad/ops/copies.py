"""Copies of a tensor: `copy.copy` shares its memory, `copy.deepcopy` and `pickle` do not."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ..graph.memory import share
from ..graph.views import alias
from ..tensor import Tensor
from .arrays import copied

new = object.__new__
PRIVATE = frozenset({"_leaf_hooks", "_after_accumulate", "_node_hooks", "_retains", "_accumulator"})  # what the engine keeps in a tensor's __dict__


def deepcopied(self: Tensor, memo: dict[int, Any]) -> Tensor:
    """A leaf with values, gradient and attributes of its own."""
    if self._fn is not None:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
            "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
            "see https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(self) in memo:
        return memo[id(self)]
    t: Any = new(type(self))
    t._data, t._needs, t._fn, t._grad, t._memory = copied(self._data) if self._data.ndim else self._data, self._needs, None, None, None
    memo[id(self)] = t
    own = {name: value for name, value in self.__dict__.items() if name not in PRIVATE}
    if own:
        t.__dict__.update(copy.deepcopy(own, memo))
    if self._grad is not None:
        t._grad = self._grad.__deepcopy__(memo)
    return t


def shallow(self: Tensor) -> Tensor:
    """Another tensor on the same memory, at the same place in the graph."""
    t: Any = new(type(self))
    t._data, t._needs, t._fn, t._grad = share(self), self._needs, self._fn, self._grad
    t._memory = None
    return alias(self, t, None)


def pickled(self: Tensor, protocol: Any) -> Any:
    """The values and whether they require grad; the graph stays behind."""
    return _rebuild, (type(self), np.array(self._data), self._needs)


def _rebuild(cls: type, data: Any, needs: bool) -> Tensor:
    t: Any = new(cls)
    t._data, t._needs, t._fn, t._grad, t._memory = (data if data.ndim else data[()]), needs, None, None, None
    return t


METHODS = dict(__deepcopy__=deepcopied, __copy__=shallow, __reduce_ex__=pickled)
