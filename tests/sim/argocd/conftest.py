"""Counts Argo CD's own cases by the file they come from."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

_OUTCOMES: dict[str, Counter[str]] = defaultdict(Counter)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):  # type: ignore[no-untyped-def]
    outcome = yield
    report = outcome.get_result()
    case = getattr(item, "callspec", None) and item.callspec.params.get("case")
    if isinstance(case, dict) and "from" in case and (report.when == "call" or report.skipped):
        report.user_properties.append(("argo_cd_file", case["from"].split()[0]))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    for key, value in report.user_properties:
        if key == "argo_cd_file" and (report.when == "call" or report.skipped):
            _OUTCOMES[value][report.outcome] += 1


def pytest_terminal_summary(terminalreporter) -> None:  # type: ignore[no-untyped-def]
    if not _OUTCOMES:
        return
    terminalreporter.section("Argo CD's own cases")
    for source, counts in sorted(_OUTCOMES.items()):
        terminalreporter.line(
            f"{counts['passed']:4} passed {counts['failed']:3} failed {counts['skipped']:3} skipped  {source}"
        )
    total = sum(_OUTCOMES.values(), Counter())
    terminalreporter.line(f"{total['passed']:4} passed {total['failed']:3} failed {total['skipped']:3} skipped  in all")
