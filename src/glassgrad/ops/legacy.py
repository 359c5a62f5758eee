"""The constructors that are classes: `Tensor(…)`, `FloatTensor(…)` and its sisters, each for one dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from ..dtypes import ALL, defaults, dtype
from ..placement import Size
from ..tensor import Tensor
from .creation import tensor
from .indexing import _alias

new = object.__new__


def _made(kind: dtype, given: tuple[Any, ...]) -> Tensor:
    """A tensor of one dtype from sizes, or from a sequence of values."""
    data: Any = given[0] if given else []
    if isinstance(data, Tensor) and len(given) == 1:
        if data.dtype is not kind:
            raise TypeError(f"expected a {kind.type_name} tensor (got {data.dtype.type_name})")
        return _alias(data)
    if isinstance(data, (int, Size)):
        return Tensor._wrap(np.zeros(tuple(data) if isinstance(data, Size) else given, kind.numpy))
    if isinstance(data, str) or not hasattr(data, "__len__"):
        raise errors.explain(
            TypeError(f"new(): invalid data type '{type(data).__name__}'" if isinstance(data, str) else
                      f"new(): data must be a sequence (got {type(data).__name__})"),
            where=errors.line_of(errors.users_place()), fix="torch.tensor(value) takes single values",
        )  # fmt: skip
    return tensor(data, dtype=kind)


def _new(cls: type, *given: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """`Tensor(sizes…)` or `Tensor(values)`: in the default dtype."""
    if len(given) == 1 and isinstance(given[0], Tensor):
        made = _alias(given[0])
    else:
        made = _made(defaults.real, given)
    if requires_grad:
        made = made.detach().requires_grad_()
    if cls is Tensor:
        return made
    t: Any = new(cls)
    t._data, t._needs, t._fn, t._grad, t._memory = made._data, made._needs, made._fn, None, made._memory
    return t


def _like(self: Tensor, *given: Any) -> Tensor:
    """`x.new(sizes…)` or `x.new(values)`: in the dtype of x."""
    return _made(self.dtype, given)


Tensor.new = _like  # type: ignore[attr-defined]
Tensor.__new__ = staticmethod(_new)  # type: ignore[method-assign]


class LegacyType(type):
    """Tensors of one dtype as a class: makes them, and recognises them."""

    kind: dtype

    def __call__(cls, *given: Any) -> Tensor:
        return _made(cls.kind, given)

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Tensor) and value.dtype is cls.kind

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"

    dtype = property(lambda cls: cls.kind)


def _type_of(kind: dtype) -> LegacyType:
    name = f"{kind.type_name}Tensor"
    return LegacyType(name, (), {"kind": kind, "__doc__": f"Makes, and recognises, tensors of {kind.name}.", "__module__": "glassgrad"})


TYPES = {kind: _type_of(kind) for kind in ALL if not kind.is_complex}
