"""Record what Argo CD's decoder makes of the texts in `yaml_documents.json`: `objects` and perhaps `error` of each.

`python tests/sim/render/record_documents.py` needs Go with apimachinery in its module cache.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import orjson

FOLDER = Path(__file__).parent
FILE = FOLDER / "yaml_documents.json"
SECONDS = 300


def main() -> None:
    """Ask for every text in the file again."""
    texts = [one["text"] for one in orjson.loads(FILE.read_bytes())]
    with tempfile.TemporaryDirectory() as made:
        copy = shutil.copytree(FOLDER / "oracles" / "documents", Path(made) / "documents")
        answers = subprocess.run(
            ["go", "run", "."],
            cwd=copy,
            input=b"\n".join(map(orjson.dumps, texts)) + b"\n",
            capture_output=True,
            check=True,
            timeout=SECONDS,
            env={**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOSUMDB": "off"},
        ).stdout.splitlines()
    rows = [{"text": text, **orjson.loads(answer)} for text, answer in zip(texts, answers, strict=True)]
    FILE.write_bytes(orjson.dumps(rows, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    main()
