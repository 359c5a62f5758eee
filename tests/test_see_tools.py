"""paths, preflight, ledger, kinks, compare: each on both engines."""

import re

import numpy as np
import pytest

from glassgrad import see
from glassgrad.see.engines import array


def line(mark):
    for number, text in enumerate(open(__file__), 1):
        if text.rstrip().endswith("# " + mark):
            return f"test_see_tools.py:{number}"
    raise AssertionError(mark)


def kinds(report):
    return [f.kind for f in report.findings]


# ------------------------------------------------------------------------------------------------ paths
def test_paths_of_the_parabola(T):
    x = T.tensor(3.0, requires_grad=True)
    found = see.paths(3 * x**2 - 2 * x + 5, wrt=x)
    assert found.count == 2 and found.exact and found.checked
    assert [float(p.contribution) for p in found.top] == [18.0, -2.0]
    assert found.top[0].factors[-1].formula == "2·self"


def test_paths_x_times_x_are_two(T):
    x = T.tensor(3.0, requires_grad=True)
    found = see.paths(x * x, wrt=x)
    assert found.count == 2 and [float(p.contribution) for p in found.top] == [3.0, 3.0]


def test_the_largest_of_a_million_paths_are_exact(T):
    x = T.tensor(1.0, requires_grad=True, dtype=T.float64)
    factors = [(1.0 + i / 10, 0.5 - i / 40) for i in range(20)]
    y = x
    for a, b in factors:
        y = a * y + b * y
    found = see.paths(y, wrt=x, top=4)
    assert found.count == 2**20 and found.exact and found.checked
    products = sorted((float(np.prod([pair[c >> i & 1] for i, pair in enumerate(factors)])) for c in range(2**20)), key=abs, reverse=True)
    np.testing.assert_allclose([float(p.contribution) for p in found.top], products[:4], rtol=1e-12)
    np.testing.assert_allclose(float(found.rest), sum(products) - sum(products[:4]), rtol=1e-9)


def test_more_paths_than_could_be_counted_one_by_one(T):
    x = T.tensor(0.1, requires_grad=True, dtype=T.float64)
    y = x
    for _ in range(300):
        y = y * 0.5 + T.sin(y) * 0.5
    found = see.paths(y, wrt=x)
    assert found.count == 2**300 and found.checked and len(found.top) == 5


def test_paths_of_tensors(T):
    T.manual_seed(0)
    w = T.rand(3, 3, requires_grad=True)
    with see.record():
        h = T.ones(2, 3)
        for _ in range(3):
            h = h + T.tanh(h @ w)  # block
        loss = (h * h).mean()
    found = see.paths(loss, wrt=w, top=50)
    assert found.count == 2 * (1 + 2 + 4) and found.exact and found.checked
    total = sum(array(p.contribution) for p in found.top)
    loss.backward()
    np.testing.assert_allclose(total, array(w.grad), rtol=1e-5)
    assert sum(p.share for p in found.top) == pytest.approx(1, rel=1e-4)
    assert line("block") in str(found)


def test_paths_where_there_are_none(T):
    a, b = T.tensor(1.0, requires_grad=True), T.tensor(1.0, requires_grad=True)
    with pytest.raises(ValueError, match="there is no path: b.grad is None"):
        see.paths(a * 2, wrt=b)
    with pytest.raises(ValueError, match="one number"):
        see.paths(T.ones(2, requires_grad=True) * 2, wrt=a)
    y = a.exp()
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph"):
        see.paths(y, wrt=a, recording=see.Recording())


def test_paths_after_backward_from_a_recording(T):
    with see.record():
        x = T.tensor(2.0, requires_grad=True)
        y = x * x + x.exp()
        y.backward()
    assert see.paths(y, wrt=x).count == 3


# ------------------------------------------------------------------------------------------------ preflight
def test_preflight_of_a_sound_graph(T):
    net = T.nn.Linear(2, 1)
    with see.record():
        loss = net(T.ones(3, 2)).mean()
    report = see.preflight(loss, net)
    assert report.ok and report and not report.findings, report


def test_preflight_finds_in_place_damage(T):
    with see.record():
        w = T.ones(2, requires_grad=True)
        y = w.exp()
        loss = y.sum()
        y.add_(1)  # damage
    report = see.preflight(loss, [w])
    assert kinds(report) == ["in place"] and line("damage") in str(report)
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        loss.backward()


def test_preflight_finds_freed_nodes(T):
    w = T.ones(2, requires_grad=True)
    loss = w.exp().sum()
    loss.backward()
    assert kinds(see.preflight(loss, [w])) == ["freed"]


