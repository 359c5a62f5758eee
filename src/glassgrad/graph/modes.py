"""Whether operations are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`, a thread each."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any


class Mode(threading.local):
    """The switches of one thread. `grad` is read by every operation whose input requires grad."""

    grad = True
    inference = False
    multithreading = True
    watch: Any = None  # what runs each node's backward while anomalies are looked for
    walk: Any = None  # the backward that is running, if it is more than plain: what hooks ask about its course
    saved_hooks: tuple[Any, ...] = ()  # the pairs of saved-tensor hooks that are on, the last one in force
    saved_hooks_refused: str | None = None  # why none may be set


mode = Mode()
forward_lines: dict[int, list[str]] = {}  # where nodes were made, by their number, while anomalies are looked for
packing: list[bool] = []  # not empty while saved-tensor hooks are on in any thread: what an operation asks when it has made a node
inferring: list[bool] = []  # not empty while any thread is in inference mode: what an operation asks before it asks which


def is_grad_enabled() -> bool:
    """Whether operations are recorded in this thread.

    >>> import glassgrad as gg
    >>> gg.is_grad_enabled()
    True
    """
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether `inference_mode` is on in this thread.

    >>> import glassgrad as gg
    >>> gg.is_inference_mode_enabled()
    False
    """
    return mode.inference


class Switch:
    """A context that is also a decorator; as a decorator each call enters a fresh one."""

    def __call__(self, function: Any) -> Any:
        if inspect.isclass(function):
            return function
        if inspect.isgeneratorfunction(function):
            return self._wrap_generator(function)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return wrapped

    def _wrap_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The mode holds while the generator's own code runs, and not between its yields."""

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            step, value = generator.send, None
            while True:
                try:
                    with self.clone():
                        out = step(value)
                except StopIteration as stop:
                    return stop.value
                try:
                    value = yield out
                    step = generator.send
                except GeneratorExit:
                    with self.clone():
                        generator.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - thrown on into the generator
                    value, step = error, generator.throw

        return wrapped

    def clone(self) -> Any:
        return type(self)()

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, *exc: Any) -> None:
        raise NotImplementedError


class no_grad(Switch):
    """Operations inside are not recorded; a context and a decorator.

    >>> import glassgrad as gg
    >>> x = gg.tensor(1.0, requires_grad=True)
    >>> with gg.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __new__(cls, function: Any = None) -> Any:
        self = object.__new__(cls)
        return self if function is None else self(function)

    def __enter__(self) -> None:
        self.before = mode.grad
        mode.grad = False

    def __exit__(self, *exc: Any) -> None:
        mode.grad = self.before


class enable_grad(no_grad):
    """Operations inside are recorded, also within `no_grad`; a context and a decorator.

    >>> import glassgrad as gg
    >>> x = gg.tensor(1.0, requires_grad=True)
    >>> with gg.no_grad(), gg.enable_grad():
    ...     y = x * 2
    >>> y.requires_grad
    True
    """

    def __enter__(self) -> None:
        self.before = mode.grad
        mode.grad = True


class set_grad_enabled(Switch):
    """Recording on or off, from the call on; as a context, until its end; as a decorator, inside the function.

    >>> import glassgrad as gg
    >>> with gg.set_grad_enabled(False):
    ...     gg.is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(f"set_grad_enabled(): argument 'enabled' (position 1) must be bool, not {type(mode).__name__}")
        self.wanted = mode
        self.before = _swap_grad(self.wanted)

    def __call__(self, function: Any) -> Any:
        _swap_grad(self.before)
        return super().__call__(function)

    def clone(self) -> set_grad_enabled:
        return type(self)(self.wanted)

    def __enter__(self) -> None:
        mode.grad = self.wanted

    def __exit__(self, *exc: Any) -> None:
        mode.grad = self.before


def _swap_grad(wanted: bool) -> bool:
    before, mode.grad = mode.grad, wanted
    return before


def is_multithreading_enabled() -> bool:
    """Whether backward may use several threads; here it runs in the caller's in any case."""
    return mode.multithreading


class set_multithreading_enabled(Switch):
    """Whether backward may use several threads, from the call on or as a context: kept and told, without effect here.

    >>> import glassgrad as gg
    >>> with gg.autograd.set_multithreading_enabled(False):
    ...     gg.autograd.is_multithreading_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        self.wanted = mode
        self.before = is_multithreading_enabled()
        self.__enter__()

    def clone(self) -> set_multithreading_enabled:
        return type(self)(self.wanted)

    def __enter__(self) -> None:
        mode.multithreading = self.wanted

    def __exit__(self, *exc: Any) -> None:
        mode.multithreading = self.before


class inference_mode(Switch):
    """As `no_grad`, and the tensors made inside stay out of every graph.

    >>> import glassgrad as gg
    >>> with gg.inference_mode():
    ...     y = gg.ones(2) * 2
    >>> y.is_inference()
    True
    """

    def __new__(cls, mode: Any = True) -> Any:
        if callable(mode) and not isinstance(mode, bool):
            return cls()(mode)
        return super().__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        self.wanted = mode

    def clone(self) -> inference_mode:
        return type(self)(self.wanted)

    def __enter__(self) -> None:
        self.before = mode.grad, mode.inference
        inferring.append(self.wanted)
        if self.wanted:
            mode.grad, mode.inference = False, True
        else:
            mode.grad, mode.inference = True, False

    def __exit__(self, *exc: Any) -> None:
        inferring.pop()
        mode.grad, mode.inference = self.before
