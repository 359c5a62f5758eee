"""The twenty-five questions that people ask about gradients, each asked of both engines; and that asking changes nothing."""

import re

import pytest

from glassgrad import see

ask = see.why


def line(mark):
    """The `file:number` of the line of this file that ends with a comment `# mark`."""
    for number, text in enumerate(open(__file__), 1):
        if text.rstrip().endswith("# " + mark):
            return f"test_why.py:{number}"
    raise AssertionError(mark)


def has(answer, *parts):
    text = str(answer)
    for part in parts:
        assert part in text, f"{part!r} is not in:\n{text}"


def test_01_intermediate(T):
    with see.record():
        w = T.tensor(2.0, requires_grad=True)
        y = w * 3
        loss = (y - 1) ** 2 * 0.042
        loss.backward()
    answer = ask(y)
    assert answer.kind == "intermediate" and "0.42 passed through" in answer.headline
    has(answer, "retain_grad()", "not a leaf")
    assert w.grad is not None


def test_01_intermediate_without_a_recording(T):
    w = T.tensor(2.0, requires_grad=True)
    y = w * 3
    loss = (y - 1) ** 2 * 0.042
    answer = see.why(y, loss, recording=see.Recording())
    assert answer.kind == "intermediate" and "0.42 would pass through" in answer.headline
    loss.backward()
    answer = see.why(y, loss, recording=see.Recording())
    assert answer.kind == "intermediate"
    has(answer, "not known", "freed")


def test_02_copy_of_a_leaf(T):
    with see.record():
        x0 = T.tensor([1.0, 2.0], requires_grad=True)
        x = x0.to(T.float64)  # copy
        (x * 3).sum().backward()
    answer = ask(x)
    assert answer.kind == "copy"
    has(answer, "the leaf x0", line("copy"), "x0.grad = [3, 3]")
    with pytest.raises(ValueError) as caught:
        T.optim.SGD([x], lr=0.1)
    answer = ask(caught.value)
    assert answer.kind == "copy"
    has(answer, "x, made by to", "the leaf is x0")


def test_03_no_grad_fn(T):
    with see.record():
        w = T.tensor([1.0, 2.0], requires_grad=True)
        h = w * 2  # last
        p = h.detach()  # first
        loss = (p - 1).sum()
        try:
            loss.backward()
        except RuntimeError as error:
            answer = ask(error)
    assert answer.kind == "cut"
    assert answer.headline == f"loss has no gradient: cut by detach() at {line('first')}."
    has(answer, f"last tracked: {line('last')}", f"first untracked: {line('first')}")


def test_03_nothing_requires_grad(T):
    with see.record():
        x = T.tensor([1.0, 2.0])
        loss = (x * x).sum()
    answer = ask(loss)
    assert answer.kind == "cut"
    has(answer, "nothing it was computed from requires grad (x)")


def test_03_the_wrong_fix(T):
    with see.record():
        w = T.tensor([1.0, 2.0], requires_grad=True)
        loss = (w * 2).detach().sum()  # cut here
        loss.requires_grad = True
        loss.backward()
    answer = ask(loss)
    assert answer.kind == "cut"
    has(answer, "told to require grad", line("cut here"), "remove requires_grad = True")
    answer = ask(w)
    has(answer, "None", line("cut here"))


def test_04_second_backward(T):
    with see.record():
        w = T.tensor(2.0, requires_grad=True)
        state = T.tensor(1.0)
        caught = None
        for _ in range(2):
            state = (state * w).tanh()
            loss = state * state
            try:
                loss.backward()  # backward
            except RuntimeError as error:
                caught = error
    answer = ask(caught)
    assert answer.kind == "freed"
    has(answer, line("backward"), "retain_graph=True", "detach")


def test_04_what_was_carried_over(T):
    with see.record():
        w = T.tensor(2.0, requires_grad=True)
        hidden = T.tensor(1.0)
        first = (hidden * w).tanh()
        (first * first).backward()  # one
        hidden = first
        loss = (hidden * w).sigmoid()
        with pytest.raises(RuntimeError) as caught:
            loss.backward()
    answer = ask(caught.value)
    has(answer, f"the backward at {line('one')} has freed", "carried over", "detach()")


