"""`make stats` counts what there is."""

import stats


def test_the_house_is_counted():
    found = stats.count()
    assert found["declared ops"][0] > 250 and found["layers"][0] > 120 and found["optimizers"][0] == 12 and found["schedulers"][0] == 16
    assert all(size > many > 0 for many, size in found.values())


def test_imports_are_timed():
    rooms = stats.imports()
    assert len(rooms) == 10 and all(name.startswith("glassgrad") for _, name in rooms)
    assert rooms == sorted(rooms, reverse=True)
