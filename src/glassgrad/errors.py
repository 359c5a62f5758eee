"""What went wrong, said twice: PyTorch's own first line, then notes that explain it.

    Exception
    ├── RuntimeError        the graph: leaves, versions, freed buffers, shapes
    ├── TypeError           wrong kinds of argument
    ├── IndexError          dims and indices out of range
    ├── ValueError          values that make no sense
    └── AttributeError      names that are not here

Each function builds an exception whose first line is PyTorch's text, and adds notes (PEP 678): what happened, where, and
how to fix it. Nothing here runs unless something has failed.
"""

from __future__ import annotations

import os
import sys
from types import CodeType
from typing import Any, TypeVar

E = TypeVar("E", bound=BaseException)
HOUSE = os.path.dirname(os.path.abspath(__file__)) + os.sep
WATCHERS = HOUSE + "see" + os.sep


def explain(error: E, what: str | None = None, where: str | None = None, fix: str | None = None) -> E:
    """Adds the notes to `error` and returns it.

    >>> print(explain(ValueError("no"), fix="say yes").__notes__[0])
      how to fix it: say yes
    """
    if what:
        error.add_note(f"  what happened: {what}")
    if where:
        error.add_note(f"  where: {where}")
    if fix:
        error.add_note(f"  how to fix it: {fix}")
    return error


Place = tuple[CodeType, int]


def line_of(place: Place | None) -> str | None:
    """`file.py:12` of a remembered place (a code object and the instruction that ran)."""
    if place is None:
        return None
    code, instruction = place
    if code.co_filename.startswith(WATCHERS):
        return None  # the call came by way of a recording, which knows the user's line itself
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return f"{code.co_filename}:{line} in {code.co_name}"
    return f"{code.co_filename}:{code.co_firstlineno} in {code.co_name}"


