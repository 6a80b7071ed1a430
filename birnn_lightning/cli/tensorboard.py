"""TensorBoard's writer never imports TensorFlow, which would cost seconds."""

import sys
from types import ModuleType


def keep_tensorboard_from_tensorflow() -> None:
    """Provides the marker module by which TensorBoard knows to use its own file layer.

    Source: `tensorboard/compat/__init__.py`, where `tensorboard.compat.notf` stands for a build
    without TensorFlow.
    """
    sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
