"""What a parity comparison found, as plain data that every report can render."""

from collections.abc import Sequence
from dataclasses import dataclass, replace


class ParityError(AssertionError):
    """The two models differ by more than rounding; the message says where and by how much."""


class ParityUnavailable(RuntimeError):
    """The comparison could not be tried: a bad file, a missing framework, an unsupported layer."""


@dataclass(frozen=True, kw_only=True)
class ParityRow:
    """One tensor that was compared.

    Attributes:
        case: what was set up, e.g. ``"gru, 2 layers, tokens, masked, max pooling"``.
        compared: which tensor, e.g. ``"probabilities"`` or ``"final state, backward"``.
        dtype: ``"float32"`` or ``"float64"``.
        max_difference: the largest ``|ours - theirs|``; NaN where a shape differs.
        allowed: the bound on it, in the same unit.
        passed: whether the difference is rounding.
        detail: for a failure, where it is and which table row is concerned; else empty.
        count: how many comparisons the row stands for; see `ParityReport.condensed`.
    """

    case: str
    compared: str
    dtype: str
    max_difference: float
    allowed: float
    passed: bool
    detail: str = ""
    count: int = 1

    def share(self) -> float:
        """The difference as a share of what is allowed; 0 where nothing differs."""
        return self.max_difference / self.allowed if self.max_difference else 0.0


def failed_row(case: str, error: BaseException) -> ParityRow:
    """The row of a case that ended with an exception."""
    return ParityRow(
        case=case,
        compared="nothing",
        dtype="",
        max_difference=float("nan"),
        allowed=0.0,
        passed=False,
        detail=f"{type(error).__name__}: {error}",
    )


def _count(rows: Sequence[ParityRow]) -> int:
    return sum(row.count for row in rows)


@dataclass(frozen=True)
class ParityReport:
    """Every tensor that one comparison looked at.

    Attributes:
        rows: in the order of comparison.
    """

    rows: tuple[ParityRow, ...]

    @property
    def passed(self) -> bool:
        """Whether there is at least one row and all of them passed."""
        return bool(self.rows) and all(row.passed for row in self.rows)

    @property
    def failures(self) -> tuple[ParityRow, ...]:
        """The rows that did not pass."""
        return tuple(row for row in self.rows if not row.passed)

    def condensed(self, limit: int = 400) -> "ParityReport":
        """A report of more rows than ``limit`` as its failures and one row a kind of comparison.

        Each of those stands for all rows of its kind and dtype, with the numbers of the row that
        came nearest to its bound.
        """
        if len(self.rows) <= limit:
            return self
        kinds: dict[tuple[str, str], list[ParityRow]] = {}
        for row in self.rows:
            if row.passed:
                kinds.setdefault((row.compared, row.dtype), []).append(row)
        nearest = (
            replace(
                max(rows, key=ParityRow.share),
                case=f"{_count(rows):,} cases, nearest to its bound",
                count=_count(rows),
            )
            for rows in kinds.values()
        )
        return ParityReport((*self.failures, *nearest))

    def __add__(self, other: "ParityReport") -> "ParityReport":
        """The rows of both, ours first."""
        return ParityReport(self.rows + other.rows)

    def raise_for_failures(self) -> None:
        """Raises ParityError with one line per failure, or where nothing was compared at all."""
        if not self.rows:
            raise ParityError("nothing was compared")
        if not self.passed:
            lines = [
                f"{row.case}: {row.compared} ({row.dtype}) differ by {row.max_difference:.3g}, "
                f"allowed {row.allowed:.3g}. {row.detail}".rstrip()
                for row in self.failures
            ]
            raise ParityError("\n".join(lines))
