"""Step `memory`: CUDA calls and DLPack as the Python-based backend uses them."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.dlpack import from_dlpack
from whatsit_client.errors import Unavailable

from perf.gpu.check import Check
from whatsit.engines.cuda import Cuda
from whatsit.engines.dlpack import DeviceTensor


def run(check: Check) -> None:
    """Every figure is the number of wrong elements, which must be 0."""
    array = np.random.default_rng(0).integers(0, 256, (64, 3, 224, 224)).astype(np.uint8)
    _from_torch(check, torch.from_numpy(array).to("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        cuda = Cuda()
    except Unavailable as error:
        check.skip("CUDA", str(error))
        return
    first, second = cuda.allocate(array.nbytes), cuda.allocate(array.nbytes)
    back = np.zeros_like(array)
    cuda.copy_to_device(first, array)
    cuda.copy_on_device(second, first, array.nbytes)
    cuda.copy_to_host(back, second)
    cuda.synchronize()
    check.record("up, across and down", "wrong elements", int((back != array).sum()))
    row = array[0].nbytes
    graph = cuda.capture(lambda: cuda.copy_on_device(second, first + row, row))
    cuda.launch(graph)
    cuda.copy_to_host(back, second)
    cuda.synchronize()
    check.record("a recorded graph", "wrong elements", int((back[0] != array[1]).sum()))
    cuda.destroy_graph(graph)
    ours = DeviceTensor(first, array.shape, array.dtype, (cuda.dlpack_type, cuda.device))
    theirs = from_dlpack(ours.rows(2, 5))
    check.record("DLPack to torch", "wrong elements", int((theirs.cpu().numpy() != array[2:5]).sum()))
    del theirs
    cuda.free(first)
    cuda.free(second)
    cuda.close()


def _from_torch(check: Check, tensor: torch.Tensor) -> None:
    taken = DeviceTensor.from_capsule(tensor.__dlpack__())
    same = taken.pointer == tensor.data_ptr() and taken.shape == tuple(tensor.shape)
    back = from_dlpack(taken.rows(1, 3))
    wrong = int((back != tensor[1:3]).sum()) if same else tensor.numel()
    check.record("DLPack from torch and back", "wrong elements", wrong, note=str(tensor.device))
