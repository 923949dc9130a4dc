"""What each verb does: read its arguments, call the operation, say what to show.

Operations are imported where they are called, so that a verb loads only what it needs.
"""

from argparse import Namespace
from collections.abc import Callable

from lab.report.writer import Writer
from lab.verbs import change, learn, look, start
from lab.verbs.answer import Answer

HANDLERS: dict[str, Callable[[Namespace, Writer], Answer]] = {
    "up": start.up,
    "down": start.down,
    "pause": start.pause,
    "resume": start.resume,
    "tui": start.tui,
    "scenarios": look.scenarios,
    "doctor": look.doctor,
    "plan": look.plan,
    "status": look.status,
    "events": look.events,
    "measure": look.measure,
    "check": learn.check,
    "lesson": learn.lesson,
    "push": change.push,
    "env": change.env,
    "shell": change.shell,
    "open": change.open_,
    "password": change.password,
}
