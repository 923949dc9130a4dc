"""Check results as JUnit XML, which every CI shows."""

from collections.abc import Sequence
from xml.etree import ElementTree

from lab.plaintext import clean
from lab.results import CheckResult


def junit(suite: str, checks: Sequence[CheckResult]) -> str:
    """An XML document with one test case a check."""
    root = ElementTree.Element(
        "testsuite",
        name=suite,
        tests=str(len(checks)),
        failures=str(sum(c.outcome == "failed" for c in checks)),
        skipped=str(sum(c.outcome == "skipped" for c in checks)),
        time=f"{sum(c.seconds for c in checks):.3f}",
    )
    for check in checks:
        case = ElementTree.SubElement(root, "testcase", classname=suite, name=check.id, time=f"{check.seconds:.3f}")
        if check.outcome == "failed":
            failure = ElementTree.SubElement(case, "failure", message=clean(check.reason))
            failure.text = clean("\n".join((check.title, *check.evidence, check.hint)))
        elif check.outcome == "skipped":
            ElementTree.SubElement(case, "skipped", message=clean(check.reason))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
