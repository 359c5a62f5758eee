"""What the generated code of an op calls: gradients put in shape, saved values read back, and every case that is not the common one."""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import NUMBERS, defaults, number_dtype, result_dtype
from ..graph.modes import mode, packing
from ..graph.node import Freed, Node, count, edge_of
from ..graph.saved import Packed, pack_saved
from ..graph.views import write
from ..tensor import Tensor
from .arrays import PLAIN, astype
from .levels import meet
from .op import Op

new, ndarray = object.__new__, np.ndarray
f32, f64 = np.float32, np.float64


def sum_to(grad: Any, shape: tuple[int, ...]) -> Any:
    """Undoes broadcasting: sums a gradient over the dims that an input of `shape` did not have, or had only once."""
    if grad.shape == shape:
        return grad
    lead = grad.ndim - len(shape)
    if lead == 1 and type(grad) is ndarray and grad.shape[1:] == shape:  # a bias
        return np.add.reduce(grad, 0)
    dims = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1 and grad.shape[i + lead] != 1)
    return grad.sum(axis=dims, keepdims=True).reshape(shape) if dims else grad.reshape(shape)


def fit(grad: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """A gradient in the shape and type of its input: PyTorch's engine casts where an op promoted."""
    if grad.shape != shape:
        grad = sum_to(grad, shape)
    kind = (grad._data if isinstance(grad, Tensor) else grad).dtype
    if kind != dtype:
        if kind.kind == "c" and dtype.kind != "c":
            grad = np.real(grad)
        grad = astype(grad, dtype)
    return grad


def conj(x: Any) -> Any:
    """The conjugate of complex values; real ones as they are."""
    if type(x) is ndarray and x.dtype.kind == "f":
        return x
    return np.conj(x) if is_complex(x) else x


def is_complex(x: Any) -> bool:
    """Whether an array, tensor or number is complex."""
    if type(x) is not ndarray:
        x = getattr(x, "_data", x)
        if type(x) in REALS:
            return False
        if type(x) is complex:
            return True
    return x.dtype.kind == "c"


REALS = frozenset({int, float, f32, f64, bool})


def saved(node: Node, value: Any, name: str) -> Any:
    """A saved input as an array: the cold cases."""
    if isinstance(value, Freed):
        raise node.freed(value)
    if isinstance(value, Packed):
        return value.tensor(node)._data
    if isinstance(value, Tensor):
        check(node, value, name)
        return value._data
    return value


def floating(value: Any, grad: Any) -> Any:
    """A saved tensor of integers in the gradient's dtype, in which the op computed."""
    return value.to(grad._data.dtype) if isinstance(value, Tensor) and value._data.dtype.kind in "iub" else value


def saved_tensor(node: Node, name: str) -> Any:
    """A saved input as the tensor (or number) that it was."""
    value = getattr(node, "s_" + name)
    if isinstance(value, Freed):
        raise node.freed(value)
    if isinstance(value, Packed):
        return value.tensor(node)
    if isinstance(value, Tensor):
        check(node, value, name)
    return value


def check(node: Node, value: Any, name: str) -> None:
    """Raises when a saved tensor was written since."""
    memory = value._memory
    if memory is not None and memory.version != getattr(node, "v_" + name):
        raise node.stale(name, value, getattr(node, "v_" + name))


def saved_result(node: Any, as_tensor: bool) -> Any:
    """The saved result: the bare array, or a tensor that stands in the graph where the result stood."""
    data = node.s_result
    if isinstance(data, Freed):
        raise node.freed(data)
    if isinstance(data, Packed):
        t = data.tensor(node)
        return t if as_tensor else t._data
    kept = node.result_memory
    if kept is not None and kept[0].version != kept[1]:
        raise node.stale_result("result", data, kept)
    if not as_tensor:
        return data
    t = new(Tensor)
    t._data, t._fn, t._needs, t._grad, t._memory = data, node, True, None, None
    return t


ACCEPTED: Any = (Tensor, *NUMBERS, np.ndarray, np.generic)


def refuse(op: Op, error: Exception, inputs: Any) -> Exception:
    """What to raise for inputs that NumPy (or reading `._data`) refused."""
    for position, value in enumerate(inputs):
        if not isinstance(value, ACCEPTED) and not hasattr(value, "__array_function__"):
            return errors.argument(op.name, "input" if position == 0 else op.tensors[position], position + 1, "Tensor", value)
        if op.kind != "elementwise" and not isinstance(value, Tensor):
            return errors.argument(op.name, "input" if position == 0 else op.tensors[position], position + 1, "Tensor", value)
    if isinstance(error, AttributeError):
        return error
    return errors.refused(op.name, error, [i._data if isinstance(i, Tensor) else i for i in inputs])


def as_operand(value: Any) -> Any:
    """An input as a Tensor or a bare number; arrays of the caller's become tensors that share their memory."""
    if isinstance(value, Tensor) or type(value) in NUMBERS:
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (int, float, complex)):
        return value
    if isinstance(value, np.ndarray):
        return Tensor._wrap(value if value.ndim else value[()])
    if hasattr(value, "__array_function__"):  # a recording array, a CuPy or Dask array
        return Tensor._wrap(value)
    return None


