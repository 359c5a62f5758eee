"""Broken gradients as people bring them, one of each kind: the cause that is named is the true one, and so are the line and the way out."""

import numpy as np
import pytest

from answers import ask, has, line, raised
from glassgrad import see


# ------------------------------------------------------------------------------------------------ cuts
def test_numbers_of_results_make_a_new_leaf(T):
    with see.record():
        net = T.nn.Linear(2, 1)
        parts = [net(T.ones(1, 2) * k).squeeze() for k in range(3)]
        loss = T.tensor(parts, requires_grad=True).mean()  # copied
        loss.backward()
    answer = ask(net.weight, loss)
    assert answer.kind == "cut"
    has(answer, f"cut by tensor() at {line('copied')}", "torch.stack")


def test_a_loss_wrapped_again(T):
    with see.record():
        net = T.nn.Linear(2, 1)
        loss = T.tensor(net(T.ones(3, 2)).mean().item(), requires_grad=True)  # wrapped
        loss.backward()
    for answer in (ask(loss), ask(net)):
        has(answer, f".item() at {line('wrapped')} cut its graph", "backward reaches only loss itself")


def test_through_numpy_and_back(T):
    net = T.nn.Linear(2, 2)
    with see.record():
        h = net(T.ones(1, 2))
        array = np.tanh(h.detach().numpy())  # through numpy
        loss = T.from_numpy(array).sum()
    has(ask(loss), line("through numpy"), "detach()", "array", "torch.tanh(h) for numpy.tanh(h)")
    with see.record():
        h = net(T.ones(1, 2))
        z = T.from_numpy(np.tanh(h.detach().numpy())).requires_grad_()  # and back
        loss = z.sum()
        loss.backward()
    has(ask(net, loss), line("and back"), "detach()")


def test_positions_that_came_with_values(T):
    with see.record():
        s = T.tensor([0.3, 0.9, 0.1], requires_grad=True)
        _, where = T.topk(s, 2)  # positions
        loss = where.float().sum()
    answer = ask(loss)
    assert answer.kind == "cut"
    has(answer, line("positions"), "topk gives integers", "positions have no derivative", without=("nothing it was computed from",))


def test_bins(T):
    with see.record():
        s = T.tensor([0.3, 0.9, 0.1], requires_grad=True)
        loss = T.bucketize(s, T.tensor([0.2, 0.5])).float().mean()  # bins
    has(ask(loss), line("bins"), "bucketize gives integers", "soft ones")


def test_a_gradient_without_a_graph_of_its_own(T):
    net = T.nn.Sequential(T.nn.Linear(2, 4), T.nn.Tanh(), T.nn.Linear(4, 1))
    with see.record():
        x = T.ones(3, 2, requires_grad=True)
        g = T.autograd.grad(net(x).sum(), x)[0]  # grad
        penalty = (g.norm(dim=1) - 1).pow(2).mean()
    answer = ask(penalty)
    assert answer.kind == "cut"
    has(answer, "without create_graph=True", line("grad"), without=("frozen",))
    with see.record():
        w = T.tensor([1.0, 2.0], requires_grad=True)
        (w**3).sum().backward()
        penalty = w.grad.pow(2).sum()
    has(ask(penalty), "w.grad", "backward(create_graph=True)", without=("nothing it was computed from",))


def test_required_too_late(T):
    with see.record():
        x = T.tensor([1.0, 2.0])
        y = (x * 3).sum()
        x.requires_grad_(True)  # late
    has(ask(y), f"from x before x was told to require grad at {line('late')}")


def test_a_loss_told_to_require_grad_without_a_cut(T):
    with see.record():
        x = T.tensor([1.0, 2.0])
        loss = (x * 3).sum()
        loss.requires_grad_(True)
        loss.backward()
    has(ask(loss), "told to require grad", "nothing it was computed from requires grad (x)", "make the leaf with requires_grad=True")


def test_a_leaf_that_was_computed_first_is_a_leaf(T):
    with see.record():
        w = (T.eye(3) * 3).requires_grad_()
        loss = (w @ T.ones(3)).sum()
        loss.backward()
    assert ask(w).kind == "fine"
    with see.record():
        image = T.ones(3, requires_grad=True)
        image.exp().sum().backward()
        moved = (image + 0.1 * image.grad.sign()).detach().requires_grad_()
        loss = moved.exp().sum()
        loss.backward()
    assert ask(moved).kind == "fine"


