"""`lab`: read the line, call the verb, render, exit.

Exit codes: 0 ok, 1 a check failed, 2 usage or scenario invalid, 3 environment not ready, 4 consent needed, 5 nothing
ran, 70 our bug, 75 lab busy, 130 interrupted. What only some verbs need is imported when they run.
"""

import os
import sys
from collections.abc import Sequence

import lab

TYPE_CHECKING = False
if TYPE_CHECKING:  # without importing typing
    from argparse import Namespace

    from lab.errors import LabError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        code = _main(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough, e.g. `lab status | head`; keeps the interpreter's own flush quiet, too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return code


def _main(words: Sequence[str]) -> int:
    first = words[0] if words else ""
    if first == "--version":
        sys.stdout.write(f"lab {lab.__version__}\n")
        return 0
    from lab import arguments

    if first in ("--help", "-h") or list(words) == ["help"]:
        sys.stdout.write(arguments.overview() + "\n")
        return 0
    if first == "help":
        return _main([*words[1:], "--help"])
    if not words:
        sys.stderr.write(arguments.overview() + "\n")
        return 2
    try:
        args = arguments.parse(words)
    except SystemExit:  # argparse has shown the verb's help
        return 0
    except Exception as problem:
        return _refuse(problem, words)
    return _completion(args.shell) if args.verb == "completion" else _run(args, words)


def _completion(shell: str) -> int:
    """Every new shell reads this, so it is generated beforehand (lab/completion.py) and only copied here."""
    path = os.path.join(os.path.dirname(__file__), "completions", f"lab.{shell}")  # noqa: PTH118, PTH120 - see below
    with open(path, encoding="utf-8") as file:  # noqa: PTH123 - importing pathlib would take as long as all the rest
        sys.stdout.write(file.read())
    return 0


def _run(args: "Namespace", words: Sequence[str]) -> int:
    from lab.errors import LabError

    if args.verb == "up":
        from lab.providers import anticipate

        # What is loaded from here on takes as long as the simulator's process does, which can load beside it.
        anticipate(args.provider, args.name)
    from lab.report.writer import Writer
    from lab.verbs import HANDLERS

    writer = Writer(args.verb, args.output == "json", args.verbose, args.quiet, not args.no_color)
    try:
        answer = HANDLERS[args.verb](args, writer)
        return writer.answer(answer.shown, answer.data, answer.exit_code, answer.errors, answer.status)
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt) as problem:
        if args.verbose and not isinstance(problem, LabError | KeyboardInterrupt):
            import traceback

            traceback.print_exc()
        return writer.fail(_known(problem, words))


def _refuse(problem: Exception, words: Sequence[str]) -> int:
    """Answer a line that cannot be read."""
    from lab import arguments
    from lab.report.writer import Writer

    index = arguments.find_verb(words)
    verb = words[index] if index >= 0 and words[index] in arguments.VERBS else ""
    return Writer(verb, arguments.wants_json(words)).fail(_known(problem, words))


def _known(problem: BaseException, words: Sequence[str]) -> "LabError":
    """Whatever was raised as a row of the error table."""
    import shlex

    from lab.errors import Cancelled, LabError, as_lab_error

    command = shlex.join(["lab", *words])
    if isinstance(problem, KeyboardInterrupt | Cancelled):
        return LabError("interrupted", command=command)
    return as_lab_error(problem, command)
