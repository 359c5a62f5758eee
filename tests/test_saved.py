"""autograd.graph: hooks on saved tensors and on several gradients, edges, versions, batched gradients; each program run on both engines."""

import pytest

from functions import square
from oracle import agree


def logged(T, seen):

    def pack(t):
        seen.append((list(t.shape), t.requires_grad, None if t.grad_fn is None else t.grad_fn.name(), T.is_grad_enabled()))
        return t

    def unpack(t):
        seen.append("unpack")
        return t

    return T.autograd.graph.saved_tensors_hooks(pack, unpack)


def t_pack_and_unpack(T):
    seen = []
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with logged(T, seen):
        y = x.exp()
        z = y * x
        w = (z * 2).sum()
    seen.append("backward")
    w.backward()
    return (seen, x.grad)


def t_shared_input(T):
    seen = []
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = T.tensor([3.0, 4.0], requires_grad=True)
    with logged(T, seen):
        z = (x / y + x * x + x**y).sum()
    z.backward()
    return (len(seen), x.grad, y.grad)


def t_constants(T):
    seen = []
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with logged(T, seen):
        z = (x * T.tensor([3.0, 4.0])).sum() + (x * 2).sum() + (x / 3).sum() + x.mean()
    z.backward()
    return (seen, x.grad)


def t_not_recorded(T):
    seen = []
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with logged(T, seen), T.no_grad():
        x * x
    with logged(T, seen):
        T.ones(2) * T.ones(2)
    return seen


def t_matrices(T):
    seen = []
    x = T.ones(2, 3, requires_grad=True)
    w = T.ones(3, 2, requires_grad=True)
    with logged(T, seen):
        y = (x @ w).tanh().sum()
    y.backward()
    return (seen, x.grad)


def t_promoted(T):
    seen = []
    x = T.ones(2, requires_grad=True)
    w = T.ones(2, dtype=T.float64, requires_grad=True)
    with logged(T, seen):
        y = (x * w).sum()
    y.backward()
    return (len(seen), x.grad, w.grad)