def test_where_it_was_frozen(T):
    net = T.nn.Sequential(T.nn.Linear(2, 3), T.nn.ReLU(), T.nn.Linear(3, 1))
    with see.record():
        for name, p in net.named_parameters():
            p.requires_grad_("3" in name)  # frozen here
        loss = net(T.ones(3, 2)).mean()
    answer = ask(loss)
    assert answer.kind == "frozen"
    has(answer, "net.0.weight", line("frozen here"))
    with see.record():
        net = T.nn.Linear(2, 3)
        for p in net.parameters():
            p.requires_grad = False  # and here
        loss = net(T.ones(3, 2)).mean()
    has(ask(loss), "every parameter it depends on is frozen", line("and here"))


def test_an_update_that_binds_the_name_to_a_result(T):
    with see.record():
        v = T.tensor([1.0, -1.0], requires_grad=True)
        (v**2).sum().backward()
        with T.no_grad():
            v = v - 0.1 * v.grad  # bound
        loss = (v**2).sum()
    has(ask(loss), f"no_grad() at {line('bound')}", "with torch.no_grad(): v -= 0.1 * v.grad", without=("outside no_grad()",))


def test_a_part_that_the_loss_does_not_come_from(T):
    with see.record():
        x = T.tensor([1.0, 2.0], requires_grad=True)
        first = x[0]  # part
        loss = (x**2).sum()
        answer = raised(lambda: T.autograd.grad(loss, first))
    has(answer, f"computed from x at {line('part')}, and loss was computed from x without it", "take its part", without=("optimizer",))


def test_what_was_only_looked_at_did_not_cut(T):
    net = T.nn.ModuleDict({"used": T.nn.Linear(2, 1), "idle": T.nn.Linear(2, 1)})
    with see.record():
        size = net["idle"].weight.norm().item()
        loss = net["used"](T.ones(3, 2)).sum() * 0.5
        loss.backward()
    assert size > 0
    assert ask(net["idle"].weight, loss).kind == "unused"
    with see.record():
        loss = net["used"](T.ones(3, 2)).sum() * net["idle"].weight.norm().item()  # taken as a number
    answer = ask(net["idle"].weight, loss)
    assert answer.kind == "cut"
    has(answer, f".item() at {line('taken as a number')}")


def test_a_copy_of_a_model_was_trained(T):
    import copy

    model = T.nn.Linear(2, 1)
    with see.record():
        twin = copy.deepcopy(model)
        loss = twin(T.ones(3, 2)).sum()
        loss.backward()
    has(ask(model.weight, loss), "no operation used it; twin.weight, of the same shape, got a gradient")


def test_state_dict_gives_copies(T):
    net = T.nn.Linear(2, 1)
    with see.record():
        weights = net.state_dict()
        loss = (T.ones(3, 2) @ weights["weight"].T).sum()
    has(ask(loss), "cut by detach()", "named_parameters()")


# ------------------------------------------------------------------------------------------------ recording
def test_a_recording_stands_views_made_without_grad(T):
    with see.record():
        table = T.nn.Embedding(5, 3, padding_idx=0)
        table(T.tensor([0, 2])).sum().backward()
    assert table.weight.grad.sum().item() == 3


def test_the_line_of_what_was_written_in_place(T):
    with see.record():
        w = T.ones(2, requires_grad=True)
        h = T.sigmoid(w)
        h.relu_()  # relu
        h.mul_(2)  # mul
        answer = raised(h.sum().backward)
    has(answer, f"relu at {line('relu')}", f"overwritten at {line('mul')}")


# ------------------------------------------------------------------------------------------------ zero
def test_softmax_over_a_dimension_of_size_1(T):
    net = T.nn.Linear(2, 1)
    with see.record():
        loss = T.softmax(net(T.ones(4, 2)), dim=1).pow(2).mean()  # one class
        loss.backward()
    has(ask(net.weight), line("one class"), "dimension of size 1 is always 1", "for one output", without=("saturated",))
    with see.record():
        loss = T.nn.functional.cross_entropy(net(T.ones(4, 2)), T.zeros(4, dtype=T.long))
        net.zero_grad()
        loss.backward()
    has(ask(net), "log_softmax over a dimension of size 1 is always 0")


def test_too_small_for_half_precision(T):
    with see.record():
        w = T.tensor([1e-4, 2e-4], dtype=T.float16, requires_grad=True)
        loss = (w * 1e-4 * 1e-4).sum()  # underflow
        loss.backward()
    has(ask(w), line("underflow"), "is less than float16 can hold", "GradScaler", without=("other factor is 0",))


