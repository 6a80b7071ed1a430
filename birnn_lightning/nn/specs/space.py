"""Layers that slide along time or over images share how their input's axes are laid out."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from birnn_lightning.nn.specs.base import Shape, check_choice, check_positive, check_rank

DataFormat = Literal["channels_last", "channels_first"]


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """The input is ``(batch, time, feature)``."""

    rank: ClassVar[int] = 1
    axes: ClassVar[str] = "time, feature"

    @property
    def channels_first(self) -> bool:
        """Whether the features stand before space."""
        return False

    def each(self, value: int | tuple[int, ...]) -> tuple[int, ...]:
        """One number for each axis of space."""
        return value if isinstance(value, tuple) else (value,) * self.rank

    def check_sizes(self, **values: int | tuple[int, ...] | None) -> None:
        """Raises ValueError unless each value is positive, with one number an axis of space."""
        for name, value in values.items():
            if isinstance(value, tuple) and len(value) != self.rank:
                raise ValueError(
                    f"{type(self).__name__}: {name} must hold {self.rank} numbers; got {value!r}."
                )
            for size in value if isinstance(value, tuple) else (value,):
                check_positive(type(self).__name__, name, size)  # type: ignore[arg-type]

    def space(self, shape: Shape) -> Shape:
        """The sizes of space of an input; raises ValueError for one of another rank."""
        check_rank(type(self).__name__, shape, self.rank + 1, self.axes)
        return shape[1:] if self.channels_first else shape[:-1]

    def features(self, shape: Shape) -> int | None:
        """The number of features of an input."""
        return shape[0] if self.channels_first else shape[-1]

    def joined(self, space: Shape, features: int | None) -> Shape:
        """The shape of these sizes of space and this many features."""
        return (features, *space) if self.channels_first else (*space, features)


@dataclass(frozen=True, kw_only=True)
class Images(Sequences):
    """The input is images.

    Attributes:
        data_format: ``"channels_last"`` for ``(batch, height, width, channel)``,
            ``"channels_first"`` for ``(batch, channel, height, width)``.
    """

    rank: ClassVar[int] = 2
    axes: ClassVar[str] = "height, width, channel"

    data_format: DataFormat = "channels_last"

    @property
    def channels_first(self) -> bool:
        """Whether the channels stand before height and width."""
        check_choice(
            type(self).__name__,
            "data_format",
            self.data_format,
            ("channels_last", "channels_first"),
        )
        return self.data_format == "channels_first"


def check_amounts(owner: str, name: str, amounts: tuple[object, ...]) -> None:
    """Raises ValueError unless each is an integer of at least 0."""
    for amount in amounts:
        if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
            raise ValueError(f"{owner}: {name} must be integers of at least 0; got {amount!r}.")
