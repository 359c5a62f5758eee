"""A fit on a Dask cluster of worker processes gives what one machine gives."""

import numpy as np
import pytest

pytest.importorskip("distributed", reason='a cluster needs Dask: pip install "glassgrad[cluster]"')
pytest.importorskip("pyarrow", reason='files are read by pyarrow: pip install "glassgrad[neuron]"')

from glassgrad.fitting import fit  # noqa: E402


@pytest.mark.parametrize("method", ["lstsq", "adaline"])
def test_two_worker_processes_give_what_one_machine_gives(tmp_path, method):
    random = np.random.default_rng(0)
    X = random.normal(size=(4000, 3))
    y = X @ [1.0, -2.0, 0.5] + 3 + 0.1 * random.normal(size=4000)
    for i in range(4):
        rows = np.column_stack([X, y])[i::4]
        (tmp_path / f"part{i}.csv").write_text("a,b,c,y\n" + "\n".join(",".join(f"{v:.17g}" for v in row) for row in rows) + "\n")
    options = dict(method=method, batch_rows=500, epochs=5)
    here = fit(str(tmp_path / "*.csv"), "y", threads=1, **options)
    there = fit(str(tmp_path / "*.csv"), "y", cluster="local:2", **options)
    np.testing.assert_allclose(there.coef, here.coef, rtol=1e-10)
    assert there.intercept == pytest.approx(here.intercept, rel=1e-10) and there.rows == here.rows == 4000
