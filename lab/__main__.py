"""`python -m lab` is the same as `lab`."""

import sys

from lab.cli import main

sys.exit(main())
