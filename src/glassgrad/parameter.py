"""Parameter: a tensor that a module counts among its own, to be trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from .tensor import Tensor, new


class Parameter(Tensor):
    """A leaf tensor that requires grad and, set as an attribute of a module, becomes one of its `parameters()`.

    Shares the memory of `data`. With `requires_grad=False` it is registered all the same, and stays as it is (a frozen weight).

    >>> import glassgrad as gg
    >>> gg.nn.Parameter(gg.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    __slots__ = ()
    __module__ = "glassgrad.nn.parameter"

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        inner = Tensor._wrap(np.empty(0, "f4")) if data is None else data.detach()
        p: Any = new(cls)
        p._data, p._memory, p._needs, p._fn, p._grad = inner._data, inner._memory, False, None, None
        return p.requires_grad_(requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Marked(type):
    """What is an instance is known by a mark, not by its class."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Tensor) and "_is_buffer" in value.__dict__


class Buffer(Tensor, metaclass=Marked):
    """A tensor that belongs to a module's state and is not trained; `persistent` says whether the state dict holds it.

    >>> import glassgrad as gg
    >>> m = gg.nn.Module(); m.count = gg.nn.Buffer(gg.zeros(1)); list(m.state_dict())
    ['count']
    """

    __slots__ = ()
    __module__ = "glassgrad.nn.parameter"

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        found = Tensor._wrap(np.empty(0, "f4")) if data is None else data.detach().requires_grad_(data.requires_grad)
        found.__dict__.update(persistent=persistent, _is_buffer=True)
        return found