def test_the_factor_that_is_0_is_named(T):
    net = T.nn.Sequential(T.nn.Linear(2, 3), T.nn.Linear(3, 1))
    for p in net.parameters():
        T.nn.init.zeros_(p)
    with see.record():
        (net(T.ones(4, 2)) - 1).pow(2).mean().backward()
    has(ask(net[0].weight), "the other factor is 0: net.1.weight", "initialised at random")


def test_hooks_that_change_a_gradient(T):
    with see.record():
        w = T.tensor([1.0, 2.0], requires_grad=True)
        h = w * 3
        h.register_hook(lambda g: g * 0)  # kills
        h.sum().backward()
    has(ask(w), f"the hook set on h at {line('kills')} made 0", without=("started from is 0",))
    with see.record():
        w = T.tensor([1.0, 2.0], requires_grad=True)
        h = w * 3
        h.register_hook(lambda g: g / 0)  # spoils
        h.sum().backward()
    has(ask(w), f"the hook set on h at {line('spoils')}", without=("see.record",))


def test_functions_that_return_none_or_0(T):
    class Kept(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return None

    class Step(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return (x > 0).to(x.dtype)

        @staticmethod
        def backward(ctx, g):
            return g * 0

    with see.record():
        w = T.ones(2, requires_grad=True)
        Kept.apply(w).sum().backward()  # none
    has(ask(w), f"the backward of Kept at {line('none')} returned None")
    with see.record():
        w = T.ones(2, requires_grad=True)
        Step.apply(w).sum().backward()  # zeros
    has(ask(w), f"Step at {line('zeros')}: its backward returned 0", "see.check(Step.apply, x)")


def test_samples(T):
    with see.record():
        p = T.tensor([0.5, 0.2], requires_grad=True)
        loss = (T.bernoulli(p) - 1).pow(2).sum()  # sample
        if loss.requires_grad:
            loss.backward()
    has(ask(p, loss), line("sample"), "a sample has no derivative", "gumbel_softmax")


def test_what_is_constant_by_construction(T):
    with see.record():
        w = T.tensor([1.0, 2.0], requires_grad=True)
        T.softmax(w, 0).sum().backward()
    has(ask(w), "its results add up to 1", without=("saturated",))
    net = T.nn.Sequential(T.nn.Linear(2, 3), T.nn.BatchNorm1d(3), T.nn.Linear(3, 1))
    with see.record():
        loss = (net(T.ones(4, 2)) - 1).pow(2).mean()
        loss.backward()
    has(ask(net[0].weight, loss), "batch_norm", "a batch of equal rows", without=("passes 0 on",))


# ------------------------------------------------------------------------------------------------ not finite
def test_a_row_that_is_masked_whole(T):
    net = T.nn.Linear(3, 3)
    with see.record():
        q = net(T.ones(2, 3))
        mask = T.tensor([[False, False], [True, True]])
        a = T.softmax((q @ q.T).masked_fill(mask, float("-inf")), dim=-1)  # whole row
        (a @ q)[0].sum().backward()
    has(ask(net), f"softmax(-∞) = NaN at [1, 0] at {line('whole row')}", "leave one element finite")


def test_a_mask_of_minus_infinity_is_meant(T):
    with see.record():
        q = T.ones(3, 3, requires_grad=True)
        a = T.softmax(q + T.triu(T.full((3, 3), float("-inf")), 1), -1)
        loss = -(a * T.log(a)).sum()  # log
        loss.backward()
    has(ask(q), line("log"), "log(0) = -∞")


def test_nan_in_a_target_masked_too_late(T):
    target = T.tensor([1.0, float("nan"), 2.0])
    valid = ~T.isnan(target)
    for late in (
        lambda p: T.nn.functional.mse_loss(p, target, reduction="none")[valid].sum(),
        lambda p: T.where(valid, (p - target) ** 2, T.zeros(3)).sum(),
    ):
        with see.record():
            p = T.zeros(3, requires_grad=True)
            late(p).backward()
        has(ask(p), "target of", "holds NaN at [1]", "select before the loss", without=("exponent", "isnan"))


def test_nan_in_the_data_of_a_later_batch(T):
    raw = np.ones((6, 2), dtype=np.float32)
    raw[2, 1] = np.nan
    data, net = T.from_numpy(raw), T.nn.Linear(2, 1)
    optimizer = T.optim.SGD(net.parameters(), lr=0.01)
    with see.record():
        for k in range(0, 6, 2):
            optimizer.zero_grad()
            loss = net(data[k : k + 2]).pow(2).mean()  # batch
            loss.backward()
            optimizer.step()
    has(ask(net), "first in backward 2 of 3", "data of indexing", "holds NaN at [2, 1]", line("batch"))


def test_a_loss_that_is_not_finite_though_the_gradient_is(T):
    with see.record():
        w = T.tensor([300.0, 2.0], dtype=T.float16, requires_grad=True)
        loss = (w**2).sum()  # outgrown
        loss.backward()
    has(ask(w), "loss is ∞, though w.grad is finite", line("outgrown"), "outgrew float16", "bfloat16")
    net = T.nn.Linear(3, 1)
    with see.record():
        loss = net(T.ones(4, 3))[T.zeros(4, dtype=T.bool)].mean()  # nothing
        loss.backward()
    has(ask(net), "loss is NaN", "mean of no elements", line("nothing"))


def test_nan_written_past_the_version(T):
    with see.record():
        net = T.nn.Linear(2, 1)
        net.weight.data[0, 0] = float("nan")  # past
        net(T.ones(3, 2)).mean().backward()
    has(ask(net), f"NaN at [0, 0] at {line('past')}", without=("uniform_",))


def test_the_logarithm_of_a_negative_number(T):
    with see.record():
        x = T.tensor([-1.0, 1.0], requires_grad=True)
        T.log(x).sum().backward()
    has(ask(x), "log(-1) = NaN", "not defined for what is negative")


def test_std_of_one_value(T):
    with see.record():
        x = T.ones(1, 3, requires_grad=True)
        ((x - x.mean(0)) / x.std(0)).sum().backward()  # one value
    has(ask(x), "std of 1 value = NaN", line("one value"), "correction=0")


def test_what_the_forward_spoilt_although_the_loss_is_finite(T):
    with see.record():
        w = T.tensor([50.0, 100.0], requires_grad=True)
        z = T.exp(w)  # overflow
        (-(z / z.sum())[0]).backward()
    has(ask(w), f"because the forward is: exp(100) = ∞ at [1] at {line('overflow')}", "the loss is finite")


def test_clipping_spreads_nan(T):
    with see.record():
        w = T.tensor([0.0, 4.0], requires_grad=True)
        v = T.tensor([1.0, 4.0], requires_grad=True)
        ((w.sqrt() * 0).sum() + v.sum()).backward()
        T.nn.utils.clip_grad_norm_([w, v], 1.0)  # clip
    has(ask(v), "backward brought [1, 1]", f"clip_grad_norm_ at {line('clip')}", "because of w.grad", without=("see.record",))


# ------------------------------------------------------------------------------------------------ between the steps
def train(T, net, loss_of, optimizer=None, before="zero_grad", after=""):
    with see.record():
        for _ in range(3):
            if before:
                optimizer.zero_grad()
            loss = loss_of(net)
            loss.backward()
            if after == "between":
                optimizer.zero_grad()  # between
            if optimizer is not None:
                optimizer.step()  # step
            if after == "end":
                optimizer.zero_grad()
    return ask(net, loss)


def test_zero_grad_between_backward_and_step(T):
    net = T.nn.Linear(2, 1)
    answer = train(T, net, lambda net: net(T.ones(4, 2)).pow(2).mean(), T.optim.SGD(net.parameters(), lr=0.1), "", "between")
    has(answer, "had no gradient to use", line("between"), "before backward()", without=("no backward has",))


def test_zero_grad_at_the_end(T):
    net = T.nn.Linear(2, 1)
    optimizer = T.optim.SGD(net.parameters(), lr=0.1)
    answer = train(T, net, lambda net: net(T.ones(4, 2)).pow(2).mean(), optimizer, "", "end")
    assert answer.kind == "fine"
    has(answer, "taken away since")
    answer = train(T, net, lambda net: (net(T.ones(4, 2)) * 0).sum().sqrt(), optimizer, "", "end")
    assert answer.kind == "nonfinite"
    has(answer, "sqrt", "first in backward 1 of 3")


def test_without_zero_grad(T):
    net = T.nn.Linear(2, 1)
    answer = train(T, net, lambda net: net(T.ones(4, 2)).pow(2).mean(), T.optim.SGD(net.parameters(), lr=0.01), "")
    assert answer.kind == "accumulated"
    has(answer, "sums of 3 backward calls", "stepped 2 times in between")


def test_zero_grad_of_an_optimizer_of_plain_tensors(T):
    w = T.tensor(1.0, requires_grad=True)
    optimizer = T.optim.SGD([w], lr=0.1)
    with see.record():
        for _ in range(3):
            optimizer.zero_grad()
            loss = -((w - 3) ** 2)
            loss.backward()
            optimizer.step()
    assert ask(w).kind == "fine"


def test_an_optimizer_of_other_parameters(T):
    net = T.nn.Linear(2, 1)
    optimizer = T.optim.SGD(net.parameters(), lr=0.1)
    net.weight = T.nn.Parameter(T.zeros(1, 2))
    answer = train(T, net, lambda net: (net(T.ones(4, 2)) - 1).pow(2).mean(), optimizer)
    assert answer.kind == "not stepped"
    has(answer, "net.weight gets a gradient, and no optimizer that stepped has it", line("step"), "make the optimizer after", without=("net.bias",))


def test_layers_in_a_plain_list(T):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [T.nn.Linear(2, 4), T.nn.Linear(4, 4)]
            self.head = T.nn.Linear(4, 1)

        def forward(self, x):
            for layer in self.layers:
                x = T.tanh(layer(x))
            return self.head(x)

    net = Net()
    answer = train(T, net, lambda net: (net(T.ones(3, 2)) - 2).pow(2).mean(), T.optim.SGD(net.parameters(), lr=0.1))
    assert answer.kind == "unregistered"
    has(answer, "net.layers[0], net.layers[1]", "4 parameters", "nn.ModuleList")
    has(ask(net.layers[0].weight), "net.layers[0].weight")


def test_a_plain_tensor_as_an_attribute(T):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = T.ones(3, requires_grad=True)
            self.layer = T.nn.Linear(2, 3)

        def forward(self, x):
            return self.layer(x) * self.scale

    net = Net()
    answer = train(T, net, lambda net: (net(T.ones(4, 2)) - 1).pow(2).mean(), T.optim.SGD(net.parameters(), lr=0.1))
    has(answer, "net.scale is a plain tensor, and no nn.Parameter", "self.scale = nn.Parameter(...)")


def test_what_is_frozen_on_purpose(T):
    encoder, head = T.nn.Linear(2, 3), T.nn.Linear(3, 1)
    optimizer = T.optim.SGD(head.parameters(), lr=0.1)

    def loss_of(net):
        with T.no_grad():
            features = encoder(T.ones(4, 2))
        return net(features).mean()

    assert train(T, head, loss_of, optimizer).kind == "fine"
    has(ask(encoder), "no_grad()", "this may be meant")


def test_updates_that_bind_a_name(T):
    net = T.nn.Linear(2, 1)
    with see.record():
        for _ in range(2):
            net.zero_grad()
            loss = (net(T.ones(3, 2)) - 1).pow(2).mean()
            loss.backward()
            for p in net.parameters():
                p = p - 0.1 * p.grad  # bound again
    answer = ask(net, loss)
    assert answer.kind == "not stepped" and p is not None
    has(answer, "nothing has changed a parameter of net", line("bound again"), "with torch.no_grad(): p -= 0.1 * p.grad")
    with see.record():
        for _ in range(2):
            net.zero_grad()
            loss = (net(T.ones(3, 2)) - 1).pow(2).mean()
            loss.backward()
            for p in net.parameters():
                p.data -= 0.1 * p.grad
    assert ask(net, loss).kind == "fine" and "nothing has changed" not in str(ask(net, loss))


# ------------------------------------------------------------------------------------------------ probably not meant
@pytest.mark.parametrize(("loss_of", "kind", "part"), [
    (lambda T, x: (x - T.ones(4)).pow(2).mean(), "broadcast", "4 × 4 differences"),
    (lambda T, x: T.nn.functional.kl_div(x.softmax(0), T.full((4, 1), 0.25), reduction="sum"), "logarithms", "log-probabilities"),
    (lambda T, x: T.nn.functional.binary_cross_entropy_with_logits(x.sigmoid(), T.ones(4, 1)), "softmax", "takes logits"),
    (lambda T, x: T.nn.functional.binary_cross_entropy((x - 200).sigmoid(), T.ones(4, 1)), "saturated", "exactly 0 or 1 for 4 of 4"),
], ids=["broadcast", "kl_div", "sigmoid twice", "saturated"])  # fmt: skip
def test_what_is_probably_not_meant(T, loss_of, kind, part):
    net = T.nn.Linear(2, 1)
    with see.record():
        loss = loss_of(T, net(T.ones(4, 2)))
        loss.backward()
    has(ask(net), part)
    assert kind in [f.kind for f in see.preflight(loss).findings]


def test_all_pairs_on_purpose(T):
    with see.record():
        x = T.tensor([1.0, 2.0, 4.0], requires_grad=True)
        loss = (x[:, None] - x).abs().sum()
        loss.backward()
    assert "differences instead" not in str(ask(x)) + str(see.preflight(loss))
