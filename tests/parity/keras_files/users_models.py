"""Models as tutorials and repositories build them, for any Keras with its own `layers`."""

from typing import Any

import numpy as np

WORDS, STEPS, FEATURES = 23, 12, 5


def sentiment(k: Any) -> Any:
    """Tokens, frozen vectors, two directions, pooled twice."""
    inputs = k.Input((STEPS,), name="words")
    vectors = k.layers.Embedding(WORDS, FEATURES, trainable=False)(inputs)
    dropped = k.layers.SpatialDropout1D(0.2)(vectors)
    both = k.layers.Bidirectional(k.layers.LSTM(7, return_sequences=True, dropout=0.1))(dropped)
    pools = [k.layers.GlobalAveragePooling1D()(both), k.layers.GlobalMaxPooling1D()(both)]
    joined = k.layers.concatenate(pools)
    hidden = k.layers.Dense(11, activation="relu", kernel_regularizer="l2")(joined)
    return k.Model(inputs, k.layers.Dense(1, activation="sigmoid")(hidden))


def handwriting(k: Any) -> Any:
    """An image's columns, read both ways."""
    return k.Sequential(
        [
            k.Input((STEPS, 8, 1), name="image"),
            k.layers.Conv2D(3, (3, 3), padding="same", activation="relu"),
            k.layers.MaxPooling2D((2, 2)),
            k.layers.BatchNormalization(),
            k.layers.ZeroPadding2D(((0, 0), (1, 1))),
            k.layers.Permute((1, 3, 2)),
            k.layers.Reshape((STEPS // 2, 18)),
            k.layers.Dense(7, activation="elu"),
            k.layers.Bidirectional(k.layers.GRU(5, return_sequences=True), merge_mode="sum"),
            k.layers.Bidirectional(k.layers.LSTM(5, return_sequences=True)),
            k.layers.TimeDistributed(k.layers.Dense(11, activation="softmax")),
        ]
    )


def speech(k: Any) -> Any:
    """Strided convolutions, batch normalisation, a stack of recurrent layers."""
    return k.Sequential(
        [
            k.Input((STEPS, FEATURES), name="frames"),
            k.layers.Conv1D(7, 3, strides=2, padding="same", use_bias=False),
            k.layers.BatchNormalization(momentum=0.9, epsilon=0.01),
            k.layers.LeakyReLU(),
            k.layers.AveragePooling1D(2, padding="same"),
            k.layers.UpSampling1D(2),
            k.layers.Cropping1D((1, 1)),
            k.layers.Bidirectional(k.layers.SimpleRNN(5, return_sequences=True)),
            k.layers.LayerNormalization(),
            k.layers.GRU(3, go_backwards=True),
            k.layers.Dropout(0.5),
            k.layers.Dense(11, activation="softmax"),
        ]
    )


def video(k: Any) -> Any:
    """A small convolutional network on every frame."""
    return k.Sequential(
        [
            k.Input((3, 6, 6, 2), name="frames"),
            k.layers.TimeDistributed(k.layers.Conv2D(3, (3, 3), activation="relu")),
            k.layers.TimeDistributed(k.layers.MaxPooling2D((2, 2))),
            k.layers.TimeDistributed(k.layers.Flatten()),
            k.layers.Bidirectional(k.layers.LSTM(5)),
            k.layers.Dense(2, activation="softmax"),
        ]
    )


def tagging(k: Any) -> Any:
    """Masked tokens and their letters, a tag for every word."""
    words = k.Input((STEPS,), name="words")
    vectors = k.layers.Embedding(WORDS, FEATURES, mask_zero=True)(words)
    read = k.layers.Bidirectional(k.layers.LSTM(5, return_sequences=True, recurrent_dropout=0.1))(
        vectors
    )
    return k.Model(words, k.layers.TimeDistributed(k.layers.Dense(11, activation="softmax"))(read))


def translation(k: Any) -> Any:
    """An encoder that hands its states to a decoder."""
    source, target = k.Input((STEPS,), name="source"), k.Input((STEPS,), name="target")
    _, *states = k.layers.LSTM(7, return_state=True)(k.layers.Embedding(WORDS, FEATURES)(source))
    decoder = k.layers.LSTM(7, return_sequences=True, return_state=True)
    written, _, _ = decoder(k.layers.Embedding(WORDS, 3)(target), initial_state=states)
    return k.Model([source, target], k.layers.Dense(WORDS, activation="softmax")(written))


def similarity(k: Any) -> Any:
    """One encoder for two texts, a distance between them."""
    encoder = k.Sequential(
        [k.layers.Embedding(WORDS, FEATURES), k.layers.Bidirectional(k.layers.GRU(5))]
    )
    left, right = k.Input((STEPS,), name="left"), k.Input((STEPS,), name="right")
    ends = [encoder(left), encoder(right)]
    joined = [
        k.layers.Dot(1, normalize=True)(ends),
        k.layers.Multiply()(ends),
        k.layers.Subtract()(ends),
    ]
    return k.Model(
        [left, right], k.layers.Dense(1, activation="sigmoid")(k.layers.Concatenate()(joined))
    )


def documents(k: Any) -> Any:
    """Words to sentences to documents."""
    words = k.Input((STEPS,), name="words")
    sentence = k.Model(
        words, k.layers.Bidirectional(k.layers.GRU(5))(k.layers.Embedding(WORDS, FEATURES)(words))
    )
    inputs = k.Input((3, STEPS), name="document")
    read = k.layers.Bidirectional(k.layers.GRU(7))(k.layers.TimeDistributed(sentence)(inputs))
    return k.Model(inputs, k.layers.Dense(2, activation="softmax")(read))


def attention(k: Any) -> Any:
    """Attention by hand, of layers alone."""
    steps = k.Input((STEPS, FEATURES), name="steps")
    read = k.layers.Bidirectional(k.layers.LSTM(5, return_sequences=True))(steps)
    scores = k.layers.Flatten()(k.layers.Dense(1, activation="tanh")(read))
    weights = k.layers.Permute((2, 1))(
        k.layers.RepeatVector(10)(k.layers.Activation("softmax")(scores))
    )
    context = k.layers.GlobalAveragePooling1D()(k.layers.multiply([read, weights]))
    return k.Model(steps, k.layers.Dense(11, activation="softmax")(context))


def forecast(k: Any) -> Any:
    """A stateful stack with a linear head, as for time series."""
    return k.Sequential(
        [
            k.Input(batch_size=3, shape=(STEPS, FEATURES), name="series"),
            k.layers.LSTM(7, return_sequences=True, stateful=True, activation="relu"),
            k.layers.LSTM(5, stateful=True, unroll=True),
            k.layers.Dense(1),
        ]
    )


MODELS = (
    sentiment,
    handwriting,
    speech,
    video,
    tagging,
    translation,
    similarity,
    documents,
    attention,
    forecast,
)


def randomised(model: Any) -> Any:
    """The model with random weights, biases too; variances stay positive."""
    random = np.random.default_rng(5)
    arrays = []
    for variable, array in zip(model.weights, model.get_weights(), strict=True):
        drawn = random.uniform(-0.7, 0.7, array.shape)
        positive = "variance" in getattr(variable, "path", variable.name)
        arrays.append((np.abs(drawn) + 0.3 if positive else drawn).astype(array.dtype))
    model.set_weights(arrays)
    return model


def inputs_of(model: Any, batch: int = 3) -> list[np.ndarray]:
    """Random inputs: tokens, half of them padding at the end, where the model embeds them."""
    random, arrays = np.random.default_rng(7), []
    for tensor in model.inputs:
        shape = (batch, *(size or STEPS for size in tensor.shape[1:]))
        if shape[-1] == STEPS:
            tokens = random.integers(1, WORDS, shape)
            tokens[0, ..., STEPS // 2 :] = 0
            arrays.append(tokens.astype("int32"))
        else:
            arrays.append(random.standard_normal(shape).astype("float32"))
    return arrays
