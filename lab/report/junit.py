"""Check results as JUnit XML, which every CI shows."""

from collections.abc import Sequence
from xml.etree import ElementTree

from lab.plaintext import clean
from lab.providers import spoken
from lab.results import CheckResult


def junit(suite: str, checks: Sequence[CheckResult], provider: str = "") -> str:
    """An XML document with one test case a check.

    :param provider: where the clusters come from; a simulated one is told as such
    """
    root = ElementTree.Element(
        "testsuite",
        name=suite,
        tests=str(len(checks)),
        failures=str(sum(c.outcome == "failed" for c in checks)),
        skipped=str(sum(c.outcome == "skipped" for c in checks)),
        time=f"{sum(c.seconds for c in checks):.3f}",
    )
    if provider:
        properties = ElementTree.SubElement(root, "properties")
        ElementTree.SubElement(properties, "property", name="provider", value=spoken(provider))
    for check in checks:
        case = ElementTree.SubElement(root, "testcase", classname=suite, name=check.id, time=f"{check.seconds:.3f}")
        if check.outcome == "failed":
            failure = ElementTree.SubElement(case, "failure", message=clean(check.reason))
            failure.text = clean("\n".join((check.title, *check.evidence, check.hint)))
        elif check.outcome == "skipped":
            ElementTree.SubElement(case, "skipped", message=clean(check.reason))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"
