"""This library as its users have it: `SequenceClassifier`, fused Adam, the Lightning Trainer."""

import logging
import warnings
from collections.abc import Mapping, Sequence

import lightning as L
import numpy as np
import torch
from torch.utils.data import Dataset

from birnn_lightning.cli.training import silence_advertisements
from birnn_lightning.data import Batch, LengthBucketSampler, pad_sequences
from birnn_lightning.data.loader import ResumableLoader, build_loader
from birnn_lightning.data.padding import Side
from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn.specs import ModelSpec
from parity.bench.configuration import Configuration
from parity.bench.lengths import batch_labels, batch_tokens
from parity.bench.peers.interface import CannotRunError, Peer, Place
from parity.bench.reviews import Reviews, accuracy, pads_front, reviews_of
from parity.convert import load_torch_arrays


def build(
    configuration: Configuration,
    spec: ModelSpec,
    weights: Mapping[str, np.ndarray],
    place: Place,
    engine: str,
    graphs: bool = False,
) -> Peer:
    """The peer of a configuration.

    Raises:
        CannotRunError: the engine cannot run it.
    """
    try:
        classifier = SequenceClassifier(spec, "binary", engine=engine, cuda_graphs=graphs)
    except ValueError as error:
        raise CannotRunError(str(error)) from None
    load_torch_arrays(classifier, weights)
    classifier.to(torch.device(place.device), getattr(torch, configuration.dtype))
    kind = {"train": Training, "infer": Inference, "epoch": Epoch}[configuration.workload]
    return kind(classifier, configuration, place)


class OurPeer:
    """What the workloads share; see `Peer`."""

    def __init__(
        self, classifier: SequenceClassifier, configuration: Configuration, place: Place
    ) -> None:
        """Takes the model, its weights loaded."""
        self.classifier = classifier
        classifier.train(configuration.workload != "infer")
        self.parameters = sum(one.numel() for one in classifier.parameters())
        tokens, masked = configuration.batch * configuration.time, configuration.masked
        layers = classifier.recurrent_layers.values()
        reasons = [layer.engine(tokens, masked).reason for layer in layers]
        self.note = " ".join(dict.fromkeys(reasons))


class Training(OurPeer):
    """A whole step on one batch."""

    def __init__(
        self, classifier: SequenceClassifier, configuration: Configuration, place: Place
    ) -> None:
        """Makes the optimiser."""
        super().__init__(classifier, configuration, place)
        self._optimizer = classifier.build_optimizer(fused=True)
        tokens, labels = batch_tokens(configuration), batch_labels(configuration)
        self._batch = Batch(
            torch.from_numpy(tokens).to(place.device), torch.from_numpy(labels).to(place.device)
        )

    def run(self) -> list[float]:
        """One step."""
        self._optimizer.zero_grad()
        loss = self.classifier.loss(self._batch)
        loss.backward()
        self._optimizer.step()
        return [loss.item()]


class Inference(OurPeer):
    """The probabilities of one batch."""

    def __init__(
        self, classifier: SequenceClassifier, configuration: Configuration, place: Place
    ) -> None:
        """Takes the batch."""
        super().__init__(classifier, configuration, place)
        self._tokens = batch_tokens(configuration)

    def run(self) -> list[float]:
        """One call of ``predict``."""
        found = self.classifier.predict(self._tokens, batch_size=len(self._tokens))
        return found[:, 0].tolist()


class ReviewBatches(Dataset[Batch]):
    """``dataset[[4, 0, 7]]`` is the batch of these reviews, as the data modules make it."""

    def __init__(self, reviews: Reviews, length: int | None, padding: Side) -> None:
        """Takes the reviews, and the length of every batch, None for its longest review's."""
        self._reviews, self._length = reviews, length
        self._padding: Side = padding
        self._labels = torch.from_numpy(reviews.labels)

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Collates these reviews."""
        tokens = [self._reviews.tokens[index] for index in indices]
        inputs, _ = pad_sequences(tokens, self._length, self._padding, "post")
        return Batch(inputs, self._labels[list(indices)])


class Epoch(OurPeer):
    """All reviews once through a Trainer of its own, in batches as `TextDataModule` makes them."""

    def __init__(
        self, classifier: SequenceClassifier, configuration: Configuration, place: Place
    ) -> None:
        """Makes the loader, whose order is new in every epoch."""
        super().__init__(classifier, configuration, place)
        silence_advertisements()
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", message="You defined a `validation_step`")
        self._configuration = configuration
        self._accelerator, self._folder = place.device, place.folder
        self._loader = build_loader_of(configuration)

    def run(self) -> list[float]:
        """One epoch."""
        trainer = L.Trainer(
            accelerator=self._accelerator,
            devices=1,
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            default_root_dir=self._folder,
        )
        trainer.fit(self.classifier, self._loader)
        return [float(trainer.callback_metrics["train_loss_epoch"])]

    def accuracy(self) -> float:
        """Of the test reviews."""
        predict = self.classifier.predict
        return accuracy(self._configuration, lambda tokens: predict(tokens)[:, 0], trims=True)


def build_loader_of(configuration: Configuration) -> ResumableLoader:
    """Batches of similar length, or all padded to the full time where nothing is masked."""
    reviews = reviews_of(configuration)
    padding: Side = "pre" if pads_front(configuration) else "post"
    length = None if configuration.masked else configuration.time
    lengths = [len(review) for review in reviews.tokens]
    sampler = LengthBucketSampler(lengths, configuration.batch, bucket=configuration.masked)
    return build_loader(ReviewBatches(reviews, length, padding), sampler, num_workers=0)
