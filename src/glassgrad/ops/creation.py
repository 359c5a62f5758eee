"""New tensors: from data, filled, counted, and random."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import FROM_NUMPY, NUMBERS, as_dtype, builtin_bool, defaults, number_dtype, promote
from ..graph.memory import memory_of, share
from ..placement import on_cpu
from ..tensor import Tensor
from .levels import Layer, of_levels
from .runtime import held, into
from .shapes import sizes


def made(data: Any, requires_grad: bool = False, device: Any = None, out: Tensor | None = None) -> Tensor:
    """A leaf around fresh data."""
    if device is not None:
        on_cpu(device)
    if out is not None:
        data = data.astype(out._data.dtype)
    t = Tensor._wrap(data)
    if requires_grad:
        if data.dtype.kind not in "fc":
            raise errors.explain(
                RuntimeError("Only Tensors of floating point and complex dtype can require gradients"),
                f"the values are {FROM_NUMPY[data.dtype]}",
                errors.line_of(errors.users_place()),
                "write 1.0 for 1, or pass dtype=torch.float32",
            )
        t._needs = True
    return t if out is None else into(out, t)


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A new leaf with a copy of the data: numbers, nested lists, arrays, tensors.

    Floating Python numbers get the default dtype, integers int64; arrays keep theirs.

    >>> import glassgrad as gg
    >>> gg.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    kind = type(data)
    if kind is float and dtype is None:
        value = defaults.numpy.type(data)
        return made(value, requires_grad, device)
    wanted = None if dtype is None else as_dtype(dtype).numpy
    if wanted is not None and (wanted.kind == "f" and kind in SIMPLE or wanted == np.int64 and kind is int and -(2**63) <= data < 2**63):
        return made(wanted.type(data), requires_grad, device)
    if kind is list and data and set(map(type, data)) <= SIMPLE and (wanted is None or wanted.kind == "f"):
        try:
            array = np.array(data, wanted or (defaults.numpy if float in map(type, data) else np.int64))
        except OverflowError:
            raise ValueError("Overflow when unpacking long long") from None
        return made(array, requires_grad, device)
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).", UserWarning, stacklevel=2,
        )  # fmt: skip
        array = np.array(data._data)
        if wanted is not None:
            array = array.astype(wanted)
    else:
        array = _array_of(data, wanted)
    return made(array if array.ndim else array[()], requires_grad, device)


SIMPLE = {int, float}


def _array_of(data: Any, dtype: np.dtype | None) -> np.ndarray:
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.array(data)
        if array.dtype not in FROM_NUMPY:
            raise _not_a_type(array)
        return array.astype(dtype) if dtype is not None else array
    if type(data) in NUMBERS:
        wanted = dtype or number_dtype(data)
        return _cast_numbers(np.array(data), wanted)
    if isinstance(data, (str, bytes)) or not (hasattr(data, "__len__") or hasattr(data, "__array__") or hasattr(data, "__float__")):
        raise _no_numbers(data)
    plain = _plain(data)
    _check_rectangle(plain)
    array = np.array(plain)
    if array.dtype.kind in "OUS":
        raise _not_numbers(plain)
    if dtype is None:
        dtype = {"f": defaults.numpy, "c": defaults.complex.numpy, "i": np.dtype(np.int64), "u": np.dtype(np.int64), "b": np.dtype(bool)}[array.dtype.kind]
        kinds = _typed_leaf(data)
        if kinds is not None:
            dtype = kinds
        if array.size == 0:
            dtype = defaults.numpy
    return _cast_numbers(array, dtype)


def _cast_numbers(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if array.dtype.kind in "uO" and dtype.kind in "iu":
        raise ValueError("Overflow when unpacking long long")
    if array.dtype.kind == "c" and dtype.kind not in "cb":
        raise TypeError("must be real number, not complex")
    if dtype.kind in "iu" and array.dtype.kind == "i" and array.size:
        info = np.iinfo(dtype)
        if array.max() > info.max or array.min() < (info.min or -info.max):  # a negative number wraps around in an unsigned type
            raise errors.explain(
                RuntimeError(f"value cannot be converted to type {dtype.name} without overflow"),
                f"{dtype.name} holds the integers from {info.min} to {info.max}", errors.line_of(errors.users_place()),
            )  # fmt: skip
    return array.astype(dtype)


def _no_numbers(data: Any) -> Exception:
    """The error for what is no number and holds none."""
    if isinstance(data, (str, bytes)):
        return TypeError(f"new(): invalid data type '{type(data).__name__}'")
    return RuntimeError(f"Could not infer dtype of {type(data).__name__}")


def _plain(data: Any) -> Any:
    """Nested sequences with tensors turned into numbers."""
    if isinstance(data, Tensor):
        if data._data.size != 1:
            raise errors.explain(
                ValueError("only one element tensors can be converted to Python scalars"),
                "tensor() reads numbers; a list of tensors is joined by another function", errors.line_of(errors.users_place()),
                "torch.stack(list_of_tensors), which also keeps their gradients",
            )  # fmt: skip
        return data._data.item()
    if isinstance(data, (list, tuple)):
        return [_plain(d) for d in data]
    if isinstance(data, range):
        return list(data)
    return data


def _typed_leaf(data: Any) -> np.dtype | None:
    """The dtype of nested sequences that hold typed values (tensors, arrays, NumPy scalars); None where they hold only Python's."""
    found = set(_leaf_types(data))
    if found <= set(NUMBERS):
        return None
    kinds = [number_dtype(kind(0)) if isinstance(kind, type) else kind for kind in found]
    return functools.reduce(promote, kinds)


