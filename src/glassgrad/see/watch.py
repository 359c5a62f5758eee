"""Watching an engine at work: every function of tensors that a program calls passes by here while somebody watches.

PyTorch lets its function mode see the calls. In this package, and for the few functions of PyTorch that its mode does not
show, a watched function is given other code for as long as it is watched: whoever holds the function calls the watcher. When
nobody watches, nothing of this is there, and nothing is slower.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
from collections.abc import Callable
from types import FunctionType
from typing import Any

import glassgrad

from ..ops import later
from . import engines

See = Callable[[str, Any, tuple[Any, ...], dict[str, Any]], Any]
local = threading.local()  # `deep`: whether this thread is within a watched call already
_lock = threading.RLock()

# What only asks about a tensor: not an operation, and nothing that a gradient could be lost in.
ASKS = frozenset(
    """dim size stride numel nelement ndimension is_contiguous is_floating_point is_complex is_signed is_inference is_conj is_neg element_size data_ptr
    storage_offset untyped_storage storage retain_grad is_tensor is_nonzero is_same_size get_device
    manual_seed seed initial_seed get_rng_state set_rng_state set_printoptions get_default_dtype set_default_dtype result_type typename broadcast_shapes
    is_shared share_memory_ numpy_dtype _accumulate _is_view is_set_to has_names refine_names dim_order _make_subclass __hash__ __dir__ __repr__ __str__
    __format__ __len__ __deepcopy__ __reduce__ __reduce_ex__ __setstate__ __getstate__ is_grad_enabled set_grad_enabled _set_grad_enabled __class__
    _wrap device layout dtype shape ndim names is_leaf grad_fn output_nr requires_grad is_sparse is_cuda _version _base itemsize nbytes
    is_quantized is_meta is_mps is_mkldnn is_nested retains_grad grad_dtype grad __init__ __new__ __array_priority__ __instancecheck__ _backward_hooks
    get_num_threads set_num_threads compile can_cast promote_types __dlpack_device__ is_pinned is_coalesced""".split()
)
READS = frozenset({"data", "T", "mT", "H", "mH", "real", "imag"})  # the properties that are operations
SETS = frozenset({"data", "grad", "requires_grad"})  # and those whose setting matters


@functools.cache
def _template(free: int) -> Any:
    """Code of a function of any arguments with so many free variables (a function takes no code with another number of them)."""
    names = [f"v{i}" for i in range(free)]
    lines = ["def outer():", *(f"    {n} = None" for n in names), "    def template(*args, **kwargs):"]
    lines += ["        return 'the watcher'.__call__(args, kwargs)", *(f"        {n}" for n in names), "    return template"]
    space: dict[str, Any] = {}
    exec(compile("\n".join(lines), __file__, "exec"), space)
    return space["outer"]().__code__


def _code_for(function: FunctionType, watcher: Any) -> Any:
    """Code that takes any arguments to the watcher."""
    template = _template(len(function.__code__.co_freevars))
    return template.replace(
        co_consts=tuple(watcher if c == "the watcher" else c for c in template.co_consts), co_name=function.__code__.co_name, co_filename=__file__
    )


class Swapped:
    """A function whose code is exchanged while it is watched."""

    def __init__(self, name: str, function: FunctionType):
        self.name, self.function = name, function
        self._take(function.__code__)

    def _take(self, code: Any) -> None:
        f = self.function
        self.original = FunctionType(code, f.__globals__, f.__name__, f.__defaults__, f.__closure__)
        self.original.__kwdefaults__ = f.__kwdefaults__
        self.code, self.mine = code, _code_for(f, self)
        f.__code__ = self.mine

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not watching or getattr(local, "deep", False):
            result = self.original(*args, **kwargs)
        else:
            local.deep = True
            try:
                result = _through(len(watching) - 1, self.name, self.original, args, kwargs)
            finally:
                local.deep = False
        if self.function.__code__ is not self.mine and watching:  # it was compiled by its first call
            with _lock:
                self._take(self.function.__code__)
        return result

    def restore(self) -> None:
        """Gives the function its own code back."""
        if self.function.__code__ is self.mine:
            self.function.__code__ = self.code


def _through(level: int, name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The call as each watcher sees it, the innermost context first."""
    if level == 0:
        return watching[0](name, function, args, kwargs)
    return watching[level](name, lambda *a, **k: _through(level - 1, name, function, a, k), args, kwargs)


