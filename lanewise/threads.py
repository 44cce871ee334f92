"""How many threads linear algebra takes in a process of ours."""

from __future__ import annotations

import os


def one_thread_for_algebra() -> None:
    """Tell OpenBLAS to stay on the thread that asks; it reads this once, when numpy or scipy is imported first.

    Our matrices are small: a helper thread only waits for them, spinning, and takes the core from the other worker.
    Who sets `OPENBLAS_NUM_THREADS` keeps what was set.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
