"""The graph as users see it: leaves, accumulation, in-place writes, hooks, Function, modes; each program run on both engines."""

import gc
import subprocess
import sys

import pytest

import glassgrad as gg
from oracle import agree


def both(name, program, **options):
    return pytest.param(program, options, id=name)


def leaf_errors(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    x += 1


def view_of_leaf(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    x[0] += 1


def setitem_on_leaf(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    x[0] = 3.0


def stale_result(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    y += 1
    y.sum().backward()


def stale_result_through_alias(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    y.detach().add_(1)
    y.sum().backward()


def stale_leaf(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    w = T.tensor([3.0, 4.0], requires_grad=True)
    y = (x * w).sum()
    with T.no_grad():
        w -= 0.1
    y.backward()


def stale_through_view(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    w = T.ones(2, 2)
    y = (x * w[0]).sum()
    w[0, 1] = 5
    y.backward()


def data_is_not_noticed(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    x.data[0] = 10.0
    y.sum().backward()
    return x, x.grad


def second_backward(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x * x
    y.backward()
    y.backward()


def second_backward_without_saved(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x + 1
    y.backward()
    y.backward()
    return x.grad


def retained(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


def accumulation(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    first = x.grad
    (3 * x).sum().backward()
    same = first is x.grad
    x.grad.zero_()
    x.sin().sum().backward()
    return same, x.grad


def in_place_non_leaf(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y *= 3
    y.add_(1).mul_(y)
    y.sum().backward()
    return y, x.grad


def in_place_functions(T):
    x = T.tensor([0.5, 1.5], requires_grad=True)
    y = x * 1
    y.exp_()
    y.sqrt_()
    y.sin_()
    y.clamp_(0.1, 0.99)
    y.sum().backward()
    return y, x.grad


def write_into_view(T):
    x = T.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2
    v = y[1:]
    v *= x[0]
    y.sum().backward()
    return y, v, x.grad, v.grad_fn is not None


def write_into_base(T):
    x = T.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2
    v = y[1:]
    y *= 3
    v.sum().backward()
    return v, x.grad


def fill_a_buffer(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    out = T.zeros(3)
    out[0] = x[0] * 2
    out[1:] = x * x
    (out * T.tensor([1.0, 10.0, 100.0])).sum().backward()
    return out, x.grad, out.requires_grad, out.is_leaf


def masked_write(T):
    x = T.tensor([1.0, -2.0, 3.0], requires_grad=True)
    y = x * 1
    y[y < 0] = 0
    y[T.tensor([0, 2])] = x[:2] * 5
    y.sum().backward()
    return y, x.grad


def views_share(T):
    x = T.zeros(2, 3)
    a, b, c = x[0], x.T, x.view(-1)
    a += 1
    c[5] = 7
    return x, a, b, c, x._version, a._version, b._is_view(), b._base is x, x.detach()._is_view()


def numpy_shares(T):
    x = T.zeros(3)
    n = x.numpy()
    n[0] = 5
    x[1] = 6
    s = T.tensor(1.0)
    m = s.numpy()
    s += 1
    return x, n.tolist(), float(m)


def versions(T):
    x = T.zeros(2)
    x += 1
    x.mul_(2)
    y = x.detach()
    y.zero_()
    x.data.add_(1)
    x.requires_grad_()
    return x._version, y._version, x


def non_scalar(T):
    T.ones(2, requires_grad=True).exp().backward()


def vector_jacobian(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    (x**2).backward(T.tensor([1.0, 10.0]))
    return x.grad


def wrong_gradient_shape(T):
    x = T.ones(2, requires_grad=True)
    x.exp().backward(T.ones(3))


def no_graph(T):
    T.ones(1).sum().backward()


def backward_inputs(T):
    x, w = T.tensor(2.0, requires_grad=True), T.tensor(3.0, requires_grad=True)
    (x * w).backward(inputs=[w])
    return x.grad, w.grad


def backward_inputs_non_leaf(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3
    (y * y).backward(inputs=[y])
    return x.grad, y.grad


def grad_of_intermediate(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3
    z = y * y
    return T.autograd.grad(z, [y, x])


def grad_unused(T):
    x, w = T.tensor(2.0, requires_grad=True), T.tensor(3.0, requires_grad=True)
    return T.autograd.grad(x * 2, [w])


def grad_allow_unused(T):
    x, w = T.tensor(2.0, requires_grad=True), T.ones(2, requires_grad=True)
    return T.autograd.grad(x * 2, [w, x], allow_unused=True), T.autograd.grad(x * 2, w, materialize_grads=True)


def grad_needs_grad(T):
    return T.autograd.grad(T.ones(1, requires_grad=True).sum(), T.ones(1))


def several_outputs(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    a, b = x.sum(), (x * x).sum()
    return T.autograd.grad([a, b], x, grad_outputs=[T.tensor(2.0), T.tensor(3.0)])


def third_order(T):
    x = T.tensor(1.3, requires_grad=True, dtype=T.float64)
    y = x.sin() * x**4
    out = []
    for _ in range(4):
        (y,) = T.autograd.grad(y, x, create_graph=True)
        out.append(y.detach())
    return out


def create_graph_backward(T):
    x = T.tensor(2.0, requires_grad=True)
    (x**3).backward(create_graph=True)
    g = x.grad
    (h,) = T.autograd.grad(g, x)
    return g.detach(), g.requires_grad, h


def retain_grad_of_non_leaf(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3
    y.retain_grad()
    before = y.retains_grad
    (y * y).backward()
    return y.grad, x.grad, before, x.retains_grad


def hooks(T):
    seen = []
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3
    x.register_hook(lambda g: seen.append(("leaf", g.item())))
    y.register_hook(lambda g: g * 10)
    handle = y.register_hook(lambda g: seen.append(("removed", g.item())))
    handle.remove()
    y.grad_fn.register_prehook(lambda gs: seen.append(("pre", gs[0].item())))
    y.grad_fn.register_hook(lambda gi, go: seen.append(("node", gi[0].item(), go[0].item())))
    x.register_post_accumulate_grad_hook(lambda p: seen.append(("after", p.grad.item())))
    (y * y).backward()
    return [str(s) for s in seen], x.grad


def hook_that_raises(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3

    def fail(g):
        raise ValueError("from the hook")

    handle = y.register_hook(fail)
    try:
        (y * y).backward(retain_graph=True)
    except ValueError as error:
        message = str(error)
    handle.remove()
    (y * y).backward()
    return message, x.grad


def flags(T):
    x = T.ones(2, requires_grad=True)
    y = x * 2
    y.requires_grad = False


def integer_leaf(T):
    T.ones(2, dtype=T.int64, requires_grad=True)


def integer_leaf_set(T):
    T.ones(2, dtype=T.int64).requires_grad = True


def integer_leaf_method(T):
    T.ones(2, dtype=T.int64).requires_grad_()


def wrong_grad(T):
    x = T.ones(2, requires_grad=True)
    x.grad = T.ones(3)


def numpy_error(T):
    T.ones(2, requires_grad=True).numpy()


def modes(T):
    x = T.ones(1, requires_grad=True)
    out = []
    with T.no_grad():
        out.append((x * 2).requires_grad)
        with T.enable_grad():
            out.append((x * 2).requires_grad)
        with T.set_grad_enabled(True):
            out.append((x * 2).requires_grad)
    T.set_grad_enabled(False)
    out.append((x * 2).requires_grad)
    T.set_grad_enabled(True)

    @T.no_grad()
    def f():
        return (x * 2).requires_grad

    @T.inference_mode()
    def g():
        return (x * 2).requires_grad, T.is_inference_mode_enabled()

    return [*out, f(), *g(), T.is_grad_enabled()]




def custom_function(T):
    class Cube(T.autograd.Function):
        @staticmethod
        def forward(ctx, x, n):
            ctx.save_for_backward(x)
            ctx.n = n
            return x**n

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * ctx.n * x ** (ctx.n - 1), None

    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = Cube.apply(x, 3)
    (g,) = T.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = T.autograd.grad(g.sum(), x)
    return y.detach(), g.detach(), h, y.grad_fn.name(), type(y.grad_fn).__name__


def function_with_setup(T):
    class Product(T.autograd.Function):
        @staticmethod
        def forward(a, b):
            return a * b, a + b

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g, h):
            a, b = ctx.saved_tensors
            return g * b + h, g * a + h if ctx.needs_input_grad[1] else None

    a, b = T.tensor(2.0, requires_grad=True), T.tensor(3.0)
    p, s = Product.apply(a, b)
    (p * s).backward()
    return a.grad, p.output_nr, s.output_nr


def function_wrong_count(T):
    class Bad(T.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * b

        @staticmethod
        def backward(ctx, g):
            return g

    Bad.apply(T.ones(1, requires_grad=True), T.ones(1, requires_grad=True)).sum().backward()


def function_non_differentiable(T):
    class Sorted(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            index = x.argmax()
            ctx.mark_non_differentiable(index)
            ctx.set_materialize_grads(False)
            return x * 2, index, x + 1

        @staticmethod
        def backward(ctx, g, none, unused):
            return g * 2 if unused is None else g * 0

    x = T.tensor([1.0, 3.0], requires_grad=True)
    y, i, _ = Sorted.apply(x)
    y.sum().backward()
    return x.grad, i.requires_grad


def next_functions(T):
    x = T.tensor(2.0, requires_grad=True)
    y = (x + 1) ** 2 * 3
    names = []
    todo = [y.mean().grad_fn]
    while todo:
        f = todo.pop(0)
        names.append(f.name())
        todo += [g for g, _ in f.next_functions if g is not None]
    last = todo
    accumulate = (x * 1).grad_fn.next_functions[0][0]
    return names, last, accumulate.variable is x, (x * 1).grad_fn.next_functions[0][0] is accumulate, (x * x).grad_fn.next_functions[1][1]


def saved_attributes(T):
    x, w = T.tensor([2.0], requires_grad=True), T.tensor([3.0], requires_grad=True)
    y = x * w
    e = x.exp()
    return y.grad_fn._saved_self, y.grad_fn._saved_other, e.grad_fn._saved_result.detach(), (x**3).grad_fn._saved_exponent


def freed_attribute(T):
    x, w = T.tensor([2.0], requires_grad=True), T.tensor([3.0], requires_grad=True)
    y = x * w
    y.backward()
    return y.grad_fn._saved_self


def gradients_do_not_alias(T):
    a, b = T.ones(2, requires_grad=True), T.ones(2, requires_grad=True)
    start = T.tensor([1.0, 2.0])
    (a + b).backward(start)
    a.grad += 10
    return a.grad, b.grad, start


def detach_in_place(T):
    x = T.ones(2, requires_grad=True)
    y = x * 2
    y.detach_()
    return y.requires_grad, y.is_leaf, y


def out_arguments(T):
    out = T.zeros(2)
    T.add(T.tensor([1.0, 2.0]), 1, out=out)
    T.exp(T.tensor([0.0, 1.0]), out=out)
    return out


def promoted_gradients(T):
    x = T.tensor([1.0, 2.0], requires_grad=True)
    w = T.tensor([3.0, 4.0], dtype=T.float64, requires_grad=True)
    (x * w + w / 2).sum().backward()
    return x.grad, w.grad


def copying(T):
    import copy

    x = T.tensor([1.0, 2.0], requires_grad=True)
    y = copy.deepcopy(x)
    y.data[0] = 5
    return x, y, y.requires_grad, y.is_leaf


PROGRAMS = [v for v in list(globals().values()) if callable(v) and getattr(v, "__module__", "") == __name__ and v.__name__ not in ("both",)]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_as_pytorch(program):
    agree(program, rtol=1e-6)


def test_errors_explain_themselves():
    """After PyTorch's first line come notes: what happened, where, how to fix it."""
    for program, words in (
        (leaf_errors, "no_grad"), (stale_result, "last write was at"), (second_backward, "earlier backward was at"), (non_scalar, "reduce it"),
        (no_graph, "requires_grad=True"), (numpy_error, "detach"), (grad_unused, "no path"), (function_wrong_count, "backward is at"),
    ):  # fmt: skip
        with pytest.raises(RuntimeError) as caught:
            program(gg)
        notes = "\n".join(caught.value.__notes__)
        assert words in notes, (program.__name__, notes)
        if "where" in notes:
            assert "test_graph.py:" in notes, (program.__name__, notes)


def test_the_earlier_backward_is_named_by_the_users_line():
    x = gg.ones(2, requires_grad=True)
    for first in (lambda y: y.sum().backward(), lambda y: y.backward(gg.ones(2)), lambda y: gg.autograd.backward(y, gg.ones(2)), lambda y: gg.autograd.grad(y.sum(), x)):
        y = x * x
        first(y)
        with pytest.raises(RuntimeError) as caught:
            y.sum().backward()
        assert "the earlier backward was at" in caught.value.__notes__[1] and "test_graph.py:" in caught.value.__notes__[1]


def test_warns_of_grad_of_a_non_leaf():
    y = gg.ones(1, requires_grad=True) * 2
    with pytest.warns(UserWarning, match="is not a leaf Tensor"):
        assert y.grad is None


def test_a_million_nodes_without_recursion_or_collector():
    gc.collect()
    gc.disable()
    try:
        before = sum(isinstance(o, gg.Tensor) for o in gc.get_objects())
        x = gg.tensor(1.0, requires_grad=True)
        y = x
        for _ in range(1_000_000):
            y = y + 1e-9
        y.backward()
        assert x.grad.item() == 1.0
        del y
        after = sum(isinstance(o, gg.Tensor) for o in gc.get_objects())
        assert after - before <= 2  # x and its gradient
    finally:
        gc.enable()


def count_ours():
    from glassgrad.graph.node import Node

    return sum(isinstance(o, (gg.Tensor, Node)) for o in gc.get_objects())


def test_no_cycles():
    """Tensors and nodes go with their last reference, the collector switched off, also under create_graph."""
    gc.collect()
    gc.disable()
    try:
        def run():
            x = gg.tensor([1.0, 2.0, 3.0], requires_grad=True)
            y = x.exp() * x[1:].sum() + gg.cat([x, x])[:3].tanh()
            y += 1
            (g,) = gg.autograd.grad((y * y).sum(), x, create_graph=True)
            gg.autograd.grad(g.sum(), x)
            z = x * 2
            z[0] = x[1]
            z.sum().backward()

        run()
        gc.collect()
        before = count_ours()
        for _ in range(20):
            run()
        after = count_ours()
        assert after - before < 10
    finally:
        gc.enable()



def test_numpys_warnings_are_silenced_in_our_modules_only():
    program = """
import glassgrad as gg, numpy as np
gg.tensor([0.0, -1.0]).log(); gg.tensor(0.0).log(); gg.tensor(-1.0).sqrt()
x = gg.tensor([0.0, 1.0], requires_grad=True)
(1 / x).sqrt().sum().backward()
print("the user's own:")
np.log(np.zeros(1))
"""
    got = subprocess.run([sys.executable, "-W", "always", "-c", program], capture_output=True, text=True, check=True)
    assert got.stderr.count("RuntimeWarning") == 1 and "divide by zero" in got.stderr
