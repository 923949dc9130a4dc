"""The chart in which every expression of `expressions.txt` stands once, alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
RECORDED = HERE / "expressions.json"
FILES = {
    "Chart.yaml": "apiVersion: v2\nname: exp\nversion: 1.2.3\nappVersion: '4.5'\ntype: application\n",
    "values.yaml": r"""
text: hello
quoted: "with \"quotes\" and 'more'"
empty: ""
int: 3
one: 1
big: 1234567
huge: 12345678901234567890
float: 2.5
small: 0.0000123
bool: true
deny: false
none:
nulls: [null, {x: null}]
map: {a: 1, b: two, c: true}
emptyMap: {}
emptyList: []
list: [1, x, 2.5]
nested: {list: [1, {x: deep}], map: {k: [a, b]}, text: "a: b", none: null}
objects: [{name: web, port: 80}, {name: api, port: 8080}]
template: "{{ .Values.text | upper }}"
strings:
  "yes": "yes"
  num: "1"
  multi: |
    one
    two
  url: http://x:80/y?z=1
  date: 2020-01-01
""",
    "config/a.txt": "line one\nline two\n",
    "config/b.json": '{"k": "v"}',
    "templates/_helpers.tpl": (
        '{{- define "helper" -}}\n{{ .Values.text | upper }}\n{{- end -}}\n'
        '{{- define "arg" -}}<{{ . }}>{{- end -}}\n'
        '{{ define "broken" }}\n  {{ .Values.missing.deep }}\n{{ end }}\n'
        '{{ define "fails" }}{{ fail "from helper" }}{{ end }}\n'
    ),
}


def expressions() -> Iterator[str]:
    """Every expression, in order."""
    for line in (HERE / "expressions.txt").read_text().splitlines():
        if line and not line.startswith("# "):
            yield line


def files(expression: str) -> dict[str, str]:
    """The chart's files with one expression. What it makes is no manifest, so that Helm shows it unparsed."""
    return {**FILES, "templates/e.yaml": f"<<{expression}>>\n"}