watching: list[See] = []  # of the contexts that are open, the innermost last
_swapped: list[Swapped] = []


def _ours() -> dict[str, Any]:
    """The functions of this package that take or make tensors."""
    for room in later.ROOMS:
        later.load(room)
    found: dict[int, tuple[str, Any]] = {}

    def add(name: str, value: Any) -> None:
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        if isinstance(value, FunctionType) and name not in ASKS and (not name.startswith("_") or name.startswith("__")):
            found.setdefault(id(value), (name, value))

    for name, value in vars(glassgrad.Tensor).items():
        if isinstance(value, property):
            if name in READS:
                add(name, value.fget)
            if name in SETS:
                add(name + "=", value.fset)
        else:
            add(name, value)
    for name in later.FUNCTIONS:
        add(name, getattr(glassgrad, name))
    for space in ("", ".nn.functional", ".linalg", ".special"):
        for name, value in vars(importlib.import_module("glassgrad" + space)).items():
            if not name.startswith("_") and getattr(value, "__module__", "").startswith("glassgrad"):
                add(name, value)
    return {name + f"#{i}": value for i, (name, value) in found.items()}


def _python_functions() -> dict[str, Any]:
    """Python functions of both engines which no mode shows: they run code of the user's, or change gradients."""
    found = {}
    for engine in engines.engines():
        found["apply#" + engine.__name__] = engine.autograd.Function.__dict__["apply"].__func__
        found["backward#" + engine.__name__], found["grad#" + engine.__name__] = engine.autograd.backward, engine.autograd.grad
        for owner in (engine.optim.Optimizer, engine.nn.Module):
            found[f"zero_grad#{owner.__module__}.{owner.__name__}"] = owner.__dict__["zero_grad"]
        clip = sys.modules.get(engine.__name__ + ".nn.utils.clip_grad")
        for name in ("clip_grad_norm_", "clip_grad_value_"):
            function = getattr(clip, name, None)
            function = getattr(function, "__wrapped__", function)
            if isinstance(function, FunctionType):
                found[f"{name}#{engine.__name__}"] = function
    return found


class Watch:
    """A context in which `see(name, function, args, kwargs)` stands in for every call of a function of tensors, and must make the call itself.

    Calls that such a function makes in turn are its own affair and are not shown.
    """

    def __init__(self, see: See):
        self.see = see
        self.mode: Any = None

    def __enter__(self) -> Watch:
        with _lock:
            if not watching:
                for name, function in (_ours() | _python_functions()).items():
                    _swapped.append(Swapped(name.partition("#")[0], function))
            watching.append(self.see)
        other = engines.torch()
        if other is not None:
            self.mode = _torch_mode()(self.see, len(watching) == 1)
            self.mode.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        if self.mode is not None:
            self.mode.__exit__(*exc)
        with _lock:
            watching.remove(self.see)
            if not watching:
                for swapped in _swapped:
                    swapped.restore()
                _swapped.clear()


_mode_class: Any = None


def _torch_mode() -> Any:
    """PyTorch's function mode that shows each call to a watcher."""
    global _mode_class
    if _mode_class is None:
        from torch.overrides import TorchFunctionMode

        class Mode(TorchFunctionMode):
            def __init__(self, see: See, last: bool):
                super().__init__()
                self.see, self.last = see, last

            def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                kwargs = kwargs or {}
                if getattr(local, "deep", False):
                    return function(*args, **kwargs)
                name = function.__name__
                if name == "__get__":
                    name = function.__self__.__name__
                    if name not in READS:
                        return function(*args, **kwargs)
                elif name == "__set__":
                    name = function.__self__.__name__
                    if name not in SETS:
                        return function(*args, **kwargs)
                    name += "="
                elif name in ASKS or name.startswith("_record_function"):
                    return function(*args, **kwargs)
                if not self.last:  # an outer mode comes next
                    return self.see(name, function, args, kwargs)
                local.deep = True
                try:
                    return self.see(name, function, args, kwargs)
                finally:
                    local.deep = False

        _mode_class = Mode
    return _mode_class