def general(op: Op, inputs: tuple[Any, ...], statics: tuple[Any, ...]) -> Any:
    """An elementwise op on anything: mixed types, integers, complex numbers, arrays of others, numbers first."""
    operands = [v if type(v) is Tensor else as_operand(v) for v in inputs]
    if operands[0] is None or not any(isinstance(o, Tensor) for o in operands):
        raise errors.argument(op.name, "input", 1, "Tensor", inputs[0])
    if any(o is None for o in operands):
        position = next(i for i, o in enumerate(operands) if o is None)
        raise errors.argument(op.name.strip("_"), op.tensors[position], position + 1, "Tensor", inputs[position])
    if not op.numbers:
        tensors_only(op.name, ("input", *op.tensors[1:]), operands)
    datas = [o._data if isinstance(o, Tensor) else o for o in operands]
    dtype = result_dtype(datas) if len(datas) > 1 else getattr(datas[0], "dtype", None) or number_dtype(datas[0])
    if op.floats and dtype.kind in "iub":
        dtype = defaults.numpy
    if op.refuses:
        refuse_kind(op.refuses, dtype, datas)
    arrays = [number_as(d, dtype) if type(d) in NUMBERS else d if d.dtype == dtype else astype(d, dtype) for d in datas]
    try:
        r = op.forward(*arrays, *statics)
    except (ValueError, TypeError) as error:
        raise refuse(op, error, operands) from None
    t = Tensor._wrap(r)
    if mode.grad and any(isinstance(o, Tensor) and o._needs for o in operands):
        if type(r) not in PLAIN:
            operands = list(meet(operands))
        n = new(op.general_node)
        n.hooks, n.seq = None, count()
        n.edges = tuple(edge_of(o) if isinstance(o, Tensor) else None for o in operands)
        n.shapes = tuple(a.shape for a in arrays)
        n.dtypes = tuple(d.dtype if hasattr(d, "dtype") else dtype for d in datas)
        for name, operand in zip(op.tensors, operands):
            if name in n.saves:
                setattr(n, "s_" + name, operand)
                setattr(n, "v_" + name, operand._version if isinstance(operand, Tensor) else 0)
        if "result" in n.saves:
            n.s_result, n.result_memory = r, None
        for name, value in zip(op.statics, statics):
            if name in op.kept_statics:
                setattr(n, name, value)
        t._fn, t._needs = n, True
        if packing:
            pack_saved(n, t)
    return t


def tensors_only(name: str, names: tuple[str, ...], operands: Any) -> None:
    """Raises where a number stands for a tensor that PyTorch asks for."""
    for position, (o, argument) in enumerate(zip(operands, names), 1):
        if not isinstance(o, Tensor):
            raise errors.argument(name, argument, position, "Tensor", o)


