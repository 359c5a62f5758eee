"""What a recording is made of: tensors as they were seen, calls, backwards; and how a place in a program is written."""

from __future__ import annotations

import linecache
import weakref
from typing import Any

from ..errors import line_of
from . import engines
from .stat import Stat

OPERATORS = {"truediv": "div", "rtruediv": "div", "rdiv": "div", "invert": "bitwise_not", "and": "bitwise_and", "or": "bitwise_or"}
LOOKS = frozenset("item tolist numpy bool float int index __array__ array_ufunc".split())
HOOKS = frozenset(("register_hook", "register_post_accumulate_grad_hook"))
FLAGS = HOOKS | {"grad=", "requires_grad=", "requires_grad_"}  # change what becomes of a tensor's gradient, and are no operations
FACTORIES = frozenset("tensor as_tensor from_numpy scalar_tensor asarray FloatTensor Tensor".split())


def plain_name(name: str) -> str:
    """What a call is commonly called: `__rmul__` is mul, `__iadd__` add_.

    >>> plain_name("__rmul__"), plain_name("__iadd__"), plain_name("relu")
    ('mul', 'add_', 'relu')
    """
    if not (name.startswith("__") and name.endswith("__")):
        return name
    bare = name[2:-2]
    if bare in ("getitem", "setitem"):
        return "indexing" if bare == "getitem" else "indexing_"
    if bare[0] == "i" and bare[1:] in ("add", "sub", "mul", "truediv", "pow", "matmul", "and", "or", "xor", "mod", "floordiv"):
        return OPERATORS.get(bare[1:], bare[1:]) + "_"
    if bare[0] == "r" and bare[1:] in ("add", "sub", "mul", "truediv", "pow", "matmul", "mod", "floordiv", "div"):
        bare = bare[1:]
    return OPERATORS.get(bare, bare)


