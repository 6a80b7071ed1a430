"""A model's config of any Keras version becomes the config that today's Keras would write."""

from parity.keras_config.legacy.model import NormalizedModel, normalized_model

__all__ = ["NormalizedModel", "normalized_model"]
