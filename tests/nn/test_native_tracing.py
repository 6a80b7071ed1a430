"""torch.compile, torch.export and torch.func know the kernels of engine `native`."""

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from birnn_lightning import BiGRUClassifier, BiLSTMClassifier, SequenceClassifier
from birnn_lightning.nn.engines.branches import branching
from birnn_lightning.nn.masks import Masked
from tests.nn.samples import CLASSES, HIDDEN, INPUT, MASKS, TIME, uniform

PRESETS = [BiGRUClassifier, BiLSTMClassifier]
pytestmark = pytest.mark.filterwarnings("ignore")  # the tracer itself does what torch warns of


def build(
    preset: type[SequenceClassifier], engine: str = "native", **settings
) -> SequenceClassifier:
    sizes = {"input_size": INPUT, "hidden_size": HIDDEN, "num_layers": 2, "num_classes": CLASSES}
    return preset(engine=engine, **sizes, **settings).double()  # type: ignore[call-arg]


def inputs(batch: int = 4) -> Tensor:
    return uniform(batch, TIME, INPUT, seed=1)


@pytest.mark.parametrize("cuda_graphs", [False, True])
@pytest.mark.parametrize("preset", PRESETS)
def test_torch_compile_sees_one_graph(preset: type[SequenceClassifier], cuda_graphs: bool) -> None:
    torch._dynamo.reset()
    model = build(preset, cuda_graphs=cuda_graphs)
    compiled = torch.compile(
        lambda x: model.model([Masked(x)]).values, backend="eager", fullgraph=True
    )
    torch.testing.assert_close(compiled(inputs()), model(inputs()), rtol=0, atol=1e-12)


@pytest.mark.parametrize("preset", PRESETS)
def test_torch_compile_sees_one_graph_of_masked_batches(preset: type[SequenceClassifier]) -> None:
    torch._dynamo.reset()
    model, mask = build(preset), MASKS["interior"]
    compiled = torch.compile(
        lambda x: model.model([Masked(x, mask)]).values, backend="eager", fullgraph=True
    )
    with branching():  # which does not reach what is traced
        found = compiled(inputs(len(mask)))
    expected = model(inputs(len(mask)), mask=mask)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_torch_compile_sees_one_graph_under_autocast(half: torch.dtype) -> None:
    torch._dynamo.reset()
    model = build(BiLSTMClassifier).float()
    compiled = torch.compile(
        lambda x: model.model([Masked(x)]).values, backend="eager", fullgraph=True
    )
    with torch.autocast("cpu", half):
        found, expected = compiled(inputs().float()), model(inputs().float())
    torch.testing.assert_close(found, expected, rtol=0, atol=0.05)


@pytest.mark.parametrize("preset", PRESETS)
def test_torch_export(preset: type[SequenceClassifier]) -> None:
    model = build(preset)
    exported = torch.export.export(model, (inputs(),), strict=False).module()
    torch.testing.assert_close(exported(inputs()), model(inputs()), rtol=0, atol=1e-12)


@pytest.mark.parametrize("cuda_graphs", [False, True])
def test_gradients_of_each_example(cuda_graphs: bool) -> None:
    model = build(BiGRUClassifier, cuda_graphs=cuda_graphs)
    parameters = {name: one.detach() for name, one in model.named_parameters()}

    def loss(given: dict[str, Tensor], example: Tensor) -> Tensor:
        return functional_call(model, given, (example[None],)).square().sum()

    found = vmap(grad(loss), in_dims=(None, 0))(parameters, inputs())
    for index, example in enumerate(inputs()):
        model.zero_grad()
        model(example[None]).square().sum().backward()
        for name, one in model.named_parameters():
            torch.testing.assert_close(found[name][index], one.grad, rtol=0, atol=1e-10)
