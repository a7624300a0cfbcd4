"""One thread for small arrays: on a busy machine threads that wait for each other cost more than they give."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block BLAS and OpenMP (numpy, torch) use one thread."""
    with threadpool_limits(limits=1):
        yield
