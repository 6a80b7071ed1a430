"""Texts become the same token ids here as in Keras's ``TextVectorization``, without TensorFlow."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

Standardize = Literal["lower_and_strip_punctuation", "lower", "strip_punctuation"]
Split = Literal["whitespace", "character"]

PADDING_TOKEN = ""
UNKNOWN_TOKEN = "[UNK]"

_SPECIAL_TOKENS = (PADDING_TOKEN, UNKNOWN_TOKEN)
# Keras's DEFAULT_STRIP_REGEX: exactly these 32 ASCII characters.
_PUNCTUATION = b"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"
# tf.strings.lower without an encoding lowers ASCII only, as bytes do.
_LOWER = bytes(range(256)).lower()


def tokenize(
    text: str,
    standardize: Standardize | None = "lower_and_strip_punctuation",
    split: Split | None = "whitespace",
) -> list[bytes]:
    r"""Standardise and split one text as ``TextVectorization`` does, by default as by its defaults.

    ASCII letters are lowered, ASCII punctuation is deleted (so ``it's`` is ``its``), and the rest
    is split where ``tf.strings.split`` splits: at runs of space, ``\t``, ``\n``, ``\v``, ``\f``,
    ``\r`` and nowhere else (U+0085, U+00A0 and ``\x1c`` to ``\x1f`` belong to tokens).

    Args:
        text: any text; lone surrogates are kept.
        standardize: which of the first two are done; None for neither.
        split: "whitespace", or "character" for every code point; None keeps the text in one piece.

    Returns:
        The tokens in UTF-8; none is empty unless ``split`` is None. An empty list where nothing
        is left.
    """
    lower = _LOWER if standardize in ("lower_and_strip_punctuation", "lower") else None
    deleted = b"" if standardize in ("lower", None) else _PUNCTUATION
    kept = text.encode("utf-8", "surrogatepass").translate(lower, deleted)
    if split == "whitespace":
        return kept.split()
    if split == "character":
        letters = kept.decode("utf-8", "surrogatepass")
        return [letter.encode("utf-8", "surrogatepass") for letter in letters]
    return [kept]


class Vocabulary:
    """The tokens a model knows, numbered as ``keras.layers.TextVectorization`` numbers them.

    Id 0 is padding (``""``), id 1 every unknown token (``"[UNK]"``), then the learned tokens by
    falling frequency; equally frequent tokens come in falling byte order, as in Keras.

    Args:
        tokens: all tokens in the order of their ids, the special ones first.
        standardize: what is done to a text before it is split; see `tokenize`.
        split: where it is split.
        padded: whether id 0 is padding; if not, the unknown token has id 0, as in Keras's
            ``StringLookup`` without a mask token.

    Raises:
        ValueError: when the special tokens are not first, a token stands there twice, or a setting
            is not known.
    """

    def __init__(
        self,
        tokens: Sequence[str],
        *,
        standardize: Standardize | None = "lower_and_strip_punctuation",
        split: Split | None = "whitespace",
        padded: bool = True,
    ) -> None:
        for name, value, allowed in (
            ("standardize", standardize, get_args(Standardize)),
            ("split", split, get_args(Split)),
        ):
            if value not in (*allowed, None):
                raise ValueError(f"{name} must be one of {allowed} or None; got {value!r}.")
        self._tokens = tuple(tokens)
        self._standardize: Standardize | None = standardize
        self._split: Split | None = split
        self._padded = padded
        special = _SPECIAL_TOKENS if padded else _SPECIAL_TOKENS[1:]
        if self._tokens[: len(special)] != special:
            raise ValueError(
                f"tokens must begin with {list(special)}; got {list(self._tokens[: len(special)])}."
                " Use Vocabulary.from_texts, or put the special tokens first."
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
        counts: Counter[bytes] = Counter()
        for text in texts:
            counts.update(tokenize(text))
        return cls.from_counts(counts, max_tokens)

    @classmethod
    def from_counts(
        cls, counts: Mapping[bytes, int], max_tokens: int | None = None
    ) -> "Vocabulary":
        """Learn a vocabulary from how often each token occurs; see `from_texts`."""
        if max_tokens is not None and max_tokens < len(_SPECIAL_TOKENS):
            raise ValueError(
                "max_tokens must be at least 2 (padding and unknown are counted) or None; "
                f"got {max_tokens}. Pass a larger number."
            )
        ordered = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
        if max_tokens is not None:
            ordered = ordered[: max_tokens - len(_SPECIAL_TOKENS)]
        learned = [token.decode("utf-8", "surrogatepass") for token in ordered]
        return cls([*_SPECIAL_TOKENS, *learned])

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Vocabulary":
        """Rebuild what :meth:`to_config` described."""
        return cls(**config)

    def to_config(self) -> dict[str, Any]:
        """Describe the vocabulary by primitives: ``tokens``, and the settings."""
        return {
            "tokens": list(self._tokens),
            "standardize": self._standardize,
            "split": self._split,
            "padded": self._padded,
        }

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every token in the order of its id."""
        return self._tokens

    @property
    def standardize(self) -> Standardize | None:
        """What is done to a text before it is split."""
        return self._standardize

    @property
    def split(self) -> Split | None:
        """Where a text is split."""
        return self._split

    @property
    def unknown_id(self) -> int:
        """What stands for every token that is not known."""
        return int(self._padded)

    def encode(self, text: str | Sequence[str]) -> list[int]:
        """Turn a text, or its parts, into token ids; empty when no token is left."""
        parts = (text,) if isinstance(text, str) else text
        return self.ids(
            token for part in parts for token in tokenize(part, self._standardize, self._split)
        )

    def ids(self, tokens: Iterable[bytes]) -> list[int]:
        """The id of each token, in UTF-8, that `tokenize` found."""
        id_of, unknown_id = self._ids.get, self.unknown_id
        return [id_of(token, unknown_id) for token in tokens]

    def __len__(self) -> int:
        """Count the tokens, special ones included: the ``vocab_size`` of a model."""
        return len(self._tokens)

    def __eq__(self, other: object) -> bool:
        """Compare by tokens and settings."""
        return isinstance(other, Vocabulary) and self.to_config() == other.to_config()

    def __hash__(self) -> int:
        """Hash by tokens."""
        return hash(self._tokens)

    def __repr__(self) -> str:
        """Say how many tokens there are, not which."""
        return f"Vocabulary({len(self)} tokens)"
