"""Checkpoints: a part of the forward that keeps its inputs only, and is computed again when backward comes to it.

Without reentry (the better kind) each tensor that the part saves is packed as a number, by hooks on saved tensors; the first that is
read runs the part again, up to the last tensor that was saved, and catches them all. The reentrant kind is one opaque node, whose backward
computes the part again with a graph and runs a backward of its own through it.
"""

from __future__ import annotations

import contextlib
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from .. import errors
from ..autograd.backward import backward
from ..autograd.function import Function
from ..autograd.graph import saved_tensors_hooks
from ..graph.memory import memory_of
from ..graph.modes import enable_grad, mode
from ..graph.node import edge_of
from ..graph.saved import Packed
from ..ops.random import get_rng_state, set_rng_state
from ..tensor import Tensor

__all__ = [
    "CheckpointError", "CheckpointFunction", "check_backward_validity", "checkpoint", "checkpoint_sequential", "detach_variable", "noop_context_fn",
    "set_checkpoint_debug_enabled", "set_checkpoint_early_stop",
]  # fmt: skip

EXPLICIT = (
    "use_reentrant=False is recommended, but if you need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs "
    "for more details on the differences between the two variants."
)


class CheckpointError(RuntimeError):
    """The part of the forward did something else when it was computed again."""


class Enough(BaseException):
    """Ends a recomputation: everything that was saved has been caught. Not an Exception, so that no `except` of the part's stops it."""


class Settings:
    """What the contexts below override for every checkpoint made inside them."""

    early_stop: bool | None = None
    debug: bool | None = None


@contextlib.contextmanager
def _set(name: str, value: bool | None) -> Iterator[None]:
    before = getattr(Settings, name)
    setattr(Settings, name, value)
    try:
        yield
    finally:
        setattr(Settings, name, before)


def set_checkpoint_early_stop(enable: bool) -> Any:
    """A context in which recomputations stop at the last saved tensor, or run to their end."""
    return _set("early_stop", enable)


def set_checkpoint_debug_enabled(enabled: bool | None) -> Any:
    """A context that overrides `debug` of the checkpoints in it."""
    return _set("debug", enabled)


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing: around the forward, and around its recomputation."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def check_backward_validity(inputs: Any) -> None:
    """Warns when no input requires grad: then a reentrant checkpoint gives no gradient."""
    if not any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", UserWarning, stacklevel=4)


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The inputs with tensors as leaves of their own."""
    if not isinstance(inputs, tuple):
        raise RuntimeError("Only tuple of tensors is supported. Got Unsupported input type: ", type(inputs).__name__)
    return tuple(x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs)


def checkpoint(
    function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None, context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default", debug: bool = False, early_stop: bool = True, **kwargs: Any,
) -> Any:  # fmt: skip
    """Computes `function(*args, **kwargs)` and keeps none of what it saves for backward: it is computed again then.

    `preserve_rng_state` (True) gives the recomputation the random numbers of the first time. Without reentry: `context_fn` returns the
    contexts of the forward and of the recomputation, `determinism_check` compares the tensors of both ("default": shape and dtype, or "none"),
    `debug` lists in an error where they were saved, `early_stop` ends the recomputation as soon as it can. Raises CheckpointError when
    the recomputation saves other tensors. Source: https://docs.pytorch.org/docs/stable/checkpoint.html

    >>> import glassgrad as gg
    >>> x = gg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = gg.utils.checkpoint.checkpoint(lambda x: (x * x * x).sum(), x, use_reentrant=False)
    >>> y.backward(); x.grad
    tensor([ 3., 12.])
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, calling checkpoint "
            f"without use_reentrant will raise an exception. {EXPLICIT}", UserWarning, stacklevel=2,
        )  # fmt: skip
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    around, around_again = context_fn()
    if not mode.grad:
        with around:
            return function(*args, **kwargs)
    part = Part(function, args, kwargs, preserve, around_again, determinism_check == "default")
    part.debug = debug if Settings.debug is None else Settings.debug
    part.early_stop = early_stop if Settings.early_stop is None else Settings.early_stop
    with saved_tensors_hooks(part.pack, part.unpack), around:
        return function(*args, **kwargs)


