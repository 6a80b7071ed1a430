"""Every peer starts from one spec and one set of weights, so that their losses must agree."""

from dataclasses import replace

import numpy as np
import torch

from birnn_lightning.nn import SequenceModel, specs
from birnn_lightning.nn.specs import ModelSpec, Node
from parity.bench.cliffs import VARIANTS
from parity.bench.configuration import Configuration


def build_spec(configuration: Configuration) -> ModelSpec:
    """Embedding, bidirectional layers, Dense(1), with what the variant changes."""
    variant = VARIANTS[configuration.variant]
    nodes = [
        Node(name="tokens", layer=specs.Input(shape=(None,), dtype="int64")),
        Node(
            name="embedding",
            layer=specs.Embedding(
                vocab_size=configuration.vocabulary,
                embedding_dim=configuration.embedding,
                mask_zero=configuration.masked,
            ),
        ),
    ]
    for index in range(1, configuration.layers + 1):
        forward = specs.Recurrent(
            cell=configuration.cell,  # type: ignore[arg-type]
            hidden_size=configuration.hidden,
            return_sequences=index < configuration.layers,
            **variant.settings,
        )
        backward = replace(forward, go_backwards=True, **variant.backward)
        layer = specs.Bidirectional(forward=forward, backward=backward)
        nodes.append(Node(name=f"bidirectional_{index}", layer=layer))
    nodes.append(Node(name="head", layer=specs.Dense(units=1, activation="sigmoid")))
    return ModelSpec(tuple(nodes))


def starting_weights(spec: ModelSpec) -> dict[str, np.ndarray]:
    """The weights that every peer starts from, by name in a `SequenceModel`'s state."""
    torch.manual_seed(0)
    return {name: one.numpy() for name, one in SequenceModel(spec).state_dict().items()}
