"""YAML as Go's library writes it, for messages that quote a configuration or a value."""

from __future__ import annotations

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Never write an anchor."""
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def dump(value: Any) -> str:
    """The text, with sorted keys and a newline at its end."""
    text: str = yaml.dump(value, Dumper=_Dumper, width=2**31, allow_unicode=True)
    return text.removesuffix("...\n") if text.endswith("\n...\n") else text
