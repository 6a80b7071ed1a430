"""On a GPU the native engine runs cuDNN, for every mask, with flat weights and no warning."""

import copy
import warnings
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from birnn_lightning.nn.engines import native
from birnn_lightning.nn.engines.choice import MANY_TOKENS
from birnn_lightning.nn.engines.triton import keeps_matrices
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.recurrent import RecurrentLayer
from birnn_lightning.nn.specs import Bidirectional, CellName, Recurrent
from tests.nn.samples import EVERY_MASK, HIDDEN, INPUT, MASKS, TIME, features, randomise, uniform

if not torch.cuda.is_available():
    pytest.skip("needs a CUDA device", allow_module_level=True)

pytestmark = pytest.mark.gpu

# cuDNN sums in another order than the CPU; float32 in TF32 would differ by 1e-3. For an RNN of
# few units, unpacked, it has a kernel of less exact tanh, whose bits torch.nn.RNN has too (below).
TOLERANCES = {torch.float64: 1e-12, torch.float32: 3e-5}
INEXACT_TANH = 3e-4
# bfloat16 keeps 8 bits: 4e-3 of values up to 1, carried through 7 steps of sums of 8 products.
HALF_TOLERANCE = 0.05
RNN, LSTM, GRU = (
    Recurrent(cell=cell, hidden_size=HIDDEN, return_sequences=True, return_state=True)
    for cell in ("rnn", "lstm", "gru")
)
CELLS = [
    pytest.param(RNN, id="rnn"),
    pytest.param(replace(RNN, activation="relu"), id="rnn relu"),
    pytest.param(LSTM, id="lstm"),
    pytest.param(GRU, id="gru"),
]


MOVES = [
    lambda layer: layer,
    copy.deepcopy,
    lambda layer: layer.cpu().cuda(),
    lambda layer: layer.float().double(),
]


@pytest.fixture(autouse=True)
def full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def build(spec: Recurrent, dtype: torch.dtype = torch.float64) -> RecurrentLayer:
    layer = RecurrentLayer(Bidirectional(forward=spec), (TIME, INPUT)).double()
    randomise(layer)
    layer.requested_engine = "native"
    return layer.to(dtype)


def outputs_of(layer: RecurrentLayer, inputs: Tensor, mask: Tensor | None) -> list[Tensor]:
    results = layer(Masked(inputs, mask))
    assert not isinstance(results, Masked)
    return [result.values for result in results]


