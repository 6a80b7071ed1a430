"""In evaluation a recurrent layer reads rows of an embedding, and runs the layer before it."""

from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

from birnn_lightning.nn import Masked, SequenceModel, specs
from birnn_lightning.nn.engines.fused import passes
from birnn_lightning.nn.layers import Embedding
from birnn_lightning.nn.model import only_readers
from birnn_lightning.nn.specs import Bidirectional, LayerSpec, ModelSpec, Node, Recurrent
from tests.nn.samples import BATCH, CLASSES, EVERY_MASK, HIDDEN, MASKS, TIME, randomise
from tests.nn.test_fused import needs_a_compiler

pytestmark = needs_a_compiler
ROWS, SIZE = 23, 3
CELLS = ("rnn", "lstm", "gru")


def both(cell: Any, sequences: bool = True, **fields: Any) -> Bidirectional:
    """Two directions whose masked outputs are as Keras's `Bidirectional` has them."""
    spec = Recurrent(
        cell=cell,
        hidden_size=HIDDEN,
        return_sequences=sequences,
        zero_output_for_mask=sequences,
        **fields,
    )
    return Bidirectional(forward=spec)


def model_of(*layers: LayerSpec, outputs: tuple[str, ...] = (), mask_zero: bool = False) -> Any:
    """Tokens, an embedding, these layers (named by their place), random weights in float64."""
    entrance = (
        Node(name="tokens", layer=specs.Input(shape=(None,), dtype="int64")),
        Node(
            name="embedding",
            layer=specs.Embedding(vocab_size=ROWS, embedding_dim=SIZE, mask_zero=mask_zero),
        ),
    )
    nodes = (Node(name=f"layer_{place}", layer=layer) for place, layer in enumerate(layers))
    model = SequenceModel(ModelSpec((*entrance, *nodes), outputs)).double()
    randomise(model)
    return model.eval()


def tokens(rows: int = ROWS) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, rows, (BATCH, TIME), generator=generator)


class Watch:
    """How many layers each call of the kernel ran, and how often embeddings were copied."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.layers: list[int] = []
        self.copies = 0
        run, copy = passes.call_forward, Embedding.forward

        def watched_run(batch, layers, *rest):
            self.layers.append(len(layers))
            return run(batch, layers, *rest)

        def watched_copy(layer, *inputs):
            self.copies += 1
            return copy(layer, *inputs)

        monkeypatch.setattr(passes, "call_forward", watched_run)
        monkeypatch.setattr(Embedding, "forward", watched_copy)

    def of(self, run) -> tuple[list[int], int]:
        """What happens in a call."""
        self.layers, self.copies = [], 0
        run()
        return self.layers, self.copies


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


@pytest.mark.parametrize("mask", EVERY_MASK)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_outputs_are_those_of_layers_one_by_one(
    dtype: torch.dtype, cell: str, mask: Tensor | None, watch: Watch
) -> None:
    model = model_of(both(cell), both("gru"), both(cell, sequences=False)).to(dtype)
    inputs = [Masked(tokens(), mask)]
    with torch.no_grad():
        assert watch.of(lambda: model(inputs)) == ([3], 0)
        assert watch.of(lambda: model.stages(inputs)) == ([1, 1, 1], 1)
        together, one_by_one = model(inputs), model.stages(inputs)["layer_2"]
    assert torch.equal(together.values, one_by_one.values)
    assert together.mask is one_by_one.mask


def test_the_engine_scan_agrees() -> None:
    model = model_of(both("lstm"), both("gru"), mask_zero=True)
    inputs = [Masked(tokens())]
    with torch.no_grad():
        ours = model(inputs)
        for layer in (model.layers["layer_0"], model.layers["layer_1"]):
            layer.requested_engine = "scan"
        exact = model(inputs)
    torch.testing.assert_close(ours.values, exact.values, rtol=0, atol=1e-12)
    assert torch.equal(ours.mask, exact.mask)


def test_inference_mode_and_the_next_training_step() -> None:
    model = model_of(both("gru"), both("lstm", sequences=False))
    with torch.inference_mode():
        first = model([Masked(tokens())]).values.clone()
    loss = model.train()([Masked(tokens())]).values.sum()
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    torch.testing.assert_close(loss.detach(), first.sum())


def test_weights_may_change_between_calls() -> None:
    model = model_of(both("rnn"), both("rnn", sequences=False))
    with torch.no_grad():
        model([Masked(tokens())])
        randomise(model, seed=7)
        after = model([Masked(tokens())]).values
        assert torch.equal(after, model.stages([Masked(tokens())])["layer_1"].values)


def on(name: str, method: str, *arguments: Any) -> Any:
    """Calls a method of one of the model's layers."""
    return lambda model: getattr(model.layers[name], method)(*arguments)