def test_preflight_of_parameters(T):
    a, b, c = (T.ones(2, requires_grad=True) for _ in range(3))
    b.requires_grad_(False)
    loss = (a * b).sum()
    report = see.preflight(loss, [a, b, c, a * 1])
    assert sorted(kinds(report)) == ["copy", "hint", "unused"], report
    assert "frozen, requires_grad is False: b" in str(report) and "c.grad is None: not connected" in str(report)


def test_preflight_of_losses_that_cannot_work(T):
    with see.record():
        w = T.ones(2, 3, requires_grad=True)
        vector = w.sum(0)
        chosen = w.argmax(1).float().mean()
        cut = w.detach().sum()
        forced = w.detach().sum()
        forced.requires_grad = True
        infinite = (w - 1).log().sum()
    assert kinds(see.preflight(vector)) == ["not scalar"]
    assert kinds(see.preflight(chosen)) == ["cut"] and "argmax" in str(see.preflight(chosen))
    assert "detach()" in str(see.preflight(cut))
    assert "remove requires_grad = True" in str(see.preflight(forced, [w]))
    assert kinds(see.preflight(infinite)) == ["nonfinite"] and "log(0) = -∞" in str(see.preflight(infinite))


def test_preflight_of_softmax_and_shapes(T):
    with see.record():
        w = T.ones(4, 3, requires_grad=True)
        doubled = T.nn.functional.cross_entropy(w.softmax(1), T.tensor([0, 1, 2, 0]))
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            broad = T.nn.functional.mse_loss(w[:, :1], T.ones(4))  # broad
        by_hand = ((w[:, :1] - T.ones(4)) ** 2).mean()
    assert kinds(see.preflight(doubled, [w])) == ["softmax"]
    report = see.preflight(broad, [w])
    assert kinds(report) == ["broadcast"] and "4 × 4 differences instead of 4" in str(report) and line("broad") in str(report)
    assert kinds(see.preflight(by_hand, [w])) == ["broadcast"]


