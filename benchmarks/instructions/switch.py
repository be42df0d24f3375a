"""Switches the counting of instructions on and off, from inside the process that Valgrind runs."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.instructions.counting import SWITCH


@contextmanager
def counting() -> Iterator[None]:
    """Count the instructions of the block. What was there before it is not the garbage collector's business.

    A full collection now and then would otherwise count all that was imported to one of the steps.
    """
    switch = ctypes.CDLL(os.environ[SWITCH])
    gc.collect()
    gc.freeze()
    switch.on()
    try:
        yield
    finally:
        switch.off()
