"""What bringing up a lab is made of: each module holds steps that do and undo one thing."""

from lab.steps.step import Step, Told

__all__ = ["Step", "Told"]
