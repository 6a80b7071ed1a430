"""Which classes are Keras's own, so that a stranger of the same name is not taken for one."""

from collections.abc import Mapping
from typing import Any

from parity.keras_config.legacy.defaults import DEFAULTS
from parity.keras_config.legacy.keras1 import MERGES, SETTINGS
from parity.keras_config.legacy.written import Written

CUSTOM = "custom"
"""The module of a class that is not Keras's own where the file names none."""

RENAMED_CLASSES = {
    **dict.fromkeys(("BatchNormalizationV1", "BatchNormalizationV2"), "BatchNormalization"),
    "SyncBatchNormalization": "BatchNormalization",
    **dict.fromkeys(("LSTMV1", "LSTMV2", "UnifiedLSTM"), "LSTM"),
    **dict.fromkeys(("GRUV1", "GRUV2", "UnifiedGRU"), "GRU"),
    **dict.fromkeys(("LSTMCellV1", "LSTMCellV2"), "LSTMCell"),
    **dict.fromkeys(("GRUCellV1", "GRUCellV2"), "GRUCell"),
    "MaxPool1D": "MaxPooling1D",
    "AvgPool1D": "AveragePooling1D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
}
KNOWN = {
    *DEFAULTS,
    *MERGES.values(),
    "Activation",
    "ActivityRegularization",
    "InputLayer",
    "Merge",
    "Minimum",
    "Subtract",
    "Permute",
    "RepeatVector",
    "Reshape",
    "StackedRNNCells",
    "ThresholdedReLU",
    "TimeDistributed",
    "CuDNNLSTM",
    "CuDNNGRU",
}
"""Classes of Keras whose settings are completed here."""

SIGNATURES = {
    "Attention": "use_scale",
    "AdditiveAttention": "use_scale",
    "LayerNormalization": "epsilon",
    "MultiHeadAttention": "num_heads",
    "GroupNormalization": "groups",
    "Identity": None,
    "Normalization": "mean",
}
"""Classes that Keras got late, when many had one of that name, and a setting that Keras's names."""


def is_builtin(
    class_name: str, entry: Mapping[str, Any], config: Mapping[str, Any], written: Written
) -> bool:
    """Whether a serialized layer is of a class of Keras's own."""
    registered, module = entry.get("registered_name"), entry.get("module")
    if ">" in class_name or registered not in (None, class_name, f"Custom>{class_name}"):
        return False
    if isinstance(registered, str) and registered.startswith("Custom>"):
        return False
    if isinstance(module, str) and module.split(".")[0] not in ("keras", "tf_keras", "tensorflow"):
        return False
    if class_name in SIGNATURES and module is None:
        signature = SIGNATURES[class_name]
        has_class = written.within_tensorflow or written.major == 3
        return has_class and (signature is None or signature in config)
    if written.major == 1:
        return class_name in SETTINGS or class_name in KNOWN
    return True
