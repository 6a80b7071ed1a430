"""The entries of the layers that scale, regularise or leave numbers as they are."""

from birnn_lightning.nn import specs
from parity.keras_config.core import same_names
from parity.keras_config.entry import KerasLayer
from parity.keras_config.settings import axes, integers, noise_shape, numbers, optional

AXES = {"axis": axes}

SCALING_LAYERS = (
    KerasLayer(
        name="Rescaling",
        spec=specs.Rescaling,
        fields=same_names("scale", "offset"),
        readers={"scale": numbers, "offset": numbers},
    ),
    KerasLayer(
        name="Normalization",
        spec=specs.Normalization,
        fields=same_names("axis", "mean", "variance", "invert"),
        readers={
            "axis": integers,
            "mean": optional(numbers),
            "variance": optional(numbers),
        },
    ),
    KerasLayer(
        name="UnitNormalization",
        spec=specs.UnitNormalization,
        fields=same_names("axis"),
        readers=AXES,
    ),
    KerasLayer(
        name="RMSNormalization",
        spec=specs.RMSNormalization,
        fields=same_names("axis", "epsilon"),
        readers=AXES,
        mask="drops",
    ),
    KerasLayer(
        name="GroupNormalization",
        spec=specs.GroupNormalization,
        fields=same_names(
            *("groups", "axis", "epsilon", "center", "scale"),
            *("beta_initializer", "gamma_initializer"),
        ),
    ),
    KerasLayer(
        name="AlphaDropout",
        spec=specs.AlphaDropout,
        fields=same_names("rate", "noise_shape"),
        readers={"noise_shape": noise_shape},
    ),
    KerasLayer(
        name="ActivityRegularization",
        spec=specs.ActivityRegularization,
        fields=same_names("l1", "l2"),
        unread=frozenset({"activity_regularizer"}),
    ),
    KerasLayer(name="Identity", spec=specs.IdentityLayer, fields={}),
)
