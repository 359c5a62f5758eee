"""Layers that learn the size of their input from the first one they see."""

from __future__ import annotations

import warnings
from typing import Any

from ..dtypes import FROM_NUMPY
from ..ops.random import get_rng_state, set_rng_state
from ..parameter import Parameter
from ..tensor import Tensor
from . import conv, linear, normalization
from .module import Module


class UninitializedParameter(Parameter):
    """Stands for a parameter whose shape is not known yet."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<UninitializedParameter>"

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` when trying to load an "
            "uninitialized "
            "parameter into an initialized one. Call `forward` to initialize the parameters before accessing their attributes."
        )

    def __deepcopy__(self, memo: Any) -> UninitializedParameter:
        return UninitializedParameter(requires_grad=self._needs)


class Lazy(Module):
    """A layer that becomes another one, its `cls_to_become`, when it is first called."""

    cls_to_become: type[Module]
    names: tuple[str, ...] = ("weight",)

    def __init__(self, *args: Any, **kwargs: Any):
        Module.__init__(self)
        self.__dict__["_made_with"] = (args, kwargs)
        for name in self.names:
            setattr(self, name, UninitializedParameter())
        self.__dict__["_began_as"] = FROM_NUMPY[next(iter(self._parameters.values()))._data.dtype]

    def _size(self, input: Tensor) -> int:
        return input.shape[1]

    def _size_in(self, weight: Tensor) -> int:
        """The size of the input, from a weight."""
        return weight.shape[0]

    def _made(self, size: int) -> Any:
        args, kwargs = self.__dict__["_made_with"]
        now = FROM_NUMPY[next(iter(self._parameters.values()))._data.dtype]  # after .double() and its like
        return self.cls_to_become(size, *args, **(kwargs if now is self.__dict__["_began_as"] else {**kwargs, "dtype": now}))

    def has_uninitialized_params(self) -> bool:
        """Whether the layer has not been called yet."""
        return True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._become(self._made(self._size(args[0])))
        return self(*args, **kwargs)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """Becomes the other layer, of the size of the weight that is loaded; stays as it is where that has none yet."""
        weight, becomes = state_dict.get(prefix + "weight"), self.cls_to_become
        if weight is not None:
            if not weight._data.size:
                return
            self._become(self._quietly(self._size_in(weight)))
        becomes._load_from_state_dict(self, state_dict, prefix, *rest)

    def _become(self, made: Any) -> None:
        made.train(self.training)
        own = {name: value for name, value in self.__dict__.items() if "hook" in name}
        self.__dict__.clear()
        self.__dict__.update(made.__dict__)
        self.__dict__.update(own)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Remembers a dtype for when the parameters are made."""
        for p in self._parameters.values():
            if isinstance(p, UninitializedParameter):
                p._data = fn(Tensor._wrap(p._data))._data
        return self

    def _quietly(self, size: int) -> Any:
        """The other layer, made without a warning and without using up random numbers."""
        state = get_rng_state()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._made(size)
        finally:
            set_rng_state(state)

    def extra_repr(self) -> str:
        return self._quietly(0).extra_repr()


def _lazy(name: str, became: Any, names: tuple[str, ...], **sizes: Any) -> Any:
    body = {"cls_to_become": became, "names": names, "__module__": __name__, "__doc__": f"A {became.__name__} that learns the size of its input."}
    return type(name, (Lazy,), {**body, **sizes})


LazyLinear = _lazy("LazyLinear", linear.Linear, ("weight", "bias"), _size=lambda self, input: input.shape[-1], _size_in=lambda self, weight: weight.shape[1])
LazyConv1d, LazyConv2d, LazyConv3d = (
    _lazy(f"LazyConv{n}d", getattr(conv, f"Conv{n}d"), ("weight", "bias"), _size=lambda self, input, n=n: input.shape[input.ndim - n - 1],
          _size_in=lambda self, weight: weight.shape[1] * self._quietly(0).groups) for n in (1, 2, 3)
)
LazyConvTranspose1d, LazyConvTranspose2d, LazyConvTranspose3d = (
    _lazy(f"LazyConvTranspose{n}d", getattr(conv, f"ConvTranspose{n}d"), ("weight", "bias"), _size=lambda self, input, n=n: input.shape[input.ndim - n - 1])
    for n in (1, 2, 3)
)
LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d = (
    _lazy(f"LazyBatchNorm{n}d", getattr(normalization, f"BatchNorm{n}d"), ("weight", "bias")) for n in (1, 2, 3)
)
