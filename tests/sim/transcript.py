"""Transcripts of kubectl: their format, how they are run, and what is made equal before two runs are compared.

A transcript is a text file of commands and what a real cluster answered:

    # A remark.
    $ kubectl get pods web
      Error from server (NotFound): pods "web" not found
    [exit 1]
    @ 1.32
      what this older kubectl printed, where that differs
    ~ reason
      what the simulator answers, where it rightly differs
    ~@ 1.32
      the same with the older kubectl

A command goes on in lines that begin with `> `; output is indented by two spaces; an exit code of 0 is not written.
Commands run one after the other by `bash -c` in a folder of their own, with `kubectl` pointing at a namespace of its
own that is called `t-` and the file's name.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent / "transcripts"
LATEST = "1.34"
"""The kubectl whose output stands first."""
RECORDED = ("1.34", "1.32")
"""Minor versions of kubectl the transcripts were recorded with."""
COMMAND_SECONDS = 60.0

REASONS: Mapping[str, str] = {
    "version": "The simulator says what it is: its version ends in `+sim`.",
    "nothing-runs": "No container runs: there is no process whose output, files or ports could be reached.",
    "bare": "No system pods: DNS, proxy, network and the control plane are not workloads here.",
    "node": "The node is made up; its labels, annotations and system information say so.",
    "scope": "Kinds and groups that nothing here would act on are not served, nor OpenAPI v2, which old clients read.",
    "not-enforced": "What is kept but not acted on is said to be so, in a warning.",
    "cel": "CEL rules are read when they are given; that the fields they name exist shows only when they run.",
    "texts": "The package the schemas are made from leaves out what a Quantity is.",
    "image": "Images are never fetched, so that their size and digest are not known.",
}
"""Why an answer may differ, by key; there are no other reasons."""


@dataclass(frozen=True)
class Output:
    """What a command printed, normalised, and how it ended."""

    text: str
    code: int = 0

    def lines(self) -> list[str]:
        """As they stand in a file."""
        lines = [f"  {line}" if line else "" for line in self.text.splitlines()]
        return [*lines, *([f"[exit {self.code}]"] if self.code else [])]


@dataclass
class Step:
    """One command with its answers by kubectl version; `""` is for every version that has none of its own."""

    head: list[str]
    """Remarks and empty lines before it, as they stand."""
    command: str
    real: dict[str, Output] = field(default_factory=dict)
    simulated: dict[str, Output] = field(default_factory=dict)
    reason: str = ""
    """Key of REASONS, perhaps with a remark after a colon."""

    def expected(self, version: str, *, simulated: bool) -> Output:
        """The answer to compare with. Raises StopIteration where nothing is recorded."""
        answers = [self.simulated, self.real] if simulated else [self.real]
        return next(one[key] for one in answers for key in (version, "") if key in one)

    @property
    def is_kubectl(self) -> bool:
        """Whether the step asks the cluster, other than one that only writes a file."""
        return "kubectl" in self.command.partition("<<")[0]


@dataclass
class Transcript:
    """A file of commands."""

    name: str
    steps: list[Step]
    tail: list[str]

    @property
    def namespace(self) -> str:
        """The one its commands work in."""
        return f"t-{self.name}"

    def render(self) -> str:
        """The text of the file."""
        lines: list[str] = []
        for step in self.steps:
            lines += step.head
            first, *others = step.command.split("\n")
            lines += [f"$ {first}", *(f"> {line}".rstrip() for line in others)]
            for version in sorted(step.real):
                lines += [*([f"@ {version}"] if version else []), *step.real[version].lines()]
            for version in sorted(step.simulated):
                lines += [f"~@ {version}" if version else f"~ {step.reason}".rstrip()]
                lines += step.simulated[version].lines()
        return "\n".join([*lines, *self.tail]) + "\n"


def files() -> list[Path]:
    """All transcripts."""
    return sorted(FOLDER.glob("*.txt"))


def load(path: Path) -> Transcript:
    """Read a transcript. Raises ValueError with file and line for one that cannot be read."""
    steps: list[Step] = []
    head: list[str] = []
    block: list[str] | None = None
    code = 0
    store: tuple[dict[str, Output], str] | None = None

    def close() -> None:
        nonlocal block, code
        if store is not None and (block is not None or code):
            into, version = store
            into[version] = Output("\n".join(block or []).rstrip("\n"), code)
        block, code = None, 0

    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("$ "):
            close()
            steps.append(Step(head, line[2:]))
            head, store, block = [], (steps[-1].real, ""), []
        elif not steps or line.startswith("#"):
            close()
            store = None
            head.append(line)
        elif line.startswith(">") and block == [] and store == (steps[-1].real, ""):
            steps[-1].command += "\n" + line[2:]
        elif line.startswith("@ "):
            close()
            store, block = (steps[-1].real, line[2:].strip()), []
        elif line.startswith("~@ "):
            close()
            store, block = (steps[-1].simulated, line[3:].strip()), []
        elif line.startswith("~"):
            close()
            steps[-1].reason = line[1:].strip()
            store, block = (steps[-1].simulated, ""), []
        elif line.startswith("[exit "):
            code = int(line[6:-1])
        elif line.startswith("  ") and block is not None:
            block += [*_blank(head), line[2:]]
            head = []
        elif not line:
            head.append(line)
        else:
            raise ValueError(f"{path}:{number}: cannot be read: {line!r}")
    close()
    return Transcript(path.stem, steps, head)


def _blank(head: list[str]) -> list[str]:
    """Empty lines that turned out to stand within an output."""
    return [""] * len(head)


# -- running


def kubectls() -> dict[str, Path]:
    """Every kubectl to test with, by minor version: those of `LAB_KUBECTLS` (paths with colons), else that on PATH."""
    said = os.environ.get("LAB_KUBECTLS", "") or shutil.which("kubectl") or ""
    found = {}
    for one in filter(None, said.split(os.pathsep)):
        text = subprocess.run([one, "version", "--client"], capture_output=True, text=True, check=True).stdout
        match = re.search(r"Client Version: v(1\.\d+)", text)
        if match is not None:
            found[match[1]] = Path(one).resolve()
    return found


def run(transcript: Transcript, kubectl: Path, kubeconfig: Path, folder: Path) -> Iterator[tuple[Step, Output]]:
    """Run all commands, each with its normalised answer, in `folder`, which is empty. The namespace is made first."""
    home, work, programs = folder / "home", folder / "work", folder / "bin"
    for one in (home, work, programs):
        one.mkdir(parents=True)
    (programs / "kubectl").symlink_to(kubectl)
    config = yaml.safe_load(kubeconfig.read_text())
    (own,) = [one["context"] for one in config["contexts"] if one["name"] == config["current-context"]]
    for kind in ("clusters", "users"):
        config[kind] = [{**one, "name": "transcript"} for one in config[kind] if one["name"] == own[kind[:-1]]]
    context = {"cluster": "transcript", "user": "transcript", "namespace": transcript.namespace}
    config["contexts"] = [{"name": "transcript", "context": context}]
    config["current-context"] = "transcript"
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(home),
        "KUBECONFIG": str(folder / "kubeconfig"),
        "LC_ALL": "C",
        "TZ": "UTC",
        "TERM": "dumb",
    }
    prepare = (
        f"kubectl create namespace {transcript.namespace} && kubectl wait --for=create serviceaccount/default && "
        "kubectl get node -o jsonpath='{.items[0].metadata.name} {.items[0].status.addresses[0].address}' > ../node"
    )
    _bash(prepare, work, environment, check=True)
    server = config["clusters"][0]["cluster"]["server"]
    same = [(server, "https://<server>"), (server.removeprefix("https://"), "<server>")]
    node, address = (folder / "node").read_text().split()
    same += [
        (f"/{node.removesuffix('-control-plane')}/", "/<cluster>/"),
        (node, "<node>"),
        (address, "<node-ip>"),
        (str(work), "<folder>"),
        (str(home), "<home>"),
    ]
    for step in transcript.steps:
        done = _bash(step.command, work, environment)
        text = done.stdout
        for found, meant in same:
            text = text.replace(found, meant)
        yield step, Output(normalised(text), done.returncode)


def _bash(
    command: str, folder: Path, environment: Mapping[str, str], *, check: bool = False
) -> subprocess.CompletedProcess[str]:
    started = subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        text, _ = started.communicate(timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        text = f"{started.communicate()[0]}\nnot done within {COMMAND_SECONDS:.0f} s"
    done = subprocess.CompletedProcess(command, started.returncode, text)
    if check:
        done.check_returncode()
    return done


# -- normalising

_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"
_AGE = r"(?:\d+y(?:\d+d)?|\d+d(?:\d+h)?|\d+h(?:\d+m)?|(?:\d+m)?\d+s|<invalid>)"
_RULES = [
    (re.compile(pattern, re.MULTILINE), into)
    for pattern, into in (
        # Moments: RFC 3339, RFC 1123 as describe shows them, and those of client-go's log lines.
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| [+-]\d{4}(?: UTC)?)", "<time>"),
        (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+\d{4}", "<date>"),
        (r"^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ ", r"\1<log> "),
        # Ages: whole cells, and those in words. Full minutes look like quantities of CPU: `_aged` looks after them.
        (rf"(?:(?<=  )|^){_AGE}(?: \(x\d+ over {_AGE}\))?(?=  |$)", "<age>"),
        (rf"\({_AGE} ago\)", "(<age> ago)"),
        # Identities.
        (r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<uid>"),
        (r"(resourceVersion\"?: +)\"\d+\"", r'\1"<number>"'),
        (r"X509SHA256=[0-9a-f]{64}", "X509SHA256=<digest>"),
        (r"\bsha256:[0-9a-f]{64}", "sha256:<digest>"),
        (r"\beyJ[\w-]+\.[\w-]+\.[\w-]+", "<token>"),
        (r"\b(?:[0-9a-f]{64}|[0-9a-f]{32})\b", "<id>"),
        (r"/tmp/(LIVE|MERGED)-\d+", r"<tmp>/\1"),
        # Names that are drawn by lot or come from a hash of what Go prints of a template.
        (rf"((?:pod-template|controller-revision)-hash(?:=|\"?: +\"?)(?:[a-z0-9-]+-)?){_SAFE}{{6,10}}\b", r"\1<hash>"),
        (rf"-{_SAFE}{{8,10}}-{_SAFE}{{5}}\b", "-<hash>-<pod>"),
        (rf"-{_SAFE}{{8,10}}\b", "-<hash>"),
        (rf"-{_SAFE}{{5}}\b", "-<pod>"),
        # Addresses out of a pool, and ports of it.
        (r"\b10\.244\.\d+\.\d+\b(?!/)", "<pod-ip>"),
        (r"\b10\.(?:9[6-9]|10\d|11[01])\.(?!0\.1\b)\d+\.\d+\b(?!/)", "<service-ip>"),
        (r"(?<=[:\s])3[0-2]\d{3}(?=/TCP|/UDP|$)", "<node-port>"),
    )
]
_SPACES = re.compile(r"(?<!^[-+])(?<=\S) {2,}(?=\S)")
"""Between the columns of a table; not the indentation in a diff."""


def normalised(text: str) -> str:
    """Text without what no two clusters have in common, and without the widths of columns that follow from it."""
    lines = [_SPACES.sub("  ", line.rstrip().replace("\t", "  ")) for line in text.splitlines()]
    joined = "\n".join(_aged(lines)).strip("\n")
    for pattern, into in _RULES:
        joined = pattern.sub(into, joined)
    return joined


_OLD = re.compile(r"\d+m")


def _aged(lines: list[str]) -> Iterator[str]:
    """Lines with full minutes replaced in the columns of ages."""
    ages: list[int] = []
    for line in lines:
        cells = line.split("  ")
        if "AGE" in cells or "LAST SEEN" in cells:
            ages = [place for place, cell in enumerate(cells) if cell in ("AGE", "LAST SEEN")]
        for place in ages:
            if place < len(cells) and _OLD.fullmatch(cells[place]):
                cells[place] = "<age>"
        yield "  ".join(cells)
