"""What all optimizers have: groups of parameters with options, a state for each parameter, hooks, and state dicts in PyTorch's layout."""

from __future__ import annotations

import copy
import functools
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..dtypes import defaults as dtype_defaults
from ..graph.hooks import HookSet, RemovableHandle, added
from ..graph.memory import materialize, memory_to_write
from ..graph.modes import enable_grad
from ..graph.views import wrote
from ..tensor import Tensor
from .joint import Joint, fits, joined

required: Any = object()
Rooms = tuple[np.ndarray, np.ndarray, np.ndarray]
BLOCK = 1 << 15  # elements that are updated at a time: what is read and written then stays in the processor's cache


everywhere: dict[str, HookSet] = {"pre": HookSet(), "post": HookSet()}


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls `hook(optimizer, args, kwargs)` before every optimizer's step."""
    return added(everywhere["pre"], hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls `hook(optimizer, args, kwargs)` after every optimizer's step."""
    return added(everywhere["post"], hook)


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step between its hooks; it also counts, for the schedulers."""

    @functools.wraps(step)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        args = (self, *args)
        for hook in (*everywhere["pre"].values(), *self._optimizer_step_pre_hooks.values()):
            found = hook(self, args, kwargs)
            if found is not None:
                if not (isinstance(found, tuple) and len(found) == 2):
                    raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got {found}.")
                args, kwargs = found
        result = step(*args, **kwargs)
        self._opt_called = True
        for hook in (*self._optimizer_step_post_hooks.values(), *everywhere["post"].values()):
            hook(self, args, kwargs)
        return result

    return wrapped


class Optimizer:
    """The base of all optimizers. `params` are tensors, pairs of name and tensor, or dicts (groups with options of their own).

    A subclass passes its options' defaults and writes `step(closure=None)`, which reads `self.param_groups` and keeps what it needs in
    `self.state[p]`. Raises ValueError for no parameters, for non-leaf tensors, and for a parameter in two groups.
    """

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _hooked(cls.__dict__["step"])  # type: ignore[method-assign]

    def __init__(self, params: Any, defaults: dict[str, Any]):
        self.defaults = defaults
        self._make_hooks()
        if isinstance(params, Tensor):
            raise TypeError(f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got {params.type()}")
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def _make_hooks(self) -> None:
        for name in ("step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_pre", "load_state_dict_post"):
            setattr(self, f"_optimizer_{name}_hooks", HookSet())
        self._opt_called = False

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the parameters by their gradients; `closure` computes the loss anew, and is called with gradients on."""
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients of all parameters, or sets them to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                if p._grad is not None:
                    if set_to_none:
                        p._grad = None
                    else:
                        if p.grad.grad_fn is not None:
                            p.grad.detach_()
                        else:
                            p.grad.requires_grad_(False)
                        p.grad.zero_()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group: {"params": …} and the options that differ from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        given = param_group["params"]
        if isinstance(given, Tensor):
            given = [given]
        elif isinstance(given, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will change between runs. "
                "Please use a list "
                "instead."
            )
        else:
            given = list(given)
        names = None
        if given and all(isinstance(p, tuple) for p in given):
            names, given = [n for n, _ in given], [p for _, p in given]
            if any(not isinstance(n, str) for n in names):
                raise TypeError(f"all names must be strings, but got {names}")
        param_group["params"] = given
        if names is not None:
            param_group["param_names"] = names
        for p in given:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not self.defaults.get("differentiable", None) and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, value in self.defaults.items():
            if value is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, value)
        taken = {id(p) for group in self.param_groups for p in group["params"]}
        if taken & {id(p) for p in given}:
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    # ------------------------------------------------------------------------------------------------ hooks
    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` before each step; it may return others."""
        return added(self._optimizer_step_pre_hooks, hook)  # type: ignore[attr-defined]

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(optimizer, args, kwargs)` after each step."""
        return added(self._optimizer_step_post_hooks, hook)  # type: ignore[attr-defined]

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer)` before `state_dict`."""
        return added(self._optimizer_state_dict_pre_hooks, hook, prepend)  # type: ignore[attr-defined]

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer, state_dict)` after `state_dict`; it may return another."""
        return added(self._optimizer_state_dict_post_hooks, hook, prepend)  # type: ignore[attr-defined]

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer, state_dict)` before loading; it may return another."""
        return added(self._optimizer_load_state_dict_pre_hooks, hook, prepend)  # type: ignore[attr-defined]

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(optimizer)` after loading."""
        return added(self._optimizer_load_state_dict_post_hooks, hook, prepend)  # type: ignore[attr-defined]

    # ------------------------------------------------------------------------------------------------ state
    def _numbers(self) -> dict[int, int]:
        """Each parameter's number, counted through the groups."""
        found: dict[int, int] = {}
        for group in self.param_groups:
            for p in group["params"]:
                found.setdefault(id(p), len(found))
        return found

    def state_dict(self) -> dict[str, Any]:
        """{"state": by number of parameter, "param_groups": options and numbers}: the tensors of the state themselves."""
        for hook in list(self._optimizer_state_dict_pre_hooks.values()):  # type: ignore[attr-defined]
            hook(self)
        numbers = self._numbers()
        groups = [{**{k: v for k, v in group.items() if k != "params"}, "params": [numbers[id(p)] for p in group["params"]]} for group in self.param_groups]
        state = {numbers[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        found: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in list(self._optimizer_state_dict_post_hooks.values()):  # type: ignore[attr-defined]
            new = hook(self, found)
            found = found if new is None else new
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a state dict: copies of its tensors, in the parameters' dtype, and its options.

        Raises ValueError where the groups differ in number or size.
        """
        state_dict = dict(state_dict)
        for hook in list(self._optimizer_load_state_dict_pre_hooks.values()):  # type: ignore[attr-defined]
            new = hook(self, state_dict)
            state_dict = state_dict if new is None else new
        saved = copy.deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(self.param_groups, saved)):
            raise ValueError("loaded state dict contains a parameter group that doesn't match the size of optimizer's group")
        pairs = zip(itertools.chain(*(g["params"] for g in saved)), itertools.chain(*(g["params"] for g in self.param_groups)))
        by_number = dict(pairs)
        state: defaultdict[Any, Any] = defaultdict(dict)
        for k, v in state_dict["state"].items():
            state[by_number.get(k, k)] = _like(v, by_number[k]) if k in by_number else v
        self.param_groups = [
            {**new, "params": old["params"], **({"param_names": old["param_names"]} if "param_names" in old and "param_names" not in new else {})}
            for old, new in zip(self.param_groups, saved)
        ]
        self.__setstate__({"state": state, "param_groups": self.param_groups})
        for hook in list(self._optimizer_load_state_dict_post_hooks.values()):  # type: ignore[attr-defined]
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_optimizer_step_pre_hooks" not in self.__dict__:
            self._make_hooks()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"

    def profile_hook_step(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function: there is no profiler here to tell of it."""
        return func


def _like(value: Any, p: Tensor, key: Any = None) -> Any:
    """A saved state's value for a parameter: tensors copied, and cast to its dtype (the count of steps stays as it is)."""
    if isinstance(value, Tensor):
        return value.clone().detach() if key == "step" or not p.is_floating_point() else value.detach().to(p.dtype).clone()
    if isinstance(value, dict):
        return {k: _like(v, p, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_like(v, p) for v in value)
    return value


def at_least_zero(**values: Any) -> None:
    """Raises ValueError for a negative option, with PyTorch's message."""
    for name, value in values.items():
        if not 0.0 <= (value.item() if isinstance(value, Tensor) else value):
            raise ValueError(f"Invalid learning rate: {value}" if name == "lr" else f"Invalid {name} value: {value}")


class Updating(Optimizer):
    """An optimizer that treats every number of a parameter alike: it says how a piece of an array is updated in place.

    `keeps` names the arrays of its state, each of the parameter's shape.
    """

    counts = True  # whether the state has the number of steps
    together = True  # whether small parameters may be updated as one: where `plan` leaves the state as it is

    def __init__(self, params: Any, defaults: dict[str, Any]):
        if defaults.get("differentiable"):
            raise NotImplementedError("glassgrad's optimizers update in place, outside the graph: leave differentiable=True out")
        if defaults.get("foreach") and defaults.get("fused"):
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        super().__init__(params, defaults)
        self._rooms: dict[Any, Rooms] = {}
        self._joints: dict[int, Joint | None] = {}

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._rooms, self._joints = {}, {}

    def kept(self, group: dict[str, Any]) -> Iterable[str]:
        """The names of the arrays that the state holds."""
        return ()

    def begin(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Fills the state of a parameter before its first step."""
        if self.counts:
            state["step"] = number(0.0)
        for name in self.kept(group):
            state[name] = Tensor._wrap(np.zeros(p._data.shape, p._data.dtype))

    def plan(self, state: dict[str, Any], group: dict[str, Any]) -> Any:
        """What is the same for all numbers of a parameter in this step: learning rates, corrections."""
        return None

    def update(self, p: np.ndarray, g: np.ndarray, kept: list[np.ndarray], group: dict[str, Any], plan: Any, rooms: Rooms) -> None:
        """Updates a piece of a parameter and of its state in place; the first two of `rooms` are arrays to compute in, `g` is to be left as it is."""
        raise NotImplementedError

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the parameters by their gradients; returns what `closure` returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            names = tuple(self.kept(group))
            moved = [p for p in group["params"] if p._grad is not None]
            for p in moved:
                state = self.state[p]
                if not state:
                    self.begin(p, state, group)
                if self.counts:
                    t = state["step"]
                    t._data = t._data + t._data.dtype.type(1)
            if names and self.together and len(moved) > 1 and self._as_one(moved, names, group):
                continue
            for p in moved:
                self._apply(p, p._grad, self.state[p], names, group)
        return loss

    def _as_one(self, moved: list[Tensor], names: tuple[str, ...], group: dict[str, Any]) -> bool:
        """Updates small parameters as one array, which costs as many calls as one of them; False where they are not small and alike."""
        states = [self.state[p] for p in moved]
        if not fits(moved) or self.counts and len({float(s["step"]._data) for s in states}) > 1:
            return False
        joint = self._joints.get(id(group))
        if joint is None or not joint.holds(moved, states, names):
            joint = self._joints[id(group)] = joined(moved, states, names)
            if joint is None:
                return False
        joint.gather()
        rooms = self._rooms_for(joint.value)
        self.update(joint.value, self._gradient(joint.value, joint.gradient, group, rooms), joint.kept, group, self.plan(states[0], group), rooms)
        joint.scatter()
        return True

    def _apply(self, p: Tensor, grad: Tensor, state: dict[str, Any], names: tuple[str, ...], group: dict[str, Any]) -> None:
        memory = memory_to_write(p)
        plan = self.plan(state, group)
        data, g = p._data, grad._data
        if type(data) is not np.ndarray or type(g) is not np.ndarray or not data.flags.writeable:
            data, g = materialize(p), np.asarray(g)
            if not data.flags.writeable:
                data = p._data = np.array(data)
        kept = [state[name]._data for name in names]
        if data.dtype.kind == "c":
            data, g, *kept = (a.view(a.real.dtype) for a in (data, g, *kept))
        if data.size > BLOCK and all(a.flags.c_contiguous for a in (data, g, *kept)):
            flat = [a.reshape(-1) for a in (data, g, *kept)]
            for start in range(0, data.size, BLOCK):
                q, gradient, *pieces = [a[start : start + BLOCK] for a in flat]
                rooms = self._rooms_for(q)
                self.update(q, self._gradient(q, gradient, group, rooms), pieces, group, plan, rooms)
        else:
            rooms = self._rooms_for(data)
            self.update(data, self._gradient(data, g, group, rooms), kept, group, plan, rooms)
        wrote(memory)

    def _gradient(self, p: np.ndarray, g: np.ndarray, group: dict[str, Any], rooms: Rooms) -> np.ndarray:
        """The gradient with its sign and the weight decay that is part of it: not to be overwritten."""
        if g.dtype is not p.dtype and g.dtype != p.dtype:
            g = g.astype(p.dtype)
        if group.get("maximize"):
            g = np.negative(g, out=rooms[2])
        decay = group.get("weight_decay", 0)
        if decay and not group.get("decoupled_weight_decay"):
            np.multiply(p, decay, out=rooms[0])
            g = np.add(g, rooms[0], out=rooms[2])
        return g

    def _rooms_for(self, like: np.ndarray) -> Rooms:
        """Three arrays of a shape to compute in, the same ones each step; the last holds a gradient that has been changed."""
        key = like.shape, like.dtype
        if key not in self._rooms:
            self._rooms[key] = np.empty(like.shape, like.dtype), np.empty(like.shape, like.dtype), np.empty(like.shape, like.dtype)
        return self._rooms[key]


def number(value: float) -> Tensor:
    """A number of the state, as PyTorch keeps it: single precision, unless the default dtype is double."""
    return Tensor._wrap(np.float64(value) if dtype_defaults.numpy == np.float64 else np.float32(value))


def rate(group: dict[str, Any]) -> float:
    """The learning rate as a number."""
    lr = group["lr"]
    return lr.item() if isinstance(lr, Tensor) else lr


def lerp(average: np.ndarray, g: np.ndarray, weight: float, room: np.ndarray) -> None:
    """average += (g - average) · weight, in place."""
    np.subtract(g, average, out=room)
    np.multiply(room, weight, out=room)
    np.add(average, room, out=average)


def squares(average: np.ndarray, g: np.ndarray, beta: float, room: np.ndarray) -> None:
    """average = beta · average + (1 - beta) · g², in place."""
    np.multiply(average, beta, out=average)
    np.multiply(g, g, out=room)
    np.multiply(room, 1 - beta, out=room)
    np.add(average, room, out=average)
