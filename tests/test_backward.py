"""backward and grad: what they start from and end at, what they refuse, what nodes show; each program run on both engines."""

import pytest

from functions import stops
from oracle import agree
from table import ROWS
from test_ops import listed, tensors


def leaf(T, *v):
    return T.tensor(list(v) or [1.0, 2.0], requires_grad=True)


def t_set_seq(T):
    y = (leaf(T) * 2).grad_fn
    a = y._sequence_nr()
    return (isinstance(a, int), a < (leaf(T) * 2).grad_fn._sequence_nr())


def t_accumulate_identity(T):
    x = leaf(T)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    g = x.grad
    c = g.clone()
    y.backward(retain_graph=True)
    a = x.grad is g
    y.backward(create_graph=True)
    return (a, x.grad is g, c, x.grad.detach(), g)


def t_accumulate_expanded(T):
    x = leaf(T)
    x.sum().backward()
    g = x.grad
    g.add_(1)
    x.sum().backward()
    return (x.grad, g is x.grad, g.stride())


def t_grad_dtype(T):
    x = leaf(T)
    return x.grad_dtype


def t_grad_dtype_set(T):
    x = leaf(T)
    x.grad_dtype = T.float64
    (x * 2).sum().backward()
    return x.grad.dtype


def t_grad_dtype_none(T):
    x = leaf(T)
    x.grad_dtype = None
    x.grad = T.ones(2, dtype=T.float64)
    return x.grad.dtype


def t_multithreading(T):
    with T.autograd.set_multithreading_enabled(False):
        x = leaf(T)
        (x * x).sum().backward()
    return (x.grad, T.autograd.is_multithreading_enabled() if hasattr(T.autograd, "is_multithreading_enabled") else T._C._is_multithreading_enabled())


def t_inplace_function(T):
    F = T.autograd.function.InplaceFunction

    class D(F):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(T)
    D.apply(x).sum().backward()
    return x.grad


def t_variable(T):
    v = T.autograd.Variable(T.ones(2), requires_grad=True)
    return (v.requires_grad, type(v).__name__)


def t_variable_is(T):
    return isinstance(leaf(T), T.autograd.Variable)


def t_detach_hook_stays(T):
    seen = []
    x = leaf(T)
    y = x * 2
    y.register_hook(lambda g: seen.append(1))
    y.detach_()
    y.requires_grad_()
    y.sum().backward()
    return seen


def t_graph_repr(T):
    return [repr(T.autograd.graph.get_gradient_edge(leaf(T) * 2)).split("(")[0]]


def t_hook_signature(T):
    x = leaf(T)
    x.register_hook(lambda: None)
    (x * 1).sum().backward()


def t_nan_anomaly(T):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with T.autograd.detect_anomaly():
            x = T.tensor([0.0], requires_grad=True)
            (x.sqrt() * 0).sum().backward()


def t_saved_on_views(T):
    x = leaf(T)
    y = x * 2
    v = y[0]
    z = v * v
    y.mul_(2)
    z.backward()


def t_retain_through_view(T):
    x = leaf(T)
    y = x * 2
    y.retain_grad()
    v = y[0]
    v.mul_(3)
    y.sum().backward()
    return (y.grad, x.grad)


def t_grad_on_nonleaf_set(T):
    x = leaf(T)
    y = x * 2
    y.grad = T.ones(2)
    return y.grad


def t_requires_grad_view(T):
    b = T.zeros(2)
    v = b[0:1]
    b.requires_grad_()
    return v.requires_grad


def t_hook_on_inplace_leaf(T):
    seen = []
    a = T.zeros(2)
    a.requires_grad_()
    a.register_hook(lambda g: seen.append(g))
    b = a * 2
    b.sum().backward()
    return seen


def t_sum_of_leaf_with_itself(T):
    x = leaf(T)
    T.autograd.backward([x.sum(), (x * 2).sum()])
    return x.grad


