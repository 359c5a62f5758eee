"""Exceptions as people bring them: what `why` says of each, with the line and the way out."""

import numpy as np
import pytest

from answers import ask, has, line, raised
from glassgrad import see


# ------------------------------------------------------------------------------------------------ exceptions
def test_what_was_done_to_a_gradient_that_is_none(T):
    def descend():
        w = T.tensor([1.0, -1.0], requires_grad=True)
        for _ in range(2):
            (w**2).sum().backward()
            w = w - 0.1 * w.grad  # binds

    with see.record():
        answer = raised(descend)
    has(answer, f"w.grad is None at {line('binds')}", "not a leaf", "with torch.no_grad(): w -= 0.1 * w.grad", without=("unsupported operand",))


def test_backward_of_a_number(T):
    def add_up():
        total = 0.0
        for _ in range(3):
            total += (w * 2).sum().item()  # taken out
        total.backward()

    w = T.ones(2, requires_grad=True)
    with see.record():
        answer = raised(add_up)
    has(answer, "total is a Python float", f".item() at {line('taken out')}", "total = total + loss")


def test_functions_with_a_wrong_number_or_shape(T):
    class Scale(T.autograd.Function):
        @staticmethod
        def forward(ctx, x, k):
            return x * k

        @staticmethod
        def backward(ctx, g):
            return g * 3  # returned

    def run():
        return Scale.apply(w, 3.0).sum().backward()

    w = T.ones(2, requires_grad=True)
    with see.record():
        answer = raised(lambda: [Scale, run()])
    has(answer, "one gradient for each argument of forward")


@pytest.mark.parametrize(("act", "part"), [
    (lambda T: T.nn.functional.binary_cross_entropy(T.tensor([3.0], requires_grad=True), T.ones(1)), "with_logits"),
    (lambda T: T.nn.functional.cross_entropy(T.ones(2, 2, requires_grad=True), T.tensor([0.0, 1.0])), "target.long()"),
    (lambda T: T.nn.Linear(3, 2)(T.ones(4, 3, dtype=T.float64)), "x.float()"),
    (lambda T: T.nn.Linear(3, 2)(T.ones(4, 5)), "in_features"),
    (lambda T: (T.tensor(1j, requires_grad=True) * 2).backward(), "a loss has to be real"),
], ids=["probabilities", "target", "dtype", "shape", "complex"])  # fmt: skip
def test_common_errors_say_what_to_do(T, act, part):
    with see.record():
        answer = raised(lambda: act(T))
    has(answer, part)
    assert answer.fix and answer.where


def test_a_fake_that_two_backwards_share(T):
    make, judge = T.nn.Linear(2, 2), T.nn.Linear(2, 1)
    with see.record():
        fake = T.tanh(make(T.ones(3, 2)))
        judge(fake).mean().backward()
        answer = raised(lambda: (-judge(fake).mean()).backward())
    has(answer, "fake was carried over", "give it fake.detach()", without=("fake = fake.detach()",))


def test_the_hidden_state_of_an_lstm(T):
    def steps():
        hidden = None
        for _ in range(2):
            out, hidden = lstm(T.ones(1, 4, 2), hidden)  # lstm
            loss = out.pow(2).mean()
            loss.backward()

    lstm = T.nn.LSTM(2, 3, batch_first=True)
    with see.record():
        answer = raised(steps)
    has(answer, f"gave at {line('lstm')} was carried over", "h = h.detach()", "tuple")


def test_retain_graph_where_detach_is_meant(T):
    cell = T.nn.RNNCell(2, 3)
    optimizer = T.optim.SGD(cell.parameters(), lr=0.1)

    def steps():
        h = T.zeros(1, 3)
        for _ in range(3):
            h = cell(T.ones(1, 2), h)
            optimizer.zero_grad()
            h.pow(2).mean().backward(retain_graph=True)
            optimizer.step()  # between steps

    with see.record():
        answer = raised(steps)
    has(answer, line("between steps"), "of an earlier step", "instead of retain_graph=True")


