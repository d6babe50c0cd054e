"""Installation of tritonserver from the wheel `nvidia-pytriton`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from whatsit_client.errors import Unavailable

STUB = "triton_python_backend_stub"


@dataclass(frozen=True)
class Installation:
    """A tritonserver that can be started.

    Args:
        binary: the server.
        python_backend: folder with libtriton_python.so.
        stub: the Python backend's stub built for the running Python.
        libraries: folders for the server's LD_LIBRARY_PATH (of its processes only).
    """

    binary: Path
    python_backend: Path
    stub: Path
    libraries: tuple[Path, ...]


def find_installation() -> Installation:
    """Find the server inside the `nvidia-pytriton` wheel.

    Raises:
        Unavailable: the wheel, its stub for this Python, or libpython is missing; the sentence says what to install.
    """
    if sys.platform != "linux":
        raise Unavailable("The bundled Triton runs on Linux only: start NVIDIA's Triton container instead.")
    spec = importlib.util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        raise Unavailable("Triton is not installed here: pip install 'whatsit[serve]'.")
    package = Path(spec.origin).parent
    server = package / "tritonserver"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = server / "python_backend_stubs" / version / STUB
    if not stub.is_file():
        raise Unavailable(f"The bundled Triton serves Python 3.8 to 3.13, not {version}: use one of those.")
    libraries = (package.parent / "nvidia_pytriton.libs", _libpython_folder(version))
    return Installation(server / "bin" / "tritonserver", server / "backends" / "python", stub, libraries)


def _libpython_folder(version: str) -> Path:
    """Return the folder of libpython3.X.so.1.0, which the stub loads."""
    name = f"libpython{version}.so.1.0"
    folders = [sysconfig.get_config_var("LIBDIR"), str(Path(sys.base_prefix, "lib"))]
    multiarch = sysconfig.get_config_var("MULTIARCH")
    folders += [f"/usr/lib/{multiarch}", "/usr/lib", "/usr/lib64", "/usr/local/lib"]
    for folder in folders:
        if folder and Path(folder, name).is_file():
            return Path(folder)
    raise Unavailable(
        f"Triton's Python backend needs {name}, which this Python was built without: "
        f"on Debian or Ubuntu, apt-get install libpython{version}."
    )


def lay_out_backends(installation: Installation, folder: Path) -> Path:
    """Lay out a backend directory for Triton.

    It holds Triton's Python backend with this Python's stub, and Whatsit's backends.

    These are copies (a few MB), for Triton refuses a library that a link leads out of the directory.

    Args:
        installation: where the originals are.
        folder: an empty folder to fill.

    Returns:
        `folder`, for `--backend-directory`.
    """
    ignore = shutil.ignore_patterns("__pycache__", "__init__.py")
    shutil.copytree(Path(__file__).parents[1] / "serving" / "backends", folder, ignore=ignore, dirs_exist_ok=True)
    shutil.copytree(installation.python_backend, folder / "python", ignore=ignore, dirs_exist_ok=True)
    shutil.copy2(installation.stub, folder / "python" / STUB)
    return folder


def server_environment(installation: Installation, extra: dict[str, str]) -> dict[str, str]:
    """Return the environment of the server's processes.

    It names the server's libraries and this Python, and limits library calls to one thread.

    The stub embeds Python in isolated mode, which ignores PYTHONPATH but takes the first `python3` on PATH for its
    place: with this interpreter's folder in front it sees the packages of this virtual environment.
    """
    libraries = [str(path) for path in installation.libraries]
    libraries += [path for path in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if path]  # a GPU's driver
    # A picture's arrays are large enough for the C library to ask the kernel for each and give it back: 750 page faults
    # a picture in `decode` alone. With these it keeps up to 64 MB of them in every process.
    kept = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {
        **kept,
        **os.environ,
        **single,
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        **extra,
    }
