"""`backends.cuda` as a CPU build answers."""


def is_built() -> bool:
    """Whether there is code for CUDA devices: none here."""
    return False