def _leaf_types(data: Any) -> Iterator[Any]:
    if isinstance(data, (list, tuple)):
        for d in data:
            yield from _leaf_types(d)
    elif isinstance(data, (Tensor, np.ndarray, np.generic)):
        kind = data._data.dtype if isinstance(data, Tensor) else data.dtype
        yield np.dtype(np.int64) if isinstance(data, np.generic) and kind.kind == "i" else kind
    elif type(data) in NUMBERS:
        yield type(data)


def _check_rectangle(data: Any, depth: int = 0) -> None:
    if isinstance(data, list) and any(isinstance(d, list) for d in data):
        lengths = [len(d) if isinstance(d, list) else None for d in data]
        if None in lengths:
            if lengths[0] is None:
                whole = isinstance(data[0], int)
                raise TypeError("'list' object cannot be interpreted as an integer" if whole else "must be real number, not list")
            raise TypeError("not a sequence")
        if len(set(lengths)) > 1:
            bad = next(n for n in lengths if n != lengths[0])
            raise errors.explain(
                ValueError(f"expected sequence of length {lengths[0]} at dim {depth + 1} (got {bad})"),
                "the nested lists are not all of one length: a tensor is a rectangle",
                errors.line_of(errors.users_place()),
            )
        for d in data:
            _check_rectangle(d, depth + 1)


def _not_numbers(data: Any) -> Exception:
    while isinstance(data, list) and data:
        data = next((d for d in data if not isinstance(d, (int, float, complex))), data[0])
    if isinstance(data, str):
        return ValueError("too many dimensions 'str'")
    if isinstance(data, int):
        return ValueError("Overflow when unpacking long long")
    return _no_numbers(data)


def _not_a_type(array: Any) -> TypeError:
    return TypeError(
        f"can't convert np.ndarray of type numpy.{array.dtype.type.__name__}. The only supported types are: float64, float32, "
        "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
    )


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """The data as a tensor, sharing memory where it can: tensors as they are, arrays by reference."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray):
        t = from_numpy(data)
        return t if dtype is None else t.to(dtype)
    return tensor(data, dtype=dtype, device=device)


def asarray(obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False) -> Tensor:
    """The data as a tensor, shared or (`copy=True`) copied."""
    t = as_tensor(obj, dtype=dtype, device=device)
    t = t.detach().clone() if copy else t
    return t.requires_grad_() if requires_grad else t


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor on the array's own memory: a write to one is seen in the other.

    >>> import glassgrad as gg, numpy as np
    >>> a = np.zeros(2); t = gg.from_numpy(a); a[0] = 1
    >>> t
    tensor([1., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    if not ndarray.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is currently "
            "not supported."
        )
    if ndarray.dtype not in FROM_NUMPY:
        raise _not_a_type(ndarray)
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently "
            "supported. (You can probably work around this by making a copy of your array  with array.copy().) "
        )
    t = Tensor._wrap(ndarray)
    memory_of(t).shared = True
    return t


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor on the memory of any array that speaks DLPack."""
    if isinstance(ext_tensor, Tensor):
        return from_numpy(share(ext_tensor))
    return from_numpy(np.from_dlpack(ext_tensor))