def replaced_forward(model: Any) -> None:
    """As libraries do that move weights to where a layer runs."""
    layer = model.layers["layer_0"]
    layer.forward = mock.Mock(wraps=layer.forward)


HOOK = mock.Mock(return_value=None)


@pytest.mark.parametrize(
    ("change", "layers", "copies"),
    [
        pytest.param(lambda model: None, [2], 0, id="nothing"),
        pytest.param(lambda model: model.train(), [1, 1], 1, id="training"),
        pytest.param(lambda model: model.bfloat16(), [1, 1], 1, id="bfloat16"),
        pytest.param(on("layer_1", "train"), [1, 1], 0, id="one trains"),
        pytest.param(on("embedding", "register_forward_hook", HOOK), [2], 1, id="hook before"),
        pytest.param(on("layer_0", "register_forward_pre_hook", HOOK), [1, 1], 1, id="first hook"),
        pytest.param(on("layer_1", "register_forward_hook", HOOK), [1, 1], 0, id="last hook"),
        pytest.param(replaced_forward, [1, 1], 1, id="another forward"),
        pytest.param(on("layer_0", "__setattr__", "requested_engine", "scan"), [1], 1, id="first"),
        pytest.param(on("layer_1", "__setattr__", "requested_engine", "scan"), [1], 0, id="last"),
    ],
)
def test_what_makes_layers_run_by_themselves(change, layers, copies, watch: Watch) -> None:
    model = model_of(both("gru"), both("gru", sequences=False))
    change(model)
    with torch.no_grad():
        assert watch.of(lambda: model([Masked(tokens())])) == (layers, copies)


