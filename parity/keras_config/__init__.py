"""A Keras model or layer as its config describes it becomes a spec, and back, without Keras."""
