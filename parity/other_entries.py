"""The entries of the layers that stand around the recurrent ones."""

from parity.core_entries import CORE_LAYERS
from parity.summary_entries import SUMMARY_LAYERS

OTHER_LAYERS = (*CORE_LAYERS, *SUMMARY_LAYERS)