def users_place() -> Place | None:
    """The innermost place outside this package: the line of the user's that led here."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((HOUSE, "<glassgrad")):
        frame = frame.f_back
    return None if frame is None else (frame.f_code, frame.f_lasti)


# ------------------------------------------------------------------------------------------------ leaves and versions
def leaf_in_place(view: bool = False, been: bool = False) -> RuntimeError:
    kind = "a view of a leaf Variable" if view else "a leaf Variable"
    return explain(
        RuntimeError(f"{kind} that requires grad {'has been' if been else 'is being'} used in an in-place operation."),
        "the graph would start from a value that has been overwritten: what is a leaf's gradient then?",
        line_of(users_place()),
        "update a parameter inside `with no_grad():`, or work on a copy (`x = x + 1`, or `y = x.clone()` first)",
    )


def op_of(node: str) -> str:
    """The name of an op from that of its node."""
    op, _, number = node.rpartition("Backward")
    return op + number.removeprefix("0")


FORBIDDEN_VIEWS = {
    "several": (
        "This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified "
        "inplace. You should replace the inplace operation by an out-of-place one.",
        "its sisters share the memory that would be overwritten, and the gradient of all of them flows through one node",
        "write `part = part * 2` for `part *= 2`, or take a single view (`x[0]`), which may be written",
    ),
    "no_grad": (
        "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the "
        "inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want the "
        "inplace to be tracked).",
        "the view was made while nothing was recorded, so the graph does not know where it lies in its base",
        None,
    ),
    "function": (
        "This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to handle "
        "view+inplace would override the custom backward associated with the custom Function, leading to incorrect gradients. This behavior "
        "is forbidden. You can fix this by cloning the output of the custom Function.",
        None,
        None,
    ),
}


def forbidden_view(made: str, origin: tuple[str, int] | None, indirect: bool) -> RuntimeError:
    said, what, fix = FORBIDDEN_VIEWS[made]
    whose = "A view was created in no_grad mode" if origin is None else f"Output {origin[1]} of {origin[0]} is a view"
    written = "its base or another view of its base has been modified inplace" if indirect else "is being modified inplace"
    grad_mode = " with grad mode enabled" if origin is None else ""
    return explain(RuntimeError(f"{whose} and {written}{grad_mode}. {said}"), what, line_of(users_place()), fix)


def overlapping() -> RuntimeError:
    return explain(
        RuntimeError(
            "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. "
            "Please clone() the tensor before performing the operation."
        ),
        "elements would be overwritten that are still to be read",
        line_of(users_place()),
    )


def expanded_written() -> RuntimeError:
    return explain(
        RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() "
            "the tensor before performing the operation."
        ),
        "expand() shows one element at several places: which of the values written there should it keep?",
        line_of(users_place()),
    )


def modified_in_place(node: Any, name: str, data: Any, source: str | None, now: int, saved: int, writer: Any,
                      watched: bool = False) -> RuntimeError:  # fmt: skip
    from .dtypes import FROM_NUMPY

    d = FROM_NUMPY.get(data.dtype)
    shape = ", ".join(map(str, data.shape))
    of = f", which is output 0 of {op_of(source)}," if source else ""
    return explain(
        RuntimeError(
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            f"[torch.{d.type_name if d else ''}Tensor [{shape}]]{of or ''} is at version {now}; "
            f"expected version {saved} instead. Hint: " + (
                "the backtrace further above shows the operation that failed to compute its gradient. The variable in question was changed "
                "in there or anywhere later. Good luck!" if watched else "enable anomaly detection to find the operation that failed to "
                "compute its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False).")
        ),
        f"{type(node).__name__} kept {name!r} for its backward at version {saved}; it was overwritten since",
        f"the last write was at {line_of(writer)}" if writer else None,
        "write out of place (`y = y + 1` for `y += 1`), or write to a `.clone()` and leave the saved tensor alone",
    )


def flag_in_transform() -> RuntimeError:
    return explain(
        RuntimeError(
            "You are attempting to call Tensor.requires_grad_() (or perhaps using torch.autograd.functional.* APIs) inside of a function "
            "being transformed by a functorch transform. This is unsupported, please attempt to use the functorch transforms (e.g. grad, "
            "vjp, jacrev, jacfwd, hessian) or call requires_grad_() outside of a function being transformed instead."
        ),
        where=line_of(users_place()),
    )


NON_LEAF_GRAD = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated "
    "during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use "
    ".retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the leaf "
    "Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more informations."
)


def inference_saved() -> RuntimeError:
    return explain(
        RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation "
            "tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or "
            "use `torch.no_grad()` instead of `torch.inference_mode()`."
        ),
        "a tensor made inside inference_mode() has no version, so a node cannot tell later whether it was overwritten",
        line_of(users_place()),
    )


def inference_written() -> RuntimeError:
    return explain(
        RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal tensor "
            "before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
        ),
        where=line_of(users_place()),
    )


def second_backward(node: Any = None, place: Any = None) -> RuntimeError:
    return explain(
        RuntimeError(
            "Trying to backward through the graph a second time (or directly access saved tensors after they have "
            "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
            "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if "
            "you need to access saved tensors after calling backward."
        ),
        f"an earlier backward freed what {type(node).__name__} had saved" if node is not None else None,
        f"the earlier backward was at {line_of(place)}" if place else None,
        "compute the forward again, or call the first backward with retain_graph=True; if a tensor is carried over "
        "from one step to the next, `.detach()` it between them",
    )


def nothing_to_differentiate(index: int = 0) -> RuntimeError:
    return explain(
        RuntimeError(f"element {index} of tensors does not require grad and does not have a grad_fn"),
        "no operation on the way to this tensor was tracked: no input requires grad, or it was made under no_grad(), "
        "by detach(), .data, .item(), or an operation without a derivative (argmax, comparisons, casts to int)",
        line_of(users_place()),
        "set requires_grad=True on the leaf before computing with it, and keep to differentiable operations after",
    )


def scalar_outputs_only(shape: Any) -> RuntimeError:
    return explain(
        RuntimeError("grad can be implicitly created only for scalar outputs"),
        f"the tensor has shape {tuple(shape)}: backward computes vᵀ·J, and for one number v is 1; here v has to be given",
        line_of(users_place()),
        "reduce it to a number first (`.sum()`, `.mean()`), or pass gradient= of the same shape",
    )


def not_a_leaf_flag(value: bool = False) -> RuntimeError:
    return explain(
        RuntimeError(
            "you can only change requires_grad flags of leaf variables." + ("" if value else
            " If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().")
        ),
        "the tensor was computed from others that require grad, so it does too",
        line_of(users_place()),
        "y = x.detach()",
    )


def numpy_of_tracked() -> RuntimeError:
    return explain(
        RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."),
        "a NumPy array does not carry a graph: what is computed from it would have no gradient",
        line_of(users_place()),
        "t.detach().numpy() where the gradient is to end; NumPy functions work on the tensor itself: np.sin(t)",
    )


def grad_shape(grad: Any, shape: Any) -> RuntimeError:
    return explain(
        RuntimeError(
            f"assigned grad has data of a different size: got {list(grad)}, expected {list(shape)}"
        ),
    )


def grad_dtype_taken(wanted: Any, dtype: Any) -> RuntimeError:
    return explain(
        RuntimeError(
            f"Cannot set grad_dtype to '{wanted.type_name}' because there is already a gradient with dtype '{dtype.c_name}'. Please clear the gradient "
            "(.grad = None) before changing grad_dtype, or ensure the new grad_dtype matches the existing gradient's dtype."
        ),
        where=line_of(users_place()),
    )


# ------------------------------------------------------------------------------------------------ shapes and arguments
def refused(op: str, error: Exception, arrays: list[Any]) -> Exception:
    """What NumPy refused, in PyTorch's words where the reason is known: sizes that do not broadcast."""
    shapes = [tuple(a.shape) for a in arrays if hasattr(a, "shape")]
    if "numpy boolean subtract" in str(error):
        return RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
        )
    if "numpy boolean negative" in str(error):
        return RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
            "`logical_not()` operator instead."
        )
    common: tuple[int, ...] = ()
    for shape in shapes:
        longer, shorter = sorted((common, shape), key=len, reverse=True)
        clash = broadcast_clash(common, shape)
        if clash:
            return clash
        lead = len(longer) - len(shorter)
        common = longer[:lead] + tuple(n if m == 1 else m for n, m in zip(longer[lead:], shorter))
    return explain(
        type(error)(*error.args) if isinstance(error, (ValueError, TypeError, IndexError)) else RuntimeError(str(error)),
        f"{op} could not be computed for shapes {', '.join(map(str, shapes))}",
        line_of(users_place()),
    )


