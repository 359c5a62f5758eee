"""The same fit on Dask workers in processes of their own: the same bits, errors in a line, and nothing lost with a worker that is killed."""

import os
import signal

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="the data of a fit is read by pyarrow")
distributed = pytest.importorskip("distributed", reason="clusters are Dask's")
import pyarrow.parquet as pq  # noqa: E402

from glassgrad.cli import main  # noqa: E402
from glassgrad.fitting import DataError, fit  # noqa: E402
from glassgrad.fitting import dataset as dataset_module  # noqa: E402
from glassgrad.fitting.progress import Progress  # noqa: E402
from glassgrad.fitting.run import Cluster  # noqa: E402


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two worker processes, one thread each, on the loopback interface; a worker that dies is replaced."""
    folder = tmp_path_factory.mktemp("workers")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50, local_directory=folder,
    ) as found:  # fmt: skip
        yield found


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A file of 24 partitions."""
    monkeypatch.setattr(dataset_module, "SIZE", 1)
    random = np.random.default_rng(0)
    X = random.normal(size=(2400, 3))
    y = X @ [1.0, -2.0, 0.5] + random.normal(size=2400)
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "y": y, "up": y > 0}), path, row_group_size=100)
    return str(path)


@pytest.mark.parametrize("target, method", [("y", "lstsq"), ("y", "adaline"), ("up", "sigmoid")])
def test_a_cluster_gives_the_bits_of_one_machine(cluster, data, target, method):
    given = {"features": ["a", "b", "c"], "epochs": 5}
    here = fit(data, target, method, threads=1, **given)
    there = fit(data, target, method, cluster=cluster.scheduler_address, **given)
    assert "workers of a cluster" in there.where and here.where == "one thread"
    assert (here.coef == there.coef).all() and here.intercept == there.intercept and here.losses == there.losses and here.rows == there.rows


def test_both_workers_work(cluster, data):
    with Cluster(cluster.scheduler_address) as runner:
        found = runner(lambda part: {os.getpid()}, range(40), lambda *parts: set().union(*parts), lambda part: None)
    assert os.getpid() not in found and len(found) == 2


class Killer(Progress):
    """Kills a worker in the middle of the second pass."""

    def __init__(self, victim):
        self.victim, self.passes, self.done = victim, 0, 0

    def begin(self, what, total):
        self.passes, self.done = self.passes + 1, 0

    def advance(self, size):
        self.done += 1
        if self.passes == 2 and self.done == 6:
            os.kill(self.victim, signal.SIGKILL)
            self.victim = None


def test_a_worker_killed_in_the_middle_loses_nothing(cluster, data):
    """With the results that it held: the scheduler has them made again, and the answer has the same bits."""
    given = {"features": ["a", "b", "c"], "epochs": 4}
    with distributed.Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(2)
        pids = client.run(os.getpid)
        killer = Killer(sorted(pids.values())[0])
        found = fit(data, "y", "adaline", cluster=cluster.scheduler_address, progress=killer, **given)
        assert killer.victim is None and killer.passes == 6
        client.wait_for_workers(2)
        assert sorted(pids.values())[0] not in client.run(os.getpid).values()
    here = fit(data, "y", "adaline", threads=1, **given)
    assert (here.coef == found.coef).all() and here.losses == found.losses


def test_errors_on_a_worker_are_the_same_line(cluster, tmp_path, data):
    table = pq.read_table(data)
    values = table["b"].to_pylist()
    values[1234] = None
    pq.write_table(table.set_column(1, "b", [values]), tmp_path / "gap.parquet", row_group_size=100)
    with pytest.raises(DataError, match=r"gap.parquet: column 'b' is missing in row 1235; --drop-missing"):
        fit(tmp_path / "gap.parquet", "y", features=["a", "b"], cluster=cluster.scheduler_address)


def test_the_command_line(cluster, data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", data, "--target", "y", "--features", "a,b,c", "--cluster", cluster.scheduler_address]) == 0
    assert "2 workers of a cluster" in capsys.readouterr().out
    assert main(["fit", data, "--target", "y", "--features", "a", "--cluster", "tcp://127.0.0.1:9"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("glassgrad fit: there is no cluster at 'tcp://127.0.0.1:9'") and err.count("\n") == 1


def test_a_cluster_of_its_own(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = fit(data, "y", features=["a", "b", "c"], cluster="local:1")
    assert found.where == "1 worker of a cluster" and found.rows == 2400
    assert os.listdir() == ["data.parquet"]
