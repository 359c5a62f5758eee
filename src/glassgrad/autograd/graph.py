"""The parts of the graph that PyTorch shows under `autograd.graph`."""

from typing import Any

from ..graph.node import GradientEdge, Node, public_edge
from ..tensor import Tensor

__all__ = ["GradientEdge", "Node", "get_gradient_edge"]


def get_gradient_edge(tensor: Tensor) -> Any:
    """The place in the graph where the gradient of a tensor arrives, to be named as an input of `grad`.

    >>> import glassgrad as gg
    >>> x = gg.tensor(2.0, requires_grad=True); y = x * x; edge = gg.autograd.graph.get_gradient_edge(y)
    >>> gg.autograd.grad(3 * y, edge)
    (tensor(3.),)
    """
    if not tensor._needs:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(*public_edge(tensor._fn or tensor))
