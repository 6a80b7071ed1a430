"""``torch.nn`` as documented: a bidirectional stack, packed where there is padding."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils.rnn import pack_padded_sequence

from birnn_lightning.nn.specs import ModelSpec
from parity.bench.configuration import PLAIN, Configuration
from parity.bench.lengths import batch_labels, batch_tokens
from parity.bench.peers.interface import CannotRunError, Peer, Place
from parity.bench.reviews import accuracy, pads_front, reviews_of

STACKS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def build(
    configuration: Configuration,
    spec: ModelSpec,
    weights: Mapping[str, np.ndarray],
    place: Place,
    fused: bool,
    masks: bool,
    graphs: bool = False,
) -> Peer:
    """The peer of a configuration.

    Raises:
        CannotRunError: torch's layers have no such setting, or it is measured as another peer.
    """
    reason = obstacle(configuration, fused, masks, graphs)
    if reason:
        raise CannotRunError(reason)
    model = Classifier(configuration, masks)
    model.load_state_dict(torch_weights(weights))
    model.to(torch.device(place.device), getattr(torch, configuration.dtype))
    if graphs:
        tokens = torch.from_numpy(batch_tokens(configuration)).to(place.device)
        model = torch.cuda.make_graphed_callables(model, (tokens,))
    kind = {"train": Training, "infer": Inference, "epoch": Epoch}[configuration.workload]
    return kind(model, configuration, place.device, fused)


def obstacle(configuration: Configuration, fused: bool, masks: bool, graphs: bool = False) -> str:
    """Why this is not measured; empty where it is."""
    variant = configuration.variant
    expressible = variant in (PLAIN, "float64", "stateful")
    if not expressible and (variant, configuration.cell) != ("relu", "rnn"):
        return f"torch.nn.{STACKS[configuration.cell].__name__} has no such setting"
    if not masks and not configuration.masked:
        return "without a mask it is torch-fused"
    if graphs and (configuration.masked or configuration.variant == "stateful"):
        return "torch records no passes that wait for lengths or depend on the pass before"
    if graphs and configuration.workload != "train":
        return "make_graphed_callables records training, and batches of one size alone"
    if masks and fused and not graphs and configuration.workload == "infer":
        return "inference has no optimiser: see torch"
    return ""


def torch_weights(weights: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """The weights of our model under the names of `Classifier`."""
    found = {}
    for name, array in weights.items():
        layer, variable = name.split(".")[-2:]
        kind, _, level = layer.partition("_")
        if kind == "bidirectional":
            variable = variable.replace("_l0", f"_l{int(level) - 1}")
            layer = "stack"
        found[f"{layer}.{variable}"] = torch.from_numpy(array)
    return found


class Classifier(nn.Module):
    """Embedding, a bidirectional stack, and a head on the final states of its last layer."""

    def __init__(self, configuration: Configuration, masks: bool) -> None:
        """Builds the layers."""
        super().__init__()
        settings = {"nonlinearity": "relu"} if configuration.variant == "relu" else {}
        self.embedding = nn.Embedding(configuration.vocabulary, configuration.embedding)
        self.stack = STACKS[configuration.cell](
            configuration.embedding,
            configuration.hidden,
            configuration.layers,
            batch_first=True,
            bidirectional=True,
            **settings,
        )
        self.head = nn.Linear(2 * configuration.hidden, 1)
        self._packs = masks and configuration.masked
        self._moves = configuration.mask in ("left", "interior")
        self._stateful = configuration.variant == "stateful"
        self._states: tuple[Tensor, ...] | Tensor | None = None

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens ``(batch, time)`` to logits ``(batch,)``."""
        if self._packs:
            mask = tokens != 0
            if self._moves:  # a masked step carries the state, so the valid ones can stand in front
                order = torch.argsort((~mask).to(torch.uint8), dim=1, stable=True)
                tokens = tokens.gather(1, order)
            lengths = mask.sum(1).cpu()
            sequence = pack_padded_sequence(
                self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False
            )
        else:
            sequence = self.embedding(tokens)
        _, states = self.stack(sequence, self._states)
        if self._stateful:
            whole = isinstance(states, Tensor)
            self._states = states.detach() if whole else tuple(one.detach() for one in states)
        final = states if isinstance(states, Tensor) else states[0]
        return self.head(torch.cat([final[-2], final[-1]], dim=-1)).squeeze(-1)


