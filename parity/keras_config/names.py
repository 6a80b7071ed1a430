"""Keras's names of layers as names that a torch module can have."""

from birnn_lightning.nn.specs.graph import RESERVED_NAMES


def module_name(name: str) -> str:
    """The name of the node for a Keras layer: another one where torch does not allow it.

    ``.``, ``/`` and ``:`` become underscores (``tf.math.add`` is ``tf_math_add``); a name that
    `torch.nn.ModuleDict` uses itself gets ``_layer`` at its end.
    """
    allowed = "".join("_" if letter in "./:" else letter for letter in name)
    return f"{allowed}_layer" if allowed in RESERVED_NAMES else allowed
