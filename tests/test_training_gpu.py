"""On a GPU: optimisers step as on the CPU, and the Trainer trains, saves, resumes and predicts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from birnn_lightning import BiGRUClassifier, BiLSTMClassifier
from birnn_lightning.optim.keras import KERAS_OPTIMIZERS
from tests.callbacks.test_random_state import Diary, differences, train
from tests.nn.samples import HIDDEN, INPUT
from tests.nn.training import TinySeries, quiet_trainer
from tests.optim.keras_trainings import SETTINGS, random_parameters, values
from tests.optim.keras_trainings import train as step_through
from tests.optim.test_keras_steps import SURROUNDINGS

if not torch.cuda.is_available():
    pytest.skip("needs a CUDA device", allow_module_level=True)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("ignore:The dirpath has changed"),
]
ON_GPU = {"accelerator": "cuda", "devices": 1}


class Recorded(Callback):
    """How many kinds of batches are recorded at the end of the training."""

    kinds = 0

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.kinds = len(pl_module._graphs._recordings)  # type: ignore[union-attr]


@pytest.mark.parametrize("shared", SURROUNDINGS.values(), ids=SURROUNDINGS)
@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_optimizers_step_as_on_the_cpu(name, settings, shared):
    on_cpu = random_parameters()
    on_gpu = [nn.Parameter(one.detach().cuda()) for one in on_cpu]
    for parameters in (on_cpu, on_gpu):
        optimizer = KERAS_OPTIMIZERS[name](parameters, 0.03, **settings | shared)  # type: ignore[call-arg]
        step_through(optimizer, parameters, range(7))
    assert all(one.is_cuda for one in on_gpu)
    torch.testing.assert_close(values(on_gpu).cpu(), values(on_cpu), rtol=1e-12, atol=1e-13)


@pytest.mark.filterwarnings("ignore:You are using a CUDA device")
@pytest.mark.parametrize("precision", ["32-true", "64-true", "16-mixed", "bf16-mixed", "bf16-true"])
@pytest.mark.parametrize(
    ("engine", "cuda_graphs"), [("auto", False), ("triton", False), ("auto", True)]
)
def test_the_trainer_learns(tmp_path: Path, precision: str, engine: str, cuda_graphs: bool) -> None:
    torch.manual_seed(0)
    model = BiLSTMClassifier(
        input_size=INPUT,
        hidden_size=HIDDEN,
        task="binary",
        learning_rate=0.05,
        engine=engine,
        cuda_graphs=cuda_graphs,
    )
    data = TinySeries(count=40)
    recorded = Recorded()
    settings = {**ON_GPU, "precision": precision, "max_epochs": 4, "callbacks": [recorded]}
    trainer = quiet_trainer(tmp_path, **settings)
    trainer.fit(model, data)
    trainer.test(model, data, verbose=False)
    assert trainer.callback_metrics["test_accuracy"] >= 0.9
    assert (recorded.kinds > 0) == cuda_graphs


@pytest.mark.filterwarnings("ignore:You are using a CUDA device")
def test_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    def new_model(seed: int) -> BiGRUClassifier:
        torch.manual_seed(seed)
        return BiGRUClassifier(
            dropout=0.5, num_layers=2, input_size=INPUT, hidden_size=HIDDEN, task="binary"
        )

    settings = {**ON_GPU, "max_epochs": 3}
    whole, first = new_model(1), tmp_path / "first"
    diary: Diary = train(first, whole, TinySeries(), {"every_n_epochs": 1}, settings)
    checkpoint = min(first.glob("*.ckpt"))
    rest = new_model(2)
    second = train(tmp_path / "second", rest, TinySeries(), {}, settings, checkpoint=checkpoint)
    assert len(second.steps) == 2 * len(diary.steps) / 3
    assert differences((whole.cpu(), diary), (rest.cpu(), second)) == []


def test_predict_takes_and_gives_numpy() -> None:
    torch.manual_seed(0)
    model = BiGRUClassifier(input_size=INPUT, hidden_size=HIDDEN, task="binary").double()
    inputs = np.random.default_rng(0).normal(size=(5, 7, INPUT))
    lengths = np.array([7, 1, 3, 7, 2])
    theirs = model.predict(inputs, lengths)
    assert np.abs(model.cuda().predict(inputs, lengths) - theirs).max() <= 1e-12
