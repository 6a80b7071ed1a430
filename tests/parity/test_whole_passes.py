"""What a model puts out in evaluation is, to the bit, what its layers put out one by one.

The suite compares `SequenceModel.stages` with Keras; whoever predicts runs `SequenceModel.compute`,
in which a layer may leave its work to its reader (`birnn_lightning.nn.unread`).
"""

from collections import Counter
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from birnn_lightning.inputs import masked_inputs
from birnn_lightning.nn import Masked, RecurrentLayer, SequenceModel, specs
from birnn_lightning.nn.engines.fused import passes
from birnn_lightning.nn.specs import Bidirectional, LayerSpec, ModelSpec, Recurrent
from parity.suite.grids import grid
from parity.suite.layer_cases import LayerCase
from tests.nn.samples import suited
from tests.nn.test_fused import needs_a_compiler
from tests.parity.layer_strategies import BOOLEANS, SIZES, Draw, masks
from tests.parity.model_strategies import Draft

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numbers that overflow
DTYPES = (torch.float64, torch.float32)
GRID = [case for case in grid("quick") if isinstance(case, LayerCase)]


def states_of(model: SequenceModel) -> list[torch.Tensor]:
    """What stateful layers keep."""
    layers = (one for one in model.modules() if isinstance(one, RecurrentLayer))
    return [state for layer in layers for state in layer.states or ()]


def present(output: Masked) -> list[torch.Tensor]:
    """Its values, and its mask where it has one."""
    return [tensor for tensor in output if tensor is not None]


def assert_same(first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]) -> None:
    """No difference; what overflows may be no number in both."""
    torch.testing.assert_close(first, second, rtol=0, atol=0, equal_nan=True)


def check_case(case: LayerCase, dtype: torch.dtype) -> None:
    """Runs every batch both ways, and compares outputs, masks and kept states."""
    model, layer_by_layer = case.build().to(dtype), case.build().to(dtype)
    for batch in range(case.batches):
        arrays, mask = case.inputs(batch)
        inputs = masked_inputs(case.spec, arrays, None, mask, torch.zeros((), dtype=dtype))
        with torch.no_grad():
            whole = model.compute(inputs)
            stages = layer_by_layer.stages(inputs)
        for name, found in zip(case.spec.outputs, whole, strict=True):
            assert_same(present(found), present(stages[name]))
        assert_same(states_of(model), states_of(layer_by_layer))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", GRID, ids=lambda case: case.name)
def test_cases_of_the_grid(case: LayerCase, dtype: torch.dtype) -> None:
    check_case(case, dtype)


def plain_layers(draw: Draw, sequences: bool) -> LayerSpec:
    """A layer as most models have it, in one direction or two."""
    chosen = {
        "cell": draw(st.sampled_from(specs.CELL_NAMES)),
        "hidden_size": draw(st.integers(1, 20)),
        "return_sequences": sequences,
        "zero_output_for_mask": sequences,
        "reset_after": draw(BOOLEANS),
        "use_bias": draw(BOOLEANS),
    }
    one = Recurrent(**suited(chosen["cell"], chosen))
    return Bidirectional(forward=one) if draw(BOOLEANS) else one


@st.composite
def chains(draw: Draw) -> LayerCase:
    """Recurrent layers behind each other, perhaps behind an embedding: what may run in one call."""
    batch, time = draw(st.integers(1, 4)), draw(st.integers(1, 8))
    mask = draw(st.none() | masks(batch, time))
    draft = Draft(draw, time)
    if draw(BOOLEANS):
        draft.add_source(masked=mask is not None)
    else:
        tokens = draft.add_input(None, kind="tokens", dtype="int64")
        sizes = {"vocab_size": draw(st.integers(2, 7)), "embedding_dim": draw(SIZES)}
        draft.add(specs.Embedding(**sizes, mask_zero=draw(BOOLEANS)), tokens, time=time)
    for last in (False,) * draw(st.integers(1, 4)) + (True,):
        if draw(st.integers(0, 5)):
            draft.add(plain_layers(draw, not last or draw(BOOLEANS)), draft.last)
        else:
            draft.add_recurrent(last)
    draft.add_end()
    spec = ModelSpec(tuple(draft.nodes))
    return LayerCase(name="chain", spec=spec, mask=mask, batches=2, batch=batch, time=time)


@needs_a_compiler
@pytest.mark.parametrize("dtype", DTYPES)
def test_random_chains(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[int] = Counter()
    run = passes.call_forward
    monkeypatch.setattr(
        passes,
        "call_forward",
        lambda batch, layers, *rest: (seen.update([len(layers)]), run(batch, layers, *rest)),
    )

    @settings(max_examples=3 * settings().max_examples)
    @given(case=chains())
    def compare(case: LayerCase) -> None:
        check_case(case, dtype)

    compare()
    assert min(seen[layers] for layers in (1, 2, 3)) > 0, seen
