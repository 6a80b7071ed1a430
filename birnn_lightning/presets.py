"""The three classifiers that most people want, as one rule from sizes to a model spec."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Self, get_args

from birnn_lightning.heads import HEAD_ACTIVATIONS
from birnn_lightning.losses import Task
from birnn_lightning.module import SequenceClassifier
from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import ModelSpec, Node

Pooling = Literal["last", "max", "mean", "attention"]


class BidirectionalClassifier(SequenceClassifier):
    """Embedding or features, bidirectional layers, pooling, and a dense head.

    Args:
        vocab_size: number of tokens, padding (0) included; for token input.
        input_size: features of a step; for dense input. Exactly one of the two is given.
        embedding_dim: features of a token's vector.
        mask_zero: token input: whether token 0 is padding that every layer skips.
        mask_value: dense input: a step whose features all equal it is padding; default: none is.
        hidden_size: units of each direction.
        num_layers: bidirectional layers, one on the other.
        pooling: what becomes of the steps: ``last`` (the final state of both directions), ``max``,
            ``mean``, or ``attention`` (Luong et al. 2015, the query made from the mean).
        tagging: whether every step gets a label; then there is no pooling.
        dropout: rate between the layers and before the head.
        task: ``binary``, ``multiclass``, ``multilabel`` or ``regression``.
        num_classes: size of the head; not for binary, which has one output.
        training: the other arguments of `SequenceClassifier`.
    """

    cell: ClassVar[specs.CellName]

    def __init__(
        self,
        *,
        vocab_size: int | None = None,
        input_size: int | None = None,
        embedding_dim: int = 128,
        mask_zero: bool = True,
        mask_value: float | None = None,
        hidden_size: int = 64,
        num_layers: int = 1,
        pooling: Pooling = "last",
        tagging: bool = False,
        dropout: float = 0.0,
        task: Task = "multiclass",
        num_classes: int | None = None,
        **training: Any,
    ) -> None:
        """Builds the model."""
        if (vocab_size is None) == (input_size is None):
            raise ValueError(
                "give exactly one of vocab_size (tokens) and input_size (features); got "
                f"vocab_size={vocab_size}, input_size={input_size}."
            )
        if pooling not in get_args(Pooling):
            allowed = ", ".join(get_args(Pooling))
            raise ValueError(f"pooling must be one of {allowed}; got {pooling!r}.")
        if tagging and pooling != "last":
            raise ValueError(f"tagging labels every step, so pooling {pooling!r} has no place.")
        if num_layers < 1:
            raise ValueError(f"num_layers must be at least 1; got {num_layers}.")
        head = specs.Dense(
            units=head_size(task, num_classes), activation=HEAD_ACTIVATIONS.get(task, "linear")
        )
        if vocab_size is None:
            nodes = list(feature_nodes(input_size, mask_value))
        else:
            nodes = list(token_nodes(vocab_size, embedding_dim, mask_zero))
        pools = pooling != "last"
        for index in range(num_layers):
            is_last = index == num_layers - 1
            recurrent = specs.Recurrent(
                cell=self.cell,
                hidden_size=hidden_size,
                return_sequences=not is_last or tagging or pools,
            )
            nodes.append(
                Node(
                    name=f"bidirectional_{index + 1}", layer=specs.Bidirectional(forward=recurrent)
                )
            )
            if dropout and not is_last:
                nodes.append(Node(name=f"dropout_{index + 1}", layer=specs.Dropout(rate=dropout)))
        if pools:
            nodes.extend(pooling_nodes(pooling, nodes[-1].name, 2 * hidden_size))
        if dropout:
            nodes.append(Node(name="dropout", layer=specs.Dropout(rate=dropout)))
        nodes.append(Node(name="head", layer=head))
        super().__init__(ModelSpec(tuple(nodes)), task, **training)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A freshly initialised classifier of this class from `to_config`'s primitives.

        Raises:
            ValueError: a model whose recurrent layers are not of this class's kind.
        """
        classifier = super().from_config(config)
        found = {name: one.cell_name for name, one in classifier.recurrent_layers.items()}
        by_kind = {f"bi{cell}": preset.__name__ for cell, preset in PRESETS.items()}
        kinds = set(found.values())
        allowed = {f"bi{cls.cell}"} if hasattr(cls, "cell") else set(by_kind)
        if len(kinds) == 1 and kinds <= allowed:
            return classifier
        layers = ", ".join(f"{name!r} ({kind})" for name, kind in found.items()) or "none"
        fitting = [by_kind[kind] for kind in kinds if len(kinds) == 1 and kind in by_kind]
        raise ValueError(
            f"{cls.__name__} takes a model whose recurrent layers are all "
            f"{' or all '.join(sorted(allowed))}; this one has {layers}. Load it with "
            f"{' or '.join([*fitting, 'SequenceClassifier'])}, which takes every model."
        )


