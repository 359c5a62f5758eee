"""`cuda` as a CPU build answers: there is none."""


def is_available() -> bool:
    """Whether a CUDA device can be used: never here.

    >>> import glassgrad as gg
    >>> gg.cuda.is_available()
    False
    """
    return False


def device_count() -> int:
    """The number of CUDA devices: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seeds the CUDA generator: there is none, so nothing happens, as in a CPU build."""


def manual_seed_all(seed: int) -> None:
    """Seeds all CUDA generators: there are none."""