def t_backward_on_leaf_vector(T):
    x = leaf(T)
    x.backward(T.tensor([3.0, 4.0]))
    return x.grad


def t_grad_leaf_root(T):
    x = leaf(T)
    return T.autograd.grad([x, x * 2], [x], [T.ones(2), T.ones(2)])


def t_same_input_twice(T):
    x = leaf(T)
    return T.autograd.grad((x * x).sum(), [x, x])


def t_inputs_twice(T):
    x = leaf(T)
    (x * x).sum().backward(inputs=[x, x])
    return x.grad


def t_inputs_tensor(T):
    x = leaf(T)
    (x * x).sum().backward(inputs=x)
    return x.grad


def t_inputs_no_grad(T):
    x = leaf(T)
    (x * x).sum().backward(inputs=[T.ones(2)])


def t_unused_leaf_inputs(T):
    x = leaf(T)
    w = leaf(T)
    (x * x).sum().backward(inputs=[w])
    return w.grad


def t_int_gradient(T):
    x = leaf(T)
    (x * 2).backward(T.ones(2, dtype=T.int64))
    return x.grad


def t_double_gradient(T):
    x = leaf(T)
    (x * 2).backward(T.ones(2, dtype=T.float64))
    return x.grad


def t_gradient_requires(T):
    x = leaf(T)
    g = leaf(T)
    (x * x).backward(g)
    return x.grad.requires_grad


def t_gradient_requires_graph(T):
    x = leaf(T)
    g = leaf(T)
    (h,) = T.autograd.grad(x * x, x, g, create_graph=True)
    return T.autograd.grad(h.sum(), g)


def t_scalar_shapes(T):
    x = leaf(T)
    (x.sum() * 1).backward(T.ones(1))


def t_one_element(T):
    x = T.ones(1, 1, requires_grad=True)
    (x * 3).backward()
    return x.grad


def t_complex_scalar(T):
    x = T.tensor(1 + 2j, requires_grad=True)
    (x * x).backward()


def t_not_scalar_grad(T):
    x = leaf(T)
    return T.autograd.grad(x * 2, x)


def t_hook_sees_accumulated(T):
    seen = []
    x = leaf(T)
    y = x * 1
    y.register_hook(lambda g: seen.append(g.clone()))
    (y * 2 + y * 3).sum().backward()
    return seen


def t_node_call(T):
    x = leaf(T)
    y = x * x
    r = y.grad_fn(T.ones(2))
    return (r, x.grad)


def t_accumulate_call(T):
    x = leaf(T)
    a = (x * 1).grad_fn.next_functions[0][0]
    a(T.ones(2))
    return x.grad


def t_accumulate_none(T):
    x = leaf(T)
    a = (x * 1).grad_fn.next_functions[0][0]
    return (a(None), x.grad)


def t_next_functions_unused(T):
    return (leaf(T) * T.ones(2)).grad_fn.next_functions[1]


def t_no_grad_node(T):
    x = leaf(T)
    y = x * x
    with T.no_grad():
        r = y.grad_fn(T.ones(2))
    return [v.requires_grad for v in r]


def t_set_materialize_none(T):
    x = leaf(T)
    w = leaf(T)
    return T.autograd.grad(x.sum(), [x, w], materialize_grads=True)


def t_mat_allow(T):
    x = leaf(T)
    T.autograd.grad(x.sum(), x, allow_unused=False, materialize_grads=True)


def t_post_acc_order(T):
    seen = []
    x = leaf(T)
    x.register_post_accumulate_grad_hook(lambda p: seen.append(1))
    x.register_post_accumulate_grad_hook(lambda p: seen.append(2))
    (x * 1).sum().backward()
    return seen


