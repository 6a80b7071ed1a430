"""NumPy archives of numeric sequences are read by one rule, or refused."""

from pathlib import Path
from typing import Literal

import numpy as np

from birnn_lightning.data.examples import Examples

LabelsKind = Literal["sequence", "step", "multilabel"]


def read_npz(path: str, labels: LabelsKind, *, labelled: bool = True) -> Examples:
    """Read a NumPy archive of arrays ``x``, ``y`` and perhaps ``lengths`` and ``class_names``.

    Without ``lengths``, ``x`` is ``(examples, time, features)``, or ``(examples, time)`` with one
    feature. With ``lengths`` ``(examples,)``, either ``x`` is 3-dimensional and padded at the end,
    or it holds all steps one after the other: ``(total_steps, features)`` or ``(total_steps,)``.

    ``y`` follows ``labels``: "sequence" ``(examples,)`` classes; "multilabel"
    ``(examples, classes)`` of 0 and 1, named by ``class_names`` or by number; "step" one class a
    step, laid out as ``x``: ``(examples, time)``, or ``(total_steps,)`` where ``x`` holds all the
    steps.

    Args:
        path: the file.
        labels: what ``y`` means.
        labelled: whether ``y`` must be there.

    Returns:
        Examples with ``(time, features)`` float64.

    Raises:
        ValueError: when the file is missing or shapes or values are not as above.
    """
    if not Path(path).is_file():
        raise ValueError(f"a data file must exist; got {path}, which is no file. Correct the path.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(
            f"an .npz file must hold plain arrays; got {path}: {error}. Save ragged data as x with "
            "all steps one after the other, and lengths."
        ) from error
    wanted = ("x", "y") if labelled else ("x",)
    if missing := [name for name in wanted if name not in arrays]:
        raise ValueError(
            f"an .npz file must hold {' and '.join(wanted)}; got {', '.join(arrays) or 'nothing'} "
            f"in {path}. Add {missing[0]}."
        )
    x = arrays["x"]
    if x.dtype.kind not in "fiub" or x.size == 0:
        raise ValueError(
            f"x must hold at least one number; got dtype {x.dtype}, shape {x.shape} in {path}. "
            "Save x as an array of float32."
        )
    bounds = _find_bounds(x, arrays.get("lengths"), path)
    inputs = [_as_features(one, path, row) for row, one in enumerate(_cut(x, bounds), start=1)]
    origins = [(path, row) for row in range(1, len(inputs) + 1)]
    if not labelled:
        return Examples(inputs=inputs, origins=origins)
    y, count = arrays["y"], len(inputs)
    if labels == "step":
        if y.shape != x.shape[: 2 if bounds.ndim == 1 else 1]:
            raise ValueError(
                f'y must have one label a step, laid out as x, for labels="step"; got {y.shape} '
                f"for x of shape {x.shape} in {path}. Correct y, or choose another labels."
            )
        steps = [[str(label) for label in one.tolist()] for one in _cut(y, bounds)]
        return Examples(inputs=inputs, origins=origins, labels=steps)
    axes = 1 if labels == "sequence" else 2
    if y.ndim != axes or len(y) != count:
        shape = f"({count},)" if axes == 1 else f"({count}, classes)"
        raise ValueError(
            f'y must have the shape {shape} for labels="{labels}"; got {y.shape} in {path}. '
            'Choose labels="sequence", "step" or "multilabel" to match y.'
        )
    if labels == "sequence":
        return Examples(inputs=inputs, origins=origins, labels=[str(one) for one in y.tolist()])
    if not np.isin(y, (0, 1)).all():
        raise ValueError(f"y must hold 0 and 1 only for several labels; got others in {path}.")
    names = arrays.get("class_names", np.arange(y.shape[1]))
    if names.shape != y.shape[1:]:
        raise ValueError(
            f"class_names must name the {y.shape[1]} columns of y; got {names.shape} in {path}."
        )
    return Examples(
        inputs=inputs,
        origins=origins,
        labels=list(y.astype(np.float64)),
        class_names=tuple(str(name) for name in names),
    )


def _find_bounds(x: np.ndarray, lengths: np.ndarray | None, path: str) -> np.ndarray:
    """Return where examples end: ``(examples,)`` lengths of rows, or ``(examples, 2)`` slices."""
    if lengths is None:
        if x.ndim not in (2, 3):
            raise ValueError(
                "x must have the shape (examples, time, features) or (examples, time); got "
                f"{x.shape} in {path}. Reshape x, or add lengths."
            )
        return np.full(len(x), x.shape[1])
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or not len(lengths) or lengths.min() < 1:
        raise ValueError(
            "lengths must be (examples,) integers of at least 1; got shape "
            f"{lengths.shape}, dtype {lengths.dtype}, least {lengths.min(initial=0)} in {path}. "
            "Drop empty sequences."
        )
    if x.ndim == 3:
        if len(lengths) != len(x) or lengths.max() > x.shape[1]:
            raise ValueError(
                f"lengths must hold one number for each of the {len(x)} examples, at most "
                f"{x.shape[1]} (the padded time axis); got {len(lengths)} numbers up to "
                f"{lengths.max()} in {path}. Correct lengths."
            )
        return lengths
    if x.ndim > 3 or lengths.sum() != len(x):
        raise ValueError(
            "with lengths, x must be (examples, time, features) or hold sum(lengths) = "
            f"{lengths.sum()} steps; got shape {x.shape} in {path}. Correct x or lengths."
        )
    ends = np.cumsum(lengths)
    return np.stack([ends - lengths, ends], axis=1)


def _cut(array: np.ndarray, bounds: np.ndarray) -> list[np.ndarray]:
    if bounds.ndim == 1:
        return [row[:length] for row, length in zip(array, bounds, strict=True)]
    return [array[start:stop] for start, stop in bounds]


def _as_features(one: np.ndarray, path: str, row: int) -> np.ndarray:
    features = one.astype(np.float64)
    features = features[:, np.newaxis] if features.ndim == 1 else features
    if not np.isfinite(features).all():
        step, feature = np.argwhere(~np.isfinite(features))[0]
        raise ValueError(
            f"features must be finite; got {features[step, feature]} at step {step}, feature "
            f"{feature} of row {row} of {path}. Correct the value or drop the example."
        )
    return features
