"""Version constraints of target revisions."""

from __future__ import annotations

import time

import pytest

from lab.sim.git.semver import Constraint, InvalidVersion, Version, highest, is_constraint

# Rules of Masterminds/semver's constraints_test.go, with versions of our own.
CASES = [
    ("1.*", "1.9.3", True),
    ("1.*", "2.0.0", False),
    ("v1.x", "v1.4.0", True),
    ("1.X.x", "1.0.0", True),
    ("*", "7.7.7", True),
    ("*", "7.7.7-rc.1", False),
    ("*-0", "7.7.7-rc.1", True),
    ("1.2", "1.2.9", True),
    ("1.2", "1.3.0", False),
    ("=1.2.3", "1.2.3", True),
    ("=1.2.3", "1.2.4", False),
    ("!=1.2.3", "1.2.3", False),
    ("!=1.x", "1.9.9", False),
    ("!=1.x", "2.0.0", True),
    ("!=1.2.x", "1.3.0", True),
    (">1.2.3", "1.2.4", True),
    (">1", "1.9.9", False),
    (">1", "2.0.0", True),
    (">1.2", "1.2.9", False),
    (">1.2", "1.3.0", True),
    (">=1.2 <2", "1.2.0", True),
    (">=1.2 <2", "2.0.0", False),
    (">=1.2, <2", "1.9.0", True),
    (">= 1.2 , < 2", "1.9.0", True),
    ("<=2", "2.9.9", True),
    ("<=2.1", "2.1.9", True),
    ("<=2.1", "2.2.0", False),
    ("=>2", "2.0.0", True),
    ("=<2", "3.0.0", False),
    ("~1.2.3", "1.2.9", True),
    ("~1.2.3", "1.3.0", False),
    ("~>1.2", "1.2.0", True),
    ("~1", "1.9.0", True),
    ("~0.0.0", "5.0.0", True),
    ("^1.2.3", "1.9.0", True),
    ("^1.2.3", "2.0.0", False),
    ("^0.2.3", "0.2.9", True),
    ("^0.2.3", "0.3.0", False),
    ("^0.0.3", "0.0.3", True),
    ("^0.0.3", "0.0.4", False),
    ("^0", "0.9.0", True),
    ("1.2 - 2.3", "2.3.9", True),
    ("1.2.0 - 2.3.0", "2.3.1", False),
    ("<1 || >3", "0.5.0", True),
    ("<1 || >3", "2.0.0", False),
    ("~1.2 || ^3", "3.9.0", True),
    (">=1.0.0-0", "1.5.0-beta", True),
    (">=1.0.0", "1.5.0-beta", False),
    ("~1.2.3-beta.2", "1.2.3-beta.10", True),
]


@pytest.mark.parametrize(("constraint", "version", "expected"), CASES)
def test_constraints(constraint: str, version: str, expected: bool) -> None:
    assert Constraint(constraint).check(Version.parse(version)) is expected


@pytest.mark.parametrize(
    "text", ["main", "release-1", "1.2.3.4", ">", "1,,2", "1 ; 2", "", "v", "refs/heads/x", "1 2-"]
)
def test_what_is_no_constraint(text: str) -> None:
    with pytest.raises(InvalidVersion):
        Constraint(text)
    assert not is_constraint(text)


def test_order_of_versions() -> None:
    ordered = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0", "1.10.0"]
    assert sorted(ordered, key=lambda text: Version.parse(text).key) == ordered
    assert Version.parse("v2").key == Version.parse("2.0.0+build").key


TAGS = ["v1.0.0", "v1.4.2", "v1.10.0", "v2.0.0-rc.1", "nightly", "app-1.0.0", "app-1.5.0", "2026.03-LTS"]


@pytest.mark.parametrize(
    ("revision", "prefix", "expected"),
    [
        ("1.*", "", "v1.10.0"),
        (">=1.2 <1.5", "", "v1.4.2"),
        ("v1.x", "", "v1.10.0"),
        ("*", "", "v1.10.0"),
        (">=2.0.0-0 <3", "", "v2.0.0-rc.1"),
        ("v9.9", "", "v9.9"),
        ("nightly", "", "nightly"),
        ("2026.03-LTS", "", "2026.03-LTS"),
        ("1.*", "app-", "app-1.5.0"),
        ("1.0.0", "app-", "app-1.0.0"),
    ],
)
def test_highest(revision: str, prefix: str, expected: str) -> None:
    assert highest(revision, TAGS, prefix) == expected


@pytest.mark.parametrize(
    ("revision", "prefix", "message"),
    [
        ("3.*", "", "version matching constraint not found in 8 tags"),
        ("3.*", "app-", "version matching constraint not found in 2 tags"),
        ("main", "", 'failed to determine semver constraint: improper constraint: "main"'),
        ("main", "app-", 'tagPrefix "app-" requires targetRevision to be a semver constraint, '
         'but "main" is not a valid constraint'),
    ],
)  # fmt: skip
def test_highest_refuses(revision: str, prefix: str, message: str) -> None:
    with pytest.raises(InvalidVersion) as refused:
        highest(revision, TAGS, prefix)
    assert str(refused.value) == message


def test_no_text_takes_long() -> None:
    began = time.process_time()
    for text in ("1   , " * 80 + "!", "1 " * 250 + "!", "1 - " * 120, "1.1.1-" + "a." * 200, "1" * 5000):
        with pytest.raises(InvalidVersion):
            Constraint(text)
    assert time.process_time() - began < 0.5