def for_operator(op: Op, inputs: tuple[Any, ...], statics: tuple[Any, ...]) -> Any:
    """`general` behind `+` and its like: an operand of another kind may know what to do."""
    if any(as_operand(v) is None for v in inputs):
        return NotImplemented
    return general(op, inputs, statics)


def refuse_kind(refuses: dict[str, Any], dtype: np.dtype, datas: Any) -> None:
    """Raises what PyTorch raises where it has no kernel for a dtype."""
    why = refuses.get(dtype.kind.replace("u", "i"))
    if why is None and "*b" in refuses and dtype.kind != "b" and any(
        number_dtype(d).kind == "b" if type(d) in NUMBERS else d.dtype.kind == "b" for d in datas
    ):
        why = refuses["*b"]
    if why is not None:
        raise errors.no_kernel(why, dtype)


C_TYPES = {
    "int64": "int64_t", "int32": "int", "int16": "int16_t", "int8": "int8_t", "uint8": "uint8_t", "float32": "float", "float16": "c10::Half",
}  # fmt: skip


def held(value: Any, dtype: np.dtype) -> Any:
    """A number in a dtype that has to hold it; RuntimeError where it is too large."""
    try:
        found = dtype.type(value)
        lost = dtype.kind == "f" and math.isinf(found) and not math.isinf(value)
    except (OverflowError, ValueError, TypeError):
        lost = True
    if lost:
        raise errors.explain(
            RuntimeError(f"value cannot be converted to type {C_TYPES.get(dtype.name, dtype.name)} without overflow"),
            f"{dtype.name} holds numbers up to {np.finfo(dtype).max:.6g}" if dtype.kind == "f" else None, errors.line_of(errors.users_place()),
            f"torch.finfo(torch.{dtype.name}).min, or -inf, for what is to be as small as can be" if dtype.kind == "f" else None,
        )  # fmt: skip
    return found


def number_as(value: Any, dtype: np.dtype) -> Any:
    """A Python number in a dtype; integers wrap around as C's do."""
    if dtype.kind not in "iu":
        return dtype.type(value)
    bits = dtype.itemsize * 8
    value = int(value) & ((1 << bits) - 1)
    if dtype.kind == "i" and value >> (bits - 1):
        value -= 1 << bits
    return dtype.type(value)


def into(out: Tensor, result: Tensor, *inputs: Any, same: bool = False) -> Tensor:
    """`out=`: writes a result into a tensor that the caller made, resized where its size differs; `same` asks for the result's own dtype."""
    if (out._needs or result._needs or any_needs(inputs)) and mode.grad:
        caller = sys._getframe(1)
        name = getattr(caller.f_globals.get("OP"), "name", caller.f_code.co_name).strip("_")
        raise errors.explain(RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad."
        ), where=errors.line_of(errors.users_place()), fix="leave out= away, or call it under no_grad()")  # fmt: skip
    data = result._data
    rank = "buifc".index
    if same and data.dtype != out._data.dtype and not any(is_complex(x) for x in inputs):
        raise RuntimeError(f"Found dtype {out.dtype.type_name} but expected {result.dtype.type_name}")
    if rank(data.dtype.kind.replace("u", "i")) > rank(out._data.dtype.kind.replace("u", "i")):
        raise RuntimeError(
            f"result type {result.dtype.type_name} can't be cast to the desired output type {out.dtype.type_name}"
        )
    if data.shape != out._data.shape:
        if out._data.size:
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(out._data.shape)}, which does not match the required "
                f"output shape {list(data.shape)}.", UserWarning, stacklevel=3,
            )  # fmt: skip
        out._data = np.empty(data.shape, out._data.dtype)
    write(out, np.array(data) if data is out._data else data)
    return out


def any_needs(values: Any) -> bool:
    """Whether any tensor among them requires grad."""
    return any(isinstance(v, Tensor) and v._needs for v in values)
