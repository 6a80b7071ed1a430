"""What counts as an improvement: more than the least change, compared in float32."""

import math
import re
from typing import Any

import pytest

from birnn_lightning.losses import TASKS
from birnn_lightning.metrics import build_metrics
from birnn_lightning.optim.monitor import FALLING, RISING, Monitor

IMPROVEMENTS = [
    pytest.param({}, 0.4, 0.5, True, id="lower"),
    pytest.param({}, 0.5, 0.5, False, id="the same"),
    pytest.param({"mode": "max"}, 0.4, 0.5, False, id="lower is worse"),
    pytest.param({"mode": "max"}, 0.6, 0.5, True, id="higher"),
    pytest.param({"name": "val_accuracy"}, 0.6, 0.5, True, id="accuracies rise"),
    pytest.param({"min_delta": 0.25}, 0.25, 0.5, False, id="no more than the least change"),
    pytest.param({"min_delta": -0.25}, 0.125, 0.5, True, id="more, whatever the sign"),
    pytest.param({"min_delta": 0.25, "mode": "max"}, 0.75, 0.5, False, id="no more, rising"),
    pytest.param({}, 0.5 - 1e-12, 0.5, False, id="float32"),
    pytest.param({}, 1e300, math.inf, False, id="float32 overflows"),
    pytest.param({}, math.nan, 0.5, False, id="NaN"),
    pytest.param({}, 0.5, math.nan, False, id="over NaN"),
    pytest.param({}, math.nan, None, True, id="over nothing"),
]


@pytest.mark.parametrize(("settings", "value", "reference", "improves"), IMPROVEMENTS)
def test_improvements(
    settings: dict[str, Any], value: float, reference: float | None, improves: bool
) -> None:
    assert Monitor(**{"name": "val_loss", **settings}).improves(value, reference) == improves


@pytest.mark.parametrize("task", TASKS)
def test_the_direction_of_every_metric_is_known(task: Any) -> None:
    for name in map(str, build_metrics(task, 3, "val")):
        assert name.removeprefix("val_") in RISING + FALLING
        expected = "min" if task == "regression" else "max"
        assert Monitor(name=name).direction == expected


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"^mode must be one of auto, min, max; got 'down'\.$"):
        Monitor(name="val_loss", mode="down")  # type: ignore[arg-type]
    message = (
        "mode 'auto' knows the directions of accuracy, f1, auroc, loss, mse, mae; got monitor "
        "'val_bleu'. Say mode 'min' or 'max'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Monitor(name="val_bleu")
    assert Monitor(name="val_bleu", mode="max").direction == "max"
