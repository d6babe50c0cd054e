"""Entry of `perf.gpu.gpu_check` for a copied checkout."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # the checkout instead of this folder
    from perf.gpu.gpu_check import run

    run()
