"""Commands of the program `birnn-parity` that work on model files."""