def test_05_modified_in_place(T):
    with see.record():
        w = T.tensor([1.0, 2.0], requires_grad=True)
        y = w.exp()  # saved
        z = y.sum()
        y += 1  # wrote
        with pytest.raises(RuntimeError) as caught:
            z = (y * y).sum() + z
            z.backward()
    answer = ask(caught.value)
    assert answer.kind == "in place"
    has(answer, "exp", line("saved"), line("wrote"), "y = y + 1", "version 0 → 1")


def test_06_leaf_in_place(T):
    with see.record():
        w = T.tensor([1.0, 2.0], requires_grad=True)
        with pytest.raises(RuntimeError) as caught:
            w -= 0.1  # leaf
    answer = ask(caught.value)
    assert answer.kind == "in place" and answer.headline.startswith("w is a leaf")
    has(answer, line("leaf"), "no_grad()", "clone()")


def test_06_without_a_recording(T):
    w = T.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError) as caught:
        w.mul_(2)
    answer = see.why(caught.value, recording=see.Recording())
    assert answer.kind == "in place" and answer.headline.startswith("w is a leaf")


def test_07_accumulation(T):
    with see.record():
        w = T.tensor(3.0, requires_grad=True)
        (w * 2).backward()  # part one
        (w * w).backward()  # part two
    answer = ask(w)
    assert answer.kind == "accumulated" and "sum of 2 backward calls: 8" in answer.headline
    has(answer, f"({line('part one')}): 2", f"({line('part two')}): 6", "add up to .grad", "zero_grad()")


def test_07_zero_grad_between_clears_the_sum(T):
    with see.record():
        w = T.tensor(3.0, requires_grad=True)
        (w * 2).backward()
        w.grad = None
        (w * w).backward()
    assert ask(w).kind == "fine"
    with see.record():
        v = T.tensor(3.0, requires_grad=True)
        (v * 2).backward()
        v.grad.zero_()
        (v * v).backward()
    assert ask(v).kind == "fine"


def test_08_what_retain_graph_keeps(T):
    with see.record():
        w = T.ones(1024, 256, requires_grad=True)
        loss = w.exp().exp().sum()
    answer = ask(loss)
    assert answer.kind == "root"
    has(answer, "keeps 2 tensors alive, 2.0 MB")


def test_09_gradient_argument(T):
    with see.record():
        w = T.ones(3, requires_grad=True)
        y = w.repeat(2)
        with pytest.raises(RuntimeError) as caught:
            y.backward()
    answer = ask(caught.value)
    assert answer.kind == "not scalar"
    has(answer, "vᵀ·J", "J of y by w is 6 × 3", "shape [6]", ".sum()")


@pytest.mark.parametrize(("cut", "reason"), [
    (lambda T, h: h.detach(), "detach()"),
    (lambda T, h: h.data, ".data"),
    (lambda T, h: _without(T, h), "no_grad()"),
    (lambda T, h: T.tensor(h.item()), ".item()"),
    (lambda T, h: T.from_numpy(h.detach().reshape(1).numpy()), "detach()"),
    (lambda T, h: h.round().int().float(), "int gives integers"),
    (lambda T, h: (h > 0).float(), "gt gives booleans"),
], ids=["detach", "data", "no_grad", "item", "numpy", "int", "comparison"])  # fmt: skip
def test_10_the_cuts(T, cut, reason):
    with see.record():
        w = T.tensor(2.0, requires_grad=True)
        loss = cut(T, w * 3) * 2
    answer = ask(loss)
    assert answer.kind == "cut", answer
    has(answer, reason)
    if reason != ".item()":
        assert ask(w, loss).kind == "cut"


def _without(T, h):
    with T.no_grad():
        return h * 1


def test_11_eval_or_no_grad(T):
    net = T.nn.Sequential(T.nn.Linear(2, 3), T.nn.Dropout(0.5), T.nn.Linear(3, 1))
    net.eval()
    net[1].train()
    with see.record():
        loss = net(T.ones(4, 2)).sum()
        loss.backward()
    answer = ask(net)
    has(answer, "is in eval mode", "but 1 is not", "no_grad() stops gradients")
    with see.record(), T.no_grad():
        loss = net(T.ones(4, 2)).sum()
    answer = ask(net, loss)
    assert answer.kind == "cut"
    has(answer, "no_grad()")