def test_an_activation_that_works_in_place(T):
    act = T.nn.ReLU(inplace=True)
    with see.record():
        w = T.ones(2, requires_grad=True)
        h = T.tanh(w)
        y = act(h)  # in place
        answer = raised((y * w).sum().backward)
    has(answer, line("in place"), "inplace=False")


def test_a_view_that_is_written(T):
    with see.record():
        w = T.ones(2, 2, requires_grad=True)
        h = w.sigmoid()
        h[0].mul_(2)  # view
        answer = raised(h.sum().backward)
    has(answer, "h was overwritten", f"h = h.clone() before {line('view')}")


def test_a_buffer_that_is_written_part_by_part(T):
    def fill():
        state = T.zeros(4)
        for k in range(3):
            state[k + 1] = T.sin(state[k] * w) + w  # written
        state.sum().backward()

    w = T.tensor(0.5, requires_grad=True)
    with see.record():
        answer = raised(fill)
    has(answer, "a part of state", line("written"), "torch.stack", without=("None",))


def test_a_write_that_backward_does_not_notice(T):
    with see.record():
        w = T.tensor([1.0, 2.0], requires_grad=True)
        y = (w**2).sum()  # used
        w.data.mul_(10)  # unnoticed
        y.backward()
    has(ask(w), f"overwritten through .data at {line('unnoticed')}", line("used"), "new values")
    with see.record():
        for _ in range(2):
            w.grad = None
            y = (w**2).sum()
            y.backward()
            w.data.sub_(0.1 * w.grad)
    assert ask(w).kind == "fine"


def test_second_derivatives(T):
    with see.record():
        x = T.tensor([1.0, 2.0], requires_grad=True)
        y = T.relu(x * 3).sum()
        g = T.autograd.grad(y, x, create_graph=True)[0]
        g.pow(2).sum().backward()
    has(ask(x), "the slope of a relu is constant on each side", "smooth activation")
    net = T.nn.Linear(1, 1)
    with see.record():
        x = T.ones(5, 1, requires_grad=True)
        ux = T.autograd.grad(net(x).sum(), x, create_graph=True)[0]  # first
        answer = raised(lambda: T.autograd.grad(ux.sum(), x))
    has(answer, "is a derivative by x", line("first"), "linear in x", "allow_unused=True")


def test_a_part_without_a_name(T):
    net = T.nn.Sequential(T.nn.Linear(2, 4), T.nn.Tanh(), T.nn.Linear(4, 1))
    with see.record():
        xy = T.ones(5, 2, requires_grad=True)
        u = net(xy)
        answer = raised(lambda: T.autograd.grad(u.sum(), xy[:, 0]))
    has(answer, "it was computed from xy", "take its part")


def test_backward_of_a_numpy_number(T):
    def score():
        loss = np.mean((net(T.ones(4, 3)).detach().numpy() - 1) ** 2)  # array
        loss.backward()

    net = T.nn.Linear(3, 1)
    with see.record():
        answer = raised(score)
    has(answer, "loss is a Python float", line("array"))


def test_a_small_net_with_huge_gradients(T):
    net = T.nn.Linear(3, 1)
    with see.record():
        loss = (net(T.ones(8, 3) * 5e4) - 1e6).pow(2).mean()
        loss.backward()
    assert ask(net).kind == "exploding"


def test_two_backwards_of_different_losses_are_no_loop(T):
    net = T.nn.Linear(2, 1)
    with see.record():
        inner = net(T.ones(3, 2)).pow(2).mean()
        grads = T.autograd.grad(inner, list(net.parameters()))
        fast = [p - 0.1 * g for p, g in zip(net.parameters(), grads)]
        outer = (T.ones(3, 2) @ fast[0].T + fast[1]).pow(2).mean()
        outer.backward()
    assert "nothing has changed" not in str(ask(net))
