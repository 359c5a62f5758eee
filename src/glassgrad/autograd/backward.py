"""`backward` and `grad`: the gradient of tensors, added to the leaves or handed back."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from ..graph.engine import ones_like, run
from ..graph.node import AccumulateGrad, GradientEdge, edge_of
from ..placement import Size
from ..tensor import Tensor


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) and not isinstance(value, GradientEdge) else [value]


def _tensors(values: list[Any], what: str) -> None:
    for v in values:
        if not isinstance(v, (Tensor, GradientEdge)):
            raise TypeError(f"{what} can be either Tensors or GradientEdges, but got {type(v).__name__}")


def _edge(x: Any) -> Any:
    """What an edge to a tensor, or a GradientEdge, holds."""
    if isinstance(x, Tensor):
        return edge_of(x)
    if isinstance(x.node, AccumulateGrad):
        return x.node.variable
    if x.node.outputs != 1:
        raise NotImplementedError("a GradientEdge of a node with several outputs: ask for the gradient of the output tensor itself")
    return x.node


def _start(outputs: list[Tensor], grads: list[Any], create_graph: bool) -> list[tuple[Any, Any]]:
    """Each output's edge with the gradient that it starts with."""
    if len(grads) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(grads)} gradients")
    roots = []
    for i, (out, g) in enumerate(zip(outputs, grads)):
        if not isinstance(out, Tensor):
            raise TypeError(f"outputs must be Tensors, but got {type(out).__name__}")
        if not out._needs:
            raise errors.nothing_to_differentiate(i)
        data = out._data
        if g is None:
            if data.size != 1:
                raise errors.scalar_outputs_only(data.shape)
            if data.dtype.kind not in "f":
                raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {out.dtype}")
            g = Tensor._wrap(ones_like(data))
        elif not isinstance(g, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
        elif g._data.shape != data.shape:
            raise errors.explain(
                RuntimeError(
                    f"Mismatch in shape: grad_output[{i}] has a shape of {Size(g._data.shape)} and output[{i}] has a shape of "
                    f"{Size(data.shape)}."
                ),
                "gradient= is the v of vᵀ·J: one number for each element of the output",
                errors.line_of(errors.users_place()),
            )
        elif (g._data.dtype.kind == "c") != (data.dtype.kind == "c"):
            raise RuntimeError(
                "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
                f"grad_output[{i}] has a dtype of {g.dtype} and output[{i}] has a dtype of {out.dtype}."
            )
        elif g._data.dtype != data.dtype:
            g = g.to(out.dtype)
        roots.append((edge_of(out), g if create_graph else g._data))
    return roots


def backward(
    tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
    grad_variables: Any = None, inputs: Any = None,
) -> None:  # fmt: skip
    """Adds Σ vᵀ·J of the tensors to `.grad` of the leaves; see `Tensor.backward`.

    >>> import glassgrad as gg
    >>> x = gg.tensor(2.0, requires_grad=True)
    >>> gg.autograd.backward([x * x, 3 * x])
    >>> x.grad
    tensor(7.)
    """
    outputs = _several(tensors)
    grads = [None] * len(outputs) if grad_tensors is None else _several(grad_tensors)
    targets = None
    if inputs is not None:
        wanted = _several(inputs)
        if not wanted:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        _tensors(wanted, "inputs")
        for x in wanted:
            if isinstance(x, Tensor) and not x._needs:
                raise errors.explain(
                    RuntimeError("One of the differentiated Tensors does not require grad"),
                    where=errors.line_of(errors.users_place()), fix="set requires_grad=True on it before the outputs are computed",
                )  # fmt: skip
            elif isinstance(x, Tensor):
                x.retain_grad()
        targets = {_edge(x): None for x in wanted}
    keep = create_graph if retain_graph is None else retain_graph
    run(_start(outputs, grads, create_graph), keep, create_graph, targets)


def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
    only_inputs: bool = True, allow_unused: bool | None = None, is_grads_batched: bool = False, materialize_grads: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """The gradients Σ vᵀ·J of the outputs by each input, handed back: no `.grad` changes.

    `create_graph` makes them differentiable again; inputs that the outputs do not depend on raise RuntimeError, or are None
    with `allow_unused`, or zeros with `materialize_grads`.

    >>> import glassgrad as gg
    >>> x = gg.tensor(2.0, requires_grad=True)
    >>> (g,) = gg.autograd.grad(x**3, x, create_graph=True)
    >>> g, gg.autograd.grad(g, x)[0]
    (tensor(12., grad_fn=<MulBackward0>), tensor(12.))
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if is_grads_batched:
        raise NotImplementedError("is_grads_batched is not here yet: call grad once for each gradient")
    outs, wanted = _several(outputs), _several(inputs)
    allow = materialize_grads if allow_unused is None else allow_unused
    grads = [None] * len(outs) if grad_outputs is None else _several(grad_outputs)
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    _tensors(wanted, "inputs")
    for x in wanted:
        if isinstance(x, Tensor) and not x._needs:
            raise errors.explain(
                RuntimeError("One of the differentiated Tensors does not require grad"),
                where=errors.line_of(errors.users_place()),
                fix="set requires_grad=True on it before the outputs are computed",
            )
    keep = create_graph if retain_graph is None else retain_graph
    targets = {_edge(x): None for x in wanted}
    found = run(_start(outs, grads, create_graph), keep, create_graph, targets, accumulate=False)
    return tuple(_one(found, x, i, create_graph, allow, materialize_grads) for i, x in enumerate(wanted))


def _one(found: dict[Any, Any], x: Any, index: int, graph: bool, allow: bool, materialize: bool) -> Any:
    g = found.get(_edge(x))
    if g is None:
        if materialize and isinstance(x, Tensor):
            return Tensor._wrap(np.zeros_like(x._data)[()] if x._data.ndim == 0 else np.zeros_like(x._data))
        if allow:
            return None
        raise errors.explain(
            RuntimeError(
                f"The differentiated Tensor at index {index} appears to not have been used in the graph. Set allow_unused=True if "
                "this is the desired behavior."
            ),
            "no path of the graph leads from the outputs to this tensor",
            errors.line_of(errors.users_place()),
            "check that the outputs were computed from this very tensor (a copy, .to() or .detach() of it is another)",
        )
    if graph:
        return g
    return Tensor._wrap(np.array(g) if isinstance(g, np.ndarray) and g.base is not None else g)


