"""Layers without parameters: a function, and the arguments that are given when the layer is made.

    class LeakyReLU(Layer, function=F.leaky_relu, shows="negative_slope={negative_slope}", negative_slope=0.01, inplace=False): ...

`...` stands for an argument that has to be given. A layer prints what `shows` says, and `inplace` where it is set.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from .module import Module

KIND = inspect.Parameter.POSITIONAL_OR_KEYWORD


class Layer(Module):
    """A function of tensors as a module."""

    function: Callable[..., Any]
    signature: inspect.Signature
    names: tuple[str, ...] = ()
    shows = ""

    def __init_subclass__(cls, function: Any = None, shows: str | None = None, passes: tuple[str, ...] | None = None, **arguments: Any):
        super().__init_subclass__()
        if function is None:
            return
        cls.function = staticmethod(function)
        cls.shows = "" if shows is None else shows
        cls.names = tuple(arguments) if passes is None else passes
        cls.signature = inspect.Signature([
            inspect.Parameter(name, KIND, default=inspect.Parameter.empty if default is ... else default) for name, default in arguments.items()
        ])  # fmt: skip
        cls.__signature__ = cls.signature  # type: ignore[attr-defined]
        if cls.__doc__ is None:
            cls.__doc__ = (function.__doc__ or "").partition("\n")[0]

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}.__init__(): {error}") from None
        bound.apply_defaults()
        self.take(**bound.arguments)

    def take(self, **arguments: Any) -> None:
        """Keeps the arguments; a tensor becomes a buffer."""
        for name, value in arguments.items():
            if isinstance(value, Tensor):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, *inputs: Any) -> Any:
        return self.function(*inputs, **{name: getattr(self, name) for name in self.names})

    def extra_repr(self) -> str:
        text = self.shows.format(**{name: getattr(self, name, None) for name in self.signature.parameters})
        inplace = "inplace=True" if "inplace" in self.names and "{inplace}" not in self.shows and getattr(self, "inplace", False) else ""
        return ", ".join(part for part in (text, inplace) if part)
