"""The last layer fits the task, and the loss and the metrics are those of what predict returns."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from birnn_lightning import SequenceClassifier
from birnn_lightning.classification import classify
from birnn_lightning.data import Batch, SeriesPreprocessing
from birnn_lightning.losses import TASKS, Task
from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import Input, LayerSpec, ModelSpec, Node
from tests.nn.samples import BATCH, CLASSES, INPUT, TIME, randomise, uniform
from tests.nn.training import loader_of, quiet_trainer


def chain(*layers: LayerSpec, shape: tuple[int | None, ...] = (INPUT,)) -> ModelSpec:
    named = enumerate((Input(shape=shape), *layers))
    return ModelSpec(tuple(Node(name=f"layer_{index}", layer=layer) for index, layer in named))


def dense(activation: str, units: int = CLASSES) -> specs.Dense:
    return specs.Dense(units=units, activation=activation)


def units_of(task: str) -> int:
    return 1 if task == "binary" else CLASSES


FITTING = [
    ("binary", "sigmoid"),
    ("binary", "linear"),
    ("multiclass", "softmax"),
    ("multiclass", "linear"),
    ("multilabel", "sigmoid"),
    ("multilabel", "linear"),
    *(("regression", name) for name in ("linear", "sigmoid", "softmax", "tanh", "relu")),
]
OTHERS = [
    (task, activation)
    for task in TASKS
    for activation in ("linear", "sigmoid", "softmax", "tanh", "hard_sigmoid")
    if task != "regression" and (task, activation) not in FITTING
]


@pytest.mark.parametrize(("task", "activation"), FITTING)
def test_these_fit(task: Task, activation: str) -> None:
    spec = chain(dense(activation, units_of(task)))
    assert SequenceClassifier(spec, task).task == task


@pytest.mark.parametrize(("task", "activation"), OTHERS)
def test_these_do_not(task: Task, activation: str) -> None:
    spec = chain(dense(activation, units_of(task)))
    with pytest.raises(ValueError, match=f"^a {task} .* or 'linear'; got '{activation}'"):
        SequenceClassifier(spec, task)
    if (task, activation) == ("binary", "softmax"):  # always 1, whatever the loss
        with pytest.raises(ValueError, match="which makes 1 of whatever one unit gives"):
            SequenceClassifier(spec, task, loss_from="probabilities")
    else:
        assert SequenceClassifier(spec, task, loss_from="probabilities").task == task


INNER = specs.Submodel(model=chain(dense("sigmoid")))
EVERY_STEP = specs.TimeDistributed(layer=dense("sigmoid"))


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(chain(dense("linear"), specs.Activation(activation="sigmoid")), id="layer"),
        pytest.param(chain(INNER), id="model"),
        pytest.param(chain(EVERY_STEP, shape=(TIME, INPUT)), id="every step"),
        pytest.param(chain(dense("linear"), specs.Operation(name="sigmoid")), id="operation"),
    ],
)
def test_the_activation_is_found(spec: ModelSpec) -> None:
    with pytest.raises(ValueError, match=r"a multiclass loss of logits .* got 'sigmoid'"):
        SequenceClassifier(spec, "multiclass")


def test_probabilities_that_are_used_inside_are_no_logits() -> None:
    shared = (
        Node(name="x", layer=Input(shape=(INPUT,))),
        Node(name="inner", layer=dense("softmax", INPUT)),
        Node(name="head", layer=dense("softmax", INPUT), inputs=("inner",), shares="inner"),
    )
    for spec in (ModelSpec(shared), chain(dense("linear"), specs.Softmax(axis=1))):
        with pytest.raises(ValueError, match="the model gives no logits: what its 'softmax' makes"):
            SequenceClassifier(spec, "multiclass")
        assert SequenceClassifier(spec, "multiclass", loss_from="probabilities").num_classes


def random_classifier(spec: ModelSpec, task: Task, **settings: Any) -> SequenceClassifier:
    model = SequenceClassifier(spec, task, **settings).double()
    randomise(model)
    return model


def inputs() -> Tensor:
    return uniform(BATCH, INPUT, seed=1)


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "softmax", "linear"])
def test_a_regression_learns_what_it_predicts(activation: str) -> None:
    model = random_classifier(chain(dense(activation)), "regression")
    labels = uniform(BATCH, CLASSES, seed=2)
    expected = np.square(model.predict(inputs()) - labels.numpy()).mean()
    assert float(model.loss(Batch(inputs(), labels)).detach()) == pytest.approx(expected)


def test_several_outputs_are_left_to_their_callers() -> None:
    nodes = (
        Node(name="x", layer=Input(shape=(INPUT,))),
        Node(name="one", layer=dense("tanh")),
        Node(name="other", layer=dense("tanh"), inputs=("x",)),
    )
    spec = ModelSpec(nodes, ("one", "other"))
    assert len(SequenceClassifier(spec, "multiclass").predict(inputs().float())) == 2


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_metrics_of_logits_are_those_of_probabilities(task: Task, tmp_path: Path) -> None:
    """Logits between 0 and 1 look like probabilities, but stand for more than one half."""
    activation = {"multiclass": "softmax"}.get(task, "sigmoid")
    kinds = {"binary": (BATCH,), "multiclass": (BATCH,), "multilabel": (BATCH, CLASSES)}
    labels = torch.arange(np.prod(kinds[task])).reshape(kinds[task]) % 2
    found = []
    for name in ("linear", activation):
        model = random_classifier(chain(dense(name, units_of(task))), task)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(uniform(*parameter.shape, seed=4).abs() / 10)
        trainer = quiet_trainer(tmp_path, precision="64-true")
        loader = loader_of(Batch(inputs().abs(), labels))
        found.append(trainer.test(model, loader, verbose=False)[0])
        found[-1]["confusion"] = model.confusion.tolist()  # type: ignore[union-attr]
    assert found[0] == found[1]


def test_classes_of_logits_have_probabilities() -> None:
    layers = specs.Flatten(), dense("linear", 1)
    model = random_classifier(chain(*layers, shape=(TIME, INPUT)), "binary")
    model.preprocessing = SeriesPreprocessing(input_size=INPUT, class_names=("bad", "good"))
    example = uniform(TIME, INPUT, seed=5).numpy()
    (result,) = classify(model, [example])
    (logit,) = model.predict(example[None])[0]
    expected = float(functional.sigmoid(torch.tensor(logit)))
    assert result.probabilities == pytest.approx({"bad": 1 - expected, "good": expected}, abs=1e-6)
    assert result.label == ("good" if logit > 0 else "bad")