class BiRNNClassifier(BidirectionalClassifier):
    """A bidirectional plain RNN (Elman 1990) with tanh; see `BidirectionalClassifier`."""

    cell = "rnn"


class BiLSTMClassifier(BidirectionalClassifier):
    """A bidirectional LSTM (Hochreiter & Schmidhuber 1997); see `BidirectionalClassifier`."""

    cell = "lstm"


class BiGRUClassifier(BidirectionalClassifier):
    """A bidirectional GRU (Cho et al. 2014, ``reset_after``); see `BidirectionalClassifier`."""

    cell = "gru"


PRESETS: dict[specs.CellName, type[BidirectionalClassifier]] = {
    preset.cell: preset for preset in (BiRNNClassifier, BiLSTMClassifier, BiGRUClassifier)
}


def head_size(task: Task, num_classes: int | None) -> int:
    """Outputs of the head; raises ValueError where ``num_classes`` does not fit the task."""
    if task == "binary":
        if num_classes not in (None, 1, 2):
            raise ValueError(
                f"a binary task has two classes; got num_classes={num_classes}. "
                "Use task='multiclass'."
            )
        return 1
    minimum = 2 if task == "multiclass" else 1
    if num_classes is None or num_classes < minimum:
        raise ValueError(f"task {task!r} needs num_classes >= {minimum}; got {num_classes}.")
    return num_classes


def token_nodes(vocab_size: int, embedding_dim: int, mask_zero: bool) -> Iterator[Node]:
    """Tokens ``(batch, time)`` to vectors."""
    yield Node(name="tokens", layer=specs.Input(shape=(None,), dtype="int64"))
    embedding = specs.Embedding(
        vocab_size=vocab_size, embedding_dim=embedding_dim, mask_zero=mask_zero
    )
    yield Node(name="embedding", layer=embedding)


def feature_nodes(input_size: int | None, mask_value: float | None) -> Iterator[Node]:
    """Features ``(batch, time, input_size)``, perhaps masked by value."""
    yield Node(name="features", layer=specs.Input(shape=(None, input_size)))
    if mask_value is not None:
        yield Node(name="masking", layer=specs.Masking(mask_value=mask_value))


def pooling_nodes(pooling: Pooling, sequence: str, size: int) -> Iterator[Node]:
    """The sequence ``(batch, time, size)`` at node ``sequence`` to ``(batch, size)``."""
    if pooling == "max":
        yield Node(name="pooling", layer=specs.GlobalMaxPooling1D())
        return
    yield Node(name="pooling", layer=specs.GlobalAveragePooling1D())
    if pooling == "attention":
        yield Node(name="query", layer=specs.Dense(units=size, use_bias=False))
        yield Node(name="query_step", layer=specs.RepeatVector(n=1))
        yield Node(name="attention", layer=specs.Attention(), inputs=("query_step", sequence))
        yield Node(name="attended", layer=specs.Flatten())
