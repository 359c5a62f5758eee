"""The hooks of modules: before and after forward, and around the gradient of a module's inputs and outputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from ..autograd.function import Function
from ..graph.hooks import HookSet, RemovableHandle, added
from ..tensor import Tensor

everywhere: dict[str, HookSet] = {}  # the hooks of all modules, by the name of the set that a module has of its own
for _name in ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks", "_buffers", "_modules", "_parameters"):
    everywhere[_name] = HookSet()
calling: list[HookSet] = []  # those of the first four that hold any: a call of a module asks once whether it is empty


def _add_everywhere(name: str, hook: Any) -> RemovableHandle:
    calling[:] = [everywhere[n] for n in list(everywhere)[:4]]
    return added(everywhere[name], hook)


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls `hook(module, args)` before forward of every module; what it returns replaces the arguments."""
    return _add_everywhere("_forward_pre_hooks", (hook, False))


def register_module_forward_hook(hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False) -> RemovableHandle:
    """Calls `hook(module, args, output)` after forward of every module; what it returns replaces the output."""
    return _add_everywhere("_forward_hooks", (hook, with_kwargs, always_call))


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls `hook(module, grad_output)` before the backward of every module."""
    return _add_everywhere("_backward_pre_hooks", hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls `hook(module, grad_input, grad_output)` after the backward of every module."""
    return _add_everywhere("_backward_hooks", hook)


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls `hook(module, name, buffer)` when a module gets a buffer; what it returns takes its place."""
    return added(everywhere["_buffers"], hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls `hook(module, name, submodule)` when a module gets a submodule; what it returns takes its place."""
    return added(everywhere["_modules"], hook)


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls `hook(module, name, parameter)` when a module gets a parameter; what it returns takes its place."""
    return added(everywhere["_parameters"], hook)


def registered(module: Any, kind: str, name: str, value: Any) -> Any:
    """What is registered under a name, after the hooks that look at it."""
    for hook in list(everywhere[kind].values()):
        found = hook(module, name, value)
        value = value if found is None else found
    return value


class Hooks:
    """A module's own hooks, and how a call runs them."""

    _forward_pre_hooks: HookSet
    _forward_hooks: HookSet
    _backward_pre_hooks: HookSet
    _backward_hooks: HookSet
    _is_full_backward_hook: bool | None
    forward: Any

    def register_forward_pre_hook(self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False) -> RemovableHandle:
        """Calls `hook(module, args)` before forward; a value that it returns (a tuple, or one argument) replaces the arguments.

        With `with_kwargs`, `hook(module, args, kwargs)`, which may return both.
        """
        return added(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Calls `hook(module, args, output)` after forward; what it returns replaces the output. `always_call`: also when forward raises.

        >>> import glassgrad as gg
        >>> m = gg.nn.ReLU()
        >>> with m.register_forward_hook(lambda module, args, output: print(tuple(output.shape))):
        ...     m(gg.ones(2, 3)).sum()
        (2, 3)
        tensor(6.)
        """
        return added(self._forward_hooks, (hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(module, grad_output)` when the gradients of the outputs are known; it may return others."""
        return added(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls `hook(module, grad_input, grad_output)` when the gradients of the inputs are known; it may return other ones for these."""
        if self._is_full_backward_hook is False:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them."
            )
        self._is_full_backward_hook = True
        return added(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The older kind, which sees the edges of the last node only: use `register_full_backward_hook`."""
        if self._is_full_backward_hook is True:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them."
            )
        self._is_full_backward_hook = False
        return added(self._backward_hooks, hook)

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        called: set[int] = set()
        try:
            return self._call(args, kwargs, called)
        except Exception:
            for key, (hook, with_kwargs, always) in self._after():
                if always and key not in called:  # its own trouble must not hide the first
                    try:
                        hook(self, args, kwargs, None) if with_kwargs else hook(self, args, None)
                    except Exception as trouble:  # noqa: BLE001
                        warnings.warn(
                            "module forward hook with ``always_call=True`` raised an exception that was silenced as another error was raised in "
                            f"forward: {trouble}", stacklevel=2,
                        )  # fmt: skip
            raise

    def _after(self) -> list[tuple[int, tuple[Any, bool, bool]]]:
        return [*everywhere["_forward_hooks"].items(), *self._forward_hooks.items()]

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any], called: set[int]) -> Any:
        for hook, with_kwargs in [*everywhere["_forward_pre_hooks"].values(), *self._forward_pre_hooks.values()]:
            if with_kwargs:
                found = hook(self, args, kwargs)
                if found is not None:
                    if not (isinstance(found, tuple) and len(found) == 2):
                        raise RuntimeError(f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {found}.")
                    args, kwargs = found
            else:
                found = hook(self, args)
                if found is not None:
                    args = found if isinstance(found, tuple) else (found,)
        before = [*everywhere["_backward_pre_hooks"].values(), *self._backward_pre_hooks.values()]
        full = [*everywhere["_backward_hooks"].values(), *(self._backward_hooks.values() if self._is_full_backward_hook is not False else ())]
        around = Around(self, full, before) if full or before else None
        if around:
            args = around.inputs(args)
        result = self.forward(*args, **kwargs)
        for key, (hook, with_kwargs, _) in self._after():
            called.add(key)
            found = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            if found is not None:
                result = found
        if around:
            result = around.outputs(result)
        if self._is_full_backward_hook is False and self._backward_hooks:
            self._hook_last_node(result)
        return result

    def _hook_last_node(self, result: Any) -> None:
        tensor = result
        while not isinstance(tensor, Tensor):
            tensor = next(v for v in tensor.values() if isinstance(v, Tensor)) if isinstance(tensor, dict) else tensor[0]
        node = tensor.grad_fn
        if node is not None:
            for hook in self._backward_hooks.values():
                node.register_hook(lambda grad_input, grad_output, hook=hook: hook(self, grad_input, grad_output))


class BackwardHookFunction(Function):
    """Passes tensors on, and their gradients back: the place of a module's backward hooks."""

    _anywhere = True

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        ctx.mark_non_differentiable(*[arg for arg in args if not arg.requires_grad])
        return args

    @staticmethod
    def backward(ctx: Any, *args: Any) -> Any:
        return args


NO_INPUT_NEEDS = (
    "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs require gradients. See "
    "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook for more details."
)


class Around:
    """The backward hooks of one call: a node on the inputs and one on the outputs, with the module between them."""

    def __init__(self, module: Any, hooks: list[Any], before: list[Any]):
        self.module, self.hooks, self.before = module, hooks, before
        self.grad_outputs: Any = None
        self.leads: list[int] | None = None  # which inputs have a node; None: none of them requires grad
        self.count = 0

    def _through(self, values: tuple[Any, ...], hook: Callable[..., Any]) -> tuple[tuple[Any, ...], list[int] | None]:
        """The values with the tensors among them behind a node of their own, and where these stand."""
        places = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
        if not any(values[i].requires_grad for i in places):
            return values, None
        passed = BackwardHookFunction.apply(*[values[i] for i in places])
        node = next((t.grad_fn for t in passed if t.grad_fn is not None), None)
        if node is None:
            return values, None
        node.register_hook(hook)
        out = list(values)
        for i, t in zip(places, passed):
            out[i] = t
        return tuple(out), places

    def _spread(self, grads: tuple[Any, ...], places: list[int], count: int) -> tuple[Any, ...]:
        by_place = dict(zip(places, grads))
        return tuple(by_place.get(i) for i in range(count))

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        def reached(grad_input: Any, _: Any) -> Any:
            if self.grad_outputs is None:  # backward came here without the outputs
                return None
            grads = self._finish(self._spread(grad_input, self.leads or [], self.count))
            return tuple(grads[i] for i in self.leads or [])

        args, self.leads = self._through(args, reached)
        self.count = len(args)
        return args

    def outputs(self, result: Any) -> Any:
        values = result if isinstance(result, tuple) else (result,)
        count = len(values)

        def reached(_: Any, grad_output: Any) -> Any:
            self.grad_outputs = self._spread(grad_output, places or [], count)
            for hook in self.before:
                found = hook(self.module, self.grad_outputs)
                if found is not None:
                    found = found if isinstance(found, tuple) else (found,)
                    if len(found) != count:
                        raise RuntimeError(f"Backward pre hook returned an invalid number of grad_output, got {len(found)}, but expected {count}")
                    self.grad_outputs = found
            grads = tuple(self.grad_outputs[i] for i in places or [])
            if self.leads is None and self.hooks:  # nothing leads further: the hooks will not be met at the inputs
                warnings.warn(NO_INPUT_NEEDS, stacklevel=2)
                self._finish((None,) * self.count, may_replace=False)
            return grads

        values, places = self._through(values, reached)
        return values if isinstance(result, tuple) else values[0]

    def _finish(self, grads: tuple[Any, ...], may_replace: bool = True) -> tuple[Any, ...]:
        for hook in self.hooks:
            found = hook(self.module, grads, self.grad_outputs)
            if found is None:
                continue
            found = found if isinstance(found, tuple) else (found,)
            if not may_replace and any(g is not None for g in found):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for all gradients."
                )
            if len(found) != len(grads):
                raise RuntimeError(f"Backward hook returned an invalid number of grad_input, got {len(found)}, but expected {len(grads)}")
            grads = found
        self.grad_outputs = None
        return grads


