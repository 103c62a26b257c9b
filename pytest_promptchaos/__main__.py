"""``python -m pytest_promptchaos`` is the command ``promptchaos``."""

import sys

from pytest_promptchaos.command import main

if __name__ == "__main__":
    sys.exit(main())
