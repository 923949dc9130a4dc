"""Makes the completion scripts in lab/completions from the argument parser: `python -m lab.completion [--check]`."""

import sys
from pathlib import Path

from lab.arguments import PREAMBLE, SHELLS, whole
from lab.generated import settle

FOLDER = Path(__file__).parent / "completions"


def scripts() -> dict[Path, str]:
    """Path and content of every script."""
    import shtab

    parser = whole()
    return {
        FOLDER / f"lab.{shell}": shtab.complete(parser, shell=shell, preamble=PREAMBLE[shell]).rstrip() + "\n"
        for shell in SHELLS
    }


if __name__ == "__main__":
    sys.exit(settle(scripts(), sys.argv[1:], "make catalog"))
