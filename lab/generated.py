"""Files that are made from code and kept in the repository: written, or compared with what they should be."""

import sys
from collections.abc import Mapping
from pathlib import Path


def settle(files: Mapping[Path, str], words: list[str], command: str) -> int:
    """Write the files, or with `--check` say which ones are stale; the exit code.

    :param words: the command line without the program
    :param command: what makes them fresh again
    """
    check = "--check" in words
    stale = [path for path, text in files.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if check:
            sys.stderr.write(f"{path} is stale; run: {command}\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
            sys.stdout.write(f"wrote {path}\n")
    return 1 if check and stale else 0
