"""A recording array: computes as the array in it does, and notes every NumPy call on a tape that can be played again.

A tensor's data may be one: the engine's forward and backward run unchanged and leave the formula of what they did. Played
back on other arrays the tape computes; on arrays of SymPy symbols it becomes algebra.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class TraceError(TypeError):
    """What ran cannot be a formula: it wrote in place, left the tape, or (on a strict tape) looked at a value."""


class Ref(NamedTuple):
    """The result of step number `index`."""

    index: int  # type: ignore[assignment]


class Step(NamedTuple):
    """One call: a function, its arguments with references to earlier results in them, and what came out."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shape: tuple[int, ...] | None = None
    dtype: np.dtype | None = None


class Branch(NamedTuple):
    """A decision that depended on a value: the formula holds where it falls the same way."""

    condition: Ref
    taken: bool


class Tape:
    """The calls that recording arrays made, in order. The first `inputs` steps are the inputs.

    On a `strict` tape nothing may look at a value: that raises TraceError. On another, a decision (`if x > 0`) is noted in
    `branches` and a value taken out (`float(x)`, `x.item()`) in `looks`: the recorded formula holds only as far as they do.

    >>> import numpy as np
    >>> tape = Tape()
    >>> x = tape.input(np.float64(3.0))
    >>> y = np.sin(x) * 2
    >>> bool(tape.replay([y], [np.float64(0.0)])[0] == 0)
    True
    """

    def __init__(self, strict: bool = False):
        self.strict = strict
        self.steps: list[Step | None] = []
        self.inputs = 0
        self.branches: list[Branch] = []
        self.looks: list[str] = []

    def input(self, value: Any) -> RecordingArray:
        """A recording array that stands for an input."""
        if len(self.steps) != self.inputs:
            raise ValueError("inputs come before the first recorded call")
        self.inputs += 1
        self.steps.append(None)
        return RecordingArray(value, self, len(self.steps) - 1)

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs a function on the values in its arguments and records it."""
        values = _values((args, kwargs))
        result = function(*values[0], **values[1])
        if not isinstance(result, (np.ndarray, np.generic, tuple, list)):
            return result  # a shape, a size: no array, so no step
        here = self._append(function, _refs(args), _refs(kwargs), result)
        if isinstance(result, (tuple, list)):
            parts = [RecordingArray(part, self, self._append(operator.getitem, (Ref(here), i), {}, part)) for i, part in enumerate(result)]
            kind: Any = type(result)
            return kind(*parts) if hasattr(result, "_fields") else kind(parts)
        return RecordingArray(result, self, here)

    def _append(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> int:
        self.steps.append(Step(function, args, kwargs, getattr(result, "shape", None), getattr(result, "dtype", None)))
        return len(self.steps) - 1

    def program(self, outputs: Iterable[Any]) -> Program:
        """The steps that the outputs (recording arrays, references, or constants) need: what can be pickled and played elsewhere."""
        wanted = [Ref(o.index) if isinstance(o, RecordingArray) else o for o in outputs]
        needed = set(range(self.inputs))
        stack = [w.index for w in wanted if isinstance(w, Ref)]
        while stack:
            i = stack.pop()
            if i in needed:
                continue
            needed.add(i)
            step = self.steps[i]
            if step is not None:
                stack += _indices((step.args, step.kwargs))
        order = sorted(needed)
        number = {old: new for new, old in enumerate(order)}
        steps = [
            step._replace(args=_renumber(step.args, number), kwargs=_renumber(step.kwargs, number))
            for step in (self.steps[old] for old in order)
            if step is not None
        ]
        return Program(steps, self.inputs, _renumber(wanted, number))

    def replay(self, outputs: Iterable[Any], inputs: Sequence[Any]) -> list[Any]:
        """The outputs recomputed for other inputs."""
        return self.program(outputs).run(inputs)


class Program:
    """A tape cut down to what its outputs need: `steps` after `inputs` given values, and the `outputs` among their results."""

    def __init__(self, steps: list[Step], inputs: int, outputs: list[Any]):
        self.steps, self.inputs, self.outputs = steps, inputs, outputs

    def run(self, inputs: Sequence[Any], table: Mapping[Any, Any] | None = None, constant: Callable[[Any], Any] | None = None) -> list[Any]:
        """Plays the steps on `inputs`; `table` replaces functions, `constant` converts arrays and numbers that were recorded."""
        table = {} if table is None else table
        got: list[Any] = list(inputs)
        if len(got) != self.inputs:
            raise ValueError(f"the program takes {self.inputs} inputs, not {len(got)}")
        for step in self.steps:
            args, kwargs = _fill(step.args, got, constant), _fill(step.kwargs, got, constant)
            got.append(table.get(step.function, step.function)(*args, **kwargs))
        return _fill(self.outputs, got, constant)


def call_method(array: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """A method of an array, as a function that a tape can hold."""
    return getattr(array, name)(*args, **kwargs)


class RecordingArray(NDArrayOperatorsMixin):
    """An array (its `value`) whose every use is noted on a tape."""

    __slots__ = ("value", "tape", "index")
    __array_priority__ = 2000

    def __init__(self, value: Any, tape: Tape, index: int):
        self.value, self.tape, self.index = value, tape, index

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if kwargs.get("out") is not None or method == "at":
            raise TraceError(f"{ufunc.__name__} writes in place (out=): a rule must not write to what it was given")
        return self.tape.call(ufunc if method == "__call__" else getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self.tape.call(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TraceError("a recording array was turned into a plain one: the tape would end here")

    dtype = property(lambda self: self.value.dtype)
    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    T = property(lambda self: self.tape.call(np.transpose, (self,), {}))
    mT = property(lambda self: self.tape.call(np.swapaxes, (self, -1, -2), {}))
    real = property(lambda self: self.tape.call(np.real, (self,), {}))
    imag = property(lambda self: self.tape.call(np.imag, (self,), {}))
    flags = property(lambda self: getattr(self.value, "flags", None))
    nbytes = property(lambda self: self.value.nbytes)

    def __getitem__(self, index: Any) -> Any:
        return self.tape.call(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TraceError("a recorded array was written in place: a rule must not write to what it was given")

    def __len__(self) -> int:
        return len(self.value)

    def __bool__(self) -> bool:
        taken = bool(self.value)
        if self.tape.strict:
            self._look("bool()")
        self.tape.branches.append(Branch(Ref(self.index), taken))
        return taken

    def __float__(self) -> float:
        self._look("float()")
        return float(self.value)

    def __int__(self) -> int:
        self._look("int()")
        return int(self.value)

    def __index__(self) -> int:
        self._look("an index")
        return operator.index(self.value)

    def item(self, *args: Any) -> Any:
        self._look(".item()")
        return self.value.item(*args)

    def tolist(self) -> Any:
        self._look(".tolist()")
        return self.value.tolist()

    def _look(self, how: str) -> None:
        if self.tape.strict:
            raise TraceError(f"{how} looked at a value: a rule has no value-dependent decision (use np.where)")
        self.tape.looks.append(how)

    def __repr__(self) -> str:
        return f"RecordingArray({self.value!r}, step {self.index})"


def _method(name: str) -> Callable[..., Any]:
    def method(self: RecordingArray, *args: Any, **kwargs: Any) -> Any:
        return self.tape.call(call_method, (self, name, *args), kwargs)

    method.__name__ = name
    return method


for _name in ("sum", "mean", "prod", "max", "min", "var", "std", "cumsum", "cumprod", "reshape", "transpose", "swapaxes", "astype", "copy",
              "conj", "conjugate", "ravel", "flatten", "squeeze", "dot", "clip", "round", "repeat", "take", "all", "any", "argmax", "argmin",
              "diagonal", "trace", "view"):  # fmt: skip
    setattr(RecordingArray, _name, _method(_name))


# ------------------------------------------------------------------------------------------------ arguments, nested
def _walk(value: Any, leaf: Callable[[Any], Any]) -> Any:
    if isinstance(value, Ref):
        return leaf(value)
    if isinstance(value, (tuple, list)):
        parts = [_walk(v, leaf) for v in value]
        return parts if isinstance(value, list) else tuple(parts)
    if isinstance(value, dict):
        return {k: _walk(v, leaf) for k, v in value.items()}
    return leaf(value)


def _values(value: Any) -> Any:
    return _walk(value, lambda v: v.value if isinstance(v, RecordingArray) else v)


def _refs(value: Any) -> Any:
    return _walk(value, lambda v: Ref(v.index) if isinstance(v, RecordingArray) else v)


def _indices(value: Any) -> list[int]:
    found: list[int] = []

    def see(v: Any) -> Any:
        if isinstance(v, Ref):
            found.append(v.index)
        return v

    _walk(value, see)
    return found


def _renumber(value: Any, number: dict[int, int]) -> Any:
    return _walk(value, lambda v: Ref(number[v.index]) if isinstance(v, Ref) else v)


def _fill(value: Any, got: list[Any], constant: Callable[[Any], Any] | None) -> Any:
    def leaf(v: Any) -> Any:
        if isinstance(v, Ref):
            return got[v.index]
        return constant(v) if constant is not None else v

    return _walk(value, leaf)
