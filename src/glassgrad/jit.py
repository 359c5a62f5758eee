"""PyTorch's `jit` where there is no compiler: what it would compile runs as it is."""

from __future__ import annotations

from typing import Any


def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """The function or module itself, as `compile` returns it.

    >>> import glassgrad as gg
    >>> @gg.jit.script
    ... def double(x: gg.Tensor) -> gg.Tensor:
    ...     return x * 2
    >>> double(gg.tensor(3))
    tensor(6)
    """
    return obj


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """A decorator that leaves a function as it is."""
    return drop if callable(drop) else lambda function: function


def unused(fn: Any) -> Any:
    """The function itself."""
    return fn


export = unused


def is_scripting() -> bool:
    """Whether a script runs: never here.

    >>> import glassgrad as gg
    >>> gg.jit.is_scripting(), gg.jit.is_tracing()
    (False, False)
    """
    return False


is_tracing = is_scripting
