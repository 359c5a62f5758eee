"""Memory and threads: everything goes with its last reference, the garbage collector off; backward runs from several threads and within itself."""

import gc
import threading
import weakref

import pytest

import glassgrad as gg
from glassgrad.graph.hooks import live
from glassgrad.graph.node import Node


def counted():
    return sum(isinstance(o, (gg.Tensor, Node)) for o in gc.get_objects())


class Exp(gg.autograd.Function):
    @staticmethod
    def forward(ctx, x, n):
        y = (x * n).exp()
        ctx.n = n
        ctx.save_for_backward(x, y)
        return y, x * 2

    @staticmethod
    def backward(ctx, g, h):
        x, y = ctx.saved_tensors
        return g * y * ctx.n + 2 * h, None


class Reentrant(gg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        with gg.enable_grad():
            ctx.x = x.detach().requires_grad_()
            ctx.y = ctx.x.sin() * 2
        return ctx.y.detach()

    @staticmethod
    def backward(ctx, g):
        ctx.y.backward(g)
        return ctx.x.grad


def leaf(*shape):
    return gg.ones(*(shape or (3,)), requires_grad=True)


def plain():
    x = leaf()
    (x.exp() * x.sin().sum() + x[1:].prod()).sum().backward()


def never_backward():
    x = leaf()
    return (x.exp() * x.sin().sum()).tanh().grad_fn.name()


def create_graph():
    x = leaf()
    (g,) = gg.autograd.grad((x.exp() * x.sin()).sum(), x, create_graph=True)
    (h,) = gg.autograd.grad((g * g).sum(), x, create_graph=True)
    h.sum().backward()


def create_graph_left():
    x = leaf()
    return gg.autograd.grad((x.exp() * x.tanh()).sum(), x, create_graph=True)[0].sum().item()


def hooks():
    x = leaf()
    y = x * 2
    seen = []
    y.retain_grad()
    y.register_hook(lambda g: seen.append(g) or g * 2)
    y.grad_fn.register_prehook(lambda gs: None)
    y.grad_fn.register_hook(lambda gi, go: None)
    x.register_hook(lambda g: g + 1)
    x.register_post_accumulate_grad_hook(lambda p: None)
    y.grad_fn.next_functions[0][0].register_hook(lambda gi, go: None)
    gg.autograd.graph.register_multi_grad_hook([x, y], lambda gs: None)
    y.mul_(2)
    y.sum().backward()


def hook_raises():
    x = leaf()
    y = x.exp()

    def bad(g):
        raise KeyError

    y.register_hook(bad)
    try:
        y.sum().backward()
    except KeyError:
        pass


def saved_hooks():
    x = leaf()
    with gg.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        y = (x.exp() * x).tanh()
    gg.autograd.grad(y.sum(), x, create_graph=True)
    with gg.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        Exp.apply(x, 2)


def function():
    x = leaf()
    y, z = Exp.apply(x, 2)
    (g,) = gg.autograd.grad((y * z).sum(), x, create_graph=True)
    g.sum().backward()
    Exp.apply(x, 2)


def reentrant():
    x = leaf()
    Reentrant.apply(x).sum().backward()


def checkpoint():
    x = leaf()
    part = lambda x: (x.sin() * x).exp()  # noqa: E731
    for way in (True, False):
        gg.utils.checkpoint.checkpoint(part, x, use_reentrant=way).sum().backward()
        gg.utils.checkpoint.checkpoint(part, x, use_reentrant=way)
    y = gg.utils.checkpoint.checkpoint(part, x, use_reentrant=False)
    (g,) = gg.autograd.grad(y.sum(), x, create_graph=True)
    g.sum().backward()


def views():
    x = leaf(3, 2)
    y = x * 2
    a, b = y.unbind(1)
    v = y[0]
    y.mul_(3)
    v = y[1]
    v.exp_()
    (y.sum() + v.prod() + (a.detach() * b.detach()).sum()).backward()


def targets():
    x, w = leaf(), leaf()
    y = x * w
    gg.autograd.grad(y.exp().sum(), [y, x], retain_graph=True)
    y.sum().backward(inputs=[w, y], retain_graph=True)
    gg.autograd.grad(y.exp(), x, gg.eye(3), is_grads_batched=True, allow_unused=True, retain_graph=True)


def checked():
    x = gg.ones(2, dtype=gg.float64, requires_grad=True)
    gg.autograd.gradcheck(lambda x: x.sin() * x, x, check_batched_grad=True)
    gg.autograd.gradgradcheck(lambda x: x.sin() * x, x)


@pytest.mark.parametrize(
    "program", [plain, never_backward, create_graph, create_graph_left, hooks, hook_raises, saved_hooks, function, reentrant, checkpoint, views, targets, checked],
    ids=lambda p: p.__name__,
)  # fmt: skip
def test_no_cycles(program):
    gc.collect()
    gc.disable()
    try:
        program()
        gc.collect()
        before, hooked = counted(), len(live)
        for _ in range(5):
            program()
        assert counted() == before
        assert len(live) == hooked
    finally:
        gc.enable()


def test_buffers_are_freed_by_backward():
    """What a node saved goes when its backward has run, although the graph itself is still held."""
    x = leaf(1000)
    a = x * 2
    held = weakref.ref(a._data)
    b = a.exp()
    result = weakref.ref(b._data)
    loss = b.sum()
    del a, b
    assert held() is None and result() is not None  # exp saves its result, and nobody the product
    loss.backward(retain_graph=True)
    assert result() is not None
    loss.backward()
    assert result() is None


def test_a_gradient_of_an_inner_tensor_frees_nothing_below_it():
    x = leaf()
    y = x * x
    gg.autograd.grad((y * y).sum(), y)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def in_threads(count, work):
    """Runs `work(i)` in threads at once; raises what one raised, and fails (rather than hangs) when one does not end."""
    together, wrong = threading.Barrier(count), []

    def run(i):
        try:
            together.wait(30)
            work(i)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not any(t.is_alive() for t in threads), "a backward did not end"
    if wrong:
        raise wrong[0]


def test_threads_with_graphs_of_their_own():
    found = {}

    def work(i):
        x = gg.tensor([1.0, 2.0], dtype=gg.float64, requires_grad=True)
        x.register_hook(lambda g: g * 2)
        for _ in range(50):
            Reentrant.apply((x * (i + 1)).sin().cumsum(0)).sum().backward()
        found[i] = x.grad.tolist()

    in_threads(8, work)
    for i in range(8):
        x = gg.tensor([1.0, 2.0], dtype=gg.float64, requires_grad=True)
        assert (gg.autograd.grad(((x * (i + 1)).sin().cumsum(0).sin() * 2).sum(), x)[0] * 100).tolist() == pytest.approx(found[i])


def test_threads_with_one_retained_graph():
    x = gg.tensor([1.0, 2.0], dtype=gg.float64, requires_grad=True)
    loss = (x.exp() * x).sin().sum()
    (expected,) = gg.autograd.grad(loss, x, retain_graph=True)
    found = []

    def work(i):
        for _ in range(50):
            found.append(gg.autograd.grad(loss, x, retain_graph=True)[0].tolist())

    in_threads(4, work)
    assert all(f == expected.tolist() for f in found) and len(found) == 200


def test_modes_and_hooks_on_saved_tensors_are_a_threads_own():
    seen = []

    def work(i):
        x = leaf()
        if i % 2:
            with gg.autograd.graph.saved_tensors_hooks(lambda t: seen.append(i) or t, lambda t: t):
                for _ in range(20):
                    (x * x).sum().backward()
        else:
            for _ in range(20):
                (x * x).sum().backward()

    in_threads(4, work)
    assert set(seen) == {1, 3} and len(seen) == 80


def test_backward_within_backward_is_deep():
    class Deep(gg.autograd.Function):
        @staticmethod
        def forward(ctx, x, n):
            ctx.n = n
            return x * 1

        @staticmethod
        def backward(ctx, g):
            if ctx.n:
                with gg.enable_grad():
                    inner = gg.ones(3, requires_grad=True)
                    Deep.apply(inner, ctx.n - 1).sum().backward()
                    g = g + inner.grad
            return g, None

    def work(i):
        x = leaf()
        Deep.apply(x, 60).sum().backward()
        assert x.grad.tolist() == [61.0] * 3

    in_threads(2, work)


def test_threads_that_add_to_one_leaf_lose_nothing():
    x = gg.zeros(100_000, dtype=gg.float64, requires_grad=True)  # large enough for NumPy to let other threads run
    x.sum().backward()

    def work(i):
        for _ in range(25):
            (x * 1).sum().backward()

    in_threads(4, work)
    assert x.grad.min().item() == x.grad.max().item() == 101
