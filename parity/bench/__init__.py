"""Ours and its peers side by side: what a training step, an inference and an epoch cost."""
