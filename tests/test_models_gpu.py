"""On a GPU every layer computes what it computes on the CPU, on the engine that a GPU gets."""

import numpy as np
import pytest
import torch

from birnn_lightning.nn.engines import choose_engine
from birnn_lightning.nn.recurrent import RecurrentLayer
from parity.runs import Run
from parity.suite.case_runs import requested_engine, run_ours_on
from parity.suite.grids import grid
from parity.suite.layer_cases import LayerCase

if not torch.cuda.is_available():
    pytest.skip("needs a CUDA device", allow_module_level=True)

pytestmark = pytest.mark.gpu

TOLERANCE = 1e-10  # float64, of the largest number: sums in another order, gates that saturate
CASES = [pytest.param(one, id=one.name) for one in grid("quick") if isinstance(one, LayerCase)]


def difference(ours: Run, theirs: Run) -> float:
    """The largest of outputs, gradients and statistics, of the largest number in an array."""
    found = [0.0]
    for part in ("outputs", "gradients", "variables"):
        one, other = getattr(ours, part), getattr(theirs, part)
        assert one.keys() == other.keys()
        for name, array in other.items():
            if array.size:
                scale = max(1.0, float(np.abs(array).max()))
                found.append(float(np.abs(one[name] - array).max()) / scale)
    return max(found)


@pytest.mark.parametrize("engine", ["auto", "triton", "batched"])
@pytest.mark.parametrize("case", CASES)
def test_the_gpu_equals_the_cpu(case: LayerCase, engine: str) -> None:
    reference = case.build()
    requested_engine(reference, "scan")
    batches = [case.inputs(batch) for batch in range(case.batches)]
    theirs = run_ours_on(case, reference, batches, gradients=True)
    model = case.build().cuda()
    requested_engine(model, engine)
    for layer in model.modules():
        if isinstance(layer, RecurrentLayer):
            try:
                choose_engine([cell for _, _, cell in layer.cells()], engine, case.training, "cuda")
            except ValueError as error:
                pytest.skip(str(error))
    for ours, other in zip(run_ours_on(case, model, batches, gradients=True), theirs, strict=True):
        assert difference(ours, other) <= TOLERANCE
        for name, mask in other.masks.items():
            found = ours.masks[name]
            assert (found is None) == (mask is None)
            assert mask is None or np.array_equal(found, mask)  # type: ignore[arg-type]
