"""The loaders run under a Lightning trainer, with workers and without."""

from itertools import chain
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from birnn_lightning.data import Batch, DigitsDataModule


class Recorder(LightningModule):
    """A model of one weight that remembers the batches it met."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.met: list[tuple[str, int, list[int]]] = []

    def _shared_step(self, batch: Batch, stage: str) -> torch.Tensor:
        assert isinstance(batch, Batch)
        assert batch.labels is not None
        self.met.append((stage, self.current_epoch, batch.labels.tolist()))
        return (self.weight * batch.inputs).mean()

    def training_step(self, batch: Batch) -> torch.Tensor:
        return self._shared_step(batch, "train")

    def validation_step(self, batch: Batch) -> None:
        self._shared_step(batch, "validation")

    def predict_step(self, batch: Batch) -> torch.Tensor:
        self._shared_step(batch, "predict")
        return batch.inputs[:, 0, 0]

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def labels(self, stage: str, epoch: int) -> list[list[int]]:
        return [labels for when, at, labels in self.met if (when, at) == (stage, epoch)]


def flat(batches: list[list[int]]) -> list[int]:
    return list(chain.from_iterable(batches))


@pytest.fixture
def trainer(tmp_path) -> Trainer:
    return Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=tmp_path,
    )


QUIET = [
    pytest.mark.filterwarnings("ignore:The '.*' does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


@pytest.mark.parametrize(
    "num_workers", [pytest.param(0, marks=QUIET), pytest.param(1, marks=QUIET)]
)
def test_fit_meets_each_example_once_an_epoch(trainer: Trainer, num_workers: int) -> None:
    digits = DigitsDataModule(batch_size=101, num_workers=num_workers)
    model = Recorder()
    trainer.fit(model, digits)
    first, second = model.labels("train", 0), model.labels("train", 1)
    assert sum(map(len, first)) == sum(map(len, second)) == 1258
    assert sorted(flat(first)) == sorted(flat(second))
    assert first != second, "the epoch did not reach the sampler"
    assert model.labels("validation", 0) == model.labels("validation", 1)


@pytest.mark.filterwarnings("ignore:The '.*' does not have many workers")
def test_predict_keeps_the_order(trainer: Trainer) -> None:
    digits = DigitsDataModule(batch_size=101)
    model = Recorder()
    trainer.predict(model, digits)
    expected = [int(label) for label in digits.examples("test").labels or []]
    assert flat(model.labels("predict", 0)) == expected


@pytest.mark.filterwarnings("ignore:The '.*' does not have many workers")
@pytest.mark.filterwarnings("ignore:Total length of `list` across ranks is zero")
def test_fit_without_validation(trainer: Trainer) -> None:
    model = Recorder()
    trainer.fit(model, DigitsDataModule(batch_size=101, validation_fraction=0))
    assert model.labels("validation", 0) == []
    assert sum(map(len, model.labels("train", 0))) == 1438


def test_a_split_without_examples_is_refused() -> None:
    with pytest.raises(ValueError, match="the test split needs examples; got no test data"):
        DigitsDataModule(test_fraction=0).setup("test")