def t_other_values(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with T.autograd.graph.saved_tensors_hooks(lambda t: t * 4, lambda t: t / 2):
        y = (x * x).sum()
    y.backward()
    return x.grad


def t_other_values_result(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with T.autograd.graph.saved_tensors_hooks(lambda t: t * 4, lambda t: t / 2):
        y = x.exp()
    saved = y.grad_fn._saved_result
    y.sum().backward()
    return (x.grad, saved.detach(), saved.grad_fn is y.grad_fn)


def t_to_numpy(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with T.autograd.graph.saved_tensors_hooks(lambda t: t.detach().numpy(), lambda a: T.from_numpy(a)):
        y = (x.sin() * x).sum()
    (g,) = T.autograd.grad(y, x, create_graph=True)
    (h,) = T.autograd.grad(g.sum(), x)
    return (g.detach(), h)


def t_leaf_place(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with T.autograd.graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
        y = x * x
    s = y.grad_fn._saved_self
    (s * 3).sum().backward()
    return (s.requires_grad, s.is_leaf, s.grad_fn, x.grad)


def t_inner_counts(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    h = T.autograd.graph.saved_tensors_hooks
    with h(lambda t: t * 2, lambda t: t):
        a = x * x
        with h(lambda t: t * 10, lambda t: t):
            b = x * x
        c = x * x
    return [T.autograd.grad(v.sum(), x)[0] for v in (a, b, c)]


def t_unpack_type(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with T.autograd.graph.saved_tensors_hooks(lambda t: 1, lambda t: t):
        y = x * x
    y.sum().backward()


def t_pack_writes(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with T.autograd.graph.saved_tensors_hooks(lambda t: t.mul_(2), lambda t: t):
        (x * 3).exp()


def t_pack_raises(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)

    def bad(t):
        raise KeyError("packing")

    try:
        with T.autograd.graph.saved_tensors_hooks(bad, lambda t: t):
            x * x
    except KeyError as e:
        first = str(e)
    (x * x).sum().backward()
    return (first, x.grad)


def t_unpack_raises(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)

    def bad(t):
        raise KeyError("unpacking")

    with T.autograd.graph.saved_tensors_hooks(lambda t: t, bad):
        y = x * x
    y.sum().backward()


def t_not_callable(T):
    with T.autograd.graph.saved_tensors_hooks(1, 2):
        pass


def t_no_version_check(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    with T.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        z = y * y
    y.add_(5)
    z.sum().backward()
    return x.grad


def t_second_backward(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with T.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        z = (x * x).sum()
    z.backward()
    z.backward()


def t_in_place(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with T.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        z = x * 2
        z.exp_()
        z[0].mul_(3)
        z.mul_(x)
    z.sum().backward()
    return (z, x.grad)


def t_disabled(T):
    with T.autograd.graph.disable_saved_tensors_hooks("refused"):
        with T.autograd.graph.save_on_cpu():
            pass


def t_disabled_inside(T):
    with T.autograd.graph.save_on_cpu():
        with T.autograd.graph.disable_saved_tensors_hooks("refused"):
            pass


def t_disabled_twice(T):
    with T.autograd.graph.disable_saved_tensors_hooks("one"):
        with T.autograd.graph.disable_saved_tensors_hooks("two"):
            pass
        with T.autograd.graph.save_on_cpu():
            pass


def t_disabled_decorator(T):

    @T.autograd.graph.disable_saved_tensors_hooks("one")
    def f(x):
        with T.autograd.graph.save_on_cpu():
            pass

    f(3)


def t_enabled_again(T):
    try:
        with T.autograd.graph.disable_saved_tensors_hooks("one"):
            raise KeyError("x")
    except KeyError:
        pass
    with T.autograd.graph.save_on_cpu():
        pass


def t_save_on_cpu(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with T.autograd.graph.save_on_cpu(pin_memory=True):
        y = (x.exp() * x).sum()
    y.backward()
    return x.grad


def t_raw(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp() * x
    f = y.grad_fn
    f._raw_saved_self.register_hooks(lambda t: 2 * t, lambda t: t / 4)
    f._raw_saved_other.register_hooks(lambda t: 2 * t, lambda t: t / 2)
    saved = [f._saved_self.detach(), f._saved_other.detach(), f._saved_self.grad_fn is f.next_functions[0][0]]
    y.sum().backward()
    return (saved, x.grad)


def t_raw_result(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    seen = []
    y.grad_fn._raw_saved_result.register_hooks(lambda t: (seen.append(t.requires_grad), 2 * t)[1], lambda t: t)
    y.sum().backward()
    return (seen, x.grad)


def t_raw_twice(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    s = (x * x).grad_fn._raw_saved_self
    s.register_hooks(lambda t: 2 * t, lambda t: t / 4)
    s.register_hooks(lambda t: 2 * t, lambda t: t / 4)


def t_raw_over_default(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with T.autograd.graph.save_on_cpu():
        y = x * x
    y.grad_fn._raw_saved_self.register_hooks(lambda t: 2 * t, lambda t: t / 4)


def t_raw_freed(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    y.sum().backward()
    y.grad_fn._raw_saved_self.register_hooks(lambda t: 2 * t, lambda t: t / 4)


def t_raw_none(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x * T.ones(2)
    y.grad_fn._raw_saved_self.register_hooks(lambda t: 2 * t, lambda t: t / 4)


def t_not_saved_stays_none(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x * T.ones(2)
    a = y.grad_fn._saved_self
    y.sum().backward()
    return (a, y.grad_fn._saved_self)


def t_raw_not_callable(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    (x * x).grad_fn._raw_saved_self.register_hooks(1, 2)


def t_raw_data(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    s = (x * x).grad_fn._raw_saved_self
    a = s.unpack_hook
    s.register_hooks(lambda t: (t * 2, 3), lambda t: t[0])
    return (a, s.data)


def t_function(T):

    class F(T.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            y = x * w
            ctx.save_for_backward(x, None, w, y)
            return y

        @staticmethod
        def backward(ctx, g):
            x, n, w, y = ctx.saved_tensors
            return (g * w + 0 * y, g * x)

    seen = []
    x = T.tensor([1.0, 2.0], requires_grad=True)
    w = T.tensor([3.0, 4.0])
    with logged(T, seen):
        y = F.apply(x, w)
    seen.append("backward")
    y.sum().backward()
    return (seen, x.grad)


def t_function_raw(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = square(T).apply(x)
    y.grad_fn._raw_saved_tensors[0].register_hooks(lambda t: t * 10, lambda t: t)
    y.sum().backward()
    return x.grad


def t_function_raw_freed(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = square(T).apply(x)
    y.sum().backward()
    return y.grad_fn._raw_saved_tensors


def t_double_backward_in_hooks(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with T.autograd.graph.saved_tensors_hooks(lambda t: t * 2, lambda t: t / 2):
        y = (x**3).sum()
        (g,) = T.autograd.grad(y, x, create_graph=True)
    (h,) = T.autograd.grad(g.sum(), x)
    return (g.detach(), h)


def t_mutation(T):
    with T.autograd.graph.allow_mutation_on_saved_tensors():
        x = T.tensor([1.0, 2.0], requires_grad=True)
        y = x.clone()
        z = (y**2).sum()
        e = x.exp()
        y.sin_()
        e.mul_(3)
        v = y[0]
        v.zero_()
        (z + e.sum()).backward()
        return x.grad


def t_mutation_leaf(T):
    with T.autograd.graph.allow_mutation_on_saved_tensors():
        x = T.tensor([1.0, 2.0], requires_grad=True)
        w = T.tensor([1.0, 2.0], requires_grad=True)
        y = (x * w).sum()
        with T.no_grad():
            x.mul_(5)
            w.zero_()
        y.backward()
        return (x.grad, w.grad)


def t_mutation_outside(T):
    with T.autograd.graph.allow_mutation_on_saved_tensors():
        x = T.tensor([1.0, 2.0], requires_grad=True)
        y = (x * x).sum()
    y.backward()


def t_mutation_nested(T):
    with T.autograd.graph.allow_mutation_on_saved_tensors():
        with T.autograd.graph.allow_mutation_on_saved_tensors():
            pass


def t_multi_all(T):
    seen = []
    x = T.tensor([1.0, 2.0], requires_grad=True)
    w = T.tensor([3.0, 4.0], requires_grad=True)
    u = T.tensor([3.0, 4.0], requires_grad=True)
    y = w * 2
    T.autograd.graph.register_multi_grad_hook([x, y, u], lambda gs: seen.append(list(gs)))
    (x * y).sum().backward(retain_graph=True)
    (x * y * u).sum().backward(retain_graph=True)
    (x * 2).sum().backward()
    (y * 1).sum().backward()
    (x * 1).sum().backward(inputs=[x])
    return seen


def t_multi_any(T):
    seen = []
    x = T.tensor([1.0, 2.0], requires_grad=True)
    w = T.tensor([3.0, 4.0], requires_grad=True)
    h = T.autograd.graph.register_multi_grad_hook([x, w], seen.append, mode="any")
    (x * w).sum().backward()
    (w * 2).sum().backward()
    h.remove()
    (w * 2).sum().backward()
    return seen


def t_multi_mode(T):
    T.autograd.graph.register_multi_grad_hook([T.ones(2, requires_grad=True)], print, mode="some")


def t_multi_needs(T):
    T.autograd.graph.register_multi_grad_hook([T.ones(2)], print)


def t_edges(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    a, b = x.unbind(0)
    e = T.autograd.graph.get_gradient_edge
    return (e(b).output_nr, e(x).node.name(), T.autograd.grad(a * b, [e(b), T.autograd.graph.GradientEdge(a.grad_fn, 0, None)]))


def t_edge_refused(T):
    T.autograd.graph.get_gradient_edge(T.ones(2))


def t_edge_start(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    e = T.autograd.graph.get_gradient_edge(x * 2)
    s = T.autograd.graph.get_gradient_edge(x.sum())
    T.autograd.backward([e, s], [T.tensor([1.0, 10.0]), None])
    return x.grad


def t_edge_start_shape(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    e = T.autograd.graph.get_gradient_edge(x * 2)
    T.autograd.backward(e, T.ones(3))


def t_edge_start_implicit(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    e = T.autograd.graph.get_gradient_edge(x * 2)
    T.autograd.grad(e, x)


def t_increment(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    z = y * y
    T.autograd.graph.increment_version(x)
    T.autograd.graph.increment_version([x, y])
    r = (x._version, y._version)
    try:
        z.sum().backward()
    except RuntimeError as e:
        return (r, str(e).split("\n")[0])


def t_increment_refused(T):
    T.autograd.graph.increment_version(3)


def t_batched(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    w = T.tensor([1.0, 2.0], requires_grad=True)
    y = x**2
    f = lambda *a, **k: T.autograd.grad(*a, is_grads_batched=True, retain_graph=True, **k)
    return (
        f(y, x, T.eye(2)),
        f(y, [x, w], T.eye(2), allow_unused=True),
        f(y, [x, w], T.eye(2), materialize_grads=True),
        f([y, y.sum()], x, [T.ones(3, 2), T.arange(3.0)]),
    )


def t_batched_graph(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    (j,) = T.autograd.grad(x**3, x, T.eye(2), is_grads_batched=True, create_graph=True)
    return (j.detach(), T.autograd.grad(j.sum(), x))


def t_batched_shape(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    T.autograd.grad(x**2, x, T.ones(2, 3, 4), is_grads_batched=True)


def t_batched_sizes(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    T.autograd.grad([x**2, x * 3], x, [T.ones(3, 2), T.ones(2, 2)], is_grads_batched=True)


def t_batched_unused(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    T.autograd.grad(x**2, T.ones(2, requires_grad=True), T.ones(3, 2), is_grads_batched=True)


def t_arguments(T):
    r = []
    x = T.tensor([1.0, 2.0], requires_grad=True)
    for f in (
        lambda: T.autograd.backward(3),
        lambda: T.autograd.backward([3.0]),
        lambda: T.autograd.grad(3, x),
        lambda: T.autograd.grad(x.sum(), 3),
        lambda: T.autograd.grad(x.sum(), x, 3.0),
        lambda: T.autograd.backward(x.sum(), inputs=3),
    ):
        try:
            f()
        except (TypeError, AssertionError) as e:
            r.append((type(e).__name__, str(e).split("\n")[0]))
    return r


PROGRAMS = {name[2:]: program for name, program in list(globals().items()) if name.startswith("t_")}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name], rtol=1e-5, atol=1e-6)