def t_optimizer_in_backward(T):
    x = leaf(T)
    w = leaf(T)

    def step(p):
        with T.no_grad():
            p.sub_(0.1 * p.grad)
        p.grad = None

    x.register_post_accumulate_grad_hook(step)
    w.register_post_accumulate_grad_hook(step)
    for _ in range(3):
        (x * w).sin().sum().backward()
    return (x, w)


def t_hook_changes_leaf(T):
    x = leaf(T)
    y = x * 2
    y.register_hook(lambda g: x.data.add_(1))
    (y * y).sum().backward()
    return (x, x.grad)


def t_second_order_hook(T):
    x = leaf(T)
    y = x**3
    y.register_hook(lambda g: g * 2)
    (g,) = T.autograd.grad(y.sum(), x, create_graph=True)
    return T.autograd.grad(g.sum(), x)


def t_nested_levels(T):
    x = leaf(T)

    def h(g):
        z = leaf(T)
        z.register_hook(lambda q: q * 2)
        with T.enable_grad():
            (z * z).sum().backward()
        return g * z.grad

    y = x * 1
    y.register_hook(h)
    y.sum().backward()
    return x.grad


def t_freed_then_edit(T):
    x = leaf(T)
    y = x.exp()
    y.sum().backward()
    y.grad_fn._saved_result


def t_pickle_hooked(T):
    import copy

    x = leaf(T)
    x.register_hook(lambda g: g * 2)
    z = copy.deepcopy(x)
    (z * 1).sum().backward()
    return z.grad


def t_inplace_after_hook_leaf_view(T):
    x = leaf(T)
    y = x * 2
    v = y[0]
    seen = []
    v.register_hook(lambda g: seen.append(("v", g.tolist())))
    y.register_hook(lambda g: seen.append(("y", g.tolist())))
    v.mul_(3)
    y.register_hook(lambda g: seen.append(("y2", g.tolist())))
    y.sum().backward()
    return (seen, x.grad)


def t_none_reaches_bare_leaf(T):
    x = leaf(T)
    w = leaf(T)
    z = stops(T).apply(x * 2) + w
    z.register_hook(lambda g: None)
    z.sum().backward()
    return (x.grad, w.grad)


def t_hook_kept_after_detach_removed(T):
    seen = []
    x = leaf(T)
    y = x * 2
    h = y.register_hook(lambda g: seen.append(1))
    y.detach_()
    y.requires_grad_()
    y.sum().backward()
    h.remove()
    y.sum().backward()
    return seen


def t_grad_dtype_grad(T):
    x = leaf(T)
    x.grad_dtype = T.float64
    return T.autograd.grad((x * 2).sum(), x)


def t_grad_dtype_refusals(T):
    r = []

    def get():
        return (leaf(T) * 2).grad_dtype

    def put():
        y = leaf(T) * 2
        y.grad_dtype = T.float64

    def taken():
        x = leaf(T)
        x.grad = T.ones(2)
        x.grad_dtype = T.float64

    def kind():
        leaf(T).grad_dtype = 3

    def assigned():
        x = leaf(T)
        x.grad_dtype = T.float64
        x.grad = T.ones(2)

    for f in (get, put, taken, kind, assigned):
        try:
            f()
        except RuntimeError as e:
            r.append(str(e).split("\n")[0])
    return r


PROGRAMS = {name[2:]: program for name, program in list(globals().items()) if name.startswith("t_")}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("row", [r for r in ROWS if r.smooth], ids=lambda r: r.name.replace(" ", "_"))
def test_batched_gradients_of_every_op(row):
    def program(T):
        xs = tensors(T, row.inputs(0), True)
        found = []
        for out in [o for o in listed(row.call(T, *xs)) if o.requires_grad]:
            batch = T.linspace(0.5, 2.0, 3 * out.numel(), dtype=out.dtype).reshape(3, *out.shape)
            found.append(list(T.autograd.grad(out, xs, batch, is_grads_batched=True, retain_graph=True, allow_unused=True)))
        return found

    agree(program, rtol=1e-9, atol=1e-9)
