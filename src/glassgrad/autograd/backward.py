"""`backward` and `grad`: the gradient of tensors, added to the leaves or handed back."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from ..dtypes import FROM_NUMPY
from ..graph.engine import ones_like, run
from ..graph.node import AccumulateGrad, GradientEdge, Output, edge_of
from ..levels.batched import BatchLevel
from ..levels.borders import enter, leave
from ..ops.levels import running
from ..placement import Size
from ..tensor import Tensor


def _several(value: Any) -> list[Any]:
    return [value] if isinstance(value, (Tensor, GradientEdge)) else list(value)


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
    return x.node if x.node.outputs == 1 else Output(x.node, x.output_nr)


def _start(outputs: list[Any], grads: list[Any], create_graph: bool) -> list[tuple[Any, Any]]:
    """Each output's edge with the gradient that it starts with."""
    if len(grads) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(grads)} gradients")
    roots = []
    for i, (out, g) in enumerate(zip(outputs, grads)):
        if isinstance(out, GradientEdge):
            shape, dtype = out.like if out.like is not None else _like(out, g)
            data = np.broadcast_to(np.zeros((), dtype), shape)
        elif not isinstance(out, Tensor):
            raise AssertionError("Expected output to be a torch.Tensor")
        elif not out._needs:
            raise errors.nothing_to_differentiate(i)
        else:
            data = out._data
        kind = FROM_NUMPY[data.dtype]
        if g is None:
            if data.size != 1:
                raise errors.scalar_outputs_only(data.shape)
            if data.dtype.kind not in "f":
                raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {kind}")
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
                f"grad_output[{i}] has a dtype of {g.dtype} and output[{i}] has a dtype of {kind}."
            )
        elif g._data.dtype != data.dtype:
            g = g.to(kind)
        roots.append((_edge(out), g if create_graph else g._data))
    return roots


def _like(edge: GradientEdge, grad: Any) -> Any:
    """The shape and dtype at an edge that was not made from a tensor: a leaf's own, else those of the gradient given for it."""
    known = edge.node.variable if isinstance(edge.node, AccumulateGrad) else grad
    if not isinstance(known, Tensor):
        raise errors.explain(
            RuntimeError("grad can be implicitly created only for scalar outputs"), "this edge does not know the shape of its tensor",
            errors.line_of(errors.users_place()), "pass the gradient, or take the edge by get_gradient_edge(tensor)",
        )  # fmt: skip
    return known._data.shape, known._data.dtype


def _batch_size(outputs: list[Any], grads: list[Any]) -> int | None:
    """How many gradients a batch of them holds; None where there is not one."""
    for i, (out, g) in enumerate(zip(outputs, grads)):
        if g is not None and g._data.shape[1:] != out._data.shape:
            raise errors.explain(
                RuntimeError(
                    "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. The sizes of "
                    "the remaining dimensions are expected to match the shape of corresponding output, but a mismatch was detected: "
                    f"grad_output[{i}] has a shape of {Size(g._data.shape[2:])} and output[{i}] has a shape of {Size(out._data.shape)}. If you only "
                    "want some tensors in `grad_output` to be considered batched, consider using vmap."
                ),
                f"the gradients have shape {tuple(g._data.shape)}; expected (batch, {', '.join(map(str, out._data.shape))})",
                where=errors.line_of(errors.users_place()),
            )
    sizes = [len(g) for g in grads if g is not None]
    if len(set(sizes)) > 1:
        raise ValueError(f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension")
    return sizes[0] if sizes else None


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
    starts = _start(outputs, grads, create_graph)
    if inputs is not None:
        for x in wanted:
            if isinstance(x, Tensor):
                x.retain_grad()
        targets = dict.fromkeys(e for e in map(_edge, wanted) if e is not None)  # None: a view from before its base was made to require grad
    keep = create_graph if retain_graph is None else retain_graph
    run(starts, keep, create_graph, targets, place=errors.users_place())


def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
    only_inputs: bool = True, allow_unused: bool | None = None, is_grads_batched: bool = False, materialize_grads: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """The gradients Σ vᵀ·J of the outputs by each input, handed back: no `.grad` changes.

    `create_graph` makes them differentiable again; inputs that the outputs do not depend on raise RuntimeError, or are None
    with `allow_unused`, or zeros with `materialize_grads`. With `is_grads_batched` each of `grad_outputs` holds a batch of gradients
    along its first dim, and so do the results: one backward for all, as inside `func.vmap`, so hooks and Functions run once, on a batch.

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
    outs, wanted = _several(outputs), _several(inputs)
    allow = materialize_grads if allow_unused is None else allow_unused
    grads = [None] * len(outs) if grad_outputs is None else _several(grad_outputs)
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    _tensors(wanted, "inputs")
    level = None
    if is_grads_batched and (size := _batch_size(outs, grads)) is not None:
        level = BatchLevel(size, transform=False)
        grads = [None if g is None else enter(g, 0, level) for g in grads]
    starts = _start(outs, grads, create_graph)
    for x in wanted:
        if isinstance(x, Tensor) and not x.requires_grad:
            raise errors.explain(
                RuntimeError("One of the differentiated Tensors does not require grad"),
                where=errors.line_of(errors.users_place()),
                fix="set requires_grad=True on it before the outputs are computed",
            )
    keep = create_graph if retain_graph is None else retain_graph
    edges = [_edge(x) for x in wanted]
    targets = dict.fromkeys(e for e in edges if e is not None)
    place = errors.users_place()
    if level is None:
        found = run(starts, keep, create_graph, targets, False, place)
    else:
        running.levels.append(level)
        try:
            found = run(starts, keep, create_graph, targets, False, place)
            found = {e: _together(g, level, create_graph) for e, g in found.items()}
        finally:
            running.levels.pop()
    return tuple(_one(found.get(e), x, i, create_graph, allow, materialize_grads) for i, (e, x) in enumerate(zip(edges, wanted)))


def _together(g: Any, level: BatchLevel, graph: bool) -> Any:
    """A batch of gradients with the batch as its first dim."""
    return leave(g, 0, level) if graph else leave(Tensor._wrap(g), 0, level)._data


def _one(g: Any, x: Any, index: int, graph: bool, allow: bool, materialize: bool) -> Any:
    """What `grad` hands back for an input: its gradient `g`, or what stands for one that there is not."""
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
    wanted = x.grad_dtype if isinstance(x, Tensor) and "_grad_dtype" in x.__dict__ and x.is_leaf else None
    if graph:
        return g if wanted is None else g.to(wanted)
    if wanted is not None:
        return Tensor._wrap(g.astype(wanted.numpy))
    return Tensor._wrap(np.array(g) if isinstance(g, np.ndarray) and g.base is not None else g)