def results(layer: RecurrentLayer, inputs: Tensor, mask: Tensor | None) -> list[Tensor]:
    """Outputs, states and gradients."""
    inputs.requires_grad_()
    outputs = outputs_of(layer, inputs, mask)
    loss = torch.stack([(output.square() / 2).sum() for output in outputs]).sum()
    gradients = torch.autograd.grad(loss, [inputs, *layer.parameters()])
    return [*outputs, *gradients]


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, of the largest value where that is above 1."""
    scale = theirs.detach().abs().max().clamp(min=1)
    return float((ours.detach().double().cpu() - theirs.detach()).abs().max() / scale)


def backward_names(tensor: Tensor) -> set[str]:
    """The names of every function in a tensor's graph."""
    seen: set[Node] = set()
    waiting: list[Node | None] = [tensor.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [parent for parent, _ in node.next_functions]
    return {node.name() for node in seen}


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("padded", [True, False], ids=["padded", "packed"])
@pytest.mark.parametrize("mask", EVERY_MASK)
@pytest.mark.parametrize("spec", CELLS)
def test_cudnn_equals_the_cpu(
    spec: Recurrent,
    mask: Tensor | None,
    padded: bool,
    dtype: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reference = build(spec)
    reference.requested_engine = "scan"
    theirs = results(reference, features(), mask)
    monkeypatch.setattr(native, "prefers_padding", lambda spec, inputs: padded)
    layer = build(spec, dtype).cuda()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # cuDNN warns of weights that are not flat
        ours = results(layer, features().to("cuda", dtype), None if mask is None else mask.cuda())
    assert any("Cudnn" in name for name in backward_names(ours[0]))
    inexact = spec == RNN and dtype == torch.float32 and (mask is None or padded)
    for one, other in zip(ours, theirs, strict=True):
        assert one.is_cuda
        assert one.dtype == dtype
        assert difference(one, other) <= (INEXACT_TANH if inexact else TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", [*TOLERANCES, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("spec", CELLS)
def test_without_a_mask_the_bits_are_torch_nn_s(spec: Recurrent, dtype: torch.dtype) -> None:
    kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[spec.cell]
    settings = {"nonlinearity": spec.activation} if spec.cell == "rnn" else {}
    theirs = kind(INPUT, HIDDEN, batch_first=True, bidirectional=True, **settings).to("cuda", dtype)
    layer = build(spec, dtype).cuda()
    layer.load_state_dict(theirs.state_dict())
    inputs = features().to("cuda", dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sequence, *_ = outputs_of(layer, inputs, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.nn does not flatten bfloat16
        assert torch.equal(sequence, theirs(inputs)[0])


@pytest.mark.parametrize("mask", [None, MASKS["right"]], ids=["no mask", "right"])
@pytest.mark.parametrize("spec", CELLS)
def test_weights_are_flat_wherever_they_go(spec: Recurrent, mask: Tensor | None) -> None:
    layer = build(spec).cuda()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with torch.inference_mode():
            outputs_of(layer, features().cuda(), None)
        for move in MOVES:
            moved = move(layer)
            outputs = outputs_of(moved, features().cuda(), None if mask is None else mask.cuda())
            torch.stack([one.sum() for one in outputs]).sum().backward()
            tensors = [*moved.parameters(), *moved.buffers()]
            calls = 1 if mask is None or native.waits(spec, wants_memory=True) else 2
            assert len({tensor.untyped_storage().data_ptr() for tensor in tensors}) == calls
            optimizer.step()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("mask", [None, MASKS["interior"]], ids=["no mask", "interior"])
@pytest.mark.parametrize("spec", CELLS)
def test_autocast(spec: Recurrent, mask: Tensor | None, dtype: torch.dtype) -> None:
    reference = build(spec)
    reference.requested_engine = "scan"
    truth = outputs_of(reference, features() / 4, mask)
    layer = build(spec, torch.float32).cuda()
    with warnings.catch_warnings(), torch.autocast("cuda", dtype):
        warnings.simplefilter("error")
        ours = outputs_of(
            layer, features().to("cuda", torch.float32) / 4, None if mask is None else mask.cuda()
        )
    assert any("Cudnn" in name for name in backward_names(ours[0]))
    for one, other in zip(ours, truth, strict=True):
        assert one.dtype == torch.float32
        assert difference(one, other) <= HALF_TOLERANCE
    torch.stack([one.sum() for one in ours]).sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_many_tokens_train_on_triton_as_on_cudnn(cell: CellName) -> None:
    pytest.importorskip("triton")
    time = 200
    batch = MANY_TOKENS[cell] // time
    spec = Recurrent(cell=cell, hidden_size=64, return_sequences=True)
    if not keeps_matrices(spec):
        pytest.skip("this GPU has too little shared memory for the matrices of 64 units")
    layer = RecurrentLayer(Bidirectional(forward=spec), (time, INPUT)).cuda()
    assert layer.engine(batch * time).name == "triton"
    exact = copy.deepcopy(layer).double()
    exact.requested_engine = "native"
    inputs = uniform(batch, time, INPUT, seed=1).cuda()
    weighting = uniform(batch, time, 2 * 64, seed=2).cuda()
    found = []
    for model, name in ((layer, "Recurrence"), (exact, "Cudnn")):
        given = inputs.to(next(model.parameters()).dtype).requires_grad_()
        outputs = model(Masked(given, None))
        assert isinstance(outputs, Masked)
        assert any(name in one for one in backward_names(outputs.values))
        loss = (outputs.values * weighting).sum()
        gradients = torch.autograd.grad(loss, [given, *model.parameters()])
        found.append([outputs.values, *gradients])
    for ours, theirs in zip(*found, strict=True):
        assert difference(ours, theirs.cpu()) <= TOLERANCES[torch.float32]