class Seen:
    """A tensor at one moment of the program: an input that came from outside, or what a call made of it."""

    __slots__ = ("held", "_weak", "_looks", "call", "version", "tracked", "leaf", "stat")

    def __init__(self, tensor: Any, call: Call | None, values: bool):
        self.call = call
        try:
            self.tracked, self.leaf = tensor.requires_grad, tensor.is_leaf
        except RuntimeError:
            self.tracked, self.leaf = standing(tensor)
        self.version = _version(tensor)
        if values:
            self.held, self._weak, self._looks, self.stat = tensor, None, None, None
        else:
            self.held, self._weak, self.stat = None, _weak(tensor), Stat.of(tensor)
            self._looks = tuple(tensor.shape), str(tensor.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return tuple(self.held.shape) if self._looks is None else self._looks[0]

    @property
    def dtype(self) -> str:
        """Its dtype, as text."""
        return str(self.held.dtype) if self._looks is None else self._looks[1]

    @property
    def tensor(self) -> Any:
        """The tensor itself, if it still is there."""
        return self.held if self.held is not None else self._weak() if self._weak is not None else None

    def value(self) -> Any:
        """The tensor, if its elements still are those of this moment; else None."""
        t = self.tensor
        return t if t is not None and _version(t) == self.version else None

    def summary(self) -> Stat | None:
        """Numbers about its elements at this moment, if they are known."""
        if self.stat is None:
            t = self.value()
            return None if t is None else Stat.of(t)
        return self.stat

    def forget(self) -> None:
        """Lets the tensor go."""
        if self.held is not None:
            self._looks = tuple(self.held.shape), str(self.held.dtype)
            self._weak, self.held = _weak(self.held), None


def standing(tensor: Any) -> tuple[bool, bool]:
    """Whether a tensor requires grad, and whether it is a leaf; neither of a view made in `no_grad()` whose base was written: it refuses to say."""
    try:
        return tensor.requires_grad, tensor.is_leaf
    except RuntimeError:
        return False, False


def _weak(tensor: Any) -> Any:
    try:
        return weakref.ref(tensor)
    except TypeError:
        return None


def _version(tensor: Any) -> int | None:
    try:
        return tensor._version
    except (RuntimeError, AttributeError):  # inference tensors have none
        return None


class Call:
    """One call of a function of tensors."""

    __slots__ = ("index", "name", "function", "args", "kwargs", "inputs", "results", "place", "enabled", "module", "writes", "raised", "context")

    def __init__(self, name: str, place: Any, enabled: bool, module: str, inputs: list[Seen]):
        self.index, self.name, self.place, self.enabled, self.module, self.inputs = -1, name, place, enabled, module, inputs
        self.results: list[Seen] = []
        self.function: Any = None
        self.args: Any = ()
        self.kwargs: Any = {}
        self.writes = False
        self.raised: BaseException | None = None
        self.context = ""

    @property
    def line(self) -> str:
        """`train.py:12: y = w * x`: where it stands."""
        return said(self.place)

    @property
    def formula(self) -> str:
        """`result = self · other`, as far as it is known."""
        from .knowledge import formula

        made = self.results[0].tensor if self.results else None
        node = made.grad_fn if made is not None and made.requires_grad else None
        return formula(node) if node is not None else f"result = {self.name}({', '.join(f'input {i}' for i in range(len(self.inputs)))})"

    @property
    def where(self) -> str:
        """`train.py:12`"""
        return short(self.place)

    @property
    def cuts(self) -> str:
        """How the gradient ends here, if it does: an input has a gradient to receive, and no result passes one on."""
        return self.ends(self.results)

    def ends(self, results: list[Seen]) -> str:
        """The same, as far as these of its results are concerned."""
        if self.name == "CheckpointFunction" and self.enabled and not any(r.tracked for r in results):
            return "reentrant checkpoint"
        if not any(i.tracked for i in self.inputs):
            return ""
        if self.name in FACTORIES and results and not any(r.tensor is i.tensor for r in results for i in self.inputs):
            return "" if any(r.tracked and not r.leaf for r in results) else "tensor()"
        if any(r.tracked for r in results) or self.name in FLAGS:
            return ""
        if self.name == "grad":
            return "autograd.grad() without create_graph=True"
        if self.name in ("data=", "backward", "step", "indexing_") or self.writes and not results:
            return ""
        if self.name == "data":
            return ".data"
        if self.name in ("detach", "detach_"):
            return "detach()"
        if self.name in LOOKS:
            return {"bool": "bool()", "float": "float()", "int": "int()", "index": "index()"}.get(self.name, f".{self.name}()")
        if not results:
            return ""
        if all(not engines.is_differentiable(r.dtype) for r in results):
            kind = results[0].dtype.rpartition(".")[2]
            return f"{self.name} gives {'booleans' if kind == 'bool' else 'integers'}"
        if not self.enabled:
            return self.context or "no_grad()"
        return f"{self.name} has no derivative"

    def __repr__(self) -> str:
        return f"<call {self.index}: {self.name} at {self.where}>"


def said(place: Any) -> str:
    """A place with its line of code."""
    found = line_of(place)
    if found is None:
        return ""
    path, _, rest = found.rpartition(":")
    number = int(rest.partition(" ")[0])
    text = linecache.getline(place[0].co_filename, number).strip()
    return f"{_file(path)}:{number}" + (f": {text}" if text else "")


def short(place: Any) -> str:
    """A place as `file:line`."""
    found = line_of(place)
    if found is None:
        return ""
    path, _, rest = found.rpartition(":")
    return f"{_file(path)}:{rest.partition(' ')[0]}"


def _file(path: str) -> str:
    if path.startswith("<"):
        return path
    if "ipykernel_" in path:
        return "cell"
    return path.replace("\\", "/").rpartition("/")[2]


class Pass:
    """One backward: where it was called, and what went through each node that the recording knows."""

    def __init__(self, number: int, place: Any, root: tuple[int, int] | None):
        self.number, self.place, self.root = number, place, root
        self.flows: dict[tuple[int, int], tuple[Any, Any]] = {}  # by call and node of it: the gradients that went on, and those that had arrived
        self.leaves: dict[int, Any] = {}  # by the id of the leaf: the part that this backward brought
        self.after = 0  # how many calls had been made before

    @property
    def line(self) -> str:
        """`train.py:12: loss.backward()`"""
        return said(self.place)

    @property
    def where(self) -> str:
        return short(self.place)