class Wrapper(nn.Module):
    """Prepares a layer before each pass, as FSDP does, and shows its attributes."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.layer, name)

    def forward(self, *inputs: Any) -> Any:
        return self.layer(*inputs)


@pytest.mark.parametrize(
    ("name", "layers", "copies"),
    [("embedding", [2], 1), ("layer_0", [1, 1], 1), ("layer_1", [1, 1], 0)],
)
def test_what_wraps_a_layer_prepares_it(name: str, layers, copies: int, watch: Watch) -> None:
    model = model_of(both("gru"), both("gru", sequences=False))
    model.layers[name] = Wrapper(model.layers[name])
    with torch.no_grad():
        assert watch.of(lambda: model([Masked(tokens())])) == (layers, copies)


def test_many_layers_take_the_room_of_two() -> None:
    cells = ("rnn", "lstm", "gru", "rnn", "gru")
    model = model_of(*map(both, cells), both("lstm", sequences=False))
    inputs = [Masked(tokens(), MASKS["interior"])]
    seen: list[int] = []
    layer = passes.Pass.layer
    with torch.no_grad(), mock.patch.object(passes.Pass, "layer", autospec=True) as watched:
        watched.side_effect = lambda one: (
            seen.append(one.structures[0].outputs) or layer(one)  # type: ignore[func-returns-value]
        )
        together = model(inputs)
        assert seen == [*seen[:2], *seen[:2], seen[0], None]
        one_by_one = model.stages(inputs)["layer_5"]
    assert torch.equal(together.values, one_by_one.values)


def test_what_is_traced_runs_layer_by_layer(watch: Watch) -> None:
    model = model_of(both("gru"), both("gru", sequences=False))
    with torch.no_grad():
        exact = model([Masked(tokens())]).values
        with mock.patch("birnn_lightning.nn.model.is_traced", return_value=True):
            assert watch.of(lambda: model([Masked(tokens())])) == ([1, 1], 1)
            assert torch.equal(exact, model([Masked(tokens())]).values)


@pytest.mark.filterwarnings("ignore")  # the tracer itself does what torch warns of
def test_a_compiled_model_evaluates() -> None:
    model = model_of(both("gru"), both("gru", sequences=False), mask_zero=True)
    compiled = torch.compile(model, backend="eager")
    with torch.no_grad():
        ours, exact = compiled([Masked(tokens())]), model([Masked(tokens())])
    assert torch.equal(ours.values, exact.values)


def test_gradients_want_every_layer(watch: Watch) -> None:
    model = model_of(both("gru"), both("gru", sequences=False))
    assert watch.of(lambda: model([Masked(tokens())])) == ([1, 1], 1)


def test_who_reads_what_nobody_else_sees() -> None:
    head = specs.Dense(units=CLASSES)
    assert only_readers(model_of(both("gru"), both("gru", False), head).spec) == {
        "embedding": "layer_0",
        "layer_0": "layer_1",
    }
    wanted = model_of(both("gru"), both("gru"), outputs=("layer_0", "layer_1"))
    assert only_readers(wanted.spec) == {"embedding": "layer_0"}
    penalised = both("gru", activity_regularizer=specs.L2(l2=0.1))
    outer = Bidirectional(forward=penalised.forward, activity_regularizer=specs.L2(l2=0.1))
    assert only_readers(model_of(outer, both("gru")).spec) == {"embedding": "layer_0"}
    assert only_readers(model_of(specs.Masking(), both("gru")).spec) == {"layer_0": "layer_1"}


def test_several_readers_or_a_state_want_values() -> None:
    nodes = (
        Node(name="tokens", layer=specs.Input(shape=(None,), dtype="int64")),
        Node(name="embedding", layer=specs.Embedding(vocab_size=ROWS, embedding_dim=SIZE)),
        Node(name="one", layer=both("gru"), inputs=("embedding",)),
        Node(name="other", layer=both("gru"), inputs=("embedding",)),
        Node(name="last", layer=both("gru", False), inputs=("one",)),
        Node(
            name="started",
            layer=Recurrent(cell="gru", hidden_size=2 * HIDDEN),
            inputs=("other", "last"),
        ),
    )
    assert only_readers(ModelSpec(nodes)) == {"one": "last", "other": "started"}


@pytest.mark.parametrize("wrong", [-1, ROWS, 2**40])
def test_a_token_outside_the_vocabulary(wrong: int) -> None:
    model = model_of(both("gru"))
    bad = tokens()
    bad[1, 2] = wrong
    with torch.no_grad(), pytest.raises(ValueError, match=f"between 0 and {ROWS - 1}"):
        model([Masked(bad)])
    with torch.no_grad(), pytest.raises(ValueError, match="type int64"):
        model([Masked(bad.double())])
    with torch.no_grad(), pytest.raises(ValueError, match="mask must be a bool"):
        model([Masked(tokens(), MASKS["right"].double())])


def test_tokens_in_another_order_or_type(watch: Watch) -> None:
    model = model_of(both("gru"), both("gru", False))
    with torch.no_grad():
        exact = model([Masked(tokens())]).values
        turned = tokens().T.contiguous().T
        assert torch.equal(exact, model([Masked(turned)]).values)
        assert torch.equal(exact, model([Masked(tokens().int())]).values)
        assert watch.of(lambda: model([Masked(turned)])) == ([2], 1)


def test_a_layer_of_another_precision_computes_in_that_of_its_inputs(watch: Watch) -> None:
    model = model_of(both("gru"), both("gru", False))
    model.layers["layer_0"].float()
    model.layers["embedding"].float()
    with torch.no_grad():
        found = model([Masked(tokens())]).values
        assert watch.layers == [2]
        one_by_one = model.stages([Masked(tokens())])["layer_1"].values
    assert found.dtype == torch.float32
    assert torch.equal(found, one_by_one)