def test_14_nan_through_where(T):
    with see.record():
        x = T.tensor([0.0, 4.0], requires_grad=True)
        y = T.where(x > 0, T.sqrt(x), 0.0)  # masked
        y.sum().backward()
    answer = ask(x)
    assert answer.kind == "nonfinite"
    assert answer.headline == f"x.grad is NaN: sqrt at {line('masked')}: incoming 0 × local ∞ = NaN at [0]."
    has(answer, "does not protect the input", "mask the input, not the output")


def test_15_sqrt_and_norm_at_zero(T):
    with see.record():
        x = T.tensor([0.0, 1.0], requires_grad=True)
        T.sqrt(x).sum().backward()
    answer = ask(x)
    has(answer, "x.grad is infinite: sqrt", "incoming 1 × local ∞ = ∞ at [0]", "clamp_min(eps)")
    with see.record():
        x = T.zeros(3, requires_grad=True)
        (x * x).sum().sqrt().backward()
    answer = ask(x)
    assert answer.kind == "nonfinite" and "sqrt" in answer.headline or "mul" in answer.headline
    has(answer, "∞")


def test_16_nan_from_the_forward(T):
    with see.record():
        w = T.tensor([1.0, 0.0], requires_grad=True)
        p = T.log(w)  # minus infinity
        loss = (p * 0).sum()
        loss.backward()
    answer = ask(w)
    assert answer.kind == "nonfinite"
    has(answer, "log(0) = -∞ at [1]", line("minus infinity"), "clamp_min(eps)")


def test_16_nan_in_the_data(T):
    with see.record():
        batch = T.tensor([1.0, float("nan")])
        w = T.tensor(2.0, requires_grad=True)
        (batch * w).sum().backward()
    answer = ask(w)
    has(answer, "batch of mul", "holds NaN at [1]")


def test_17_vanishing(T):
    T.manual_seed(0)
    layers = []
    for _ in range(12):
        layers += [T.nn.Linear(8, 8), T.nn.Sigmoid()]
    net = T.nn.Sequential(*layers)
    with see.record():
        loss = net(T.ones(4, 8)).pow(2).sum()
        loss.backward()
    answer = ask(net[0].weight)
    assert answer.kind == "vanishing", answer
    has(answer, "net.", "gain", "steps on the way shrink it")
    assert re.search(r"most of all net\.\d+", answer.headline)


def test_17_exploding(T):
    with see.record():
        w = T.tensor(1.0, requires_grad=True)
        h = w
        for _ in range(5):
            h = h * 100
        h.backward()
    answer = ask(w)
    assert answer.kind == "exploding"
    has(answer, "most of all mul (gain 100)")


def test_18_dead_relu(T):
    with see.record():
        x = T.tensor([[1.0, 2.0]])
        w = T.tensor([[-1.0, -1.0], [-2.0, -1.0]], requires_grad=True)
        h = T.relu(x @ w)  # dead
        h.sum().backward()
    answer = ask(w)
    assert answer.kind == "zero"
    has(answer, f"relu at {line('dead')}", "2 of 2 inputs are ≤ 0")


def test_18_softmax_before_cross_entropy(T):
    net = T.nn.Sequential(T.nn.Linear(2, 3), T.nn.Softmax(dim=1))
    with see.record():
        loss = T.nn.functional.cross_entropy(net(T.ones(4, 2)), T.tensor([0, 1, 2, 0]))
        loss.backward()
    has(ask(net), "softmax", "cross_entropy, which takes logits", "Leave the first one out")


def test_19_argmax(T):
    with see.record():
        w = T.ones(3, 4, requires_grad=True)
        prediction = w.argmax(dim=1)  # argmax
        loss = (prediction.float() - 1).abs().mean()
    answer = ask(loss)
    assert answer.kind == "cut"
    has(answer, "argmax gives integers", line("argmax"), "cross_entropy on logits")
    answer = ask(w, loss)
    has(answer, "w.grad is None", line("argmax"))


def test_20_zero_or_none(T):
    with see.record():
        a = T.tensor(1.3, requires_grad=True)
        b = T.tensor(1.0, requires_grad=True)
        loss = a.round() * 2  # round
        loss.backward()
    answer = ask(a)
    assert answer.kind == "zero"
    has(answer, "connected, derivative 0 (round", line("round"))
    answer = ask(b)
    assert answer.kind == "unused"
    has(answer, "not connected to loss", "no operation used it")


