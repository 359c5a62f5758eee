"""Modules as functions of their parameters: `functional_call`, `stack_module_state`; and `functionalize`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from .. import errors
from ..ops.joins import stack
from ..tensor import Tensor
from .reverse import named_like

MISSING = object()


def functional_call(
    module: Any, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: dict[str, Any] | None = None, *, tie_weights: bool = True, strict: bool = False
) -> Any:
    """What `module(*args, **kwargs)` gives with other tensors in place of its parameters and buffers, named as in its state dict.

    Takes a dict or several; names that are left out keep the module's own tensors. A tensor given for a weight that is tied to others stands
    for all of them, unless `tie_weights` is False; `strict` demands exactly the module's names. The module is as it was afterwards.

    >>> import glassgrad as gg
    >>> m = gg.nn.Linear(2, 1, bias=False)
    >>> gg.func.grad(lambda w, x: gg.func.functional_call(m, {"weight": w}, x).sum())(gg.zeros(1, 2), gg.tensor([3.0, 4.0]))
    tensor([[3., 4.]])
    """
    tensors = _one_dict(parameter_and_buffer_dicts)
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _in_place_of(module, tensors, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def _one_dict(given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return dict(given)
    if not isinstance(given, Sequence):
        raise ValueError(f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(given)}")
    if not all(isinstance(d, Mapping) for d in given):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [k for d in given for k in d]
    repeated = [k for k in dict.fromkeys(names) if names.count(k) > 1]
    if repeated:
        raise ValueError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    return {k: v for d in given for k, v in d.items()}


def _tied(module: Any) -> list[set[str]]:
    """The names of each tensor that has several."""
    by_tensor: dict[int, set[str]] = {}
    for members in (module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False)):
        for name, tensor in members:
            by_tensor.setdefault(id(tensor), set()).add(name)
    return [names for names in by_tensor.values() if len(names) > 1]


@contextmanager
def _in_place_of(module: Any, tensors: dict[str, Any], tie_weights: bool, strict: bool) -> Iterator[None]:
    """The module with these tensors as its own."""
    for names in _tied(module) if tie_weights else ():
        given = sorted(names & tensors.keys())
        if any(tensors[k] is not tensors[given[0]] for k in given):
            raise ValueError(f"functional_call got multiple values for keys {given}, which are tied. Consider using tie_weights=False")
        if given:
            tensors |= dict.fromkeys(names, tensors[given[0]])
    if strict:
        own = [*dict(module.named_parameters(remove_duplicate=False)), *dict(module.named_buffers(remove_duplicate=False))]
        quoted = lambda names: ", ".join(f"'{k}'" for k in names)
        unexpected, missing = [k for k in tensors if k not in own], [k for k in own if k not in tensors]
        lines = [f"{what} key(s): {quoted(names)}." for what, names in (("Unexpected", unexpected), ("Missing", missing)) if names]
        if lines:
            raise RuntimeError("\n\t".join([f"Error(s) in reparametrizing for {type(module).__name__}:", *lines]))
    before: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for name, tensor in tensors.items():
            if not isinstance(tensor, Tensor):
                raise TypeError(f"{tensor} is not an instance of torch.Tensor")
            path, _, last = name.rpartition(".")
            owner = module.get_submodule(path).__dict__
            place = next((owner[kind] for kind in ("_parameters", "_buffers") if last in owner[kind]), owner)
            before.append((place, last, place.get(last, MISSING)))
            place[last] = tensor
        yield
    finally:
        for place, last, value in reversed(before):
            if value is MISSING:
                place.pop(last, None)
            else:
                place[last] = value


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of like models, each stacked along a first dim: an ensemble for `vmap` over `functional_call`.

    Raises RuntimeError where there is no model, or they differ in class, mode, or what requires grad.

    >>> import glassgrad as gg
    >>> models = [gg.nn.Linear(2, 1) for _ in range(3)]
    >>> params, buffers = gg.func.stack_module_state(models)
    >>> out = gg.vmap(lambda p, b, x: gg.func.functional_call(models[0], (p, b), x), (0, 0, None))(params, buffers, gg.ones(5, 2))
    >>> tuple(out.shape)
    (3, 5, 1)
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or not any(m.training for m in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if not all(type(m) is type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    stacked = [
        {name: _stacked(name, [dict(members(m))[name] for m in models]) for name, _ in members(models[0])}
        for members in (lambda m: m.named_parameters(), lambda m: m.named_buffers())
    ]
    return stacked[0], stacked[1]


def _stacked(name: str, tensors: list[Any]) -> Any:
    needs = [t.requires_grad for t in tensors]
    if any(needs) and not all(needs):
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    return stack([t.detach() for t in tensors]).requires_grad_(all(needs))


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """The function itself: it computes the same, writes in place included.

    PyTorch's takes the writes out of the program that a tracer records; here no tracer does, so there is nothing to take out.
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise errors.explain(
            RuntimeError(
                f"functionalize(f, remove='mutations'): received invalid argument for remove={remove}. Valid options are:\n     remove='mutations': in-place "
                "and out= operations are replaced\n     remove='mutations_and_views': views too"
            ),
            where=errors.line_of(errors.users_place()),
        )

    @named_like(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return wrapped
