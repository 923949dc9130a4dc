"""How long it takes until a command can say something (P1)."""

import json
import subprocess
import sys
from pathlib import Path

from tests.bench.measure import Figure, processor_seconds_of

ROUNDS = 20
LIMIT = 3.0
"""Times `python -c pass`."""
COMMANDS = (("--version",), ("--help",), ("completion", "bash"))
HEAVY = frozenset(
    {
        *("textual", "rich", "kubernetes", "docker", "requests", "urllib3", "yaml", "pydantic", "plumbum", "aiohttp"),
        *("bcrypt", "shtab", "markdown_it", "pygments"),
    }
)
_RUN = """
import json, sys
sys.argv = ["lab", *{words}]
from lab.cli import main
code = main()
print(json.dumps({{"code": code, "modules": sorted(sys.modules)}}), file=sys.stderr)
"""


def loaded(*words: str) -> tuple[int, set[str]]:
    """Exit code of `lab WORDS` in a fresh interpreter, and the modules it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN.format(words=list(words))], capture_output=True, text=True, timeout=60, check=True
    )
    answer = json.loads(done.stderr.splitlines()[-1])
    return answer["code"], set(answer["modules"])


def heavy(modules: set[str]) -> set[str]:
    """Packages among the modules that must not be loaded for a help text."""
    return {module.split(".")[0] for module in modules} & HEAVY


def figures() -> dict[str, Figure]:
    """Best of 20 in processor time, the baseline in turn with the commands.

    Starting waits for nothing but the processor, and its time does not depend on what else the machine does.
    """
    lab = Path(sys.executable).with_name("lab")
    best = {words: float("inf") for words in ((), *COMMANDS)}
    for _ in range(ROUNDS):
        for words in best:
            argv = [lab, *words] if words else [sys.executable, "-c", "pass"]
            best[words] = min(best[words], processor_seconds_of(argv))
    base = best[()]
    result = {"start.python": Figure(value=round(base * 1000, 1), unit="ms", note="python -c pass")}
    for words in COMMANDS:
        note = f"lab {' '.join(words)}, {best[words] * 1000:.1f} ms"
        ratio = round(best[words] / base, 2)
        result[f"start.{words[0].strip('-')}"] = Figure(value=ratio, unit="x python -c pass", limit=LIMIT, note=note)
    found = set[str]().union(*(heavy(loaded(*words)[1]) for words in COMMANDS))
    result["start.heavy"] = Figure(value=len(found), unit="modules", limit=0, note=" ".join(sorted(found)))
    return result
