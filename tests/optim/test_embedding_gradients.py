"""Gradients of embeddings: summed, or one for every token, which only one process can have."""

from types import SimpleNamespace

import pytest
import torch

from birnn_lightning import BiGRUClassifier, SequenceClassifier
from birnn_lightning.data import Batch
from birnn_lightning.optim.keras import Adam


def classifier(embedding_gradients):
    return BiGRUClassifier(
        vocab_size=23,
        embedding_dim=3,
        hidden_size=5,
        num_classes=7,
        optimizer="keras_adam",
        embedding_gradients=embedding_gradients,
    )


@pytest.mark.parametrize("kind", ["summed", "keras_tensorflow"])
def test_the_setting_decides_what_the_optimiser_gets(kind):
    model = classifier(kind)
    model.build_optimizer(fused=True)
    tokens = torch.tensor([[3, 5, 3], [3, 1, 1]])
    model.loss(Batch(tokens, torch.tensor([2, 6]))).backward()
    gradient = next(model.parameters()).grad
    assert gradient is not None
    assert gradient.is_sparse == (kind == "keras_tensorflow")
    if gradient.is_sparse:
        assert gradient._nnz() == tokens.numel()


def test_one_for_every_token_is_for_one_process(monkeypatch):
    model = classifier("keras_tensorflow")
    several = SimpleNamespace(world_size=2, precision="32-true")
    monkeypatch.setattr(SequenceClassifier, "trainer", several)
    with pytest.raises(ValueError, match=r"for one process: several exchange sums\. There are 2"):
        model.configure_optimizers()
    monkeypatch.setattr(several, "world_size", 1)
    assert isinstance(model.configure_optimizers(), Adam)
