"""func: transforms and their nestings, what they refuse, as PyTorch's."""

import functools
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import glassgrad as gg
from oracle import agree


def data(T):
    """x (4×3), w (2×3), v (3), s (a number): float64."""
    make = lambda *shape: T.linspace(-1.0, 1.5, int(functools.reduce(lambda a, b: a * b, shape, 1)), dtype=T.float64).reshape(shape)  # noqa: E731
    return T.sin(3 * make(4, 3)), make(2, 3), T.cos(make(3)), T.tensor(0.7, dtype=T.float64)


Pair = namedtuple("Pair", "first second")

CALLS = {
    # reverse mode
    "grad": lambda T, F, x, w, v, s: F.grad(lambda a: (a**3).sum())(v),
    "grad, argnums": lambda T, F, x, w, v, s: F.grad(lambda a, b: (a * b).sum(), argnums=1)(v, v + 1),
    "grad, two": lambda T, F, x, w, v, s: F.grad(lambda a, b: (a * b).sum(), argnums=(0, -1))(v, v + 1),
    "grad, kwargs": lambda T, F, x, w, v, s: F.grad(lambda a, k=1: (a * k).sum())(v, k=3),
    "grad, nested": lambda T, F, x, w, v, s: F.grad(lambda p: (p["a"] * p["b"][0]).sum() + p["b"][1].sin().sum())({"a": v, "b": [v, (s)]}),
    "grad, ordered": lambda T, F, x, w, v, s: F.grad(lambda p: (p["a"] * 2).sum())(OrderedDict(a=v, z=s)),
    "grad, named": lambda T, F, x, w, v, s: tuple(F.grad(lambda p: (p.first * p.second).sum())(Pair(v, s))),
    "grad, aux": lambda T, F, x, w, v, s: F.grad(lambda a: ((a * a).sum(), {"aux": a + 1}), has_aux=True)(v),
    "grad and value": lambda T, F, x, w, v, s: F.grad_and_value(lambda a: (a * a).sum())(v),
    "grad and value, aux": lambda T, F, x, w, v, s: F.grad_and_value(lambda a: ((a * a).sum(), a), has_aux=True)(v),
    "grad of a constant": lambda T, F, x, w, v, s: F.grad(lambda a: T.ones(()))(v),
    "grad of grad": lambda T, F, x, w, v, s: F.grad(F.grad(lambda a: a.sin() * a))(s),
    "grad five times": lambda T, F, x, w, v, s: F.grad(F.grad(F.grad(F.grad(F.grad(T.sin)))))(s),
    "grad in no_grad": lambda T, F, x, w, v, s: T.no_grad()(F.grad(lambda a: (a * a).sum()))(v),
    "no_grad in grad": lambda T, F, x, w, v, s: F.grad(lambda a: (a * T.no_grad()(lambda: a * a)()).sum())(v),
    "no_grad between grads": lambda T, F, x, w, v, s: F.grad(lambda a: T.no_grad()(F.grad(lambda b: (b**3)))(a) * a)(s),
    "grad of a clone written in place": lambda T, F, x, w, v, s: F.grad(lambda a: a.clone().mul_(a).sum())(v),
    "vjp": lambda T, F, x, w, v, s: F.vjp(lambda a, b: (a * b, a.sum()), v, v + 1)[1]((v, s)),
    "vjp, value": lambda T, F, x, w, v, s: F.vjp(T.sin, v)[0],
    "vjp, aux": lambda T, F, x, w, v, s: [*F.vjp(lambda a: (a * a, a + 1), v, has_aux=True)[::2]],
    "vjp, dict": lambda T, F, x, w, v, s: F.vjp(lambda a: {"y": a * a}, v)[1]({"y": v}),
    "vjp twice": lambda T, F, x, w, v, s: [f(v) for f in [F.vjp(T.sin, v)[1]] for _ in range(2)],
    # forward mode
    "jvp": lambda T, F, x, w, v, s: F.jvp(lambda a: a.sin() * a.sum(), (v,), (v + 1,)),
    "jvp of two": lambda T, F, x, w, v, s: F.jvp(lambda a, b: (a * b, a.sum()), (v, v + 1), (v, v)),
    "jvp, aux": lambda T, F, x, w, v, s: F.jvp(lambda a: (a * a, a), (v,), (v + 1,), has_aux=True),
    "jvp, nested": lambda T, F, x, w, v, s: F.jvp(lambda p: p["a"] * p["b"], ({"a": v, "b": s},), ({"a": v, "b": s},)),
    "jvp of a constant": lambda T, F, x, w, v, s: F.jvp(lambda a: T.ones(2), (v,), (v,)),
    "jvp of jvp": lambda T, F, x, w, v, s: F.jvp(lambda a: F.jvp(T.sin, (a,), (a,))[1], (v,), (v,)),
    "jvp of grad": lambda T, F, x, w, v, s: F.jvp(F.grad(lambda a: (a.sin() * a).sum()), (v,), (v,)),
    "grad of jvp": lambda T, F, x, w, v, s: F.grad(lambda a: F.jvp(T.tanh, (a,), (a,))[1].sum())(v),
    "grad of jvp of grad by what it captures": lambda T, F, x, w, v, s: F.grad(
        lambda m: F.jvp(F.grad(lambda a: T.tanh(m @ a).sum()), (v,), (v + 1,))[1].pow(2).sum())(w),
    "jvp captures": lambda T, F, x, w, v, s: F.jvp(lambda a: F.jvp(lambda b: a * b, (v,), (v,))[1] * a, (v,), (v,)),
    "confusion of perturbations": lambda T, F, x, w, v, s: F.jvp(lambda a: a * F.jvp(lambda b: a + b, (s,), (s,))[1], (s,), (s,)),
    "linearize": lambda T, F, x, w, v, s: (lambda y, f: [y, f(v), f(v + 1)])(*F.linearize(lambda a: a.sin() * a.sum(), v)),
    # Jacobians
    "jacrev": lambda T, F, x, w, v, s: F.jacrev(lambda a: a.sin() * a.sum())(v),
    "jacrev of a matrix": lambda T, F, x, w, v, s: F.jacrev(lambda a: a @ v)(w),
    "jacrev, chunks": lambda T, F, x, w, v, s: F.jacrev(lambda a: a.sin() * a.sum(), chunk_size=2)(v),
    "jacrev, argnums": lambda T, F, x, w, v, s: F.jacrev(lambda a, b: a @ b, argnums=(0, 1))(w, v),
    "jacrev, several outputs": lambda T, F, x, w, v, s: F.jacrev(lambda a: {"y": a * a, "z": a.sum()})(v),
    "jacrev, aux": lambda T, F, x, w, v, s: F.jacrev(lambda a: (a * a, a), has_aux=True)(v),
    "jacrev of a number": lambda T, F, x, w, v, s: F.jacrev(lambda a: a.sum())(v),
    "jacfwd": lambda T, F, x, w, v, s: F.jacfwd(lambda a: a.sin() * a.sum())(v),
    "jacfwd, argnums": lambda T, F, x, w, v, s: F.jacfwd(lambda a, b: (a @ b, b), argnums=(0, 1))(w, v),
    "jacfwd, aux": lambda T, F, x, w, v, s: F.jacfwd(lambda a: (a * a, a), has_aux=True)(v),
    "jacfwd of jacrev": lambda T, F, x, w, v, s: F.jacfwd(F.jacrev(lambda a: a.sin() * a.sum()))(v),
    "jacrev of jacfwd": lambda T, F, x, w, v, s: F.jacrev(F.jacfwd(lambda a: a.sin() * a.sum()))(v),
    "jacrev of jacrev": lambda T, F, x, w, v, s: F.jacrev(F.jacrev(lambda a: a.sin() * a.sum()))(v),
    "jacfwd of jacfwd": lambda T, F, x, w, v, s: F.jacfwd(F.jacfwd(lambda a: a.sin() * a.sum()))(v),
    "hessian": lambda T, F, x, w, v, s: F.hessian(lambda a: (a.sin() * a.sum()).sum())(v),
    "hessian, argnums": lambda T, F, x, w, v, s: F.hessian(lambda a, b: (a * b).sin().sum(), argnums=(0, 1))(v, v + 1),
    "hessian of logsumexp": lambda T, F, x, w, v, s: F.hessian(lambda a: T.logsumexp(a, 0) * T.softmax(a, 0)[0] + a.max())(v),
    "third derivative": lambda T, F, x, w, v, s: F.jacrev(F.hessian(lambda a: (a.sin() * a.sum()).sum()))(v),
    "batch of hessians": lambda T, F, x, w, v, s: F.vmap(F.hessian(lambda a: (a.sin() * a.sum()).sum()))(x),
    # batches
    "vmap": lambda T, F, x, w, v, s: F.vmap(lambda a: a * a.sum())(x),
    "vmap, in_dims": lambda T, F, x, w, v, s: F.vmap(lambda a, b: w @ a + b, in_dims=(0, None))(x, s),
    "vmap, last dim": lambda T, F, x, w, v, s: F.vmap(lambda a: a.sum(), in_dims=-1)(x),
    "vmap, out_dims": lambda T, F, x, w, v, s: F.vmap(lambda a: (a, a.sum()), out_dims=(1, 0))(x),
    "vmap, last out dim": lambda T, F, x, w, v, s: F.vmap(lambda a: w * a, out_dims=-1)(x),
    "vmap, out_dims None": lambda T, F, x, w, v, s: F.vmap(lambda a: (a, 3), out_dims=(0, None))(x),
    "vmap, nested in_dims": lambda T, F, x, w, v, s: F.vmap(lambda p: p["a"] * p["b"], in_dims=({"a": 0, "b": None},))({"a": x, "b": v}),
    "vmap, a prefix of in_dims": lambda T, F, x, w, v, s: F.vmap(lambda p, q: p[0] * p[1] + q, in_dims=(0, None))((x, x), v),
    "vmap, chunks": lambda T, F, x, w, v, s: F.vmap(lambda a: (a * a, a.sum()), chunk_size=3, out_dims=(1, 0))(x),
    "vmap of a constant": lambda T, F, x, w, v, s: F.vmap(lambda a: v)(x),
    "vmap of vmap": lambda T, F, x, w, v, s: F.vmap(lambda a: F.vmap(lambda b: (a * b).sum())(x))(x),
    "vmap, inner and outer": lambda T, F, x, w, v, s: F.vmap(F.vmap(T.mul, in_dims=(0, None)), in_dims=(None, 0))(v, v),
    "vmap of products": lambda T, F, x, w, v, s: [F.vmap(f, in_dims=d)(a, b) for f in (T.matmul,) for d, a, b in (
        ((0, 0), x, x), ((0, None), x, w.T), ((None, 0), w, x), ((0, 0), x[:, :, None], x[:, None]), ((0, None), x[:, None], w.T), ((None, 0), w, x[:, :, None]),
        ((0, None), x[:, None, None] + 1, w.T), ((0, 0), x[:, None, None] + 1, x[:, :, None]), ((0, None), x, T.stack([w.T, w.T])))],
    "vmap of einsum": lambda T, F, x, w, v, s: F.vmap(lambda a: T.einsum("ij,j->i", w, a))(x),
    "vmap of shapes": lambda T, F, x, w, v, s: F.vmap(lambda a: [a.reshape(3, 1), a.unsqueeze(0).expand(2, 3), a.flip(0), a.view(-1), a[None].T, T.stack([a, a]),
                                                                 T.cat([a, v]), a.repeat(2), a[..., :2], a[1:], a.movedim(0, -1), a.roll(1), T.diag(a) if False else a.cumsum(0)])(x),
    "vmap of reductions": lambda T, F, x, w, v, s: F.vmap(lambda a: [a.sum(), a.mean(0), a.max(), a.max(0)[0], a.max(0)[1], a.prod(), a.std(), a.norm(), a.argmax(),
                                                                     a.logsumexp(0), a.softmax(0), a.log_softmax(-1), a.amin(0), a.sort()[0]])(x),
    "vmap of indices": lambda T, F, x, w, v, s: F.vmap(lambda a, i: [a[i], w[:, i], a.gather(0, i[None])], in_dims=(0, 0))(x, T.tensor([0, 2, 1, 0])),
    "vmap of index pairs": lambda T, F, x, w, v, s: F.vmap(lambda i: [x[i], w[:, i], w[0, i], x[None][:, i, 1]])(T.tensor([[0, 1], [2, 0]])),
    "vmap of where": lambda T, F, x, w, v, s: F.vmap(lambda a: T.where(a > 0, a, v) + T.clamp(a, 0, 0.5) + T.maximum(a, v))(x),
    "vmap of types": lambda T, F, x, w, v, s: F.vmap(lambda a: a.float() + T.tensor(1, dtype=T.float64))(x),
    "vmap, in place": lambda T, F, x, w, v, s: F.vmap(lambda a: a.clone().add_(1).mul_(v))(x),
    "vmap, in place by index": lambda T, F, x, w, v, s: F.vmap(lambda a: written(T.zeros_like(a), a))(x),
    "vmap, in place through a view": lambda T, F, x, w, v, s: F.vmap(lambda a: through_view(a.clone()))(x),
    "vmap, in place on the input": lambda T, F, x, w, v, s: (F.vmap(lambda a: a.mul_(2))(x), x),
    "vmap of new zeros": lambda T, F, x, w, v, s: F.vmap(lambda a: a.new_zeros(2) + a[0])(x),
    "gradients by example": lambda T, F, x, w, v, s: F.vmap(F.grad(lambda m, a: T.tanh(m @ a).sum()), in_dims=(None, 0))(w, x),
    "gradients by example, captured": lambda T, F, x, w, v, s: F.vmap(lambda a: F.grad(lambda m: T.tanh(m @ a).sum())(w))(x),
    "grad of vmap": lambda T, F, x, w, v, s: F.grad(lambda m: F.vmap(lambda a: T.tanh(m @ a).sum())(x).pow(2).sum())(w),
    "grad of vmap, by the batch": lambda T, F, x, w, v, s: F.grad(lambda b: F.vmap(lambda a: T.tanh(w @ a).sum())(b).pow(2).sum())(x),
    "grad of vmap of grad": lambda T, F, x, w, v, s: F.grad(lambda m: F.vmap(F.grad(lambda m, a: T.tanh(m @ a).sum()), in_dims=(None, 0))(m, x).pow(2).sum())(w),
    "grad of vmap of vmap": lambda T, F, x, w, v, s: F.grad(lambda k: F.vmap(lambda a: F.vmap(lambda b: (a * b * k).exp().sum())(x * k))(x).sum())(v),
    "grad of a gather": lambda T, F, x, w, v, s: F.grad(lambda m: F.vmap(lambda i: (m[i] ** 2).sum())(T.tensor([[0, 1], [2, 0]])).sum())(x),
    "jvp of vmap": lambda T, F, x, w, v, s: F.jvp(F.vmap(lambda a: (a * v).sin()), (x,), (x,)),
    "vmap of jvp": lambda T, F, x, w, v, s: F.vmap(lambda a: F.jvp(T.sin, (a,), (v,))[1])(x),
    "vmap of vjp": lambda T, F, x, w, v, s: F.vmap(F.vjp(lambda a: a.sin() * a.sum(), v)[1])(x),
    "jacrev of vmap": lambda T, F, x, w, v, s: F.jacrev(F.vmap(lambda a: (a * a).sum()))(x),
    "vmap of functional linearize": lambda T, F, x, w, v, s: F.vmap(F.linearize(lambda a: a.sin() * a.sum(), v)[1])(x),
    "rand, same": lambda T, F, x, w, v, s: (T.manual_seed(1), F.vmap(lambda a: a[0] * 0 + T.rand(2).double(), randomness="same")(x))[1],
    "rand, different": lambda T, F, x, w, v, s: (T.manual_seed(1), F.vmap(lambda a: T.randn(3), randomness="different")(x))[1],
    "randint, different": lambda T, F, x, w, v, s: (T.manual_seed(1), F.vmap(lambda a: T.randint(0, 9, (3,)), randomness="different")(x))[1],
    "vmap, decorated": lambda T, F, x, w, v, s: F.vmap(T.sin)(x),
    "vjp of the identity": lambda T, F, x, w, v, s: [F.vjp(lambda a: a, v)[1](g)[0] for g in (v, v.float(), T.tensor([1, 2, 3]))],
    "vjp of the identity and more": lambda T, F, x, w, v, s: F.vjp(lambda a: (a, a * a), v)[1]((v, v)),
    "jacrev of the identity": lambda T, F, x, w, v, s: F.jacrev(lambda a: a)(v),
    "grad of the identity": lambda T, F, x, w, v, s: F.grad(lambda a: a)(s),
    "tracked identity": lambda T, F, x, w, v, s: T.autograd.grad(F.vjp(lambda a: a, (u := v.clone().requires_grad_()))[0].sum(), u),
    "jvp of complex": lambda T, F, x, w, v, s: [F.jvp(f, (v * (1 + 2j),), (v * (1 + 1j),)) for f in (
        lambda a: a * a.sin(), lambda a: a.abs(), lambda a: a.real * a.imag, lambda a: a.conj() * a)],
    "vjp of complex": lambda T, F, x, w, v, s: F.vjp(lambda a: a * a, v * (1 + 2j))[1](v * (1 + 0j)),
    "linearize, nested": lambda T, F, x, w, v, s: F.linearize(lambda p: {"z": p["a"] * 2}, {"a": v})[1]({"a": v}),
    "jacobians of trees": lambda T, F, x, w, v, s: [J(lambda p: (p["a"] * p["b"].sum(), p["b"][0]))({"a": v, "b": x}) for J in (F.jacrev, F.jacfwd)],
    "jacobians of nothing": lambda T, F, x, w, v, s: F.jacrev(lambda a: a * 2)(v[:0]),
    "hessian of a vector": lambda T, F, x, w, v, s: F.hessian(T.sin)(v),
    "hessian of a tree": lambda T, F, x, w, v, s: F.hessian(lambda p: (p["a"] * p["b"]).sin().sum())({"a": v, "b": v}),
    "a batch of one": lambda T, F, x, w, v, s: [F.vmap(lambda a: w @ a + a.sum())(x[:1]), F.vmap(F.grad(lambda a: (w @ a).sin().sum()))(x[:1]),
                                                F.grad(lambda m: F.vmap(lambda a: (m @ a).sin().sum())(x[:1]).sum())(w)],
    "named in_dims": lambda T, F, x, w, v, s: F.vmap(lambda p: p.first * p.second, in_dims=(Pair(0, None),))(Pair(x, v)),
    "vmap, out_dims of a dict": lambda T, F, x, w, v, s: F.vmap(lambda a: {"a": a}, out_dims={"a": 1})(x),
    "vmap of parts": lambda T, F, x, w, v, s: F.vmap(lambda a: [*a.split(2), *a.chunk(2), *a.unbind(0), *T.meshgrid(a, a, indexing="ij"), T.outer(a, a).flatten().unflatten(0, (3, 3))])(x),
    "vmap of integers": lambda T, F, x, w, v, s: F.vmap(lambda i: [i + 1, i // 2 + i % 2, ((i > 1) & (i < 3)).int(), T.count_nonzero(i)])(T.tensor([[1, 2, 3]])),
    "vmap of tests": lambda T, F, x, w, v, s: F.vmap(lambda a: [T.isnan(a) | T.isclose(a, a), (a > 0).any(), (a > 0).all(0)])(x),
    "vmap of named results": lambda T, F, x, w, v, s: [*F.vmap(lambda a: T.max(a, 0))(x), *F.vmap(lambda a: a.topk(2))(x)],
    "vmap of complex": lambda T, F, x, w, v, s: F.vmap(lambda a: (a * (1 + 2j)).abs())(x),
    "T.vmap": lambda T, F, x, w, v, s: T.vmap(T.sin)(x),
}  # fmt: skip

REFUSED = {
    "grad of a vector": lambda T, F, x, w, v, s: F.grad(T.sin)(v),
    "grad, no tensor returned": lambda T, F, x, w, v, s: F.grad(lambda a: 3)(v),
    "grad, no aux": lambda T, F, x, w, v, s: F.grad(lambda a: a.sum(), has_aux=True)(v),
    "grad, argnums too large": lambda T, F, x, w, v, s: F.grad(lambda a: a.sum(), argnums=2)(v),
    "grad, argnums twice": lambda T, F, x, w, v, s: F.grad(lambda a, b: a.sum(), argnums=(0, 0))(v, v),
    "grad, argnums empty": lambda T, F, x, w, v, s: F.grad(lambda a: a.sum(), argnums=())(v),
    "grad, argnums float": lambda T, F, x, w, v, s: F.grad(lambda a: a.sum(), argnums=0.5)(v),
    "grad, argnums of floats": lambda T, F, x, w, v, s: F.grad(lambda a: a.sum(), argnums=(0.5,))(v),
    "grad by a number": lambda T, F, x, w, v, s: F.grad(lambda a: a * v.sum())(3.0),
    "grad, leaf written": lambda T, F, x, w, v, s: F.grad(lambda a: a.mul_(2).sum())(v),
    "vjp, wrong form": lambda T, F, x, w, v, s: F.vjp(T.sin, v)[1]((v, v)),
    "vjp, no output": lambda T, F, x, w, v, s: F.vjp(lambda a: None, v),
    "vjp, no tensor": lambda T, F, x, w, v, s: F.vjp(lambda a: [a, 3], v),
    "vjp, integers": lambda T, F, x, w, v, s: F.vjp(lambda a: a.argmax(), v),
    "vjp, wrong shape": lambda T, F, x, w, v, s: F.vjp(T.sin, v)[1](T.ones(2, dtype=T.float64)),
    "vjp, no aux": lambda T, F, x, w, v, s: F.vjp(T.sin, v, has_aux=True),
    "vjp by a number": lambda T, F, x, w, v, s: F.vjp(T.sin, v)[1](3),
    "jvp, primals no tuple": lambda T, F, x, w, v, s: F.jvp(T.sin, v, v),
    "jvp, tangents no tuple": lambda T, F, x, w, v, s: F.jvp(T.sin, (v, v), (v,)),
    "jvp, no primals": lambda T, F, x, w, v, s: F.jvp(T.sin, (), ()),
    "jvp, number": lambda T, F, x, w, v, s: F.jvp(T.sin, (1.0,), (1.0,)),
    "jvp, no tensor returned": lambda T, F, x, w, v, s: F.jvp(lambda a: 3, (v,), (v,)),
    "jvp, wrong shape": lambda T, F, x, w, v, s: F.jvp(T.sin, (v,), (T.ones(2, dtype=T.float64),)),
    "jvp, strict": lambda T, F, x, w, v, s: F.jvp(lambda a: T.ones(2), (v,), (v,), strict=True),
    "jvp, integers": lambda T, F, x, w, v, s: F.jvp(lambda a: a, (T.tensor([1]),), (T.tensor([1]),)),
    "linearize, wrong shape": lambda T, F, x, w, v, s: F.linearize(T.sin, v)[1](s),
    "jacrev, chunk 0": lambda T, F, x, w, v, s: F.jacrev(T.sin, chunk_size=0),
    "jacrev of complex": lambda T, F, x, w, v, s: F.jacrev(T.sin)(v + 1j),
    "jacfwd of complex": lambda T, F, x, w, v, s: F.jacfwd(T.sin)(v + 1j),
    "vmap, no inputs": lambda T, F, x, w, v, s: F.vmap(T.sin)(),
    "vmap, nothing batched": lambda T, F, x, w, v, s: F.vmap(T.mul, in_dims=(None, None))(x, x),
    "vmap, sizes differ": lambda T, F, x, w, v, s: F.vmap(T.mul)(x, w),
    "vmap, in_dims a list": lambda T, F, x, w, v, s: F.vmap(T.mul, in_dims=[0, 0])(x, x),
    "vmap, in_dims too short": lambda T, F, x, w, v, s: F.vmap(T.mul, in_dims=(0,))(x, x),
    "vmap, in_dims float": lambda T, F, x, w, v, s: F.vmap(T.mul, in_dims=(0, 0.5))(x, x),
    "vmap, in_dims too large": lambda T, F, x, w, v, s: F.vmap(T.mul, in_dims=(0, 2))(x, x),
    "vmap over a number": lambda T, F, x, w, v, s: F.vmap(T.mul)(x, 2.0),
    "vmap, no tensor returned": lambda T, F, x, w, v, s: F.vmap(lambda a: 3)(x),
    "vmap, out_dims text": lambda T, F, x, w, v, s: F.vmap(T.sin, out_dims="a")(x),
    "vmap, out_dims too many": lambda T, F, x, w, v, s: F.vmap(T.sin, out_dims=(0, 1))(x),
    "vmap, out_dims do not fit": lambda T, F, x, w, v, s: F.vmap(lambda a: (a, a, a), out_dims=(0, 1))(x),
    "vmap, out_dim too large": lambda T, F, x, w, v, s: F.vmap(T.sin, out_dims=3)(x),
    "vmap, batch returned with None": lambda T, F, x, w, v, s: F.vmap(T.sin, out_dims=None)(x),
    "vmap, chunk 0": lambda T, F, x, w, v, s: F.vmap(T.sin, chunk_size=0)(x),
    "vmap, randomness": lambda T, F, x, w, v, s: F.vmap(T.sin, randomness="other")(x),
    "vmap, random": lambda T, F, x, w, v, s: F.vmap(lambda a: a + T.rand(3))(x),
    "vmap, item": lambda T, F, x, w, v, s: F.vmap(lambda a: a.sum().item())(x),
    "vmap, if": lambda T, F, x, w, v, s: F.vmap(lambda a: a if a.sum() > 0 else -a)(x),
    "vmap, in place on what it captures": lambda T, F, x, w, v, s: F.vmap(lambda a: v.add_(a))(x),
    **{f"vmap, {name}": lambda T, F, x, w, v, s, f=f: F.vmap(lambda a: f(T, a, v))(x) for name, f in {
        "mask": lambda T, a, v: a[a > 0], "masked_select": lambda T, a, v: a.masked_select(a > 0), "nonzero": lambda T, a, v: a.nonzero(),
        "float": lambda T, a, v: float(a[0]), "range": lambda T, a, v: range(a[0].long()), "numpy": lambda T, a, v: a.numpy(),
        "tolist": lambda T, a, v: a.tolist(), "format": lambda T, a, v: f"{a[0]:.2f}", "equal": lambda T, a, v: T.equal(a, a),
        "mul_": lambda T, a, v: v.mul_(a), "copy_": lambda T, a, v: v.copy_(a), "setitem": lambda T, a, v: v.__setitem__(0, a[0]),
        "fill_": lambda T, a, v: v.fill_(a[0]), "masked_fill_": lambda T, a, v: v.masked_fill_(a > 0, 1),
        "index_put_": lambda T, a, v: v.index_put_((T.tensor([0, 1]),), a[:2]), "pow_": lambda T, a, v: v.pow_(a),
        "index out of range": lambda T, a, v: v[(a[0] * 0 + 7).long()], "requires_grad_": lambda T, a, v: a.requires_grad_(),
    }.items()},
    "vmap, a partial": lambda T, F, x, w, v, s: F.vmap(functools.partial(T.mul, v), in_dims=0.5)(x),
}  # fmt: skip


def written(out, a):
    out[0] = a[1]
    out[1:] = a[:2] * 2
    return out


def through_view(a):
    a[1:].mul_(3)
    a.view(-1)[0] = 5
    return a


@pytest.mark.parametrize("name", CALLS)
def test_as_pytorchs(name):
    agree(lambda T: CALLS[name](T, T.func, *data(T)), raises=False)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_pytorch_refuses(name):
    agree(lambda T: REFUSED[name](T, T.func, *data(T)), raises=True)


@pytest.mark.parametrize("name", ["grad", "vjp", "jacrev", "jacfwd", "hessian", "gradients by example", "grad of vmap", "jvp of grad", "vmap of jvp"])
def test_results_are_tracked_by_what_is_tracked_outside(name):
    """A transform of tensors that require grad: the result does, and its gradient is PyTorch's; of others it does not."""

    def program(T):
        leaves = [t.clone().requires_grad_() for t in data(T)]
        found = CALLS[name](T, T.func, *leaves)
        flat = [f for f in (found if isinstance(found, tuple) else (found,))]
        value = sum((f * f).sum() for f in flat)
        return [found, *T.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)]

    agree(program, raises=False)
    plain = CALLS[name](gg, gg.func, *data(gg))
    assert not any(f.requires_grad for f in (plain if isinstance(plain, tuple) else (plain,)))


def assigned(T, x, out):
    out[0] = x[1] * x[2]
    out[2] = x.sum()
    return out


TRANSFORMS = {
    "grad": lambda T, f, x: T.func.grad(lambda a: f(a).pow(2).sum())(x[0]),
    "jvp": lambda T, f, x: T.func.jvp(f, (x[0],), (x[1],)),
    "jacrev": lambda T, f, x: T.func.jacrev(f)(x[0]),
    "jacfwd": lambda T, f, x: T.func.jacfwd(f)(x[0]),
    "hessian": lambda T, f, x: T.func.hessian(lambda a: f(a).pow(2).sum())(x[0]),
    "vmap": lambda T, f, x: T.func.vmap(f)(x),
    "vmap of grad": lambda T, f, x: T.func.vmap(T.func.grad(lambda a: f(a).pow(2).sum()))(x),
    "grad of vmap": lambda T, f, x: T.func.grad(lambda a: T.func.vmap(f)(a).pow(2).sum())(x),
}
OUTS = {"a clone": lambda T, x: x.clone(), "zeros_like": lambda T, x: T.zeros_like(x), "new_zeros": lambda T, x: x.new_zeros(3), "zeros": lambda T, x: T.zeros(3, dtype=T.float64)}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("out", OUTS)
def test_assignments_inside(transform, out):
    agree(lambda T: TRANSFORMS[transform](T, lambda a: assigned(T, a, OUTS[out](T, a)), data(T)[0]))


VIEWS = {
    "of zeros_like": lambda T, x, v: viewed(T.zeros_like(x), lambda y: y[1:].add_(x[:2])),
    "of ones_like, augmented": lambda T, x, v: viewed(T.ones_like(x), lambda y: y.view(-1)[1:].mul_(x[:2])),
    "of full_like": lambda T, x, v: viewed(T.full_like(x, 2.0), lambda y: y[1:].mul_(x[:2])),
    "of new_zeros": lambda T, x, v: viewed(x.new_zeros(3), lambda y: y[1:].copy_(x[:2])),
    "of a clone": lambda T, x, v: viewed(x.clone(), lambda y: y[1:].mul_(x[:2])),
    "of a constant's clone": lambda T, x, v: viewed(v.clone(), lambda y: y[1:].mul_(2)) * x,
    "of a result": lambda T, x, v: viewed(T.outer(x[:2], x), lambda y: y.T[0].mul_(x[:2])),
    "zeroed": lambda T, x, v: viewed(x * 1, lambda y: y[1:].zero_()),
    "filled": lambda T, x, v: viewed(x * 1, lambda y: y[1:].fill_(2.0)),
    "of the input": lambda T, x, v: viewed(x, lambda y: y[1:].mul_(2)),
}  # fmt: skip


def viewed(y, write):
    write(y)
    return y


@pytest.mark.parametrize("name", VIEWS)
def test_writes_through_views_inside(name):
    def program(T):
        x, _, v, _ = data(T)
        f = lambda a: VIEWS[name](T, a, v)  # noqa: E731
        square = lambda a: f(a * 1).pow(2).sum()  # noqa: E731
        return [T.func.vmap(T.func.grad(square))(x), T.func.jacrev(lambda a: f(a * 1))(v), T.func.hessian(square)(v),
                T.func.grad(lambda b: T.func.vmap(square)(b).sum())(x),
                T.func.vmap(f)(x * 1), T.func.jvp(f, (v * 1,), (v,)), T.func.jacfwd(f)(v * 1), T.func.vmap(lambda a: T.func.jvp(f, (a,), (a * a,)))(x * 1)]

    agree(program, raises=False)


def test_a_tangent_does_not_get_lost_in_a_view():
    y = gg.zeros(3)
    with pytest.raises(NotImplementedError, match="inside a transform"):
        gg.func.jvp(lambda a: (y[:2].mul_(a), y)[1], (gg.ones(2),), (gg.ones(2),))


@pytest.mark.parametrize("name", ["grad", "vmap of grad", "grad of vmap, by what it captures", "jacrev"])
def test_functions_of_the_users(name):
    def program(T):
        class Weighted(T.autograd.Function):
            generate_vmap_rule = True

            @staticmethod
            def forward(a, m):
                return a * a * m

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(*inputs)

            @staticmethod
            def backward(ctx, g):
                a, m = ctx.saved_tensors
                return 2 * g * a * m, g * a * a

        x, _, v, _ = data(T)
        f = Weighted.apply
        return {
            "grad": lambda: T.func.grad(lambda a: f(a, v).sum())(v),
            "vmap of grad": lambda: T.func.vmap(T.func.grad(lambda a: f(a, v).sum()))(x),
            "grad of vmap, by what it captures": lambda: T.func.grad(lambda m: T.func.vmap(lambda a: f(a, m).sum())(x).pow(2).sum())(v),
            "jacrev": lambda: T.func.jacrev(lambda a: f(a, v))(v),
        }[name]()  # fmt: skip

    agree(program, raises=False)


def test_batches_and_dual_numbers_print():
    agree(lambda T: (lambda seen: (T.func.vmap(lambda a: (seen.append(repr(a)), a)[1])(T.ones(2, 3)), seen)[1])([]), "batch")
    agree(lambda T: (lambda seen: (T.func.jvp(lambda a: (seen.append(repr(a * 2)), a)[1], (T.ones(2),), (T.ones(2),)), len(seen))[1])([]), "dual")


@pytest.mark.parametrize("name", ["grad", "jvp", "jacrev", "jacfwd", "hessian", "vmap", "gradients by example", "vmap of new zeros", "vmap, in place by index"])
def test_results_are_plain_arrays_that_can_be_written(name):
    """Nothing of a transform is left in them: NumPy's arrays, with NumPy's own dtype objects, which the fast path of an op asks for."""
    found = CALLS[name](gg, gg.func, *data(gg))
    for t in found if isinstance(found, tuple) else (found,):
        assert type(t._data) is np.ndarray and t._data.dtype is np.dtype("float64") and t._data.flags.writeable
        t.add_(1)


def test_nothing_is_left_behind():
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    gg.func.hessian(lambda a: (a**3).sum())(x)
    assert x.grad is None
    with pytest.raises(ZeroDivisionError):
        gg.func.vmap(lambda a: a * (1 // 0))(x)
    from glassgrad.ops.levels import running

    assert running.levels == []
