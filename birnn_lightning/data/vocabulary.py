"""Texts become the same token ids here as in Keras's ``TextVectorization``, without TensorFlow."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

PADDING_TOKEN = ""
UNKNOWN_TOKEN = "[UNK]"

_SPECIAL_TOKENS = (PADDING_TOKEN, UNKNOWN_TOKEN)
UNKNOWN_ID = 1
# Keras's DEFAULT_STRIP_REGEX: exactly these 32 ASCII characters.
_PUNCTUATION = b"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"
# tf.strings.lower without an encoding lowers ASCII only, as bytes do.
_LOWER = bytes(range(256)).lower()


def tokenize(text: str) -> list[bytes]:
    r"""Standardise and split one text as ``TextVectorization`` does by default.

    ASCII letters are lowered, ASCII punctuation is deleted (so ``it's`` is ``its``), and the rest
    is split where ``tf.strings.split`` splits: at runs of space, ``\t``, ``\n``, ``\v``, ``\f``,
    ``\r`` and nowhere else (U+0085, U+00A0 and ``\x1c`` to ``\x1f`` belong to tokens).

    Args:
        text: any text; lone surrogates are kept.

    Returns:
        The tokens in UTF-8, none of them empty; an empty list where only punctuation is left.
    """
    return text.encode("utf-8", "surrogatepass").translate(_LOWER, _PUNCTUATION).split()


class Vocabulary:
    """The tokens a model knows, numbered as ``keras.layers.TextVectorization`` numbers them.

    Id 0 is padding (``""``), id 1 every unknown token (``"[UNK]"``), then the learned tokens by
    falling frequency; equally frequent tokens come in falling byte order, as in Keras.

    Args:
        tokens: all tokens in the order of their ids, the two special ones first.

    Raises:
        ValueError: when the special tokens are not first, or a token stands there twice.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tuple(tokens)
        if self._tokens[:2] != _SPECIAL_TOKENS:
            raise ValueError(
                f"tokens must begin with {list(_SPECIAL_TOKENS)}; got {list(self._tokens[:2])}. "
                "Use Vocabulary.from_texts, or put the two special tokens first."
            )
        repeated = [token for token, count in Counter(self._tokens).items() if count > 1]
        if repeated:
            raise ValueError(
                f"tokens must differ from each other; got {repeated[0]!r} more than once. "
                "Remove the repeated token."
            )
        self._ids = {
            token.encode("utf-8", "surrogatepass"): index
            for index, token in enumerate(self._tokens)
        }

    @classmethod
    def from_texts(cls, texts: Iterable[str], max_tokens: int | None = None) -> "Vocabulary":
        """Learn a vocabulary, as ``TextVectorization(max_tokens).adapt(texts)`` does.

        Args:
            texts: the training texts.
            max_tokens: how many tokens to keep, padding and unknown included; None keeps all.

        Returns:
            The vocabulary.

        Raises:
            ValueError: when ``max_tokens`` is under 2.
        """
        if max_tokens is not None and max_tokens < len(_SPECIAL_TOKENS):
            raise ValueError(
                "max_tokens must be at least 2 (padding and unknown are counted) or None; "
                f"got {max_tokens}. Pass a larger number."
            )
        counts: Counter[bytes] = Counter()
        for text in texts:
            counts.update(tokenize(text))
        ordered = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
        if max_tokens is not None:
            ordered = ordered[: max_tokens - len(_SPECIAL_TOKENS)]
        learned = [token.decode("utf-8", "surrogatepass") for token in ordered]
        return cls([*_SPECIAL_TOKENS, *learned])

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Vocabulary":
        """Rebuild what :meth:`to_config` described."""
        return cls(config["tokens"])

    def to_config(self) -> dict[str, Any]:
        """Describe the vocabulary by primitives: ``{"tokens": [...]}``."""
        return {"tokens": list(self._tokens)}

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every token in the order of its id."""
        return self._tokens

    def encode(self, text: str) -> list[int]:
        """Turn a text into token ids, 1 for each unknown token; empty when no token is left."""
        id_of = self._ids.get
        return [id_of(token, UNKNOWN_ID) for token in tokenize(text)]

    def __len__(self) -> int:
        """Count the tokens, special ones included: the ``vocab_size`` of a model."""
        return len(self._tokens)

    def __eq__(self, other: object) -> bool:
        """Compare by tokens."""
        return isinstance(other, Vocabulary) and self._tokens == other._tokens

    def __hash__(self) -> int:
        """Hash by tokens."""
        return hash(self._tokens)

    def __repr__(self) -> str:
        """Say how many tokens there are, not which."""
        return f"Vocabulary({len(self)} tokens)"