class TorchPeer:
    """What the workloads share; see `Peer`."""

    def __init__(
        self, model: Classifier, configuration: Configuration, device: str, fused: bool
    ) -> None:
        """Takes the model, its weights loaded."""
        self.model, self.device, self.fused = model, device, fused
        self.dtype = getattr(torch, configuration.dtype)
        model.train(configuration.workload != "infer")
        second = "bias_hh" if configuration.cell != "gru" else "none"  # adds to the first, no more
        self.parameters = sum(
            one.numel() for name, one in model.named_parameters() if second not in name
        )
        self.note = ""

    def optimizer(self) -> torch.optim.Optimizer:
        """Adam as it is, or fused."""
        fused = True if self.fused else None  # None leaves the choice to torch
        return torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=fused)

    def step(self, optimizer: torch.optim.Optimizer, tokens: Tensor, labels: Tensor) -> float:
        """One step of training, and its loss."""
        optimizer.zero_grad()
        loss = binary_cross_entropy_with_logits(self.model(tokens), labels)
        loss.backward()
        optimizer.step()
        return loss.item()


class Training(TorchPeer):
    """A whole step on one batch."""

    def __init__(
        self, model: Classifier, configuration: Configuration, device: str, fused: bool
    ) -> None:
        """Takes the batch and makes the optimiser."""
        super().__init__(model, configuration, device, fused)
        self._tokens = torch.from_numpy(batch_tokens(configuration)).to(device)
        self._labels = torch.from_numpy(batch_labels(configuration)).to(device, self.dtype)
        self._optimizer = self.optimizer()

    def run(self) -> list[float]:
        """One step."""
        return [self.step(self._optimizer, self._tokens, self._labels)]


class Inference(TorchPeer):
    """The probabilities of one batch."""

    def __init__(
        self, model: Classifier, configuration: Configuration, device: str, fused: bool
    ) -> None:
        """Takes the batch."""
        super().__init__(model, configuration, device, fused)
        self._tokens = batch_tokens(configuration)

    @torch.inference_mode()
    def run(self) -> list[float]:
        """One forward pass."""
        logits = self.model(torch.from_numpy(self._tokens).to(self.device))
        return torch.sigmoid(logits).cpu().numpy().tolist()


class Epoch(TorchPeer):
    """All reviews once in random batches by a plain loop, which keeps the mean of the losses."""

    def __init__(
        self, model: Classifier, configuration: Configuration, device: str, fused: bool
    ) -> None:
        """Pads all reviews once."""
        super().__init__(model, configuration, device, fused)
        reviews = reviews_of(configuration)
        padded = reviews.padded(configuration.time, pads_front(configuration))
        self._configuration = configuration
        self._tokens = torch.from_numpy(padded)
        self._labels = torch.from_numpy(reviews.labels).to(self.dtype)
        self._batch = configuration.batch
        self._cuts = not pads_front(configuration)
        self._optimizer = self.optimizer()

    def run(self) -> list[float]:
        """One epoch."""
        total = 0.0
        for rows in torch.randperm(len(self._tokens)).split(self._batch):
            tokens = self._tokens[rows]
            if self._cuts:  # no batch is longer than its longest review
                tokens = tokens[:, : int((tokens != 0).sum(1).max())]
            labels = self._labels[rows].to(self.device)
            total += len(rows) * self.step(self._optimizer, tokens.to(self.device), labels)
        return [total / len(self._tokens)]

    def accuracy(self) -> float:
        """Of the test reviews."""

        @torch.inference_mode()
        def predict(tokens: np.ndarray) -> np.ndarray:
            return torch.sigmoid(self.model(torch.from_numpy(tokens).to(self.device))).cpu().numpy()

        self.model.eval()
        found = accuracy(self._configuration, predict, trims=True)
        self.model.train()
        return found
