"""The entries of the layers that stand around the recurrent ones."""

from parity.keras_config.core import CORE_LAYERS
from parity.keras_config.scaling import SCALING_LAYERS
from parity.keras_config.spatial import SPATIAL_LAYERS
from parity.keras_config.summary import SUMMARY_LAYERS

OTHER_LAYERS = (*CORE_LAYERS, *SPATIAL_LAYERS, *SCALING_LAYERS, *SUMMARY_LAYERS)
