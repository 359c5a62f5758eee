"""record(): what is noted on both engines, what is kept, and that nothing is left when it is over."""

import gc
import weakref

import numpy as np
import pytest

import glassgrad
from glassgrad import see
from glassgrad.see import watch
from glassgrad.see.engines import array


def names(recording):
    return [c.name for c in recording.calls]


def test_every_operation_is_noted_with_its_line_and_mode(T):
    with see.record() as r:
        w = T.tensor([1.0, 2.0], requires_grad=True)
        y = (w * 3 + 1).tanh().sum()
        with T.no_grad():
            z = w * 2
        T.relu(y)
        y.backward()
    assert names(r) == ["tensor", "mul", "add", "tanh", "sum", "mul", "relu", "backward"]
    calls = list(r.calls)
    assert [c.enabled for c in calls] == [True] * 5 + [False] + [True] * 2
    assert all(c.where.startswith("test_record.py:") for c in calls) and "y = (w * 3 + 1)" in calls[1].line
    assert calls[1].results[0].shape == (2,) and calls[5].cuts == "no_grad()" and z is not None
    assert len(r.passes) == 1 and "y.backward()" in r.passes[0].line


def test_modules_and_functions_have_their_paths(T):
    class Inner(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = T.nn.Linear(2, 2)

        def forward(self, x):
            return T.nn.functional.relu(self.linear(x)) * 2

    model = T.nn.Sequential(Inner(), T.nn.Tanh())
    with see.record() as r:
        model(T.ones(1, 2))
    assert [(c.module, c.name) for c in r.calls if c.module] == [
        ("model.0.linear", "linear"), ("model.0", "relu"), ("model.0", "mul"), ("model.1", "tanh")]  # fmt: skip


def test_a_forward_that_raises_leaves_the_modules(T):
    layer = T.nn.Linear(2, 2)
    with see.record() as r:
        with pytest.raises(RuntimeError):
            layer(T.ones(1, 3))
        T.ones(2) * 2
    assert r.calls[-1].module == ""


@pytest.mark.parametrize(("act", "cut"), [
    (lambda T, h: h.detach(), "detach()"), (lambda T, h: h.data, ".data"), (lambda T, h: h.item(), ".item()"), (lambda T, h: float(h), "float()"),
    (lambda T, h: bool(h > 0), "gt gives booleans"), (lambda T, h: h.argmax(), "argmax gives integers"), (lambda T, h: h.long(), "long gives integers"),
    (lambda T, h: h.detach().numpy(), "detach()"), (lambda T, h: h.tolist(), ".tolist()"), (lambda T, h: h == 1, "eq gives booleans"),
    (lambda T, h: h.exp(), ""), (lambda T, h: h.to(T.float64), ""), (lambda T, h: h.shape, ""),
])  # fmt: skip
def test_the_cuts_are_noted(T, act, cut):
    with see.record() as r:
        w = T.tensor(2.0, requires_grad=True)
        act(T, w * 1.5)
    assert ([c.cuts for c in r.calls if c.cuts] or [""])[0] == cut


def test_gradients_of_each_backward_are_noted(T):
    with see.record() as r:
        w = T.tensor([1.0, 2.0], requires_grad=True)
        for k in range(3):
            (w * (k + 1)).sum().backward()
    assert [array(p.leaves[id(w)]).tolist() for p in r.passes] == [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]


def test_a_backward_after_the_context_is_noted_too(T):
    with see.record() as r:
        w = T.tensor([1.0, 2.0], requires_grad=True)
        loss = (w * w).sum()
    loss.backward()
    assert len(r.passes) == 1 and array(r.passes[0].leaves[id(w)]).tolist() == [2.0, 4.0]


def test_summaries_instead_of_values(T):
    with see.record(values="summary") as r:
        w = T.tensor([0.0, 4.0], requires_grad=True)
        y = T.where(w > 0, w.sqrt(), 0.0)
        reference = weakref.ref(w * 2)
        y.sum().backward()
    gc.collect()
    assert reference() is None  # nothing holds the results
    root = next(c for c in r.calls if c.name == "sqrt")
    assert root.results[0].summary().high == 2.0
    answer = see.why(w)
    assert answer.kind == "nonfinite" and "sqrt" in answer.headline
    with pytest.raises(ValueError, match='"all" or "summary"'):
        see.record(values="some")


def test_what_is_held_is_bounded(T):
    with see.record(limit=10) as r:
        x = T.ones(2)
        for _ in range(50):
            x = x + 1
    assert len(r.calls) == 10 and r.forgotten == 41
    with see.record(megabytes=1) as r:
        kept = [weakref.ref(T.ones(2**17)) for _ in range(10)]  # half a megabyte each
    gc.collect()
    assert sum(k() is not None for k in kept) == 2 and "forgotten" in repr(r)


def test_nothing_is_left_behind(T):
    with see.record() as r:
        w = T.tensor([1.0, 2.0], requires_grad=True)
        h = w.exp()
        h.sum().backward()
    held = weakref.ref(h)
    alive = weakref.ref(r)
    see.Recording.last = None
    del r, h
    gc.collect()
    assert alive() is None and held() is None
    (w * 2).sum().backward()  # the hook on the leaf has gone with the recording
    assert not watch.watching and not watch._swapped


def test_functions_have_their_own_code_back():
    before = {name: f.__code__ for name, f in vars(glassgrad).items() if hasattr(f, "__code__")}
    with see.record():
        assert glassgrad.add.__code__ is not before["add"]
        glassgrad.ones(2).lgamma().tanh()
    after = {name: f.__code__ for name, f in vars(glassgrad).items() if name in before}
    assert [n for n in before if before[n] is not after[n] and before[n].co_name != "_first_call"] == []


def test_values_and_gradients_are_the_same_under_a_recording(T):
    def program():
        T.manual_seed(0)
        net = T.nn.Sequential(T.nn.Linear(3, 5), T.nn.BatchNorm1d(5), T.nn.ReLU(), T.nn.Dropout(0.5), T.nn.Linear(5, 2))
        optimizer = T.optim.Adam(net.parameters(), lr=0.1)
        x, y = T.rand(8, 3), T.randint(0, 2, (8,))
        for _ in range(5):
            optimizer.zero_grad()
            loss = T.nn.functional.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
        return [loss.item(), *(p.detach().tolist() for p in net.parameters())], [p._version for p in net.parameters()]

    plain = program()
    with see.record():
        noted = program()
    assert plain == noted


def test_nested_recordings_both_see(T):
    with see.record() as outer:
        T.ones(2) * 2
        with see.record() as inner:
            T.ones(2) + 1
        T.ones(2) - 1
    assert names(inner) == ["ones", "add"]
    assert names(outer) == ["ones", "mul", "ones", "add", "ones", "sub"]


def test_other_threads_are_left_alone(T):
    import threading

    with see.record() as r:
        thread = threading.Thread(target=lambda: T.ones(2) * 2)
        thread.start()
        thread.join()
        T.ones(3)
    assert names(r) == ["ones"]


def test_a_tool_at_work_is_not_recorded(T):
    with see.record() as r:
        w = T.tensor(2.0, requires_grad=True)
        loss = w * 3
        before = len(r.calls)
        see.why(w), see.draw(loss), see.paths(loss, wrt=w), see.preflight(loss, [w])
        assert len(r.calls) == before
    assert not np.isnan(loss.item())


def test_it_reads_as_a_listing(T):
    with see.record() as r:
        w = T.tensor(2.0, requires_grad=True)
        (w * 3).detach()
    text = str(r)
    assert "mul([]) → []" in text and "✂ detach()" in text and "noting took" in text


def test_inference_tensors(T):
    with see.record() as r, T.inference_mode():
        x = T.ones(2)
        (x * 2 + x).sum()
    assert names(r) == ["ones", "mul", "add", "sum"]


def test_an_engine_that_comes_too_late_is_said(monkeypatch):
    import types

    from glassgrad.see import engines

    monkeypatch.setattr(engines, "torch", lambda: None)
    with pytest.warns(UserWarning, match="imported inside the recording"), see.record():
        monkeypatch.setattr(engines, "torch", lambda: types.SimpleNamespace(__name__="late"))


def test_a_view_made_without_grad_is_not_asked_where_it_stands(T):
    from glassgrad import see

    with see.record():
        table = T.nn.Embedding(5, 3, padding_idx=0)
        with T.no_grad():
            row = table.weight[1]
        with T.enable_grad():
            table(T.tensor([0, 2])).sum().backward()
        with T.no_grad():
            table.weight.mul_(2)
    assert see.why(row).headline
