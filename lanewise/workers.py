"""Worker processes that end when the process that asked for them does, however that ended."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from threading import Thread

PARENT_GONE = 1


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """A pool for drives. Spawned, not forked: compiled kernels and their threads do not survive a fork."""
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    """A worker whose parent was killed would else wait for work for ever: it holds both ends of its own queue."""
    Thread(target=_outlive, name="parent-watch", daemon=True).start()


def _outlive() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(PARENT_GONE)
