"""Products of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import FROM_NUMPY
from ..tensor import Tensor
from . import arrays
from .declare import vjp
from .elementwise import mul
from .runtime import conj, into
from .shapes import _unsafe_view, expand, reshape, squeeze_product, unsqueeze


def _same(a: Any, b: Any, said: str) -> None:
    """PyTorch's products do not promote: both factors have one dtype."""
    if a.dtype is not b.dtype and a.dtype != b.dtype:
        x, y = FROM_NUMPY[a.dtype], FROM_NUMPY[b.dtype]
        raise errors.explain(
            RuntimeError(said.format(x.type_name, y.type_name, x.c_name, y.c_name)),
            "products do not convert between dtypes",
            errors.line_of(errors.users_place()),
            f"cast one of them: b.to({x!r})",
        )


def _dot_value(self: Any, tensor: Any) -> Any:
    if self.dtype is tensor.dtype and self.ndim == 1 and tensor.ndim == 1 and len(self) == len(tensor):
        return self.dot(tensor)
    if self.dtype is not tensor.dtype:
        _same(self, tensor, "dot : expected both vectors to have same dtype, but found {} and {}")
    if self.ndim != 1 or tensor.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {self.ndim}D and {tensor.ndim}D tensors")
    if self.shape != tensor.shape:
        n, m = self.shape[0], tensor.shape[0]
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of elements, but got {n} and "
            f"{m} elements respectively"
        )
    return np.dot(self, tensor)


def _mm_value(self: Any, mat2: Any) -> Any:
    if self.dtype is not mat2.dtype:
        _same(self, mat2, "expected m1 and m2 to have the same dtype, but got: {2} != {3}")
    if self.ndim != 2 or mat2.ndim != 2:
        raise RuntimeError("self must be a matrix" if self.ndim != 2 else "mat2 must be a matrix")
    if self.shape[1] != mat2.shape[0]:
        (a, b), (c, d) = self.shape, mat2.shape
        raise errors.explain(
            RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({a}x{b} and {c}x{d})"),
            f"a product of matrices sums over the columns of the first ({b}) and the rows of the second ({c}): they must agree",
            errors.line_of(errors.users_place()),
            "transpose one of them (.T), or check the sizes of the layer",
        )
    if self.dtype.kind == "b":
        raise errors.no_kernel("addmm_impl_cpu_", self.dtype)
    return arrays.product(self, mat2)


def _mv_value(self: Any, vec: Any) -> Any:
    _same(self, vec, "expected scalar type {} but found {}")
    if self.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {self.ndim}, {vec.ndim}")
    if self.shape[1] != vec.shape[0]:
        n, m = self.shape
        raise RuntimeError(f"size mismatch, got input ({n}), mat ({n}x{m}), vec ({vec.shape[0]})")
    if self.dtype.kind == "b":
        raise errors.no_kernel("addmv_impl_cpu", self.dtype)
    return np.matmul(self, vec)


def _bmm_value(self: Any, mat2: Any) -> Any:
    _same(self, mat2, "expected scalar type {} but found {}")
    if self.ndim != 3 or mat2.ndim != 3:
        raise RuntimeError("batch1 must be a 3D tensor" if self.ndim != 3 else "batch2 must be a 3D tensor")
    if self.shape[0] != mat2.shape[0] or self.shape[2] != mat2.shape[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{self.shape[0]}, {self.shape[2]}] but got: "
            f"[{mat2.shape[0]}, {mat2.shape[1]}]."
        )
    return np.matmul(self, mat2)


dot = vjp("dot", _dot_value, doc="Σ input_i · tensor_i of two vectors of one length and dtype.",
          self=lambda grad, tensor: grad * conj(tensor), tensor=lambda grad, self: grad * conj(self))  # fmt: skip
mm = vjp("mm", _mm_value, doc="The product of two matrices, (n × k) and (k × m), of one dtype.",
         self=lambda grad, mat2: arrays.product(grad, conj(mat2).T), mat2=lambda grad, self: arrays.product(conj(self).T, grad))  # fmt: skip
mv = vjp("mv", _mv_value, doc="The product of a matrix (n × k) and a vector (k).",
         self=lambda grad, vec: np.outer(grad, conj(vec)), vec=lambda grad, self: np.matmul(conj(self).T, grad))  # fmt: skip
