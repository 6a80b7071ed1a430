"""`python -m birnn_lightning.cli` is the program `birnn`."""

import sys

from birnn_lightning.cli import main

if __name__ == "__main__":
    sys.exit(main())
