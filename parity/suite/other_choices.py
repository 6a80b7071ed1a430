"""Models in which other layers stand between and after recurrent ones, masks and all."""

from collections.abc import Iterator, Sequence

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import Bidirectional, Input, LayerSpec, ModelSpec, Node, Recurrent
from parity.suite.layer_cases import TIME, LayerCase

INPUT_SIZE, HIDDEN_SIZE, VOCAB_SIZE, EMBEDDING_DIM, CLASSES = 3, 5, 23, 3, 7


def _recurrent(
    cell: specs.CellName = "gru", return_sequences: bool = False, return_state: bool = False
) -> Recurrent:
    return Recurrent(
        cell=cell,
        hidden_size=HIDDEN_SIZE,
        return_sequences=return_sequences,
        return_state=return_state,
    )


SEQUENCES = Bidirectional(forward=_recurrent(return_sequences=True))
LAST = Bidirectional(forward=_recurrent("lstm"))
HEAD = specs.Dense(units=CLASSES, activation="softmax")

BETWEEN: dict[str, LayerSpec] = {
    "Dense": specs.Dense(units=11, activation="tanh"),
    "Dropout": specs.Dropout(rate=0.25),
    "Dropout of steps": specs.Dropout(rate=0.25, noise_shape=(None, None, 1)),
    "SpatialDropout1D": specs.SpatialDropout1D(rate=0.25),
    "GaussianNoise": specs.GaussianNoise(stddev=0.5),
    "GaussianDropout": specs.GaussianDropout(rate=0.25),
    "LayerNormalization": specs.LayerNormalization(),
    "BatchNormalization": specs.BatchNormalization(),
    "Conv1D same": specs.Conv1D(filters=11, kernel_size=3, padding="same", activation="relu"),
    "Conv1D causal": specs.Conv1D(filters=11, kernel_size=3, padding="causal", dilation_rate=2),
    "Conv1D strided": specs.Conv1D(filters=11, kernel_size=3, strides=2),
    "MaxPooling1D": specs.MaxPooling1D(pool_size=2),
    "AveragePooling1D same": specs.AveragePooling1D(pool_size=3, strides=2, padding="same"),
    "TimeDistributed Dense": specs.TimeDistributed(layer=specs.Dense(units=11)),
    "TimeDistributed Dropout": specs.TimeDistributed(layer=specs.Dropout(rate=0.25)),
    "Activation": specs.Activation(activation="sigmoid"),
    "ReLU": specs.ReLU(max_value=0.5, negative_slope=0.25),
    "LeakyReLU": specs.LeakyReLU(),
    "PReLU": specs.PReLU(shared_axes=(1,)),
    "ELU": specs.ELU(),
}
"""From a sequence to a sequence."""

AFTER: dict[str, tuple[LayerSpec, ...]] = {
    "GlobalMaxPooling1D": (specs.GlobalMaxPooling1D(),),
    "GlobalAveragePooling1D": (specs.GlobalAveragePooling1D(),),
    "Flatten": (specs.Flatten(),),
    "RepeatVector": (specs.GlobalMaxPooling1D(), specs.RepeatVector(n=11), LAST),
    "TimeDistributed head": (specs.TimeDistributed(layer=HEAD),),
}
"""From a sequence to what a head takes."""

MERGES: dict[str, LayerSpec] = {
    "Concatenate": specs.Concatenate(),
    "Add": specs.Add(),
    "Multiply": specs.Multiply(),
    "Average": specs.Average(),
    "Maximum": specs.Maximum(),
    "Attention": specs.Attention(),
    "Attention scaled": specs.Attention(use_scale=True, score_mode="concat", dropout=0.25),
    "AdditiveAttention": specs.AdditiveAttention(),
}
"""From two sequences to one."""


def other_cases() -> Iterator[LayerCase]:
    """Every layer in a model, in inference and as in training, under a mask."""
    for training in (False, True):
        for name, layer in BETWEEN.items():
            yield _case(name, [SEQUENCES, layer, LAST, HEAD], training)
        for name, layers in AFTER.items():
            yield _case(name, [SEQUENCES, *layers, HEAD], training)
        for name, layer in MERGES.items():
            yield _branches(name, layer, training)
        yield from _masks_found(training)
        yield _encoder_and_decoder(training)


def _case(name: str, layers: Sequence[LayerSpec], training: bool) -> LayerCase:
    nodes = [Node(name="features", layer=Input(shape=(TIME, INPUT_SIZE)))]
    nodes += [Node(name=f"layer_{index}", layer=layer) for index, layer in enumerate(layers)]
    return _named(name, ModelSpec(tuple(nodes)), training)


def _named(name: str, spec: ModelSpec, training: bool) -> LayerCase:
    return LayerCase(
        name=f"around: {name}, {'training' if training else 'inference'}",
        spec=spec,
        mask="interior",
        training=training,
    )


def _branches(name: str, merge: LayerSpec, training: bool) -> LayerCase:
    """Two branches over the same sequence become one again."""
    nodes = (
        Node(name="features", layer=Input(shape=(TIME, INPUT_SIZE))),
        Node(name="first", layer=SEQUENCES),
        Node(
            name="second",
            layer=Bidirectional(forward=_recurrent("rnn", return_sequences=True)),
            inputs=("features",),
        ),
        Node(name="merge", layer=merge, inputs=("first", "second")),
        Node(name="last", layer=LAST),
        Node(name="head", layer=HEAD),
    )
    return _named(name, ModelSpec(nodes), training)


def _masks_found(training: bool) -> Iterator[LayerCase]:
    """Models that find the mask in their inputs."""
    embedding = specs.Embedding(vocab_size=VOCAB_SIZE, embedding_dim=EMBEDDING_DIM, mask_zero=True)
    entries = {
        "Masking": (Input(shape=(None, INPUT_SIZE)), specs.Masking(mask_value=-1.0)),
        "Embedding": (Input(shape=(None,), dtype="int64"), embedding),
    }
    for name, (entry, layer) in entries.items():
        nodes = (
            Node(name="inputs", layer=entry),
            Node(name="found", layer=layer),
            Node(name="first", layer=SEQUENCES),
            Node(name="last", layer=LAST),
            Node(name="head", layer=HEAD),
        )
        yield _named(name, ModelSpec(nodes), training)


def _encoder_and_decoder(training: bool) -> LayerCase:
    """The final states of one layer are the initial ones of another."""
    encoder = Bidirectional(forward=_recurrent("lstm", return_sequences=True, return_state=True))
    decoder = Bidirectional(forward=_recurrent("lstm", return_sequences=True))
    nodes = (
        Node(name="features", layer=Input(shape=(None, INPUT_SIZE))),
        Node(name="encoder", layer=encoder),
        Node(
            name="decoder",
            layer=decoder,
            inputs=("encoder", "encoder:1", "encoder:2", "encoder:3", "encoder:4"),
        ),
        Node(name="one_way", layer=_recurrent("gru"), inputs=("decoder", "encoder:1")),
        Node(name="head", layer=HEAD),
    )
    return _named("encoder and decoder", ModelSpec(nodes), training)