bmm = vjp("bmm", _bmm_value, doc="The products of two batches of matrices, (b × n × k) and (b × k × m).",
          self=lambda grad, mat2: np.matmul(grad, np.swapaxes(conj(mat2), 1, 2)),
          mat2=lambda grad, self: np.matmul(np.swapaxes(conj(self), 1, 2), grad))  # fmt: skip
inner_product = dot


def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The product of vectors, matrices, or batches of matrices; batches broadcast.

    >>> import glassgrad as gg
    >>> gg.matmul(gg.eye(2), gg.tensor([3.0, 4.0]))
    tensor([3., 4.])
    """
    if not isinstance(other, Tensor):
        if isinstance(other, np.ndarray):
            other = Tensor._wrap(other)
        else:
            raise errors.argument("matmul", "other", 2, "Tensor", other)
    result = _matmul(input, other)
    return result if out is None else into(out, result)


def _matmul(a: Tensor, b: Tensor) -> Tensor:
    n, m = a._data.ndim, b._data.ndim
    if n == 2 and m == 2:
        return mm(a, b)
    if n == 0 or m == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {n}D and {m}D")
    if n == 1 and m == 1:
        return dot(a, b)
    if n == 2 and m == 1:
        return mv(a, b)
    if n == 1 and m == 2:
        return squeeze_product(mm(unsqueeze(a, 0), b), 0)
    if n >= 3 and m <= 2:
        lead = a._data.shape[:-1]
        folded = reshape(a, (math.prod(lead), a._data.shape[-1]))
        if m == 1:
            return _unsafe_view(mv(folded, b), lead)
        return _unsafe_view(mm(folded, b), (*lead, b._data.shape[1]))
    _same(a._data, b._data, "expected scalar type {} but found {}")
    wide_a = unsqueeze(a, 0) if n == 1 else a
    wide_b = unsqueeze(b, -1) if m == 1 else b
    sa, sb = wide_a._data.shape, wide_b._data.shape
    try:
        batch = np.broadcast_shapes(sa[:-2], sb[:-2])
    except ValueError:
        raise errors.broadcast_clash(sa[:-2], sb[:-2]) or RuntimeError("batches do not broadcast") from None
    count = math.prod(batch)
    left = reshape(expand(wide_a, (*batch, *sa[-2:])), (count, *sa[-2:]))
    right = reshape(expand(wide_b, (*batch, *sb[-2:])), (count, *sb[-2:]))
    shape = batch + (() if n == 1 else (sa[-2],)) + (() if m == 1 else (sb[-1],))
    return _unsafe_view(bmm(left, right), shape)


def outer(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input_i · vec2_j."""
    if input._data.ndim != 1 or vec2._data.ndim != 1:
        which, ndim = ("self", input._data.ndim) if input._data.ndim != 1 else ("vec2", vec2._data.ndim)
        raise RuntimeError(f"outer: Expected 1-D argument {which}, but got {ndim}-D")
    result = mul(reshape(input, (-1, 1)), vec2)
    return result if out is None else into(out, result)


ger = outer


def einsum(equation: str, *operands: Any) -> Tensor:
    """Sums of products, by Einstein's notation: repeated letters are multiplied, letters not in the output summed.

    >>> import glassgrad as gg
    >>> gg.einsum("ij,j->i", gg.eye(2), gg.tensor([3.0, 4.0]))
    tensor([3., 4.])
    """
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    inputs, output = _read_equation(equation, operands)
    sizes: dict[str, int] = {}
    for labels, x in zip(inputs, operands):
        for label, n in zip(labels, x._data.shape):
            if sizes.setdefault(label, n) != n:
                if sizes[label] == 1:
                    sizes[label] = n
                elif n != 1:
                    raise RuntimeError(
                        f"einsum(): subscript {label} has size {n} for operand {list(inputs).index(labels)} which does not broadcast "
                        f"with previously seen size {sizes[label]}"
                    )
    result, labels = _arranged(operands[0], inputs[0])
    for i in range(1, len(operands)):
        other, other_labels = _arranged(operands[i], inputs[i])
        later = set(output).union(*inputs[i + 1 :])
        result, labels = _contract(result, labels, other, other_labels, later)
    extra = [k for k, label in enumerate(labels) if label not in output]
    if extra:
        result = result.sum(extra)
        labels = "".join(label for label in labels if label in output)
    order = [labels.index(label) for label in output]
    return result.permute(order) if order != list(range(len(order))) else result