# ------------------------------------------------------------------------------------------------ filled and counted
def _typed(dtype: Any) -> np.dtype:
    return defaults.numpy if dtype is None else as_dtype(dtype).numpy


def _shape(given: tuple[Any, ...], size: Any, name: str) -> tuple[int, ...]:
    if len(given) > 1 and isinstance(given[0], (tuple, list)):
        raise TypeError(f"{name}() takes 1 positional argument but {len(given)} were given")
    got = sizes(given, size, name)
    for n in got:
        if n < 0 and name == "zeros":
            raise RuntimeError("zeros: Dimension size must be non-negative.")
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(got)}")
    return got


def in_order_of(like: Any, data: Any) -> Any:
    """`data` laid out in memory as `like` is, where that is a transposed order."""
    if like.ndim < 2 or like.flags.c_contiguous or 0 in like.strides:
        return data
    laid = np.empty_like(like, data.dtype)
    laid[...] = data
    return laid


def _filled(name: str, fill: Any, doc: str) -> Any:
    def make(*size: Any, out: Tensor | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None, **named: Any) -> Tensor:  # fmt: skip
        if not size and "size" not in named:
            raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
        shape = _shape(size, named.pop("size", None), name)
        if named:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(named))}'")
        data = fill(shape, _typed(dtype))
        return made(data if shape else data[()], requires_grad, device, out)

    def like(input: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
             memory_format: Any = None) -> Tensor:  # fmt: skip
        if not isinstance(input, Tensor):
            raise errors.argument(f"{name}_like", "input", 1, "Tensor", input)
        data = in_order_of(input._data, fill(input._data.shape, input._data.dtype if dtype is None else as_dtype(dtype).numpy))
        if isinstance(input._data, Layer):
            data = of_levels(data, input._data.levels).owned()
        return made(data if data.ndim else data[()], requires_grad, device)

    def new(self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any) -> Tensor:
        shape = _shape(size, named.pop("size", None), name)
        data = fill(shape, self._data.dtype if dtype is None else as_dtype(dtype).numpy)
        if isinstance(self._data, Layer):
            data = of_levels(data, self._data.levels).owned()
        return made(data if shape else data[()], requires_grad, device)

    make.__name__ = make.__qualname__ = name
    like.__name__ = like.__qualname__ = name + "_like"
    make.__doc__ = f"A tensor of the given sizes, {doc}."
    like.__doc__ = f"A tensor of the shape and dtype of another, {doc}."
    setattr(Tensor, "new_" + name, new)
    return make, like


zeros, zeros_like = _filled("zeros", np.zeros, "filled with 0")
ones, ones_like = _filled("ones", np.ones, "filled with 1")
empty, empty_like = _filled("empty", np.zeros, "to be filled later (zeros, here)")


def full(size: Any, fill_value: Any, *, out: Tensor | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
         requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A tensor of a size filled with one value; its dtype is the value's unless named."""
    if not isinstance(size, (tuple, list)):
        raise errors.argument("full", "size", 1, "tuple of ints", size)
    if not isinstance(fill_value, (Tensor, np.generic, int, float, complex)):
        raise errors.argument("full", "fill_value", 2, "Number", fill_value)
    value = fill_value.item() if isinstance(fill_value, (Tensor, np.generic)) else fill_value
    kind = number_dtype(value) if dtype is None else as_dtype(dtype).numpy
    if kind.kind == "f" and (isinstance(value, complex) or not -65504 <= value <= 65504):  # more than the smallest dtype holds
        value = held(value, kind)
    data = np.full(_shape((), size, "full"), value, kind)
    return made(data if data.ndim else data[()], requires_grad, device, out)


def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
              memory_format: Any = None) -> Tensor:  # fmt: skip
    """A tensor of the shape and dtype of another, filled with one value."""
    found = full(input._data.shape, fill_value, dtype=input.dtype if dtype is None else dtype, requires_grad=requires_grad)
    if isinstance(input._data, Layer):
        found._data = of_levels(found._data, input._data.levels).owned()
    return found


