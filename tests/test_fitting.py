"""A neuron fitted to files: against NumPy and scikit-learn, across the borders of blocks, in threads, in bounded memory."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="the data of a fit is read by pyarrow")
pytest.importorskip("safetensors", reason="models are safetensors files")
import pyarrow.parquet as pq  # noqa: E402

from glassgrad.fitting import DataError, fit, load_model, predict  # noqa: E402
from glassgrad.fitting import dataset as dataset_module  # noqa: E402
from glassgrad.fitting.dataset import open_dataset  # noqa: E402
from glassgrad.fitting.least_squares import Survey, centred, merged, solve, triangle  # noqa: E402
from glassgrad.fitting.progress import Progress  # noqa: E402
from glassgrad.fitting.run import reduced  # noqa: E402

NAMES = ["a", "b", "c"]


def table(rows=3000, seed=0):
    """Columns of three magnitudes, far from zero; a target with noise, and two targets with two values."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, 3)) * [1.0, 100.0, 1e-3] + [5.0, 1e4, 0.0]
    clean = X @ [1.0, 0.02, 500.0]
    y = clean + random.normal(size=rows) * 0.1
    up = clean + random.normal(size=rows) > np.median(clean)
    return X, y, up


def columns(X, y, up):
    return {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": y, "up": up.astype(int), "said": np.where(up, "yes", "no")}


def as_csv(path, data, newline="\n", start=""):
    rows = zip(*(v.tolist() for v in data.values()))
    text = newline.join([",".join(data), *(",".join(map(str, row)) for row in rows)]) + newline
    path.write_bytes((start + text).encode())
    return str(path)


def as_parquet(path, data, group=700):
    pq.write_table(pa.table(data), path, row_group_size=group)
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    data = columns(*table())
    return {"csv": as_csv(folder / "data.csv", data), "parquet": as_parquet(folder / "data.parquet", data)}


def reference(X, y):
    solution = np.linalg.lstsq(np.column_stack([np.ones(len(X)), X - X.mean(axis=0)]), y, rcond=None)[0]
    return solution[1:], solution[0] - X.mean(axis=0) @ solution[1:]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_least_squares_is_numpys(files, kind):
    X, y, _ = table()
    found = fit(files[kind], "y", "lstsq", features=NAMES)
    coef, intercept = reference(X, y)
    np.testing.assert_allclose(found.coef, coef, rtol=1e-10)
    np.testing.assert_allclose(found.intercept, intercept, rtol=1e-9)
    np.testing.assert_allclose(found.loss, np.mean((X @ coef + intercept - y) ** 2), rtol=1e-9)
    assert found.rows == 3000 and found.method == "lstsq" and found.features == tuple(NAMES) and found.rank == 3


def test_adaline_arrives_where_least_squares_does(files):
    found, exact = (fit(files["parquet"], "y", m, features=NAMES) for m in ("adaline", "lstsq"))
    np.testing.assert_allclose(found.coef, exact.coef, rtol=1e-5)
    np.testing.assert_allclose(found.loss, exact.loss, rtol=1e-9)
    assert list(found.losses) == sorted(found.losses, reverse=True) and found.epochs == len(found.losses) < 100


@pytest.mark.parametrize("target, classes", [("up", (0.0, 1.0)), ("said", ("no", "yes"))])
def test_sigmoid_is_sklearns_logistic_regression(files, target, classes):
    linear_model = pytest.importorskip("sklearn.linear_model", reason="compared with scikit-learn")
    X, _, up = table()
    scale = X.std(axis=0)
    theirs = linear_model.LogisticRegression(C=1e12, tol=1e-10, max_iter=10000).fit((X - X.mean(axis=0)) / scale, up)
    found = fit(files["csv"], target, features=NAMES, epochs=400)
    assert found.method == "sigmoid" and found.classes == classes
    np.testing.assert_allclose(found.coef, theirs.coef_[0] / scale, rtol=1e-4)
    assert found.accuracy == pytest.approx(theirs.score((X - X.mean(axis=0)) / scale, up), abs=1e-3)
    assert (found.predict(X) == np.asarray(classes)[up.astype(int)]).mean() == pytest.approx(found.accuracy)
    p = found.predict_proba(X)
    assert found.loss == pytest.approx(-np.log(np.where(up, p, 1 - p)).mean(), rel=1e-9)


def test_ill_conditioned_columns_keep_their_digits(tmp_path):
    """Condition 1e10: an answer from XᵀX has no digit left; merged QR factors keep as many as NumPy's lstsq."""
    random = np.random.default_rng(1)
    basis = np.linalg.qr(random.normal(size=(4000, 3)))[0]
    basis -= basis.mean(axis=0)
    X = basis @ np.diag([1.0, 1e-5, 1e-10]) @ np.linalg.qr(random.normal(size=(3, 3)))[0].T
    X -= X.mean(axis=0)
    truth = np.array([1.0, 2.0, 3.0])
    path = as_parquet(tmp_path / "hard.parquet", {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": X @ truth})
    found = fit(path, "y", "lstsq")
    normal = np.linalg.solve(X.T @ X, X.T @ (X @ truth))
    ours, squared = (np.abs(c - truth).max() for c in (found.coef, normal))
    assert found.condition > 1e9 and found.rank == 3
    assert ours < 1e-4 and squared > 1e-2, (ours, squared)


def test_a_column_far_from_zero_keeps_its_digits(tmp_path):
    x = np.arange(1000) * 1e-3
    path = as_parquet(tmp_path / "far.parquet", {"x": x + 1e8, "y": 3 * ((x + 1e8) - 1e8)})
    assert fit(path, "y").coef[0] == pytest.approx(3, abs=1e-12)


def test_dependent_columns_have_the_shortest_answer(tmp_path):
    linear_model = pytest.importorskip("sklearn.linear_model", reason="compared with scikit-learn")
    X, y, _ = table(200)
    X = X / [1, 100, 1e-3]
    X[:, 2] = 2 * X[:, 0] - X[:, 1]
    path = as_parquet(tmp_path / "dependent.parquet", {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": y})
    found = fit(path, "y", "lstsq")
    theirs = linear_model.LinearRegression().fit(X, y)
    np.testing.assert_allclose(found.coef, theirs.coef_, rtol=1e-8)
    assert found.rank == 2 and "rank 2 of 3" in found.notes[0]


def test_constant_columns_are_left_to_the_intercept(tmp_path):
    X, y, _ = table(300)
    path = as_parquet(tmp_path / "constant.parquet", {"a": X[:, 0], "k": np.full(300, 0.1), "y": y})
    for method in ("lstsq", "adaline"):
        found = fit(path, "y", method)
        assert found.coef[1] == 0 and found.notes[0] == "column 'k' is constant (0.1): its coefficient is 0"
        np.testing.assert_allclose(found.coef[0], reference(X[:, :1], y)[0][0], rtol=1e-6)


def test_fewer_rows_than_columns(tmp_path):
    data = {f"x{i}": np.random.default_rng(i).normal(size=3) for i in range(6)} | {"y": np.array([1.0, 2.0, 4.0])}
    found = fit(as_parquet(tmp_path / "wide.parquet", data), "y", "lstsq")
    X = np.column_stack([data[f"x{i}"] for i in range(6)])
    np.testing.assert_allclose(found.predict(X), data["y"], rtol=1e-9)
    assert found.rank == 2


@pytest.mark.parametrize("newline, start", [("\n", ""), ("\r\n", ""), ("\n\n", ""), ("\r\n", "\ufeff"), ("\n", "\n\n")])
@pytest.mark.parametrize("size", [None, 1000])
def test_borders_of_csv_ranges(tmp_path, monkeypatch, newline, start, size):
    """Ranges of 1000 bytes and blocks of 7 rows, over every kind of line end, find what one range finds."""
    if size:
        monkeypatch.setattr(dataset_module, "SIZE", size)
    X, y, up = table(200)
    path = as_csv(tmp_path / "d.csv", columns(X, y, up), newline, start)
    assert (len(open_dataset(path).parts) > 5) == bool(size)
    found = fit(path, "y", "lstsq", features=NAMES, batch_rows=7)
    np.testing.assert_allclose(found.coef, reference(X, y)[0], rtol=1e-9)
    assert found.rows == 200


def test_quoted_fields_may_hold_line_ends_and_commas(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_module, "SIZE", 200)
    X, y, _ = table(100)
    lines = ['name,"a",b,"c ""c""",y'] + [f'"one, two\n""three""",{r[0]},"{r[1]}",{r[2]},{t}' for r, t in zip(X.tolist(), y.tolist())]
    path = tmp_path / "quoted.csv"
    path.write_text("\n".join(lines))
    found = fit(path, "y", "lstsq", features=["a", "b", 'c "c"'])
    np.testing.assert_allclose(found.coef, reference(X, y)[0], rtol=1e-9)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters(tmp_path, delimiter):
    path = tmp_path / "d.csv"
    path.write_text("x,y\n0,1\n1,3\n2,5\n".replace(",", delimiter))
    assert fit(path, "y", "lstsq").coef[0] == pytest.approx(2)


def test_folders_globs_and_files_with_columns_in_another_order(tmp_path):
    X, y, up = table(900)
    data = columns(X, y, up)
    for i in range(3):
        piece = {k: v[300 * i : 300 * (i + 1)] for k, v in data.items()}
        as_csv(tmp_path / f"part-{i}.csv", dict(reversed(piece.items())) if i == 1 else piece)
    (tmp_path / "_SUCCESS.csv").write_text("")
    expected = reference(X, y)[0]
    for source in (tmp_path, str(tmp_path / "part-*.csv"), [tmp_path / "part-0.csv", tmp_path / "part-[12].csv"]):
        found = fit(source, "y", "lstsq", features=NAMES)
        np.testing.assert_allclose(found.coef, expected, rtol=1e-9)
        assert found.rows == 900


def test_kinds_of_columns(tmp_path):
    """Whole numbers, booleans, numbers too long for a double, pandas' categories."""
    data = {"w": pa.array([10, 2**60 + 1, 30], pa.int64()), "c": pa.array(["no", "yes", "no"]).dictionary_encode(), "n": pa.array([1, 2, 4]).dictionary_encode()}
    pq.write_table(pa.table(data), tmp_path / "d.parquet")
    assert fit(tmp_path / "d.parquet", "c", features=["w", "n"], epochs=3).classes == ("no", "yes")
    assert fit(tmp_path / "d.parquet", "n", features=["w"]).rows == 3
    data = {"i": pa.array([1, 2, 3, 4], pa.int8()), "f": pa.array([1, 0, 0, 5], pa.float32()), "b": [True, False, True, True], "y": [1, 2, 4, 8]}
    pq.write_table(pa.table(data), tmp_path / "d.parquet")
    (tmp_path / "d.csv").write_text("i,f,b,y\n1,1,true,1\n2,0,false,2\n3,0,true,4\n4,5,true,8\n")
    X = np.array([[1, 1, 1], [2, 0, 0], [3, 0, 1], [4, 5, 1.0]])
    for name in ("d.parquet", "d.csv"):
        np.testing.assert_allclose(fit(tmp_path / name, "y", "lstsq").predict(X), [1, 2, 4, 8], rtol=1e-9)


@pytest.mark.parametrize("method", ["lstsq", "adaline", "all"])
def test_threads_give_the_same_bits_as_one(tmp_path, monkeypatch, method):
    monkeypatch.setattr(dataset_module, "SIZE", 4000)
    path = as_parquet(tmp_path / "d.parquet", columns(*table()), group=100)
    target = "up" if method == "all" else "y"
    one, many = (fit(path, target, method, features=NAMES, epochs=20, threads=n) for n in (1, 4))
    assert (one.where, many.where) == ("one thread", "4 threads")
    assert (one.coef == many.coef).all() and one.intercept == many.intercept and one.loss == many.loss and (one.sample is None or (one.sample == many.sample).all())


def test_all_methods_are_compared(files):
    found = fit(files["parquet"], "up", "all", features=NAMES, epochs=300)
    assert [f.method for f in found.compared] == ["lstsq", "adaline", "sigmoid"] and found.method == "sigmoid"
    assert found.squared_error == min(f.squared_error for f in found.compared)
    assert [f.method for f in fit(files["parquet"], "y", "all", features=NAMES).compared] == ["lstsq", "adaline"]
    assert [f.method for f in fit(files["parquet"], "said", "all", features=NAMES, epochs=3).compared] == ["sigmoid"]


def test_auto_takes_what_fits_the_target(files):
    assert fit(files["csv"], "y", features=NAMES).method == "lstsq"
    assert fit(files["csv"], "up", features=NAMES, epochs=2).method == "sigmoid"


def test_a_learning_rate_that_is_too_large_is_said(files):
    with pytest.raises(DataError, match=r"adaline: the loss climbed to .* in epoch \d+: the learning rate 30 is too large"):
        fit(files["csv"], "y", "adaline", features=NAMES, lr=30.0)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_with_missing_values_can_be_left_out(tmp_path, kind):
    X, y, up = table(500)
    data = columns(X, y, up)
    gone = np.zeros(500, bool)
    gone[[0, 77, 499]] = True
    if kind == "csv":
        text = {k: np.array([str(v) for v in data[k].tolist()], dtype=object) for k in ("a", "b", "c", "y")}
        text["a"][0], text["b"][77], text["y"][499] = "", "NA", "nan"
        path = as_csv(tmp_path / "d.csv", text)
    else:
        a, b, y_ = (pa.array(data[n], mask=gone & (np.arange(500) == at)) for n, at in (("a", 0), ("b", 77), ("y", 499)))
        path = as_parquet(tmp_path / "d.parquet", {"a": a, "b": b, "c": data["c"], "y": y_}, group=90)
    found = fit(path, "y", "lstsq", drop_missing=True)
    np.testing.assert_allclose(found.coef, reference(X[~gone], y[~gone])[0], rtol=1e-9)
    assert found.rows == 497 and "3 of 500 rows had missing values and were left out" in found.notes


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_predictions_of_a_saved_model(files, tmp_path, suffix):
    X, _, _ = table()
    for target in ("y", "said"):
        found = fit(files["parquet"], target, features=NAMES, epochs=20)
        found.save(tmp_path / "m.safetensors")
        model = load_model(tmp_path / "m.safetensors")
        for field in dataclasses.fields(found):
            if field.name not in ("sample", "compared"):
                assert np.all(getattr(model, field.name) == getattr(found, field.name)), field.name
        expected = found.predict(X)
        given = predict(model, files["csv"])
        assert predict(tmp_path / "m.safetensors", files["parquet"], tmp_path / f"p.{suffix}", batch_rows=11) == 3000
        from pyarrow import csv

        written = csv.read_csv(tmp_path / "p.csv") if suffix == "csv" else pq.read_table(tmp_path / "p.parquet")
        stored = written["prediction"].to_numpy()
        if target == "y":
            np.testing.assert_allclose(given, expected, rtol=1e-12)
            np.testing.assert_allclose(stored, expected, rtol=1e-12)
        else:
            assert (given == expected).all() and (stored == expected).all()
            np.testing.assert_allclose(written["probability"].to_numpy(), found.predict_proba(X), rtol=1e-9)


def test_rows_without_a_value_have_no_prediction(tmp_path):
    (tmp_path / "d.csv").write_text("x,y\n0,1\n1,3\n2,5\n")
    (tmp_path / "new.csv").write_text("x\n1\nNA\n3\n")
    model = fit(tmp_path / "d.csv", "y", "lstsq")
    with pytest.raises(DataError, match=r"new.csv: column 'x' is missing in row 2 \(line 3\)"):
        predict(model, tmp_path / "new.csv")
    np.testing.assert_allclose(predict(model, tmp_path / "new.csv", drop_missing=True), [3, np.nan, 7])


def test_the_tree_does_not_depend_on_who_calculates():
    def merge(*parts):
        return "(" + "".join(parts) + ")"

    for n in range(1, 30):
        whole = reduced([chr(65 + i) for i in range(n)], merge, width=2)
        assert [c for c in whole if c not in "()"] == [chr(65 + i) for i in range(n)]
        depth = max(whole[: i + 1].count("(") - whole[: i + 1].count(")") for i in range(len(whole)))
        assert depth <= np.ceil(np.log2(n)) + 1 + np.floor(np.log2(n))
    with pytest.raises(DataError, match="no data"):
        reduced([], merge)


def test_merged_surveys_are_the_survey_of_all_rows():
    block = np.column_stack([np.ones(5000), np.random.default_rng(0).normal(size=(5000, 4))])
    pieces = [Survey(triangle(block[i : i + 999]), len(block[i : i + 999]), (float(i), 2.0)) for i in range(0, 5000, 999)]
    left = merged(merged(*pieces[:2]), *pieces[2:])
    right = merged(pieces[0], merged(*pieces[1:]))
    whole = Survey(triangle(block), 5000)
    for found in (left, right):
        assert found.rows == 5000 and found.values == (0.0, 2.0, 999.0)
        np.testing.assert_allclose(solve(centred(found, np.zeros(4))).coef, solve(centred(whole, np.zeros(4))).coef, rtol=1e-10)


def test_memory_stays_bounded(tmp_path):
    """240 MB of Parquet: the process grows by far less than that."""
    pytest.importorskip("resource", reason="the peak of a process is told by POSIX")
    names = [f"x{i}" for i in range(9)]
    random = np.random.default_rng(0)
    with pq.ParquetWriter(tmp_path / "d.parquet", pa.schema([(n, pa.float64()) for n in [*names, "y"]]), compression="none", use_dictionary=False) as writer:
        for _ in range(60):
            X = random.random((9, 50_000))
            writer.write_table(pa.table([*X, X.sum(axis=0)], names=[*names, "y"]))
    small = tmp_path / "small.parquet"
    pq.write_table(pa.table({n: random.random(2000) for n in [*names, "y"]}), small)
    code = textwrap.dedent("""
        import sys
        from glassgrad.fitting import fit
        before = fit(sys.argv[1], "y", "all", epochs=2, threads=2).peak_memory
        found = fit(sys.argv[2], "y", "all", epochs=2, threads=2, batch_rows=8192)
        print(found.rows, (found.peak_memory - before) // 1024)
    """)
    got = subprocess.run([sys.executable, "-c", code, small, tmp_path / "d.parquet"], capture_output=True, text=True, check=True, env=os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"})
    rows, grown = map(int, got.stdout.split())
    assert rows == 3_000_000 and grown < 100_000, f"{grown} KB"
    (tmp_path / "d.parquet").unlink()


@pytest.mark.skipif("GLASSGRAD_LARGE" not in os.environ, reason="writes and reads 2 GB; GLASSGRAD_LARGE=1 runs it, as CI does")
def test_two_gigabytes_in_less_than_600_megabytes(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    if free < 6e9:
        pytest.skip(f"2 GB want room on the disk, and {free / 1e9:.1f} GB are free")
    names = [*(f"x{i}" for i in range(19)), "y"]
    random, truth = np.random.default_rng(0), np.arange(19) - 9.0
    with pq.ParquetWriter(tmp_path / "d.parquet", pa.schema([(n, pa.float64()) for n in names]), compression="none", use_dictionary=False) as writer:
        for _ in range(50):
            X = random.random((19, 250_000))
            writer.write_table(pa.table([*X, truth @ X + 3 + random.normal(size=250_000)], names=names))
    assert os.path.getsize(tmp_path / "d.parquet") >= 2_000_000_000
    code = textwrap.dedent("""
        import json, sys
        from glassgrad.fitting import fit
        found = fit(sys.argv[1], "y", sys.argv[2], epochs=3)
        print(json.dumps([found.rows, found.coef.tolist(), found.intercept, found.peak_memory]))
    """)
    for method, within in (("lstsq", 0.01), ("adaline", 0.3)):
        got = subprocess.run([sys.executable, "-c", code, tmp_path / "d.parquet", method], capture_output=True, text=True, check=True)
        rows, coef, intercept, peak = json.loads(got.stdout)
        assert rows == 12_500_000 and coef == pytest.approx(truth.tolist(), abs=within) and intercept == pytest.approx(3, abs=within)
        assert peak < 600e6, f"{method}: {peak / 1e6:.0f} MB"
    (tmp_path / "d.parquet").unlink()  # pytest keeps what tests leave


# ------------------------------------------------------------------------------------------------ going on
@pytest.fixture
def parts(tmp_path, monkeypatch):
    """A file of 40 partitions."""
    monkeypatch.setattr(dataset_module, "SIZE", 1)
    random = np.random.default_rng(0)
    X = random.normal(size=(4000, 3))
    y = X @ [1.0, -2.0, 0.5] + random.normal(size=4000)
    path = str(tmp_path / "data.parquet")
    pq.write_table(pa.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": y, "up": np.where(y > 0, "yes", "no")}), path, row_group_size=100)
    return path


class Enough(Exception):
    pass


class Short(Progress):
    """Ends a fit after so many partitions."""

    def __init__(self, count):
        self.count, self.seen = count, 0

    def advance(self, size):
        self.seen += bool(size)
        if self.seen == self.count:
            raise Enough


def alike(one, other):
    same = [np.array_equal(getattr(one, name), getattr(other, name)) for name in ("coef", "losses", "sample")]
    return all(same) and (one.intercept, one.loss, one.r2, one.rank, one.rows, one.epochs) == (other.intercept, other.loss, other.r2, other.rank, other.rows, other.epochs)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("target, method", [("y", "lstsq"), ("y", "adaline"), ("up", "sigmoid"), ("y", "all")])
def test_a_fit_goes_on_where_it_was_ended(parts, tmp_path, target, method, threads):
    given = dict(features=["a", "b", "c"], epochs=4, scored=True, threads=threads)
    whole, file = fit(parts, target, method, **given), tmp_path / "fit.npz"
    went = []
    for count in (17, 31, 30, 70, 10**9):
        bar = Short(count)
        try:
            found = fit(parts, target, method, **given, checkpoint=file, every=0.0, progress=bar)
        except Enough:
            continue
        finally:
            went.append(bar.seen)
    assert alike(whole, found) and len(whole.compared) == len(found.compared)
    passes = whole.epochs + 2 if method != "all" else whole.compared[1].epochs + 2
    assert sum(went) < passes * 40 + 5 * (2 * threads + 4)  # no partition was read again, but for those under way
    again = Short(1)
    assert alike(fit(parts, target, method, **given, checkpoint=file, progress=again), whole) and again.seen == 0
    if method == "adaline":
        more = fit(parts, target, method, **{**given, "epochs": 6}, checkpoint=file)
        assert alike(more, fit(parts, target, method, **{**given, "epochs": 6}))


def test_a_checkpoint_of_another_fit_is_refused_and_left_alone(parts, tmp_path):
    file = tmp_path / "fit.npz"
    fit(parts, "y", features=["a"], checkpoint=file)
    kept = file.read_bytes()
    for other in (dict(features=["b"]), dict(features=["a"], method="adaline"), dict(features=["a"], drop_missing=True)):
        with pytest.raises(DataError, match="belongs to a run with another data, target, method or learning rate"):
            fit(parts, "y", checkpoint=file, **other)
    os.utime(parts, (1, 1))
    with pytest.raises(DataError, match="another data"):
        fit(parts, "y", features=["a"], checkpoint=file)
    assert file.read_bytes() == kept
    file.write_bytes(kept[:99])
    with pytest.raises(DataError, match="damaged"):
        fit(parts, "y", features=["a"], checkpoint=file)
    with pytest.raises(DataError, match="could not be written"):
        fit(parts, "y", features=["a"], checkpoint=tmp_path / "no" / "fit.npz")


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is tried on POSIX")
def test_a_killed_fit_ends_at_the_same_bits(parts, tmp_path):
    code = textwrap.dedent("""
        import sys
        from glassgrad.fitting import dataset, fit
        from glassgrad.fitting.progress import Progress
        dataset.SIZE = 1
        class Wait(Progress):
            seen = 0
            def advance(self, size):
                Wait.seen += bool(size)
                if Wait.seen == 150:
                    print("there", flush=True)
                    sys.stdin.readline()
        fit(sys.argv[1], "y", "adaline", features=["a", "b", "c"], epochs=5, checkpoint=sys.argv[2], every=0.0, progress=Wait())
    """)
    file = str(tmp_path / "fit.npz")
    process = subprocess.Popen([sys.executable, "-c", code, parts, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "there\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert sorted(os.listdir(tmp_path)) == ["data.parquet", "fit.npz"]
    given = dict(features=["a", "b", "c"], epochs=5)
    bar = Short(10**9)
    assert alike(fit(parts, "y", "adaline", **given, checkpoint=file, progress=bar), fit(parts, "y", "adaline", **given))
    assert bar.seen < 7 * 40 - 120