# ------------------------------------------------------------------------------------------------ ledger
OPTIMIZERS = {
    "sgd": ("SGD", dict(lr=0.1)),
    "momentum": ("SGD", dict(lr=0.1, momentum=0.9, weight_decay=0.1)),
    "nesterov": ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True)),
    "dampening": ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.5)),
    "maximize": ("SGD", dict(lr=0.1, maximize=True)),
    "adam": ("Adam", dict(lr=0.1)),
    "adam_decay": ("Adam", dict(lr=0.1, weight_decay=0.1, amsgrad=True)),
    "adamw": ("AdamW", dict(lr=0.1)),
    "rmsprop": ("RMSprop", dict(lr=0.1)),
    "adagrad": ("Adagrad", dict(lr=0.1)),
    "rprop": ("Rprop", dict(lr=0.1)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_terms_sum_to_the_step(T, name):
    kind, options = OPTIMIZERS[name]
    w = T.tensor([1.0, -2.0, 0.5], requires_grad=True, dtype=T.float64)
    optimizer = getattr(T.optim, kind)([w], **options)
    with see.ledger(optimizer) as book:
        for _ in range(3):
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()
    assert len(book) == 3
    for entry in book:
        assert entry.error < 1e-9, entry
        np.testing.assert_allclose(entry.before + entry.delta, entry.after)
        if kind in ("SGD", "Adam", "AdamW"):
            assert not any(label.startswith("rest") for label, _ in entry.terms), entry
    if name == "momentum":
        assert [label for label, _ in book[1].terms] == ["−lr · grad", "−lr · momentum · buffer", "−lr · weight_decay · w"]


def test_the_ledger_knows_which_backwards_and_what_clipping_did(T):
    with see.record():
        w = T.tensor([3.0, 4.0], requires_grad=True)
        optimizer = T.optim.SGD([w], lr=0.1)
        with see.ledger(optimizer) as book:
            (w * 2).sum().backward()  # first part
            (w * w).sum().backward()  # second part
            T.nn.utils.clip_grad_norm_([w], 1.0)  # clip
            optimizer.step()
    (entry,) = book
    labels = [label for label, _ in entry.parts]
    assert line("first part") in labels[0] and line("second part") in labels[1] and line("clip") in labels[2], labels
    np.testing.assert_allclose(sum(part for _, part in entry.parts), entry.gradient, rtol=1e-5)


def test_a_ledger_of_a_parameter_without_gradient(T):
    w = T.tensor([3.0], requires_grad=True)
    optimizer = T.optim.SGD([w], lr=0.1)
    with see.ledger(optimizer) as book:
        optimizer.step()
    assert "passed this parameter over" in str(book)
    with pytest.raises(TypeError, match="takes an optimizer"):
        see.ledger(w)
    optimizer.step()
    assert len(book) == 1


# ------------------------------------------------------------------------------------------------ kinks
@pytest.mark.parametrize(("program", "said"), [
    (lambda T, x: x.relu(), "relu at 0"), (lambda T, x: x.abs(), "abs at 0"), (lambda T, x: T.maximum(x, T.zeros(3)), "maximum at a tie"),
    (lambda T, x: x.clamp(0.0, 1.0), "clamp at its edge"), (lambda T, x: x.round(), None), (lambda T, x: (x * 0).max(), "max with ties"),
    (lambda T, x: (x * 0).amax(0), "amax with ties"), (lambda T, x: T.linalg.vector_norm(x * 0), "norm at 0"), (lambda T, x: x.floor(), "floor at an integer"),
    (lambda T, x: x.tanh(), None), (lambda T, x: (x + 3).relu(), None),
])  # fmt: skip
def test_kinks(T, program, said):
    with see.record():
        x = T.tensor([0.0, 2.0, -1.2], requires_grad=True)
        loss = program(T, x).sum()
    found = see.kinks(loss)
    if said is None:
        assert len(found) == 0 and "no kinks" in str(found), found
    else:
        assert len(found) >= 1 and said in str(found), found


# ------------------------------------------------------------------------------------------------ compare
def test_compare(T):
    w = T.tensor([1.0, 2.0], requires_grad=True)
    v = T.tensor([1.0], requires_grad=True)
    first, second, third = (w * w).sum(), -w.sum(), v.sum() * 1000
    c = see.compare({"first": first, "second": second, "third": third}, [w, v])
    a, b = np.array([2.0, 4.0]), np.array([-1.0, -1.0])
    assert c.cosine[0, 1] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert c.norms == pytest.approx([np.linalg.norm(a), np.linalg.norm(b), 1000])
    text = str(c)
    assert "pull against each other" in text and "outweighs" in text and "first does not reach v" in text
    assert w.grad is None
    first.backward()
    with pytest.raises(ValueError, match="one number with a graph"):
        see.compare([w * 2], [w])


# ------------------------------------------------------------------------------------------------ check
def test_check_confirms(T):
    c = see.check(lambda x, y: (x * y).tanh().sum() + x.exp().sum(), T.tensor([0.3, -0.5]), T.tensor([1.0, 2.0]), timeout=10)
    assert c.agree and c, c
    spoke = {o.name for o in c.opinions if o.gradients is not None}
    assert "finite differences" in spoke and "SymPy" in spoke and T.__name__ in spoke, c
    assert c.calls >= 5


def test_check_names_the_operation_at_fault(T):
    class Wrong(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * x  # forgot the 2

    def f(x):
        return Wrong.apply(x.exp()).sum()  # wrong

    c = see.check(f, T.tensor([0.3, -0.5]), timeout=0)
    assert not c.agree
    assert [d.name for d in c.doubts] == ["Wrong"] and line("wrong") in c.doubts[0].line
    assert "DISAGREES" in str(c)


def test_check_of_what_is_not_a_number(T):
    with pytest.raises(ValueError, match=r"one number; it gave shape \[2\]"):
        see.check(lambda x: x * 2, T.ones(2))


# ------------------------------------------------------------------------------------------------ draw
def test_a_drawing_of_a_parabola(T):
    x = T.tensor(3.0, requires_grad=True)
    y = 3 * x**2 - 2 * x + 5
    p = see.draw(y).picture
    by_name = {c.name: c for c in p.cells if c.name}
    assert dict(by_name["y"].rows)["value"] == "26" and by_name["x"].gradient.text == "16"
    assert by_name["x"].backward == ["18 + (-2) = 16"] or by_name["x"].backward == ["(-2) + 18 = 16"]
    power = next(c for c in p.cells if c.op == "pow")
    assert dict(power.rows)["value"] == "9"
    link = next(k for k in p.links if k.target == power.key)
    assert link.number == "6" and link.arithmetic == "incoming 3 × local 6 = 18"
    assert [s.phase for s in p.steps] == ["forward"] * 5 + ["backward"] * 6


def test_fan_in_and_order(T):
    x = T.tensor(3.0, requires_grad=True)
    y = x * x
    p = see.draw(y).picture
    assert [(k.source == k.target, k.slot) for k in p.links] == [(False, 0), (False, 1)]
    places = {c.key: i for i, c in enumerate(p.cells)}
    assert all(places[k.source] < places[k.target] for k in p.links)


def test_backward_not_run_is_not_zero(T):
    x = T.tensor(3.0, requires_grad=True)
    y = x * x
    p = see.draw(y, backward=False).picture
    assert {c.gradient.state for c in p.cells} == {"pending"} and {k.gradient.state for k in p.links} == {"pending"}
    y.backward()
    p = see.draw(y, recording=see.Recording()).picture
    states = {c.name: c.gradient.state for c in p.cells}
    assert states["x"] == "pending" and "freed by a backward" in " ".join(p.notes)


def test_cuts_are_drawn_as_ghosts(T):
    with see.record():
        w = T.tensor(2.0, requires_grad=True)
        z = w * 3
        c = z.detach() * 2
        idle = z.data
        loss = z * c
    p = see.draw(loss).picture
    cuts = {k.cut for k in p.links if k.cut}
    assert cuts == {"detach()", ".data"}
    ghosts = [cell for cell in p.cells if cell.kind == "ghost"]
    assert len(ghosts) == 2 and idle is not None
    assert "✂ detach() z" in see.draw(loss).text


def test_a_recorded_backward_is_drawn_after_it_was_freed(T):
    with see.record():
        w = T.tensor([1.0, 2.0], requires_grad=True)
        data = T.tensor([3.0, 4.0])
        loss = (w * data).sum()
        loss.backward()
    p = see.draw(loss).picture
    by_name = {c.name: c for c in p.cells if c.name}
    assert by_name["w"].gradient.text == "[3, 4]" and by_name["data"].kind == "constant"
    assert "those of the last recorded backward" in " ".join(p.notes)
    mul = next(c for c in p.cells if c.op == "mul")
    assert mul.forward == "[1, 2] · [3, 4] = [3, 8]" and "test_see_tools.py" in mul.line


def test_nothing_to_draw(T):
    with pytest.raises(ValueError, match="there is no graph to draw: x has no gradient"):
        x = T.ones(2)
        see.draw(x)
    with pytest.raises(TypeError, match="takes a tensor, not int"):
        see.draw(3)


def test_the_tree_is_what_the_seed_prints(T):
    x = T.tensor(2.0, requires_grad=True)
    out = ((x + 1) ** 2 * 3).mean()
    rows = []

    def walk(grad_fn, level=0):
        if grad_fn is not None:
            rows.append(" ".join((" " * level, str(grad_fn))))
            for fn in grad_fn.next_functions:
                walk(fn[0], level + 4)

    walk(out.grad_fn)
    assert re.sub("0x[0-9a-f]+", "", see.draw(out).tree) == re.sub("0x[0-9a-f]+", "", "\n".join(rows))


def test_drawing_changes_nothing(T):
    with see.record():
        w = T.tensor([1.0, 2.0], requires_grad=True)
        h = w.exp()
        loss = (h * h).sum()
    before = [t._version for t in (w, h, loss)]
    see.draw(loss)
    assert [t._version for t in (w, h, loss)] == before and w.grad is None
    loss.backward()
    assert w.grad is not None


# ------------------------------------------------------------------------------------------------ assert_grad_flows
def test_assert_grad_flows(T):
    from glassgrad.testing import assert_grad_flows

    net = T.nn.Sequential(T.nn.Linear(2, 3), T.nn.Tanh(), T.nn.Linear(3, 1))
    with see.record():
        loss = net(T.ones(4, 2)).mean()
        broken = net(T.ones(4, 2)).detach().mean() + net[2].bias.sum()
        infinite = (net[0].bias * 0).sqrt().sum()
    assert_grad_flows(loss, net)
    with pytest.raises(AssertionError, match=r"(?s)3 of 4 parameters get no usable gradient.*net\.0\.weight.*cut by detach\(\)"):
        assert_grad_flows(broken, net)
    with pytest.raises(AssertionError, match="1 of 1 parameters"):
        assert_grad_flows(infinite, [net[0].bias])
    zero = (net[0].bias * 0).sum()
    with pytest.raises(AssertionError, match="the other factor is 0|derivative 0|gets the gradient"):
        assert_grad_flows(zero, [net[0].bias])
    assert_grad_flows(zero, [net[0].bias], allow_zero=True)
    assert all(p.grad is None for p in net.parameters())


# ------------------------------------------------------------------------------------------------ containment
def test_nothing_is_kept_alive(T):
    import gc
    import weakref

    w = T.ones(3, requires_grad=True)
    h = w.exp()
    loss = (h * h).sum()
    held = weakref.ref(h)
    none = see.Recording()
    see.why(w, loss, recording=none), see.draw(loss, recording=none), see.paths(loss, wrt=w, recording=none), see.kinks(loss, recording=none)
    see.preflight(loss, [w], recording=none), see.compare([loss], [w], recording=none)
    del h
    loss.backward()
    del loss
    gc.collect()
    assert held() is None


def test_hooks_of_the_users_are_not_called(T):
    calls = []
    w = T.ones(3, requires_grad=True)
    h = w.exp()
    h.register_hook(lambda g: calls.append("tensor"))
    w.register_hook(lambda g: calls.append("leaf"))
    loss = h.sum()
    loss.grad_fn.register_hook(lambda a, b: calls.append("node"))
    see.why(w, loss), see.draw(loss), see.compare([loss], [w])
    assert calls == [] and w.grad is None
    loss.backward()
    assert sorted(calls) == ["leaf", "node", "tensor"]
