"""Starts a process of ours, `python -m engine.launch MODULE ARGUMENTS`, with nothing that slows it.

The garbage collector rests until the process is ready (`limits.tune_gc`): what a start allocates
stays, and to walk it again and again took a fifth of the start. NumPy, of which we use no linear
algebra, gets no threads for it: it would start one for each processor, in every process.
"""

from __future__ import annotations

import gc
import os
import runpy
import sys


def main() -> None:
    """Run the module that is named first, as `python -m` would."""
    gc.disable()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