def new_full(self: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """As `full`, with this tensor's dtype."""
    return full(size, fill_value, dtype=self.dtype if dtype is None else dtype, requires_grad=requires_grad)


def new_tensor(self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """As `tensor`, with this tensor's dtype."""
    return tensor(data, dtype=self.dtype if dtype is None else dtype, requires_grad=requires_grad)


def eye(n: int, m: int | None = None, *, out: Tensor | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
        requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A matrix with ones on its diagonal."""
    for name, count in (("n", n), ("m", m)):
        if count is not None and count < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {count}")
    return made(np.eye(n, n if m is None else m, dtype=_typed(dtype)), requires_grad, device, out)


def arange(*args: Any, out: Tensor | None = None, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
           **named: Any) -> Tensor:  # fmt: skip
    """start, start + step, … up to but without end."""
    start: Any = 0
    end: Any = None
    step: Any = 1
    if len(args) == 1:
        start, end = (args[0], None) if "end" in named else (0, args[0])
    elif len(args) == 2:
        start, end = args
    elif len(args) == 3:
        start, end, step = args
    start, end, step = (named.get(k, v) for k, v in (("start", start), ("end", end), ("step", step)))
    start, end, step = (v.item() if isinstance(v, (Tensor, np.generic)) else v for v in (start, end, step))
    if end is None:
        raise TypeError("arange() received an invalid combination of arguments - it needs end, or start and end, or start, end and step")
    for position, (name, v) in enumerate((("start", start), ("end", end), ("step", step))):
        if type(v) not in NUMBERS:
            raise errors.argument("arange", name, position if len(args) > 1 else 1, "Number", v)
    if not all(map(math.isfinite, (start, end))):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * (1 if step > 0 else -1) < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    whole = all(isinstance(v, int) and not isinstance(v, builtin_bool) or isinstance(v, builtin_bool) for v in (start, end, step))
    kind = as_dtype(dtype).numpy if dtype is not None else np.dtype(np.int64) if whole else defaults.numpy
    if kind.kind in "iu":
        start, end, step, whole = int(start), int(end), int(step), True
    n = max(math.ceil((end - start) / step), 0)
    wide = np.int64 if whole else np.float64
    data = (np.asarray(start, wide) + np.arange(n, dtype=wide) * np.asarray(step, wide)).astype(kind)
    return made(data, requires_grad, device, out)


def range_(start: Any = 0, end: Any = None, step: Any = 1, *, out: Tensor | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
           requires_grad: bool = False) -> Tensor:  # fmt: skip
    """start, start + step, … up to and with end; `arange` is preferred."""
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with Python's range "
        "builtin. Instead, use torch.arange, which produces values in [start, end).", UserWarning, stacklevel=2,
    )  # fmt: skip
    if end is None:
        start, end = 0, start
    values = np.arange(start, end + step / 2, step).astype(_typed(dtype))
    return made(values, requires_grad, device, out)


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of no dimension, of the default dtype."""
    return tensor(s, dtype=defaults.real if dtype is None else dtype, device=device, requires_grad=requires_grad)


def linspace(start: Any, end: Any, steps: int, *, out: Tensor | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:  # fmt: skip
    """`steps` values evenly spaced from start to end, both included."""
    start, end = (v.item() if isinstance(v, (Tensor, np.generic)) else v for v in (start, end))
    kind = defaults.complex.numpy if dtype is None and complex in (type(start), type(end)) else _typed(dtype)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    if steps <= 1 or kind.kind not in "f":
        return made(np.linspace(start, end, steps).astype(kind), requires_grad, device, out)
    step = (kind.type(end) - kind.type(start)) / kind.type(steps - 1)
    i = np.arange(steps, dtype=kind)
    half = steps // 2
    data = np.where(i < half, kind.type(start) + step * i, kind.type(end) - step * (kind.type(steps - 1) - i))
    return made(data.astype(kind), requires_grad, device, out)


def logspace(start: float, end: float, steps: int, base: float = 10.0, *, out: Tensor | None = None, dtype: Any = None, layout: Any = None,
             device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """base to the power of `steps` values evenly spaced from start to end."""
    return made(np.logspace(start, end, steps, base=base).astype(_typed(dtype)), requires_grad, device, out)


def complex_(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Tensor:
    """real + i · imag."""
    if real._data.dtype != imag._data.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {real.dtype.type_name} but got scalar type {imag.dtype.type_name} for second argument"
        )
    result = real.to(real.dtype.to_complex()) + imag.to(imag.dtype.to_complex()) * 1j
    return result if out is None else into(out, result)