def test_20_contributions_that_cancel(T):
    with see.record():
        a = T.tensor(1.0, requires_grad=True)
        (a * 3 - a * 3).backward()
    has(ask(a), "contributions cancel")


def test_21_numpy(T):
    with see.record():
        w = T.tensor([1.0], requires_grad=True)
        h = w * 2
        with pytest.raises(RuntimeError) as caught:
            h.numpy()  # numpy
    answer = ask(caught.value)
    assert answer.headline.startswith("h is tracked")
    has(answer, line("numpy"), "h.detach().numpy()")


def test_22_not_used(T):
    with see.record():
        a = T.tensor(1.0, requires_grad=True)
        b = T.tensor(2.0, requires_grad=True)
        c = b * 2  # last use
        loss = a * 3
        with pytest.raises(RuntimeError) as caught:
            T.autograd.grad(loss, [a, b])
    answer = ask(caught.value)
    assert answer.kind == "unused" and answer.headline.startswith("b (index ")
    has(answer, "not used in loss", line("last use"), "allow_unused=True")
    assert c is not None


def test_23_unused_parameters(T):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = T.nn.Linear(2, 1), T.nn.Linear(2, 1)

        def forward(self, x):
            return self.used(x)

    net = Net()
    with see.record():
        loss = net(T.ones(3, 2)).sum()
        loss.backward()
    answer = ask(net)
    assert answer.kind == "unused"
    has(answer, "2 of 4 parameters of net", "unreached: idle.weight, idle.bias")


