"""The state of a module as a dict of tensors, and back: `state_dict`, `load_state_dict`."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from .. import errors
from ..graph.hooks import HookSet, RemovableHandle, added
from ..graph.modes import no_grad
from ..parameter import Parameter
from ..tensor import Tensor

EXTRA = "_extra_state"


class _IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """Which keys a state dict lacked, and which it had too many."""

    __slots__ = ()

    def __repr__(self) -> str:
        return super().__repr__() if self.missing_keys or self.unexpected_keys else "<All keys matched successfully>"

    __str__ = __repr__


class State:
    """What a module saves and loads."""

    _version = 1
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: HookSet
    _state_dict_pre_hooks: HookSet
    _load_state_dict_pre_hooks: HookSet
    _load_state_dict_post_hooks: HookSet

    def get_extra_state(self) -> Any:
        """More to save than tensors; to be written together with `set_extra_state`."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called. Please file an issue at "
            "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report this bug."
        )

    def set_extra_state(self, state: Any) -> None:
        """Takes up again what `get_extra_state` gave."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called. Please file an issue at "
            "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report this bug."
        )

    def _has_extra(self, which: str) -> bool:
        return getattr(type(self), which) is not getattr(State, which)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Puts the module's own tensors into a dict; the submodules follow by themselves."""
        for name, p in self._parameters.items():
            if p is not None:
                destination[prefix + name] = p if keep_vars else p.detach()
        for name, b in self._buffers.items():
            if b is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = b if keep_vars else b.detach()
        if self._has_extra("get_extra_state"):
            destination[prefix + EXTRA] = self.get_extra_state()

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Parameters and persistent buffers by name, those of submodules with dots: the tensors themselves, detached unless `keep_vars`.

        >>> import glassgrad as gg
        >>> list(gg.nn.Sequential(gg.nn.Linear(2, 1)).state_dict())
        ['0.weight', '0.bias']
        """
        if args:
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and not keep_vars else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local
        for hook in list(self._state_dict_pre_hooks.values()):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook, is_own in list(self._state_dict_hooks.values()):
            found = hook(self, destination, prefix, local)
            if is_own and found is not None:
                raise RuntimeError("state_dict post-hook must return None")
            if found is not None:
                destination = found
        return destination

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(module, state_dict, prefix, local_metadata)` after `state_dict`, which it may change in place."""
        return added(self._state_dict_hooks, (hook, True))

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(module, prefix, keep_vars)` before `state_dict`."""
        return added(self._state_dict_pre_hooks, hook)

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        return added(self._state_dict_hooks, (hook, False))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)` before loading."""
        return added(self._load_state_dict_pre_hooks, (hook, True))

    def _register_load_state_dict_pre_hook(self, hook: Callable[..., Any], with_module: bool = False) -> RemovableHandle:
        return added(self._load_state_dict_pre_hooks, (hook, with_module))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls `hook(module, incompatible_keys)` after loading; it may change the lists of keys."""
        return added(self._load_state_dict_post_hooks, hook)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing_keys: list[str], unexpected_keys: list[str], error_msgs: list[str]
    ) -> None:
        """Copies the module's own tensors from a dict, and notes what is missing, unexpected or wrong."""
        for hook, with_module in list(self._load_state_dict_pre_hooks.values()):
            arguments = (state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
            hook(self, *arguments) if with_module else hook(*arguments)
        persistent = {n: b for n, b in self._buffers.items() if n not in self._non_persistent_buffers_set}
        own = {n: t for n, t in (*self._parameters.items(), *persistent.items()) if t is not None}
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, mine in own.items():
            key = prefix + name
            if key not in state_dict:
                if strict:
                    missing_keys.append(key)
                continue
            given = state_dict[key]
            if not isinstance(given, Tensor):
                error_msgs.append(
                    f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint but received {type(given)}'
                )
                continue
            if mine.ndim == 0 and given.ndim == 1:
                given = given[0]  # older checkpoints hold numbers as tensors of one element
            if given.shape != mine.shape:
                error_msgs.append(
                    f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, the shape in current model is {mine.shape}."
                )
                continue
            try:
                if assign:
                    self._assign(name, mine, given)
                else:
                    with no_grad():
                        mine.copy_(given)
            except Exception as error:  # noqa: BLE001 - each key says what is wrong with it
                error_msgs.append(
                    f'While copying the parameter named "{key}", whose dimensions in the model are {mine.size()} and whose dimensions in the '
                    f"checkpoint are {given.size()}, an exception occurred : {error.args}."
                )
        extra = prefix + EXTRA
        if self._has_extra("set_extra_state"):
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra:
                    first, dot, _ = key[len(prefix) :].partition(".")
                    if first not in self._modules if dot else first not in own:
                        unexpected_keys.append(key)

    def _assign(self, name: str, mine: Tensor, given: Tensor) -> None:
        if name in self._parameters:
            given = given if isinstance(given, Parameter) else Parameter(given, requires_grad=mine.requires_grad)
            if given.requires_grad != mine.requires_grad:
                given.requires_grad_(mine.requires_grad)
        setattr(self, name, given)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> _IncompatibleKeys:
        """Copies tensors from a dict into the module's own, or with `assign` takes them over.

        Raises RuntimeError that names every key of another shape and, with `strict`, every missing and unexpected one; the rest has been
        copied by then, as in PyTorch. Returns the missing and the unexpected keys.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing: list[str] = []
        unexpected: list[str] = []
        wrong: list[str] = []
        metadata = getattr(state_dict, "_metadata", None)
        state = OrderedDict(state_dict)
        if metadata is not None:
            state._metadata = metadata  # type: ignore[attr-defined]

        def load(module: Any, local: Any, prefix: str) -> None:
            about = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                about["assign_to_params_buffers"] = True
            module._load_from_state_dict(local, prefix, about, True, missing, unexpected, wrong)
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    load(child, {k: v for k, v in local.items() if k.startswith(below)}, below)
            found = _IncompatibleKeys(missing, unexpected)
            for hook in list(module._load_state_dict_post_hooks.values()):
                if hook(module, found) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values, if incompatible_keys need "
                        "to be modified, it should be done inplace."
                    )

        load(self, state, "")
        if strict:
            named = lambda keys: ", ".join(f'"{k}"' for k in keys)
            if unexpected:
                wrong.insert(0, f"Unexpected key(s) in state_dict: {named(unexpected)}. ")
            if missing:
                wrong.insert(0, f"Missing key(s) in state_dict: {named(missing)}. ")
        if wrong:
            listed = "\n\t".join(wrong)
            raise errors.explain(
                RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}"), where=errors.line_of(errors.users_place()),
                fix="strict=False leaves out keys that only one side has; shapes must agree",
            )  # fmt: skip
        return _IncompatibleKeys(missing, unexpected)
