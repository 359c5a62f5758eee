"""Races of optimizers, the plane of a training, the player, and runs that go on after they were killed."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import glassgrad as gg
from glassgrad.descent import descend, follow, race
from glassgrad.descent.plane import filter_normalised, principal


def bowl(x):
    return 3 * x**2 - 2 * x + 5


def valley(x):
    return (1 - x[0]) ** 2 + 20 * (x[1] - x[0] ** 2) ** 2


def test_plain_descent_in_a_race_is_descend():
    run, alone = race(bowl, 3.0, [0.1], steps=20).winner, descend(bowl, 3.0, lr=0.1, steps=20)
    np.testing.assert_allclose(run.path[:, 0], alone.path)
    np.testing.assert_allclose(run.losses, alone.losses)
    np.testing.assert_allclose(run.gradients[:, 0], alone.gradients)


def test_a_race_names_its_winner_its_losers_and_the_limit():
    r = race(bowl, 3.0, {"slow": 0.01, "good": "SGD(lr=0.2)", "wild": 0.9, "adam": lambda p: gg.optim.Adam(p, lr=0.5)}, steps=60)
    assert r.winner.name == "good" and r.runs[-1].name == "wild" and r.runs[-1].stopped == "diverged"
    assert r.limit == pytest.approx(1 / 3)
    assert "2/λmax = 0.3333" in str(r) and "wild" in str(r).splitlines()[4]


def test_every_optimizer_takes_part():
    r = race(valley, [-1.0, 1.0], ["SGD(lr=0.005, momentum=0.9, nesterov=True)", "AdamW(lr=0.1)", "LBFGS(lr=0.5, max_iter=2)", "Rprop()", "Adagrad(lr=0.5)"], steps=40)
    assert all(run.losses[-1] < run.losses[0] for run in r.runs)


@pytest.mark.parametrize(("runner", "said"), [
    ("Adam(0.1)", "is no optimizer"), ("Nothing(lr=1)", "there is no optimizer 'Nothing'; there are ASGD"), ("__import__('os')", "is no optimizer"),
    ("Adam(rate=1)", "Adam"), (None, "a runner is a learning rate"), ("Adam(lr=-1)", "Invalid learning rate"),
])  # fmt: skip
def test_runners_that_cannot_run(runner, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        race(bowl, 3.0, [runner])


def test_a_start_outside_the_domain():
    with pytest.raises(ValueError, match="begin within its domain"):
        race(lambda x: gg.log(x), -1.0, [0.1])


def test_a_page_holds_everything_and_loads_nothing():
    page = race(lambda x: (x**2).sum(), [3.0, 1.0], [0.1, 0.4, 2.5], steps=8).to_html()
    assert "http" not in page and "src=" not in page
    data = json.loads(re.search(r"^const D = (\{.*\});$", page, re.M)[1])
    assert [lane["lr"] for lane in data["lanes"]] == [0.1, 0.4, 2.5] and data["limit"] == pytest.approx(1.0)
    assert len(data["z"]) == 81 and len(data["lanes"][0]["places"]) == 9


def test_files_are_whole_or_not_there(tmp_path):
    r = race(lambda x: (x**2).sum(), [3.0, 1.0], [0.1, 0.4], steps=5)
    r.to_html(tmp_path / "a.html")
    r.to_gif(tmp_path / "a.gif", dpi=40)
    assert (tmp_path / "a.gif").read_bytes()[:6] == b"GIF89a"
    with pytest.raises(OSError):
        r.to_gif(tmp_path / "no" / "a.gif")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gif", "a.html"]


def test_a_race_in_many_variables_is_seen_on_its_plane():
    scene = race(lambda x: (x**2 * gg.tensor([1.0, 2.0, 3.0, 4.0], dtype=gg.float64)).sum(), [1.0, 2.0, 3.0, 4.0], [0.05, 0.1], steps=20).scene(21)
    assert scene.z.shape == (21, 21) and "of their spread in 4 variables" in scene.notes[0]


def test_the_principal_plane_keeps_a_plane_path_whole():
    random = np.random.default_rng(0)
    basis = np.linalg.qr(random.normal(size=(9, 2)))[0].T
    flat = random.normal(size=(12, 2)) * [3.0, 1.0]
    plane = principal(flat @ basis)
    assert sum(plane.explained) == pytest.approx(1)
    back = np.array([plane.point(*c) for c in plane.project(flat @ basis)])
    np.testing.assert_allclose(back, flat @ basis, atol=1e-12)


def test_random_directions_have_the_size_of_the_filters():
    w, b = np.random.default_rng(0).normal(size=(5, 3)), np.ones(5)
    plane = filter_normalised([w, b], seed=3)
    for axis in plane.axes:
        np.testing.assert_allclose(np.linalg.norm(axis[:15].reshape(5, 3), axis=1), np.linalg.norm(w, axis=1))
        assert not axis[15:].any()


def test_the_way_of_a_training(T):
    T.manual_seed(0)
    model = T.nn.Sequential(T.nn.Linear(2, 4), T.nn.Tanh(), T.nn.Linear(4, 1))
    optimizer = T.optim.SGD(model.parameters(), lr=0.1)
    x = T.rand(16, 2)

    def loss():
        return (model(x) - x.sum(1, keepdim=True)).pow(2).mean()

    with follow(model, optimizer) as trace:
        seen = []
        for _ in range(10):
            optimizer.zero_grad()
            value = loss()
            seen.append(value.item())
            value.backward()
            optimizer.step()
    before = [p.detach().numpy().copy() for p in model.parameters()]
    scene = trace.landscape(loss, points=5)
    assert trace.path.shape == (11, 17)
    np.testing.assert_allclose(scene.lanes[0].losses[:10], seen, rtol=1e-6)
    assert all(np.array_equal(a, p.detach().numpy()) for a, p in zip(before, model.parameters()))
    assert trace.landscape(loss, plane="random", points=5).z.shape == (5, 5)
    with pytest.raises(ValueError, match='"pca" or "random"'):
        trace.landscape(loss, plane="x")


def test_what_cannot_be_followed():
    model = gg.nn.Linear(1, 1)
    with pytest.raises(TypeError, match=r"needs an optimizer with register_step_post_hook\(\), not function"):
        follow(model, lambda: 0)
    with pytest.raises(TypeError, match=r"needs a model with parameters\(\), not list"):
        follow([1], gg.optim.SGD(model.parameters()))
    with pytest.raises(ValueError, match="no parameter that requires"):
        follow(gg.nn.ReLU(), gg.optim.SGD(model.parameters()))


def test_a_long_training_is_thinned():
    model = gg.nn.Linear(2, 1)
    optimizer = gg.optim.SGD(model.parameters(), lr=0.01)
    with follow(model, optimizer, most=10) as trace:
        for _ in range(100):
            optimizer.zero_grad()
            model(gg.ones(1, 2)).sum().backward()
            optimizer.step()
    assert trace.steps == 100 and len(trace.path) <= 11


# ------------------------------------------------------------------------------------------------ going on
def test_a_run_goes_on_where_it_was(tmp_path):
    whole = descend(valley, [-1.2, 1.0], lr=0.003, steps=300)
    file = tmp_path / "run.npz"
    descend(valley, [-1.2, 1.0], lr=0.003, steps=120, checkpoint=file)
    again = descend(valley, [-1.2, 1.0], lr=0.003, steps=300, checkpoint=file)
    assert np.array_equal(whole.path, again.path) and np.array_equal(whole.losses, again.losses) and whole.reason == again.reason


def test_another_runs_file_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "run.npz"
    descend(bowl, 3.0, steps=5, checkpoint=file)
    kept = file.read_bytes()
    with pytest.raises(ValueError, match="another start, learning rate"):
        descend(bowl, 2.0, steps=5, checkpoint=file)
    with pytest.raises(ValueError, match="another function"):
        descend(lambda x: x**2, 3.0, steps=5, checkpoint=file)
    assert file.read_bytes() == kept
    file.write_bytes(kept[:100])
    with pytest.raises(ValueError, match="damaged"):
        descend(bowl, 3.0, steps=5, checkpoint=file)


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is tried on POSIX")
def test_a_killed_run_ends_at_the_same_result_bit_for_bit(tmp_path):
    code = textwrap.dedent("""
        import sys, glassgrad as gg
        from glassgrad.descent import descend
        calls = 0
        def f(x):
            global calls
            calls += 1
            if calls == int(sys.argv[2]):
                print("there", flush=True)
                sys.stdin.readline()
            return (1 - x[0]) ** 2 + 20 * (x[1] - x[0] ** 2) ** 2
        run = descend(f, [-1.2, 1.0], lr=0.003, steps=400, checkpoint=sys.argv[1], every=0.0)
        print(run.path.tobytes().hex())
    """)
    file = str(tmp_path / "run.npz")
    process = subprocess.Popen([sys.executable, "-c", code, file, "150"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "there\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert os.listdir(tmp_path) == ["run.npz"]
    done = subprocess.run([sys.executable, "-c", code, file, "100000"], capture_output=True, text=True, check=True)
    assert bytes.fromhex(done.stdout.strip()) == descend(valley, [-1.2, 1.0], lr=0.003, steps=400).path.tobytes()