def _read_equation(equation: str, operands: tuple[Any, ...]) -> tuple[list[str], str]:
    """The labels of each operand and of the output; an ellipsis becomes capital letters of its own."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(operands):
        fewer = "fewer" if len(inputs) > len(operands) else "more"
        raise RuntimeError(f"einsum(): {fewer} operands were provided than specified in the equation")
    for c in text.replace("->", "").replace(",", "").replace("...", ""):
        if not c.isalpha():
            raise RuntimeError(f"einsum(): invalid subscript given at index {text.index(c)} in the equation string, subscripts must be in [a-zA-Z]")
    free = [chr(c) for c in range(0x3B1, 0x3B1 + 24)]
    widest = max((x._data.ndim - len(s.replace("...", "")) for s, x in zip(inputs, operands) if "..." in s), default=0)
    dots = "".join(free[:widest])
    out = []
    for i, (labels, x) in enumerate(zip(inputs, operands)):
        n = x._data.ndim
        if "..." in labels:
            labels = labels.replace("...", dots[widest - (n - len(labels) + 3) :] if n - len(labels) + 3 else "")
        if len(labels) != n:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(labels)}) does not match the number of dimensions ({n}) for "
                f"operand {i} and no ellipsis was given"
            )
        out.append(labels)
    if arrow:
        right = right.replace("...", dots)
        for c in right:
            if right.count(c) > 1:
                raise RuntimeError(f"einsum(): output subscript {c} appears more than once in the output")
            if not any(c in labels for labels in out):
                raise RuntimeError(f"einsum(): output subscript {c} does not appear in the equation for any input operand")
        return out, right
    joined = "".join(out)
    return out, dots + "".join(sorted(c for c in set(joined) if joined.count(c) == 1 and c not in dots))


def _arranged(x: Tensor, labels: str) -> tuple[Tensor, str]:
    """An operand with each label once: a repeated one is its diagonal."""
    while len(set(labels)) < len(labels):
        label = next(c for c in labels if labels.count(c) > 1)
        i = labels.index(label)
        j = labels.index(label, i + 1)
        x = x.diagonal(dim1=i, dim2=j)
        labels = labels[:i] + labels[i + 1 : j] + labels[j + 1 :] + label
    return x, labels


def _contract(a: Tensor, la: str, b: Tensor, lb: str, later: set[str]) -> tuple[Tensor, str]:
    """Two operands as one batched product of matrices: batch, then what only a has, then what only b has."""
    for label in [c for c in la if c not in lb and c not in later]:
        a, la = a.sum(la.index(label)), la.replace(label, "")
    for label in [c for c in lb if c not in la and c not in later]:
        b, lb = b.sum(lb.index(label)), lb.replace(label, "")
    batch = [c for c in la if c in lb and c in later]
    summed = [c for c in la if c in lb and c not in later]
    only_a, only_b = [c for c in la if c not in lb], [c for c in lb if c not in la]
    size = {c: n for labels, x in ((la, a), (lb, b)) for c, n in zip(labels, x._data.shape) if n != 1}
    get = lambda labels: [size.get(c, 1) for c in labels]  # noqa: E731
    a = a.permute([la.index(c) for c in [*batch, *only_a, *summed]]).expand(get([*batch, *only_a, *summed]))
    b = b.permute([lb.index(c) for c in [*batch, *summed, *only_b]]).expand(get([*batch, *summed, *only_b]))
    if not summed:
        a = reshape(a, [*get(batch), *get(only_a), *[1] * len(only_b)])
        b = reshape(b, [*get(batch), *[1] * len(only_a), *get(only_b)])
        return mul(a, b), "".join([*batch, *only_a, *only_b])
    nb, ni, ns, nj = (math.prod(get(g)) for g in (batch, only_a, summed, only_b))
    product = bmm(reshape(a, (nb, ni, ns)), reshape(b, (nb, ns, nj)))
    return reshape(product, get([*batch, *only_a, *only_b])), "".join([*batch, *only_a, *only_b])


METHODS = dict(matmul=matmul, outer=outer, ger=outer)
