"""One neuron learnt three ways: the estimators are scikit-learn's in manner, the gradients the engine's, the judgements right."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", reason='the estimators need scikit-learn: pip install "glassgrad[neuron]"')

from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import glassgrad as gg
from glassgrad.neuron import Adaline, LeastSquares, Perceptron, SigmoidNeuron, chain, compare, epochs, system
from glassgrad.neuron.factor import triangle
from glassgrad.neuron.pieces import ACTIVATIONS, LOSSES, OF_MARGIN, bend
from glassgrad.neuron.steps import PIECE, Batch, const, single_steps, value_and_gradient

SEED_X, SEED_Y = np.array([[1, 1], [2, 3], [1, 2], [3, 1], [2, 4], [3, 2], [4, 1.0]]), np.array([2, 5, 3, 4, 6, 5, 5.0])


@pytest.fixture(scope="module")
def standard_diabetes():
    X, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def overlapping_cancer():
    """Breast-cancer data on three of its columns, where the classes overlap and unpenalised weights are finite."""
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X[:, [1, 4, 8]]), y


# ------------------------------------------------------------------------------------------------ scikit-learn's conventions
@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([LeastSquares(), Adaline(), SigmoidNeuron(), SigmoidNeuron(loss="cross_entropy"), Perceptron()])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_pipelines_grids_and_frames(overlapping_cancer):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(SEED_X, columns=["x1", "x2"])
    for estimator in (LeastSquares(), Adaline(max_iter=10_000)):
        estimator.fit(frame, pandas.Series(SEED_Y))
        assert estimator.feature_names_in_.tolist() == ["x1", "x2"] and estimator.n_features_in_ == 2
        assert estimator.predict(frame) == pytest.approx(SEED_Y, abs=1e-3)
    with pytest.raises(ValueError, match="feature names"):
        estimator.predict(frame[["x2", "x1"]])
    X, y = overlapping_cancer
    pipeline = make_pipeline(StandardScaler(), SigmoidNeuron(max_iter=200, tol=1e-3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        grid = GridSearchCV(pipeline, {"sigmoidneuron__loss": ["squared_error", "cross_entropy"], "sigmoidneuron__learning_rate": ["auto", 0.01]}, cv=3).fit(X, y)
    assert grid.best_score_ > 0.7 and len(grid.cv_results_["params"]) == 4
    assert {"learning_rate": 0.5, "batch_size": 1}.items() <= clone(Adaline(learning_rate=0.5, batch_size=1)).get_params().items()


def test_labels_of_any_kind_and_more_than_two(overlapping_cancer):
    X, y = overlapping_cancer
    words = np.array(["malignant", "benign"])[y]
    neuron = SigmoidNeuron("cross_entropy", tol=1e-4).fit(X, words)
    assert neuron.classes_.tolist() == ["benign", "malignant"] and set(neuron.predict(X)) == set(neuron.classes_)
    p = neuron.predict_proba(X)
    assert p.sum(1) == pytest.approx(1) and np.exp(neuron.predict_log_proba(X)) == pytest.approx(p)
    assert ((neuron.decision_function(X) > 0) == (p[:, 1] > 0.5)).all()
    three = np.digitize(X[:, 0], [-0.5, 0.5])
    with pytest.raises(ValueError, match="Only binary classification is supported.*OneVsRestClassifier"):
        Perceptron().fit(X, three)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert OneVsRestClassifier(SigmoidNeuron(max_iter=300)).fit(X, three).score(X, three) > 0.6


@pytest.mark.parametrize("batch_size", [None, 1, 7])
@pytest.mark.parametrize("make", [Adaline, SigmoidNeuron, Perceptron])
def test_partial_fits_go_on_where_fit_would(make, batch_size, overlapping_cancer):
    X, y = overlapping_cancer[0][:40], overlapping_cancer[1][:40]
    settings = {"batch_size": batch_size, "random_state": 3, "tol": None, "decay": 0.1}
    whole = make(max_iter=6, **settings).fit(X, y)
    steps = make(**settings)
    for _ in range(6):
        steps.partial_fit(X, y)
    assert np.array_equal(whole.coef_, steps.coef_) and np.array_equal(whole.intercept_, steps.intercept_)
    assert whole.loss_curve_ == steps.loss_curve_ and whole.n_iter_ == steps.n_iter_ == 6


def test_partial_fit_learns_of_classes_that_come_later():
    neuron = SigmoidNeuron().partial_fit([[0.0], [1.0]], [0, 0], classes=[0, 1])
    neuron.partial_fit([[2.0]], [1])
    assert neuron.classes_.tolist() == [0, 1]
    with pytest.raises(ValueError, match="a class that was not there before: 2"):
        neuron.partial_fit([[2.0]], [2])
    with pytest.raises(ValueError, match="one class only"):
        SigmoidNeuron().partial_fit([[0.0], [1.0]], [0, 0])


@pytest.mark.parametrize("n", [30, 3000], ids=["few", "factored"])
@pytest.mark.parametrize("make", [LeastSquares, Adaline, SigmoidNeuron, Perceptron])
def test_weights_count_as_repeated_rows(make, n):
    rng = np.random.default_rng(0)
    X, s = rng.normal(size=(n, 3)), rng.integers(0, 4, n)
    y = X @ [1, -2, 0.5] + rng.normal(size=n)
    y = y if make in (LeastSquares, Adaline) else y > 0
    settings = {} if make is LeastSquares else {"max_iter": 20, "tol": None}
    weighted, repeated = make(**settings).fit(X, y, sample_weight=s), make(**settings).fit(X.repeat(s, 0), np.repeat(y, s))
    assert weighted.coef_ == pytest.approx(repeated.coef_, rel=1e-9, abs=1e-12)
    assert np.ravel(weighted.intercept_) == pytest.approx(np.ravel(repeated.intercept_), rel=1e-9, abs=1e-12)


def test_random_state_says_the_order():
    settings = {"batch_size": 1, "max_iter": 5, "tol": None}
    a, b, c = (Adaline(random_state=k, **settings).fit(SEED_X, SEED_Y).coef_ for k in (0, 0, 1))
    assert np.array_equal(a, b) and not np.array_equal(a, c)
    kept = Adaline(shuffle=False, **settings)
    assert np.array_equal(kept.fit(SEED_X, SEED_Y).coef_, clone(kept).fit(SEED_X, SEED_Y).coef_)


def test_settings_out_of_range_are_named():
    for wrong, said in (({"learning_rate": -1}, "learning_rate=-1"), ({"max_iter": 0}, "max_iter=0"), ({"batch_size": 1.5}, "batch_size=1.5"),
                        ({"tol": -1}, "tol=-1"), ({"decay": "x"}, "decay='x'")):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            Adaline(**wrong).fit(SEED_X, SEED_Y)
    with pytest.raises(ValueError, match="loss='hinge'"):
        SigmoidNeuron("hinge").fit(SEED_X, SEED_Y > 3)
    with pytest.raises(ValueError, match="coef_init has 3 weights, and X has 2"):
        Adaline().fit(SEED_X, SEED_Y, coef_init=[1, 2, 3])
    with pytest.raises(ValueError, match="negative"):
        Adaline().fit(SEED_X, SEED_Y, sample_weight=[-1, 1, 1, 1, 1, 1, 1])


def test_without_scikit_learn_one_line_says_what_to_install():
    code = (
        "import sys; sys.modules['sklearn'] = None\nimport glassgrad as gg\nassert gg.neuron.system([[1.0]], [2.0]).solutions == 'one'\n"
        "gg.neuron.chain('sigmoid', [1.0], 0, [1.0]); gg.neuron.epochs()\ntry: gg.neuron.Adaline\nexcept ImportError as e: print(e)"
    )
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout.strip() == 'the estimators of glassgrad.neuron need scikit-learn: pip install "glassgrad[neuron]"'


def test_the_engine_alone_does_not_import_scikit_learn():
    code = "import sys, glassgrad, glassgrad.neuron; print('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"


# ------------------------------------------------------------------------------------------------ gradients
def sigma(z):
    return 1 / (1 + np.exp(-z))


BY_HAND = {  # ∂ℓ/∂z of one sample
    ("linear", "squared_error"): lambda z, y: 2 * (z - y),
    ("sigmoid", "squared_error"): lambda z, y: 2 * (sigma(z) - y) * sigma(z) * (1 - sigma(z)),
    ("sigmoid", "cross_entropy"): lambda z, y: sigma(z) - y,
    ("linear", "perceptron"): lambda z, y: np.where((1 - 2 * y) * z >= 0, 1 - 2 * y, 0),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("neuron", [Adaline(), SigmoidNeuron(), SigmoidNeuron("cross_entropy"), Perceptron()], ids=lambda n: "-".join(n.pieces()))
def test_the_engines_gradient_is_the_hand_formula(neuron, weighted):
    rng = np.random.default_rng(1)
    X, w, b = rng.normal(size=(40, 3)), rng.normal(size=3), 0.3
    y = rng.normal(size=40) if isinstance(neuron, Adaline) else rng.integers(0, 2, 40).astype(float)
    s = rng.random(40) if weighted else np.ones(40)
    neuron.n_features_in_ = 3
    (batch,) = neuron._batches(X, y, s if weighted else None)()
    _, g = value_and_gradient(neuron._loss_of(), np.append(w, b), batch)
    slope = BY_HAND[neuron.pieces()](X @ w + b, y) * s / s.sum()
    assert g == pytest.approx(np.append(slope @ X, slope.sum()), rel=1e-12)
    first = Adaline(learning_rate=0.01, max_iter=1, tol=None).fit(X, y)  # and the step follows it: W − α∇L
    assert first.coef_ == pytest.approx(0.01 * 2 * y @ X / 40)


def test_losses_of_the_margin_are_those_of_the_pieces():
    z = gg.tensor(np.linspace(-9, 9, 37), requires_grad=True)
    for (activation, loss), of_margin in OF_MARGIN.items():
        for y in (0.0, 1.0):
            plain, folded = LOSSES[loss].call(ACTIVATIONS[activation].call(z), y), of_margin((1 - 2 * y) * z)
            gg.testing.assert_close(plain, folded, rtol=1e-9, atol=1e-12)
            gg.testing.assert_close(*(gg.autograd.grad(l.sum(), z)[0] for l in (plain, folded)), rtol=1e-9, atol=1e-12)


def test_the_bends_are_the_known_ones():
    assert bend(LOSSES["squared_error"].call) == 2
    assert bend(OF_MARGIN["sigmoid", "cross_entropy"]) == pytest.approx(0.25)
    assert bend(OF_MARGIN["linear", "perceptron"]) == 0
    s = np.linspace(0, 1, 100_001)
    assert bend(OF_MARGIN["sigmoid", "squared_error"]) == pytest.approx(np.abs(2 * s**2 * (1 - s) * (2 - 3 * s)).max(), rel=1e-5)


def test_tall_data_keeps_its_loss_and_gradient_when_factored():
    rng = np.random.default_rng(2)
    X, y, s, w = rng.normal(size=(5000, 4)) * [1, 10, 0.1, 1], rng.normal(size=5000), rng.random(5000), rng.normal(size=5)
    neuron = Adaline()
    (small,) = neuron._batches(X, y, s)()
    assert small[0].rows.shape == (5, 5)
    whole = Batch(const(np.column_stack([X, np.ones(5000)])), const(y), const(s / s.sum()))
    for got, want in zip(value_and_gradient(neuron._loss_of(), w, small), value_and_gradient(neuron._loss_of(), w, [whole])):
        assert got == pytest.approx(want, rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss_of", [LOSSES["squared_error"].call, *OF_MARGIN.values()], ids=["delta rule", *("-".join(k) for k in OF_MARGIN)])
def test_single_steps_in_blocks_are_the_single_steps(loss_of, weighted):
    rng = np.random.default_rng(3)
    X, y, s, w = rng.normal(size=(64, 4)), rng.normal(size=64), rng.random(64), rng.normal(size=4)
    quadratic = loss_of is LOSSES["squared_error"].call
    rate = (0.4 if quadratic else 4) / np.square(X).sum(1).max()
    batches = [Batch(const(X[i]), const(y[i]), const(s[i]) if weighted else None) for i in (slice(64), *(slice(i, i + 1) for i in range(64)))]
    losses, moved = single_steps(loss_of, w, batches[0], rate, quadratic)
    total, started = 0.0, w
    for batch in batches[1:]:
        loss, g = value_and_gradient(loss_of, w, [batch])
        w, total = w - rate * g, total + loss
    assert moved == pytest.approx(w, rel=1e-11) and losses == pytest.approx(total, rel=1e-11)
    assert np.linalg.norm(w - started) > 0.1


@pytest.mark.parametrize("weighted", [False, True])
def test_a_large_batch_in_pieces_has_the_same_gradient(weighted):
    rng = np.random.default_rng(5)
    n = 2 * PIECE + 77
    X, y, s, w = rng.normal(size=(n, 2)), rng.integers(0, 2, n).astype(float), rng.random(n), rng.normal(size=3)
    neuron = SigmoidNeuron()
    (pieces,) = neuron._batches(X, y, s if weighted else None)()
    assert len(pieces) == 3
    signed = np.column_stack([X, np.ones(n)]) * (1 - 2 * y)[:, None]
    whole = Batch(const(signed), None, const(s / s.sum()) if weighted else None)
    for got, want in zip(value_and_gradient(neuron._loss_of(), w, pieces), value_and_gradient(neuron._loss_of(), w, [whole])):
        assert got == pytest.approx(want, rel=1e-12)


def test_the_cross_entropy_bears_any_margin():
    m = gg.tensor([-1000.0, -40, 0, 40, 699, 1000], dtype=gg.float64, requires_grad=True)
    for part in (m, m[:5]):
        losses = OF_MARGIN["sigmoid", "cross_entropy"](part)
        (slopes,) = gg.autograd.grad(losses.sum(), part)
        assert losses.tolist() == pytest.approx([0, np.exp(-40), np.log(2), 40, 699, 1000][: len(part)], rel=1e-15)
        assert slopes.tolist() == pytest.approx([0, np.exp(-40), 0.5, 1, 1, 1][: len(part)], rel=1e-15)


@pytest.mark.parametrize("shape", [(3, 5), (1200, 3), (1001, 7), (5003, 300), (1, 1)])
def test_the_triangle_of_blocks(shape):
    a = np.random.default_rng(0).normal(size=shape)
    r = triangle(a)
    assert r.shape == (min(shape), shape[1]) and np.array_equal(r, np.triu(r)) and np.allclose(r.T @ r, a.T @ a)


# ------------------------------------------------------------------------------------------------ learning
def test_the_seeds_seven_rows_by_all_three_ways():
    found = compare(SEED_X, SEED_Y)
    for way in found:
        assert way.coef == pytest.approx([1, 1], abs=1e-6) and way.intercept == pytest.approx(0, abs=1e-6) and way.agrees and way.loss < 1e-12
    assert [way.name for way in found] == ["system of equations", "delta rule", "backpropagation"]
    assert all(way.must for way in found) and found[1].epochs > 10 and len(found[2].path) == found[2].epochs + 1
    text = str(found)
    assert text.splitlines()[0].split() == ["way", "w1", "w2", "b", "loss", "epochs", "time", "agrees"]
    assert "below 2/λmax of the loss = 0.0912" in text and found._repr_html_().count("<tr>") == 4


def test_compare_where_theory_says_no():
    y = SEED_Y + [1, 0, 0, 0, 0, 0, 0]
    found = compare(SEED_X, y)
    assert not found.system.consistent and not found[1].must and found[1].distance < 0.01 and found[1].verdict == "nearly" and found[2].agrees
    wild = compare(SEED_X, y, learning_rate=0.1, max_iter=300)
    assert wild[2].verdict == "no" and "diverged" in wild[2].reason and "not below 2/λmax" in str(wild)
    many = compare([[1, 2, 3.0], [1, 0, 1]], [1, 2.0])
    assert many.system.solutions == "infinitely many" and many[1].agrees and many[2].agrees and "infinitely many" in str(many)
    short = compare(SEED_X, SEED_Y, max_iter=20)
    assert short[2].verdict == "not yet" and short[2].must


def test_compare_takes_frames_and_other_settings():
    pandas = pytest.importorskip("pandas")
    found = compare(pandas.DataFrame(SEED_X, columns=["rooms", "floors"]), SEED_Y, fit_intercept=False)
    assert found.names == ["rooms", "floors"] and all(way.agrees for way in found) and "rooms" in str(found)


def test_least_squares_as_scikit_learn_has_it(standard_diabetes):
    X, y = standard_diabetes
    ours, theirs = LeastSquares().fit(X, y), LinearRegression().fit(X, y)
    assert ours.coef_ == pytest.approx(theirs.coef_, rel=1e-10) and ours.intercept_ == pytest.approx(theirs.intercept_, rel=1e-12)
    assert ours.residual_ == pytest.approx(np.linalg.norm(ours.predict(X) - y)) and ours.score(X, y) == pytest.approx(theirs.score(X, y))
    assert ours.condition_number_ == pytest.approx(np.linalg.cond(X - X.mean(0)))
    two = np.column_stack([y, X[:, 0]])
    ours, theirs = LeastSquares().fit(X, two), LinearRegression().fit(X, two)
    assert ours.coef_ == pytest.approx(theirs.coef_, rel=1e-9, abs=1e-9) and ours.predict(X) == pytest.approx(theirs.predict(X), abs=1e-8)
    for shape in ((5, 9), (2000, 4)):  # fewer rows than columns: the shortest of many solutions
        X, y = make_regression(*shape, random_state=0)
        for intercept in (True, False):
            ours, theirs = (make(fit_intercept=intercept).fit(X, y) for make in (LeastSquares, LinearRegression))
            assert ours.coef_ == pytest.approx(theirs.coef_) and ours.intercept_ == pytest.approx(theirs.intercept_)


@pytest.mark.parametrize("intercept", [True, False])
def test_least_squares_part_by_part_is_that_of_all(standard_diabetes, intercept):
    X, y = standard_diabetes
    s = np.random.default_rng(0).random(len(y))
    for target in (y, np.column_stack([y, X[:, 0]])):
        whole, parts = LeastSquares(fit_intercept=intercept).fit(X, target, s), LeastSquares(fit_intercept=intercept)
        for at in range(0, len(y), 7):  # fewer rows than columns at first
            parts.partial_fit(X[at : at + 7], target[at : at + 7], s[at : at + 7])
        assert parts.coef_ == pytest.approx(whole.coef_, rel=1e-9, abs=1e-9) and parts.intercept_ == pytest.approx(whole.intercept_)
        assert parts.residual_ == pytest.approx(whole.residual_) and parts.rank_ == whole.rank_ == 10
    with pytest.raises(ValueError, match="y has 1 targets, and had 2 before"):
        parts.partial_fit(X, y)
    assert parts.fit(X, y).residual_ == pytest.approx(LeastSquares(fit_intercept=intercept).fit(X, y).residual_)


def test_the_delta_rule_reaches_least_squares(standard_diabetes):
    X, y = standard_diabetes
    theirs = LinearRegression().fit(X, y)
    batch = Adaline(max_iter=50_000, tol=1e-9).fit(X, y)
    assert batch.stopped_ == "converged" and batch.coef_ == pytest.approx(theirs.coef_, rel=1e-5) and batch.score(X, y) == pytest.approx(theirs.score(X, y))
    exact = X @ theirs.coef_ + theirs.intercept_  # consistent: single steps reach it too, at a fixed rate
    online = Adaline(batch_size=1, max_iter=60, tol=None, random_state=0).fit(X[:, :4], X[:, :4] @ [1, 2, 3, 4.0] + 5)
    assert online.coef_ == pytest.approx([1, 2, 3, 4], abs=1e-8) and online.intercept_ == pytest.approx(5, abs=1e-8)
    assert np.ptp(exact) > 0


def test_cross_entropy_is_logistic_regression(overlapping_cancer):
    X, y = overlapping_cancer
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X, y)
    ours = SigmoidNeuron("cross_entropy", max_iter=50_000, tol=1e-9).fit(X, y)
    assert ours.stopped_ == "converged" and ours.coef_ == pytest.approx(theirs.coef_, rel=1e-5) and ours.intercept_ == pytest.approx(theirs.intercept_, rel=1e-5)
    assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), abs=1e-6)


@pytest.mark.parametrize("batch_size", [None, 1])
def test_the_perceptron_parts_what_a_line_parts(batch_size):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(200, 2))
    X = X[np.abs(X @ [1, 2] - 0.5) > 0.3]
    y = X @ [1, 2] > 0.5
    neuron = Perceptron(batch_size=batch_size, random_state=0).fit(X, y)
    assert neuron.score(X, y) == 1 and neuron.stopped_ == "converged" and neuron.loss_curve_[-1] == 0
    with pytest.warns(ConvergenceWarning, match="out of epochs"):  # exclusive or: no line does
        assert Perceptron(max_iter=60).fit([[0, 0], [0, 1], [1, 0], [1, 1], [2, 2]], [0, 1, 1, 0, 0]).stopped_ == "out of epochs"


def test_rosenblatts_rule_step_by_step():
    X, y = np.array([[1.0, 2], [2, -1], [-1, 1], [0.5, 0.5]]), np.array([1, 0, 1, 0])
    w = np.zeros(3)
    for x, t in zip(np.column_stack([X, np.ones(4)]), 2 * y - 1):
        w = w + t * x if t * (w @ x) <= 0 else w
    neuron = Perceptron(batch_size=1, shuffle=False, max_iter=1, tol=None).fit(X, y)
    assert np.append(neuron.coef_, neuron.intercept_).tolist() == w.tolist()


def test_why_it_stopped():
    with pytest.warns(ConvergenceWarning, match=r"diverged after \d+ epochs: learning_rate 1 is over 2/λmax of the loss = 0.0912"):
        wild = Adaline(learning_rate=1).fit(SEED_X, SEED_Y)
    assert wild.stopped_ == "diverged" and np.isfinite(wild.coef_).all() and wild.n_iter_ == len(wild.loss_curve_) < 10
    with pytest.warns(ConvergenceWarning, match=r"standardise the features, or raise max_iter"):
        assert Adaline(max_iter=20).fit(SEED_X * [1, 1e4], SEED_Y).stopped_ == "out of epochs"
    with pytest.warns(ConvergenceWarning, match="diverged"):
        Adaline(batch_size=1, learning_rate=1.0).fit(SEED_X, SEED_Y)
    H = np.column_stack([SEED_X, np.ones(7)])
    limit = 2 / np.linalg.eigvalsh(2 * H.T @ H / 7)[-1]
    assert Adaline(tol=None).fit(SEED_X, SEED_Y).learning_rate_ == pytest.approx(limit / 2)
    for factor, ends in ((0.99, "converged"), (1.01, "diverged")):  # the limit is the limit
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert Adaline(learning_rate=factor * limit, max_iter=20_000).fit(SEED_X, SEED_Y).stopped_ == ends
    noisy = Adaline(batch_size=1, random_state=0).fit(SEED_X, SEED_Y + [1, 0, 0, 0, 0, 0, 0])
    assert noisy.stopped_ == "settled" and "decay > 0" in noisy.reason_
    assert Adaline().fit(SEED_X, np.zeros(7)).stopped_ == "converged"


def test_it_starts_where_it_is_told():
    there = Adaline().fit(SEED_X, SEED_Y, coef_init=[1, 1], intercept_init=0)
    assert there.n_iter_ == 1 and there.stopped_ == "converged" and there.coef_.tolist() == [1, 1]
    seed = SigmoidNeuron(learning_rate=0.5, max_iter=1, tol=None)
    seed.fit([[2, 3], [2, 3]], [0, 1], sample_weight=[1, 0], coef_init=[0.7, 0.5], intercept_init=0.3)
    assert np.append(seed.intercept_, seed.coef_).round(4).tolist() == [0.2638, 0.6277, 0.3915]


# ------------------------------------------------------------------------------------------------ the system
def test_no_one_and_many_solutions():
    one = system(SEED_X, SEED_Y)
    assert (one.equations, one.unknowns, one.kind, one.rank, one.augmented_rank, one.consistent, one.solutions) == (7, 2, "overdetermined", 2, 2, True, "one")
    assert one.solution == pytest.approx([1, 1]) and one.condition_number == pytest.approx(np.linalg.cond(SEED_X)) and one.null_space.shape == (2, 0)
    none = system([[1, 1], [2, 2], [1, 0.0]], [1, 3, 1.0])
    assert (none.rank, none.augmented_rank, none.consistent, none.solutions) == (2, 3, False, "none") and "no w solves all equations" in str(none)
    many = system([[1, 2, 3.0], [2, 4, 6]], [1, 2.0])
    assert (many.kind, many.rank, many.consistent, many.solutions, many.condition_number) == ("underdetermined", 1, True, "infinitely many", np.inf)
    assert many.solution == pytest.approx(np.array([1, 2, 3]) / 14) and np.allclose([[1, 2, 3.0]] @ many.null_space, 0) and many.null_space.shape == (3, 2)
    assert "infinitely many w solve them" in str(many) and "2 unknowns of 3 can be chosen freely" in str(many)
    lost = system([[1, 2, 3.0], [2, 4, 6]], [1, 3.0])
    assert (lost.rank, lost.augmented_rank, lost.solutions) == (1, 2, "none")
    with_b = system(SEED_X, SEED_Y, fit_intercept=True)
    assert with_b.coef == pytest.approx([1, 1]) and with_b.intercept == pytest.approx(0, abs=1e-12) and "b = 0" in str(with_b)
    zero = system(np.zeros((2, 2)), np.zeros(2))
    assert (zero.rank, zero.solutions) == (0, "infinitely many") and system(np.zeros((2, 2)), [0, 1]).solutions == "none"
    assert "<table>" in one._repr_html_()


@pytest.mark.parametrize("scale", [1e-200, 1e-6, 1.0, 1e6, 1e150])
def test_judgements_do_not_depend_on_units(scale):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(50, 6)) @ rng.normal(size=(6, 9))
    y = X @ rng.normal(size=9)
    assert (system(scale * X, y).rank, system(X, scale * y).consistent, system(scale * X, scale * y).solutions) == (6, True, "infinitely many")
    off = y + 1e-6 * np.abs(y).max() * rng.normal(size=50)
    assert not system(X, scale * off).consistent and not system(scale * X, scale * off).consistent


def test_ill_conditioned_systems():
    hilbert = 1 / (np.arange(1, 9)[:, None] + np.arange(8))  # κ = 1.5e10
    found = system(hilbert, hilbert @ np.ones(8))
    assert found.rank == 8 and found.consistent and found.condition_number == pytest.approx(1.526e10, rel=1e-3)
    assert found.solution == pytest.approx(np.ones(8), abs=1e-5) and "10 of 16 digits" in str(found)
    worse = 1 / (np.arange(1, 16)[:, None] + np.arange(15))
    assert system(worse, worse @ np.ones(15)).rank < 15  # κ is beyond float64: the rank says so, and the equations still agree
    assert system(worse, worse @ np.ones(15)).consistent
    t = np.linspace(0, 1, 200)
    powers = np.vander(t, 10)  # least squares by normal equations would lose all digits: κ² = 1e14
    assert LeastSquares(fit_intercept=False).fit(powers, powers @ np.ones(10)).coef_ == pytest.approx(np.ones(10), abs=1e-7)
    far = np.column_stack([1e6 + t, t**2])
    assert LeastSquares().fit(far, far @ [2.0, 3.0]).coef_ == pytest.approx([2, 3], rel=1e-6)


def test_what_is_no_system_is_named():
    for X, y, said in (([[1.0]], [1, 2.0], "X has 1 rows and y has 2"), ([1.0], [1.0], "1 dimension"), ([[np.nan]], [1.0], "X holds values that are not finite"),
                       ([["a"]], [1.0], "not a number"), (np.zeros((0, 2)), [], "X is empty")):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            system(X, y)


# ------------------------------------------------------------------------------------------------ the chain rule and the epochs
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_factors_multiply_to_the_gradient(activation, loss):
    if loss == "cross_entropy" and activation != "sigmoid":
        pytest.skip("the cross-entropy takes answers between 0 and 1")
    laid = chain(activation, [2.0, -1.0, 0.5], 1.0, [0.3, 0.4, -0.2], 0.1, loss=loss, learning_rate=0.1)
    assert laid.gradient == pytest.approx(laid.engine, rel=1e-12) and laid.dz_dw.tolist() == [2, -1, 0.5] and laid.dz_db == 1
    step = 1e-6
    by_differences = (ACTIVATIONS[activation].call(gg.tensor(laid.z + step, dtype=gg.float64)) - ACTIVATIONS[activation].call(gg.tensor(laid.z - step, dtype=gg.float64))) / (2 * step)
    assert laid.dy_hat_dz == pytest.approx(by_differences.item(), rel=1e-6)
    assert laid.after == pytest.approx(np.array([0.1, 0.3, 0.4, -0.2]) - 0.1 * laid.engine)
    assert all(word in str(laid) for word in ("∂L/∂ŷ", "∂ŷ/∂z", "∂z/∂W", "W_new", LOSSES[loss].derivative)) and "<table>" in laid._repr_html_()


def test_the_chain_of_a_fitted_neuron_and_of_ones_own_pieces():
    neuron = SigmoidNeuron("cross_entropy", tol=1e-1).fit(SEED_X, np.where(SEED_Y > 4, "big", "small"))
    laid = chain(neuron, SEED_X[0], "big")
    assert laid.y == 0 and laid.loss_function.name == "cross_entropy" and laid.y_hat == pytest.approx(neuron.predict_proba(SEED_X[:1])[0, 1])
    assert laid.dL_dy_hat * laid.dy_hat_dz == pytest.approx(laid.y_hat - laid.y) and laid.learning_rate == neuron.learning_rate_
    with pytest.raises(ValueError, match="none of the neuron's classes"):
        chain(neuron, SEED_X[0], "tiny")
    with pytest.raises(ValueError, match="no weights yet"):
        chain(SigmoidNeuron(), SEED_X[0], 0)
    cube = chain(lambda z: z**3, [1.0], 0.0, [2.0], loss=lambda answer, y: answer - y)
    assert (cube.y_hat, cube.dy_hat_dz, cube.dL_dy_hat) == (8, 12, 1)
    with pytest.raises(ValueError, match="activation='sigmoig' is not known"):
        chain("sigmoig", [1.0], 0, [1.0])
    with pytest.raises(ValueError, match="x has 2 numbers and w has 1"):
        chain("sigmoid", [1.0, 2.0], 0, [1.0])
    lost = chain("sigmoid", [1.0], 0.0, [800.0], loss="cross_entropy")
    assert "left float64's range" in str(lost)


def test_the_seeds_ten_epochs():
    ten = epochs()
    w = np.array([0.3, 0.7, 0.5])
    for i in range(10):  # as the workshop has them
        s = sigma(w @ [1, 2, 3])
        assert ten.losses[i] == pytest.approx(s**2) and ten.gradients[i] == pytest.approx(2 * s * s * (1 - s) * np.array([1, 2, 3]))
        w = w - 0.5 * ten.gradients[i]
        assert ten.path[i + 1] == pytest.approx(w)
    assert len(ten) == 10 and ten.w == pytest.approx([-0.1196, -0.7293], abs=1e-4) and ten.b == pytest.approx(-0.1098, abs=1e-4)
    rows = ten.table()
    assert rows[0][:4] == ["epoch", "ŷ", "label", "loss"] and rows[1][:4] == ["0", "0.9608", "1", "0.9232"] and len(rows) == 11
    assert ten.loss_at(ten.path) == pytest.approx(ten.losses) and "<table>" in ten._repr_html_() and "loss 0.923203 → " in str(ten)
    batch = epochs(SEED_X, SEED_Y, [0, 0], 0.0, activation="linear", learning_rate=0.04, n=2000)
    assert batch.w == pytest.approx([1, 1], abs=1e-4)
    with pytest.raises(ValueError, match="y has shape"):
        epochs(SEED_X, 1.0)


def test_the_pictures():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    answers, landscape, losses = epochs().plot()
    assert landscape.get_xlabel() == "w₁" and losses.get_yscale() == "log" and len(landscape.lines[1].get_xdata()) == 11
    assert [t.get_text() for t in answers.get_legend().get_texts()] == ["ŷ = σ(z)", "start", "end", "y = 0"]
    assert [ax.get_xlabel() for ax in epochs([1.0, 2, 3], 1.0, [0, 0, 0.0]).plot()] == ["z = w·x + b", "epoch", "epoch"]
    assert epochs([2.0], 1.0, [0.0]).plot()[1].get_xlabel() == "b"
    loss, distance = compare(SEED_X, SEED_Y, max_iter=400).plot()
    assert loss.get_ylabel() == "loss" and distance.get_yscale() == "log" and len(distance.lines) == 3
    plt.close("all")
