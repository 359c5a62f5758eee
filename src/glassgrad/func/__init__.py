"""Transforms of functions, PyTorch's `func`: derivatives and batches, freely nested.

There is one graph for all transforms, and tensors in it hold what the transforms put there: a batch inside `vmap`, a dual number in
forward mode, around each other as they are nested. Rules are plain NumPy, so ops and their gradients run on these arrays as they are,
and a batching rule or a tangent is declared once for each NumPy function, not for each op. Nodes at the borders (`levels.borders`)
and between levels (`ops.levels.Lift`) take gradients across. The other way, tracked tensors inside the arrays, would record every
NumPy call of every rule.
"""

from .batching import vmap
from .forward import jvp, linearize
from .jacobians import hessian, jacfwd, jacrev
from .reverse import grad, grad_and_value, vjp
from .stateful import functional_call, functionalize, stack_module_state

__all__ = ["functional_call", "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "stack_module_state", "vjp", "vmap"]
