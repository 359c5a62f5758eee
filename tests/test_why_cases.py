"""Broken gradients as people bring them, one of each kind: the cause that is named is the true one, and so are the line and the way out."""

import numpy as np
import pytest

from glassgrad import see

ask = see.why


def line(mark):
    """The `file:number` of the line of this file that ends with a comment `# mark`."""
    for number, text in enumerate(open(__file__), 1):
        if text.rstrip().endswith("# " + mark):
            return f"test_why_cases.py:{number}"
    raise AssertionError(mark)


def has(answer, *parts, without=()):
    text = str(answer)
    for part in parts:
        assert part in text, f"{part!r} is not in:\n{text}"
    for part in without:
        assert part not in text, f"{part!r} is in:\n{text}"


def raised(act):
    with pytest.raises((RuntimeError, TypeError, AttributeError)) as caught:
        act()
    return ask(caught.value)


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