def no_kernel(why: Any, dtype: Any) -> Exception:
    """The error for a dtype that an op is not made for; `why` is PyTorch's name of the kernel, or an exception."""
    from .dtypes import FROM_NUMPY

    error = NotImplementedError(f'"{why}" not implemented for \'{FROM_NUMPY[dtype].type_name}\'') if isinstance(why, str) else type(why)(*why.args)
    return explain(error, where=line_of(users_place()), fix="cast the tensor first: x.float(), x.long(), x.real")


def broadcast_clash(a: tuple[int, ...], b: tuple[int, ...]) -> RuntimeError | None:
    """The error for two shapes that do not broadcast, or None where they do."""
    width = max(len(a), len(b))
    full_a, full_b = (1,) * (width - len(a)) + a, (1,) * (width - len(b)) + b
    for i in reversed(range(width)):
        n, m = full_a[i], full_b[i]
        if n != m and n != 1 and m != 1:
            return explain(
                RuntimeError(
                    f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension {i}"
                ),
                f"shapes {list(a)} and {list(b)} do not broadcast: sizes must be equal or 1, from the last dim backwards",
                line_of(users_place()),
                "reshape, transpose or unsqueeze one of them",
            )
    return None


def common_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that two broadcast to, or PyTorch's error."""
    clash = broadcast_clash(a, b) if a != b else None
    if clash:
        raise clash
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    lead = len(longer) - len(shorter)
    return longer[:lead] + tuple(n if m == 1 else m for n, m in zip(longer[lead:], shorter))


def argument(op: str, name: str, position: int, expected: str, got: Any) -> TypeError:
    return explain(
        TypeError(f"{op}(): argument '{name}' (position {position}) must be {expected}, not {type(got).__name__}"),
        where=line_of(users_place()),
    )


def dim_range(dim: int, ndim: int) -> IndexError:
    n = max(ndim, 1)
    return explain(
        IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"),
        f"the tensor has {ndim} dimension{'s' if ndim != 1 else ''}",
        line_of(users_place()),
    )
