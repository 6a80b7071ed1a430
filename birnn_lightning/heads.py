"""Loss, metrics and `predict` speak of the same probabilities: those that the last layer makes."""

from birnn_lightning.losses import LossFrom, Task
from birnn_lightning.nn import specs
from birnn_lightning.nn.model import output_activation
from birnn_lightning.nn.specs import LayerSpec, ModelSpec

HEAD_ACTIVATIONS: dict[Task, str] = {
    "binary": "sigmoid",
    "multiclass": "softmax",
    "multilabel": "sigmoid",
    "regression": "linear",
}
"""What makes of logits what the loss of a task means."""
OPERATIONS = ("sigmoid", "softmax", "hard_sigmoid", "log_sigmoid")
"""Those that make no logits."""


def head_activation(spec: ModelSpec) -> str:
    """The activation that a model's first output has passed, ``"linear"`` for none."""
    by_name = {node.name: node for node in spec.nodes}
    node = by_name.get(spec.outputs[0])
    if node is None:  # a further output of a layer
        return "linear"
    return _activation(node.layer)


def _activation(layer: LayerSpec) -> str:
    if isinstance(layer, specs.Dense | specs.Activation):
        return layer.activation
    if isinstance(layer, specs.Softmax):
        return "softmax"
    if isinstance(layer, specs.Operation):
        return layer.name if layer.name in OPERATIONS else "linear"
    if isinstance(layer, specs.TimeDistributed):
        return _activation(layer.layer)
    if isinstance(layer, specs.Submodel):
        return head_activation(layer.model)
    return "linear"


def check_head(task: Task, spec: ModelSpec, loss_from: LossFrom) -> None:
    """Raises ValueError where the loss of a task would mean other probabilities than the head's.

    Nothing is checked for a regression, whose loss is that of the outputs, and for a model of
    several outputs, which has no loss.
    """
    if task == "regression" or len(spec.outputs) > 1:
        return
    activation, wanted = head_activation(spec), HEAD_ACTIVATIONS[task]
    if task == "binary" and activation == "softmax":
        raise ValueError(
            "a binary task needs a last layer with activation 'sigmoid' or 'linear'; got "
            "'softmax', which makes 1 of whatever one unit gives."
        )
    if loss_from == "probabilities":
        return
    if activation not in (wanted, "linear"):
        raise ValueError(
            f"a {task} loss of logits needs a last layer with activation {wanted!r} or 'linear'; "
            f"got {activation!r}, so that the loss would not be that of what predict returns. "
            "Change one of the two, or use loss_from='probabilities'."
        )
    if activation != output_activation(spec):
        raise ValueError(
            f"the model gives no logits: what its {activation!r} makes is used inside, or made "
            "by an operation. Use loss_from='probabilities'."
        )


def missing_activation(task: Task, spec: ModelSpec, loss_from: LossFrom) -> str:
    """Name of what makes probabilities of what the model returns, ``"linear"`` where it does."""
    is_of_logits = loss_from == "logits" and head_activation(spec) == "linear"
    return HEAD_ACTIVATIONS[task] if is_of_logits else "linear"
