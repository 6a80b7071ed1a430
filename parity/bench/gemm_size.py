"""The matrix product that the machine's rate is measured with."""

SIZE = 1024
OPERATIONS = 2 * SIZE**3