def test_24_checkpoint_without_an_input_that_requires_grad(T):
    from importlib import import_module

    checkpoint = import_module(T.__name__ + ".utils.checkpoint").checkpoint
    layer = T.nn.Linear(2, 2)
    import warnings

    with see.record(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = checkpoint(layer, T.ones(1, 2), use_reentrant=True)
        loss = out.sum()
    answer = ask(layer.weight, loss)
    assert answer.kind == "cut"
    has(answer, "reentrant checkpoint", "use_reentrant=False")


def test_frozen(T):
    layer = T.nn.Linear(2, 2)
    layer.weight.requires_grad_(False)
    layer.bias.requires_grad_(False)
    with see.record():
        loss = layer(T.ones(1, 2)).sum()
    assert ask(layer.weight).kind == "frozen"
    answer = ask(loss)
    assert answer.kind == "frozen"
    has(answer, "layer.weight")


def test_not_yet_and_cleared(T):
    w = T.tensor(2.0, requires_grad=True)
    with see.record():
        loss = w * 3
    answer = ask(w)
    assert answer.kind == "none"
    has(answer, "backward() has not run; it would bring 3")
    with see.record():
        loss = w * 3
        loss.backward()
        w.grad = None  # cleared
    answer = ask(w)
    has(answer, "backward brought 3", line("cleared"))
    with see.record():
        loss = w * 3
        T.autograd.grad(loss, w)
    has(ask(w), "autograd.grad", "does not store it")


def test_zeroed_after_backward(T):
    w = T.tensor(2.0, requires_grad=True)
    with see.record():
        loss = w * 3
        loss.backward(retain_graph=True)
        w.grad.zero_()
    has(ask(w), "zeroed since")


def test_an_ordinary_gradient(T):
    with see.record():
        w = T.tensor(2.0, requires_grad=True)
        (w * 3).backward()
    answer = ask(w)
    assert answer.kind == "fine" and "= 3" in answer.headline


def test_anomaly_is_explained(T):
    import warnings

    with see.record(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = T.tensor([0.0], requires_grad=True)
        loss = (x.sqrt() * 0).sum()  # anomaly
        with pytest.raises(RuntimeError) as caught, T.autograd.set_detect_anomaly(True):
            loss.backward()
    has(ask(caught.value), "sqrt", "incoming 0 × local ∞ = NaN", line("anomaly"))


def test_a_users_function(T):
    class Broken(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * float("nan")

    with see.record():
        w = T.ones(2, requires_grad=True)
        Broken.apply(w).sum().backward()  # user's
    answer = ask(w)
    assert answer.kind == "nonfinite"
    has(answer, "Broken", line("user's"))


def test_other_things_are_refused(T):
    with pytest.raises(TypeError, match="takes a tensor, a model or an exception, not int"):
        ask(3)


def test_asking_changes_nothing(T):
    T.manual_seed(0)
    net = T.nn.Sequential(T.nn.Linear(3, 4), T.nn.Tanh(), T.nn.Dropout(0.5), T.nn.Linear(4, 2))
    x = T.ones(5, 3)

    def run():
        T.manual_seed(1)
        net.zero_grad()
        out = net(x)
        loss = (out * out).sum()
        loss.backward()
        return loss, out, [p.grad.tolist() for p in net.parameters()]

    loss, out, grads = run()
    with see.record():
        loss2, out2, grads2 = run()
        state = T.get_rng_state().tolist()
        versions = [t._version for t in (loss2, out2, x, *net.parameters())]
        for p in net.parameters():
            ask(p)
        ask(net), ask(out2), ask(loss2)
        assert [t._version for t in (loss2, out2, x, *net.parameters())] == versions
        assert T.get_rng_state().tolist() == state
        assert [p.grad.tolist() for p in net.parameters()] == grads2
    assert loss.item() == loss2.item() and out.tolist() == out2.tolist() and grads == grads2


def test_03_a_number_in_between(T):
    with see.record():
        x = T.tensor([1.0, 2.0], requires_grad=True)
        losses = [(x * i).sum().item() for i in range(2)]  # item
        total = T.tensor(losses).mean()
    answer = ask(total)
    assert answer.kind == "cut"
    has(answer, ".item()", line("item"))
    with see.record():
        y = T.tensor(x.detach().numpy() * 2).sum()  # array
    has(ask(y), "detach()", line("array"))


def test_04_a_recurrent_net(T):
    cell = T.nn.RNNCell(2, 3)
    hidden = T.zeros(1, 3)
    caught = None
    with see.record():
        for _ in range(2):
            hidden = cell(T.ones(1, 2), hidden)
            loss = hidden.pow(2).sum()
            try:
                loss.backward()
            except RuntimeError as error:
                caught = error
    answer = ask(caught)
    has(answer, "hidden was carried over", "hidden = hidden.detach()")


def test_05_an_optimizer_between_two_backwards(T):
    first, second = T.nn.Linear(2, 2), T.nn.Linear(2, 1)
    optimizer = T.optim.SGD(second.parameters(), lr=0.1)
    with see.record():
        loss = second(first(T.ones(1, 2))).sum()
        loss.backward(retain_graph=True)
        optimizer.step()  # step
        with pytest.raises(RuntimeError) as caught:
            loss.backward()
    answer = ask(caught.value)
    assert answer.kind == "in place"
    has(answer, "second.weight was overwritten", line("step"), "run backward before optimizer.step()")


def test_14_entropy(T):
    with see.record():
        p = T.tensor([0.5, 0.0, 0.5], requires_grad=True)
        entropy = -T.where(p > 0, p * T.log(p), T.zeros(3)).sum()
        entropy.backward()
    answer = ask(p)
    has(answer, "incoming 0 × local -∞ = NaN at [1]", "log(0) = -∞ at [1]", "before log")


def test_16_the_first_of_many_steps(T):
    w = T.tensor([4.0, 0.0], requires_grad=True)
    optimizer = T.optim.SGD([w], lr=0.1)
    with see.record():
        for _ in range(5):
            optimizer.zero_grad()
            loss = (w.sqrt() * T.tensor([1.0, 0.0])).sum()  # sqrt
            loss.backward()
            optimizer.step()
    answer = ask(w)
    has(answer, "first in backward 1 of 5", "incoming 0 × local ∞ = NaN at [1]", line("sqrt"))


def test_nets_with_fused_nodes(T):
    T.manual_seed(0)

    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.lstm = T.nn.Embedding(9, 8), T.nn.LSTM(8, 8, batch_first=True)
            self.encoder = T.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.out = T.nn.Linear(8, 9)

        def forward(self, x):
            h, _ = self.lstm(self.embed(x))
            return self.out(self.encoder(h))

    net = Net()
    x = T.randint(0, 9, (3, 5))
    with see.record():
        loss = T.nn.functional.cross_entropy(net(x).reshape(-1, 9), x.reshape(-1))
        loss.backward()
    assert ask(net).kind == "fine", ask(net)
    drawing = see.draw(loss)
    assert {c.group.partition(".")[0] for c in drawing.picture.cells} >= {"lstm", "encoder", "out", "embed"}
    assert see.preflight(loss, net).findings[0].kind == "freed"
