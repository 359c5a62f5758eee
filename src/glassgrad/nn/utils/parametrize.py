"""Parameters that are computed from others: `module.weight` becomes a function of a tensor that is trained in its place."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

from ...graph.modes import no_grad
from ...parameter import Parameter
from ...tensor import Tensor
from ..container import ModuleDict, ModuleList
from ..module import Module

_kept: list[dict[Any, Tensor]] = []  # what is computed inside `cached`, innermost last


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """A context in which each parametrized tensor is computed once.

    >>> import glassgrad as gg
    >>> layer = gg.nn.utils.parametrizations.weight_norm(gg.nn.Linear(2, 2))
    >>> with gg.nn.utils.parametrize.cached(): layer.weight is layer.weight
    True
    """
    _kept.append(_kept[-1] if _kept else {})
    try:
        yield
    finally:
        _kept.pop()


class ParametrizationList(ModuleList):
    """What a tensor is computed from, `original` or `original0`, `original1`, …, and the modules that compute it, one after another."""

    original: Any

    def __init__(self, modules: Any, original: Any, unsafe: bool = False):
        modules = list(modules)
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        before = original
        with no_grad():
            for module in reversed(modules):
                if hasattr(module, "right_inverse"):
                    before = module.right_inverse(before)
        self.is_tensor = isinstance(before, Tensor)
        if self.is_tensor:
            self._keep("original", before, original)
        else:
            self.ntensors = len(before)
            for i, part in enumerate(before):
                self._keep(f"original{i}", part, original)
        if not unsafe:
            self._compare(self(), original)

    def _keep(self, name: str, tensor: Tensor, like: Tensor) -> None:
        if not isinstance(like, Parameter):
            self.register_buffer(name, tensor)
        elif isinstance(tensor, Parameter):
            self.register_parameter(name, tensor)
        else:
            self.register_parameter(name, Parameter(tensor.detach(), requires_grad=like.requires_grad))

    def _compare(self, found: Tensor, given: Tensor) -> None:
        for what in ("dtype", "shape"):
            now, then = getattr(found, what), getattr(given, what)
            if now != then:
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is enabled.\n"
                    f"unparametrized {what}: {then}\nparametrized {what}: {now}"
                )

    def _originals(self) -> list[Tensor]:
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Sets what the tensor is computed from, so that it becomes `value`."""
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            for mine, new in zip(self._originals(), [value] if self.is_tensor else value):
                mine.copy_(new)

    def forward(self) -> Tensor:
        modules = list(self)
        found = modules[0](*self._originals())
        for module in modules[1:]:
            found = module(found)
        return found


def _computed(name: str) -> property:
    def get(module: Any) -> Tensor:
        if not _kept:
            return module.parametrizations[name]()
        key = (id(module), name)
        if key not in _kept[-1]:
            _kept[-1][key] = module.parametrizations[name]()
        return _kept[-1][key]

    return property(get, lambda module, value: module.parametrizations[name].right_inverse(value))


def _copied(module: Any, memo: dict[int, Any]) -> Any:
    twin = module.__new__(type(module))
    memo[id(module)] = twin
    twin.__dict__.update(copy.deepcopy(module.__dict__, memo))
    return twin


def _unpicklable(module: Any, protocol: Any = None) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). See:\nhttps://pytorch.org/tutorials/beginner/"
        "saving_loading_models.html#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
    )


def register_parametrization(module: Any, tensor_name: str, parametrization: Any, *, unsafe: bool = False) -> Any:
    """Makes `module.tensor_name` the value of a module of a trained tensor; a further one acts on what the others give.

    Where the parametrization has a `right_inverse`, the tensor keeps its value and can be assigned to. `unsafe` allows other shapes and dtypes.

    >>> import glassgrad as gg
    >>> class Symmetric(gg.nn.Module):
    ...     def forward(self, x): return x.triu() + x.triu(1).mT
    >>> layer = gg.nn.utils.parametrize.register_parametrization(gg.nn.Linear(3, 3), "weight", Symmetric())
    >>> gg.equal(layer.weight, layer.weight.T)
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        found = module.parametrizations[tensor_name]
        if not unsafe:
            before = getattr(module, tensor_name)
            found._compare(parametrization(before), before)
            with no_grad():
                if hasattr(parametrization, "right_inverse"):
                    found.right_inverse(parametrization.right_inverse(before))
        found.append(parametrization)
        found.unsafe |= unsafe
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueError(f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'")
    found = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        kind = type(module)
        body = {"__deepcopy__": _copied, "__reduce_ex__": _unpicklable, "__module__": __name__}
        module.__class__ = type(f"Parametrized{kind.__name__}", (kind,), body)
        module.parametrizations = ModuleDict()
    setattr(type(module), tensor_name, _computed(tensor_name))
    module.parametrizations[tensor_name] = found
    return module


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrizations, or one of that name."""
    found = module._modules.get("parametrizations")
    return isinstance(found, ModuleDict) and len(found) > 0 and (tensor_name is None or tensor_name in found)


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Makes a parametrized tensor a parameter again, with the value it has now, or (`leave_parametrized=False`) that of its original."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    found = module.parametrizations[tensor_name]
    if not leave_parametrized and not found.is_tensor:
        raise ValueError("Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence of tensors.")
    value = getattr(module, tensor_name).detach() if leave_parametrized else None
    original = found._originals()[0]
    trained = isinstance(original, Parameter)
    if value is None or found.is_tensor and value.shape == original.shape and value.dtype is original.dtype:
        if value is not None:
            with no_grad():
                original.copy_(value)
        value = original
    elif trained:
        value = Parameter(value, requires_grad=original.requires_grad)
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    module.register_parameter(tensor_name, value) if trained else module.register_buffer(tensor_name, value)
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that the module had before it was parametrized."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)