def checkpoint_sequential(functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any) -> Any:
    """Runs functions one after the other, in `segments` parts of equal length, each but the last a checkpoint.

    >>> import glassgrad as gg
    >>> x = gg.tensor(2.0, requires_grad=True)
    >>> gg.utils.checkpoint.checkpoint_sequential([gg.sin, gg.cos, gg.exp, gg.tanh], 2, x, use_reentrant=False).backward()
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. In version 2.9 we will "
            f"raise an exception if use_reentrant is not passed. {EXPLICIT}", UserWarning, stacklevel=2,
        )  # fmt: skip
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if hasattr(functions, "children"):
        functions = list(functions.children())

    def segment(start: int, stop: int) -> Callable[[Any], Any]:
        def run(x: Any) -> Any:
            for f in functions[start:stop]:
                x = f(x)
            return x

        return run

    size = len(functions) // segments
    start = 0
    for start in range(size, size * (segments - 1) + 1, size):
        input = checkpoint(segment(start - size, start), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return segment(start, len(functions))(input)


@contextlib.contextmanager
def _random_again(state: Any) -> Iterator[None]:
    """The random numbers of an earlier time (None: those of now)."""
    now = None if state is None else get_rng_state()
    if state is not None:
        set_rng_state(state)
    try:
        yield
    finally:
        if now is not None:
            set_rng_state(now)


class Place:
    """Stands for a saved tensor: which of its part it is, and the tensor from the recomputation until it is read."""

    __slots__ = ("part", "number", "tensor", "__weakref__")

    def __init__(self, part: Part, number: int):
        self.part, self.number, self.tensor = part, number, None


class Part:
    """One checkpoint: what to compute again, and the tensors that it saved the first time."""

    debug = False
    early_stop = True

    def __init__(self, function: Any, args: Any, kwargs: Any, preserve: bool, around: Any, check: bool):
        self.function, self.kwargs, self.around, self.check = function, kwargs, around, check
        self.random = get_rng_state() if preserve else None
        self.args = [self._keep(a) for a in args]
        self.kwargs = {name: self._keep(a) for name, a in kwargs.items()}
        self.places: list[Any] = []  # weak: what nobody will read need not be caught
        self.saved: list[Any] = []  # what is known of each tensor
        self.lines: tuple[list[Any], list[Any]] = ([], [])

    @staticmethod
    def _keep(value: Any) -> Any:
        """An argument as it is kept: within another checkpoint (or under other hooks) as those pack it, else with its version."""
        if not isinstance(value, Tensor):
            return value
        if mode.saved_hooks:
            return Packed(value, edge_of(value), *mode.saved_hooks[-1])
        return Kept(value)

    def pack(self, tensor: Tensor) -> Place:
        place = Place(self, len(self.places))
        self.places.append(weakref.ref(place))
        self.saved.append(_known(tensor))
        if self.debug:
            self.lines[0].append(errors.line_of(errors.users_place()))
        return place

    def unpack(self, place: Place) -> Tensor:
        if place.tensor is None:
            self._compute_again()
        tensor, place.tensor = place.tensor, None
        if tensor is None:
            raise AssertionError("a checkpoint's recomputation did not reach a tensor that its forward saved")
        return tensor

    def _compute_again(self) -> None:
        found: list[Any] = []
        self.lines[1].clear()

        def catch(tensor: Tensor) -> Any:
            if len(found) == len(self.places):
                raise self._differs("trying to save more tensors during recomputation than during the original forward pass.")
            place = self.places[len(found)]()
            found.append(_known(tensor))
            inner = tensor.detach()
            if place is not None:
                place.tensor = inner
            if self.debug:
                self.lines[1].append(errors.line_of(errors.users_place()))
            if self.early_stop and len(found) == len(self.places):
                raise Enough
            return inner

        args, kwargs = [_given(a) for a in self.args], {name: _given(a) for name, a in self.kwargs.items()}
        with contextlib.suppress(Enough), _random_again(self.random), enable_grad(), saved_tensors_hooks(catch, lambda t: t), self.around:
            self.function(*args, **kwargs)
        if len(found) != len(self.places):
            raise self._differs(
                "A different number of tensors was saved during the original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.places)}\nNumber of tensors saved during recomputation: {len(found)}."
            )
        wrong = [(i, a, b) for i, (a, b) in enumerate(zip(self.saved, found)) if a != b] if self.check else []
        if wrong:
            raise self._differs(
                "Recomputed values for the following tensors have different metadata than during the forward pass.\n" + "\n".join(
                    f"tensor at position {i}:\nsaved metadata: {a}\nrecomputed metadata: {b}" for i, a, b in wrong)
            )  # fmt: skip

    def _differs(self, said: str) -> CheckpointError:
        error = errors.explain(
            CheckpointError("torch.utils.checkpoint: " + said), "the part was computed again for backward, and went another way than the first time",
            fix="let it depend on its arguments alone (no counters, no data that changes); pass debug=True to see where each tensor was saved",
        )  # fmt: skip
        if self.debug:
            for when, lines in zip(("forward", "recomputation"), self.lines):
                error.add_note(f"  saved in the {when}: " + (", ".join(f"{i} at {line}" for i, line in enumerate(lines)) or "nothing"))
        return error


def _known(tensor: Tensor) -> dict[str, Any]:
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}


class Kept:
    """A tensor among the arguments, and its version."""

    __slots__ = ("tensor", "version")

    def __init__(self, tensor: Tensor):
        self.tensor, self.version = tensor, memory_of(tensor).version


def _given(kept: Any) -> Any:
    """An argument for the recomputation; raises when it was written since."""
    if type(kept) is Packed:
        return kept.tensor(None)
    if type(kept) is not Kept:
        return kept
    t, memory = kept.tensor, memory_of(kept.tensor)
    if memory.version != kept.version:
        source = t._fn.name() if t._fn is not None else None
        raise errors.modified_in_place(t._fn, "argument of checkpoint", t._data, source, memory.version, kept.version, memory.writer)
    return t


class CheckpointFunction(Function):
    """The reentrant kind: one node, which computes the part again in a backward of its own."""

    @staticmethod
    def forward(ctx: Any, function: Any, preserve: bool, *args: Any) -> Any:
        check_backward_validity(args)
        ctx.function = function
        ctx.random = get_rng_state() if preserve else None
        ctx.args = [None if isinstance(a, Tensor) else a for a in args]
        ctx.tensors = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.save_for_backward(*(args[i] for i in ctx.tensors))
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if mode.walk is not None and mode.walk.leaves is not None:
            raise errors.explain(
                RuntimeError(
                    "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter to .backward(). "
                    "To resolve this error, you can either set use_reentrant=False, or call .backward() without passing the `inputs` argument."
                ),
                "its backward runs a whole backward of the part, which adds to every leaf that it meets",
            )
        args = list(ctx.args)
        for i, t in zip(ctx.tensors, ctx.saved_tensors):
            args[i] = t
        fresh = detach_variable(tuple(args))
        with _random_again(ctx.random), enable_grad():
            outputs = ctx.function(*fresh)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        ends = [(o, g) for o, g in zip(outputs, grads) if isinstance(o, Tensor) and o.requires_grad]
        if not ends:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([o for o, _ in ends], [g for _, g in ends])
        return None, None, *(x.grad if isinstance(x, Tensor) else None for x in fresh)
