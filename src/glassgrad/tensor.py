"""Tensor: what a user holds. The operations are declared in ops/ and hang themselves onto this class."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import errors
from .dtypes import FROM_NUMPY, defaults, dtype
from .graph.engine import bare, ones_like, run, wrapped
from .graph.hooks import Hooks, HookSet, RemovableHandle, after_node, at_tensor, before_node, register, retain
from .graph.memory import mark, materialize, memory_of, share
from .graph.modes import inferring, mode
from .graph.node import Node, public_edge
from .graph.ownership import is_ours, references
from .graph.saved import Stand
from .graph.views import alias
from .placement import CPU, Size, device, strided
from .printing import format_scalar, tensor_str

new = object.__new__
ndarray = np.ndarray
_lock = threading.RLock()  # one thread at a time adds to a leaf's gradient
acquire, release = _lock.acquire, _lock.release  # called, not entered by `with`, which costs twice as much


class Tensor:
    """An array that remembers how it was made, so that its gradient can be computed.

    Made by `tensor`, `zeros`, `rand`, … and by every operation on tensors. Values of no dimension live inside as NumPy
    scalars, others as arrays; `requires_grad=True` on a leaf makes everything computed from it part of a graph.

    >>> import glassgrad as gg
    >>> x = gg.tensor(3.0, requires_grad=True)
    >>> y = 3 * x**2 - 2 * x + 5
    >>> y.backward()
    >>> x.grad
    tensor(16.)
    """

    __slots__ = ("_data", "_needs", "_fn", "_grad", "_memory", "__dict__", "__weakref__")
    __module__ = "glassgrad"
    _data: Any
    _needs: bool
    _fn: Any
    _grad: Any
    _memory: Any
    seq, edges = -1, ()  # as the end of an edge a leaf is a node without edges, made before all others

    if TYPE_CHECKING:  # the operators are set by the ops' declarations

        def __getattr__(self, name: str) -> Any: ...

        __add__: Any; __radd__: Any; __sub__: Any; __rsub__: Any; __mul__: Any; __rmul__: Any; __truediv__: Any; __rtruediv__: Any  # noqa: E702
        __floordiv__: Any; __mod__: Any; __pow__: Any; __rpow__: Any; __matmul__: Any; __neg__: Any; __invert__: Any  # noqa: E702
        __lt__: Any; __le__: Any; __gt__: Any; __ge__: Any; __eq__: Any; __ne__: Any; __and__: Any; __or__: Any; __xor__: Any  # noqa: E702
        __getitem__: Any; __setitem__: Any; flatten: Any; unflatten: Any; type: Any  # noqa: E702

    @staticmethod
    def _wrap(data: Any) -> Tensor:
        """A leaf around `data`, as it is."""
        t = new(Tensor)
        t._data = data
        t._needs = False
        t._fn = t._grad = t._memory = None
        if inferring:
            mark(t)
        return t

    # ------------------------------------------------------------------------------------------------ what it is
    @property
    def dtype(self) -> dtype:
        """The type of its elements."""
        return FROM_NUMPY[self._data.dtype]

    @property
    def shape(self) -> Size:
        """Its size along each dimension."""
        return Size(self._data.shape)

    def size(self, dim: int | None = None) -> Any:
        """Its shape, or its size along `dim`."""
        if dim is None:
            return Size(self._data.shape)
        n = self._data.ndim
        if not -max(n, 1) <= dim < max(n, 1) or n == 0:
            raise errors.dim_range(dim, n)
        return self._data.shape[dim]

    @property
    def ndim(self) -> int:
        """Its number of dimensions."""
        return self._data.ndim

    def dim(self) -> int:
        """Its number of dimensions."""
        return self._data.ndim

    ndimension = dim

    def numel(self) -> int:
        """Its number of elements."""
        return self._data.size

    nelement = numel

    @property
    def device(self) -> device:
        """Where it lives: the CPU."""
        return CPU

    is_cuda = is_sparse = is_quantized = is_meta = is_mps = is_mkldnn = is_nested = False
    layout: Any = property(lambda self: strided)
    output_nr = property(lambda self: 0 if self._fn is None else public_edge(self._fn)[1])

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._data.dtype.itemsize

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._data.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._data.nbytes

    def stride(self, dim: int | None = None) -> Any:
        """Elements to step over along each dimension."""
        data = materialize(self)
        strides = tuple(s // data.itemsize for s in data.strides)
        return strides if dim is None else strides[dim]

    def storage_offset(self) -> int:
        """Elements between the start of its memory and its first one."""
        data: Any = materialize(self)
        if hasattr(data, "level"):
            return 0
        base = data
        while isinstance(base.base, ndarray):
            base = base.base
        return (data.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // data.itemsize

    def data_ptr(self) -> int:
        """The address of its first element."""
        return share(self).__array_interface__["data"][0]

    def is_floating_point(self) -> bool:
        """Whether its dtype is a floating one."""
        return self._data.dtype.kind == "f"

    def is_complex(self) -> bool:
        """Whether its dtype is complex."""
        return self._data.dtype.kind == "c"

    def is_signed(self) -> bool:
        """Whether its dtype has negative values."""
        return self._data.dtype.kind in "ifc"

    def is_inference(self) -> bool:
        """Whether it was made in inference mode, or is a view of a tensor that was."""
        return self._memory is not None and self._memory.inference

    def is_conj(self) -> bool:
        """Whether it is a lazy conjugate: never here, conjugates are computed."""
        return False

    def is_neg(self) -> bool:
        """Whether it is a lazy negation: never here."""
        return False

    # ------------------------------------------------------------------------------------------------ its graph
    @property
    def requires_grad(self) -> bool:
        """Whether gradients are computed for it: set on a leaf, inherited by what is computed from it and by views of it."""
        base = None if self._needs or self._memory is None else self._memory.base
        return self._needs if base is None else base._needs

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise RuntimeError("requires_grad must be a bool")
        if self._fn is not None:
            raise errors.not_a_leaf_flag(value)
        if value and self._data.dtype.kind not in "fc":
            raise errors.explain(
                RuntimeError("only Tensors of floating point and complex dtype can require gradients"),
                f"this one is {self.dtype}: a derivative needs values that can move a little",
                fix="x = x.float() first, or name a floating dtype when you make it",
            )
        if value and self.is_inference() and not mode.inference:
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        self._needs = bool(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Sets `requires_grad` in place and returns the tensor."""
        if hasattr(self._data, "level"):
            raise errors.flag_in_transform()
        if requires_grad and self._fn is None and self._data.dtype.kind not in "fc":
            raise errors.explain(
                RuntimeError("only Tensors of floating point dtype can require gradients"),
                f"this one is {self.dtype}", fix="x = x.float() first",
            )  # fmt: skip
        if self._fn is None or not requires_grad:
            self.requires_grad = requires_grad
        return self

    @property
    def grad_fn(self) -> Any:
        """The node that made it; None for a leaf."""
        return None if self.is_leaf else public_edge(self._fn)[0]

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user, not by a tracked operation."""
        return self._fn is None or type(self._fn) is Stand

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward accumulated here."""
        if self._grad is None and self._fn is not None and "_retains" not in self.__dict__:
            warnings.warn(errors.NON_LEAF_GRAD, UserWarning, stacklevel=2)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            wanted = self.grad_dtype if "_grad_dtype" in self.__dict__ else self.dtype
            if wanted is not None and value.dtype is not wanted:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{value.dtype.c_name}' to a tensor with grad_dtype "
                    f"'{wanted.type_name}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). You "
                    "can set the tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. Set grad_dtype "
                    "with caution. Diverging the dtypes of a tensor and its gradient may break downstream systems that "
                    "assume they match."
                )
            if value._data.shape != self._data.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size "
                    f"'{list(self.shape)}'. Please ensure that the gradient and the tensor are the same size"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def grad_dtype(self) -> Any:
        """The type of a leaf's gradient: its own unless it is set; None lets gradients keep theirs."""
        if self._fn is not None:
            raise RuntimeError("grad_dtype can only be accessed on leaf tensors.")
        return self.__dict__.get("_grad_dtype", self.dtype)

    @grad_dtype.setter
    def grad_dtype(self, value: Any) -> None:
        if self._fn is not None:
            raise RuntimeError("grad_dtype can only be set on leaf tensors.")
        if value is not None and not isinstance(value, dtype):
            raise RuntimeError(f"grad_dtype must be a torch.dtype or None, but got {type(value).__name__}")
        if value is not None and self._grad is not None and self._grad.dtype is not value:
            raise errors.grad_dtype_taken(value, self._grad.dtype)
        self.__dict__["_grad_dtype"] = value

    @property
    def retains_grad(self) -> bool:
        """Whether a non-leaf keeps its gradient."""
        return self._fn is not None and "_retains" in self.__dict__

    @property
    def _version(self) -> int:
        if self.is_inference():
            raise RuntimeError("Inference tensors do not track version counter.")
        return 0 if self._memory is None else self._memory.version

    @property
    def _base(self) -> Tensor | None:
        return None if self._memory is None else self._memory.base

    def _is_view(self) -> bool:
        return self._base is not None

    def backward(
        self, gradient: Tensor | None = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Adds the gradient of this tensor to `.grad` of the leaves that it was computed from.

        Computes vᵀ·J with v = `gradient` (1 for a single number). `retain_graph` keeps what the graph saved for another
        backward, `create_graph` makes the gradient differentiable, `inputs` names the only leaves that accumulate.
        Raises RuntimeError when the graph was freed, a saved tensor overwritten, or nothing requires grad.

        >>> import glassgrad as gg
        >>> x = gg.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).backward(gradient=gg.tensor([1.0, 10.0]))
        >>> x.grad
        tensor([ 2., 40.])
        """
        if gradient is None and inputs is None and self._fn is not None:
            data = self._data
            if data.size != 1:
                raise errors.scalar_outputs_only(data.shape)
            if not create_graph:
                if data.dtype.kind == "c":
                    raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {self.dtype}")
                run([(self._fn, ones_like(data))], bool(retain_graph), False)
                return
        from .autograd.backward import backward

        backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def _accumulate(self, grad: Any, graph: bool = False, kind: Any = ...) -> None:
        """Adds `grad` to `.grad`: taken as it is when nobody else holds it, copied otherwise; with the leaf's hooks, unless a `kind` is given."""
        if not self._needs:
            return
        if kind is ...:
            if self.__dict__:
                self._accumulate_with_hooks(grad, graph)
                return
            kind = self._data.dtype
        if grad is None:
            return
        acquire()
        try:
            data = grad._data if graph else grad
            if kind is not None and data.dtype is not kind and data.dtype != kind:
                grad, data = (grad.to(FROM_NUMPY[kind]), None) if graph else (data.astype(kind), None)
            old = self._grad
            if graph:
                self._grad = grad if old is None else old + grad
            elif old is None:
                if type(grad) is ndarray and not is_ours(grad, sys.getrefcount(grad)):
                    grad = np.array(grad)
                self._grad = Tensor._wrap(grad)
            elif old._needs:
                self._grad = old + Tensor._wrap(grad)
            else:
                data = old._data
                if type(data) is ndarray and data.ndim:
                    np.add(data, grad, out=data)
                elif old._memory is None or not old._memory.root.shared:
                    old._data = data + grad
                else:
                    data[...] = data + grad
                memory_of(old).version += 1
        finally:
            release()

    def _accumulate_with_hooks(self, grad: Any, graph: bool) -> None:
        own = self.__dict__
        grad = self._hooked(grad, graph)
        hooks: Hooks | None = own.get("_node_hooks")
        if hooks is not None and hooks.pre:
            (grad,) = bare(before_node(hooks, tuple(wrapped((grad,), graph)), graph), graph)
        kind = self.grad_dtype if "_grad_dtype" in own else self.dtype
        self._accumulate(grad, graph, kind and kind.numpy)
        for hook in list(own["_after_accumulate"].values()) if "_after_accumulate" in own else ():
            new = hook(self)
            if new is not None and not isinstance(new, Tensor):
                raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'")
        if hooks is not None and hooks.post:
            after_node(hooks, (), tuple(wrapped((grad,), graph)), graph)

    def _hooked(self, grad: Any, graph: bool) -> Any:
        """The gradient after this leaf's own hooks."""
        if "_leaf_hooks" not in self.__dict__:
            return grad
        return bare([at_tensor(self.__dict__["_leaf_hooks"], wrapped((grad,), graph)[0], graph)], graph)[0]

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Calls `hook(grad)` whenever the gradient of this tensor has been computed; what it returns replaces it.

        >>> import glassgrad as gg
        >>> x = gg.tensor(2.0, requires_grad=True)
        >>> handle = x.register_hook(lambda g: g * 10)
        >>> (x * x).backward(); x.grad
        tensor(40.)
        """
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._fn is None:
            return register(self.__dict__.setdefault("_leaf_hooks", HookSet()), (0, hook))
        node, nr = public_edge(self._fn)
        return register(node._hooks().tensor, (nr, hook))

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Calls `hook(leaf)` after a backward has added to the leaf's `.grad`."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._fn is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return register(self.__dict__.setdefault("_after_accumulate", HookSet()), hook)

    def retain_grad(self) -> None:
        """Makes backward keep the gradient of this non-leaf in `.grad`.

        >>> import glassgrad as gg
        >>> x = gg.tensor(2.0, requires_grad=True)
        >>> y = x * x
        >>> y.retain_grad()
        >>> (3 * y).backward(); y.grad
        tensor(3.)
        """
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._fn is None or "_retains" in self.__dict__:
            return
        self.__dict__["_retains"] = True
        retain(self, *public_edge(self._fn))

    def detach(self) -> Tensor:
        """The same values in the same memory, outside the graph.

        >>> import glassgrad as gg
        >>> gg.ones(2, requires_grad=True).detach().requires_grad
        False
        """
        data: Any = materialize(self)
        return alias(self, Tensor._wrap(data.detached() if hasattr(data, "level") else data), None)

    def detach_(self) -> Tensor:
        """Takes the tensor itself out of its graph: it becomes a leaf."""
        if self._memory is not None and self._memory.base is not None:
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for "
                "training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence "
                "detach_() cannot be called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in "
                "torch/optim/optimizer.py as the solution."
            )
        node, self._fn, self._needs = self._fn, None, False
        if node is not None and node.outputs == 1 and node.hooks is not None:
            self.__dict__["_leaf_hooks"] = node.hooks.tensor  # hooks stay with the tensor
        return self

    @property
    def data(self) -> Tensor:
        """The same memory outside the graph, without the version count that would notice writes."""
        t = Tensor._wrap(share(self))
        memory_of(t).shared = True
        return t

    @data.setter
    def data(self, other: Tensor) -> None:
        if not isinstance(other, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(other).__name__}")
        if self._needs and other._data.dtype.kind not in "fc":
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        self._data = share(other)
        memory_of(self).shared = True

    # ------------------------------------------------------------------------------------------------ to Python and NumPy
    def item(self) -> Any:
        """Its single value as a Python number."""
        data = self._data
        if data.size != 1:
            raise errors.explain(
                RuntimeError(f"a Tensor with {data.size} elements cannot be converted to Scalar"),
                where=errors.line_of(errors.users_place()),
                fix=".tolist() for all of them, or reduce first (.sum(), .mean())",
            )
        return data.item()

    def tolist(self) -> Any:
        """Its values as Python numbers in nested lists."""
        return self._data.tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """Its values as a NumPy array that shares its memory.

        Raises RuntimeError when it requires grad (`force=True` detaches first).

        >>> import glassgrad as gg
        >>> gg.tensor([1.0, 2.0]).numpy()
        array([1., 2.], dtype=float32)
        """
        if self.requires_grad and not force:
            raise errors.numpy_of_tracked()
        data = share(self)
        return np.asarray(data) if hasattr(data, "level") else data  # data of a transform says whether it is an array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            raise errors.numpy_of_tracked()
        data = share(self)
        if copy:
            return np.array(data, dtype=dtype)
        return data if dtype is None else np.asarray(data, dtype=dtype)

    def __dlpack__(self, *, stream: Any = None, **kwargs: Any) -> Any:
        if self._needs:
            raise BufferError(
                "Can't export tensors that require gradient, use tensor.detach()"
            )
        return share(self).__dlpack__(stream=stream, **kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __bool__(self) -> bool:
        data = self._data
        if data.size != 1:
            if data.size == 0:
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            raise errors.explain(
                RuntimeError("Boolean value of Tensor with more than one value is ambiguous"),
                where=errors.line_of(errors.users_place()), fix="say which you mean: .all() or .any()",
            )  # fmt: skip
        return bool(data)

    def _number(self) -> Any:
        """Its single value, for `int`, `float` and `complex`."""
        if self._data.size != 1:
            raise errors.explain(
                ValueError("only one element tensors can be converted to Python scalars"), f"this one has {self._data.size} elements",
                errors.line_of(errors.users_place()), ".tolist() for all of them, or reduce first (.sum(), .mean())",
            )  # fmt: skip
        return self._data.item()

    def __int__(self) -> int:
        return int(self._real_number("int64_t"))

    def __float__(self) -> float:
        return float(self._real_number("double"))

    def _real_number(self, name: str) -> Any:
        value = self._number()
        if isinstance(value, complex):
            if value.imag:
                raise RuntimeError(f"value cannot be converted to type {name} without overflow")
            return value.real
        return value

    def __complex__(self) -> complex:
        return complex(self._number())

    def __reversed__(self) -> Tensor:
        return self.flip(0) if self._data.ndim else self

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iub" or self._data.ndim and self._data.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self._data.item())

    def __len__(self) -> int:
        if self._data.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self._data.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self._data.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __contains__(self, element: Any) -> bool:
        if isinstance(element, (Tensor, int, float, bool, complex)):
            return bool((self.eq(element)).any())
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        if hasattr(self._data, "level"):
            return self._data.shown()
        made_by = None if self.is_leaf else self._fn.name().rpartition("::")[2]
        return tensor_str(materialize(self), requires_grad=self.requires_grad, default_dtype=defaults.real.name, grad_fn=made_by)

    def __format__(self, spec: str) -> str:
        if self._data.ndim == 0:
            return format_scalar(self._data.item(), spec)
        return object.__format__(self, spec)

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if name not in ("__array_ufunc__",)]


def _fresh_leaf() -> Tensor:
    leaf = Tensor._wrap(np.zeros(1))
    leaf._needs = True
    return leaf


Node.wrap = staticmethod(Tensor._wrap)
references.calibrate(_fresh_leaf())
