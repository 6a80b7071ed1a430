"""The entries of the layers that pool, normalise, activate, attend and merge."""

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import LayerSpec
from parity.keras_config.core import CHANNELS_LAST, same_names
from parity.keras_config.entry import KerasLayer
from parity.keras_config.settings import (
    axes,
    integers,
    one_or_two,
    one_size,
    optional,
    optional_number,
)


def _global_pooling(spec: type[LayerSpec], uses_mask: bool) -> KerasLayer:
    return KerasLayer(
        name=spec.__name__,
        spec=spec,
        fields=same_names("keepdims"),
        required=CHANNELS_LAST,
        mask="drops",
        uses_mask=uses_mask,
    )


def _pooling(spec: type[LayerSpec]) -> KerasLayer:
    return KerasLayer(
        name=spec.__name__,
        spec=spec,
        fields=same_names("pool_size", "strides", "padding"),
        required=CHANNELS_LAST,
        readers={
            "pool_size": one_size,
            "strides": optional(one_size),
        },
        mask="drops",
    )


def _elementwise_merge(spec: type[LayerSpec], uses_mask: bool = False) -> KerasLayer:
    return KerasLayer(name=spec.__name__, spec=spec, fields={}, mask="any", uses_mask=uses_mask)


NORMALIZATION = same_names(
    "axis", "epsilon", "center", "scale", "beta_initializer", "gamma_initializer"
)

SUMMARY_LAYERS = (
    _global_pooling(specs.GlobalMaxPooling1D, uses_mask=False),
    _global_pooling(specs.GlobalAveragePooling1D, uses_mask=True),
    _pooling(specs.MaxPooling1D),
    _pooling(specs.AveragePooling1D),
    KerasLayer(
        name="BatchNormalization",
        spec=specs.BatchNormalization,
        fields={
            **NORMALIZATION,
            **same_names("momentum", "moving_mean_initializer", "moving_variance_initializer"),
        },
        required={"renorm": (False,), "renorm_clipping": (None,), "synchronized": (False,)},
        readers={"axis": one_size},
        ignored=frozenset({"renorm_momentum"}),
        uses_mask=True,
    ),
    KerasLayer(
        name="LayerNormalization",
        spec=specs.LayerNormalization,
        fields=NORMALIZATION,
        required={"rms_scaling": (False,)},
        readers={"axis": axes},
    ),
    KerasLayer(name="Activation", spec=specs.Activation, fields=same_names("activation")),
    KerasLayer(
        name="ReLU",
        spec=specs.ReLU,
        fields=same_names("max_value", "negative_slope", "threshold"),
        readers={"max_value": optional_number},
    ),
    KerasLayer(name="LeakyReLU", spec=specs.LeakyReLU, fields=same_names("negative_slope")),
    KerasLayer(
        name="PReLU",
        spec=specs.PReLU,
        fields=same_names("shared_axes", "alpha_initializer"),
        readers={"shared_axes": integers},
    ),
    KerasLayer(name="ELU", spec=specs.ELU, fields=same_names("alpha")),
    KerasLayer(
        name="Softmax",
        spec=specs.Softmax,
        fields=same_names("axis"),
        readers={"axis": one_size},
        uses_mask=True,
    ),
    KerasLayer(
        name="Attention",
        spec=specs.Attention,
        fields=same_names("use_scale", "score_mode", "dropout"),
        required={"causal": (False,)},
        uses_mask=True,
    ),
    KerasLayer(
        name="AdditiveAttention",
        spec=specs.AdditiveAttention,
        fields=same_names("use_scale", "dropout"),
        required={"causal": (False,)},
        uses_mask=True,
    ),
    _elementwise_merge(specs.Add),
    _elementwise_merge(specs.Subtract),
    _elementwise_merge(specs.Average),
    _elementwise_merge(specs.Multiply, uses_mask=True),
    _elementwise_merge(specs.Maximum, uses_mask=True),
    _elementwise_merge(specs.Minimum, uses_mask=True),
    KerasLayer(
        name="Concatenate",
        spec=specs.Concatenate,
        fields=same_names("axis"),
        mask="concatenates",
    ),
    KerasLayer(
        name="Dot",
        spec=specs.Dot,
        fields=same_names("axes", "normalize"),
        readers={"axes": one_or_two},
        mask="drops",
    ),
)
