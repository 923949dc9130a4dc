"""Patterns of the git generator: tables, and real git for its pathspecs."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from lab.sim.git.patterns import BadPattern, doublestar, path_match, pathspec


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        # Rules of Go's path/match_test.go, with names of our own.
        ("apps/web", "apps/web", True),
        ("apps/*", "apps/web", True),
        ("apps/*", "apps/web/base", False),
        ("*", "apps", True),
        ("*", "apps/web", False),
        ("*/*", "apps/web", True),
        ("apps/**", "apps/web", True),
        ("apps/**", "apps/web/base", False),
        ("a*b*c", "aXbYbZc", True),
        ("a*b*c", "aXbYbZ", False),
        ("team-?", "team-1", True),
        ("team-?", "team-12", False),
        ("a?b", "a/b", False),
        ("a[^x]b", "a/b", True),
        ("[a-c]*", "beta", True),
        ("[^a-c]*", "beta", False),
        ("[!a]", "!", True),
        (r"a\*b", "a*b", True),
        (r"a\*b", "aXb", False),
        (r"[\]]", "]", True),
        ("[ä-ü]", "ö", True),
        ("{a,b}", "a", False),
        ("{a,b}", "{a,b}", True),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_path_match(pattern: str, name: str, expected: bool) -> None:
    assert path_match(pattern, name) is expected


@pytest.mark.parametrize("pattern", ["[", "[a", "[]a]", "[-]", "[a-]", "a\\", "[^", "x/[a-", "*["])
def test_path_match_refuses(pattern: str) -> None:
    with pytest.raises(BadPattern, match=r"^syntax error in pattern$"):
        path_match(pattern, "anything")


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        # Rules of doublestar's doublestar_test.go, with names of our own.
        ("**/config.json", "config.json", True),
        ("**/config.json", "a/b/config.json", True),
        ("**/config.json", "a/b/xconfig.json", False),
        ("envs/**/config.json", "envs/config.json", True),
        ("envs/**/config.json", "envs/eu/prod/config.json", True),
        ("envs/**/prod/*.json", "envs/eu/prod/a.json", True),
        ("envs/**/prod/*.json", "envs/eu/prod/deep/a.json", False),
        ("envs/*/config.json", "envs/eu/prod/config.json", False),
        ("envs/**", "envs", True),
        ("envs/**", "envs/a/b", True),
        ("envs/**.json", "envs/a.json", True),
        ("envs/**.json", "envs/a/b.json", False),
        ("**/a/**/b", "x/a/y/a/b", True),
        ("{dev,prod}/*.yaml", "prod/x.yaml", True),
        ("{dev,prod}/*.yaml", "test/x.yaml", False),
        ("a/{b/{c,d},e}/f", "a/b/d/f", True),
        ("a/{b/{c,d},e}/f", "a/e/f", True),
        ("a/{,b}c", "a/c", True),
        ("{**/x,y}", "p/q/x", True),
        (r"\{a,b\}", "{a,b}", True),
        ("[!a]x", "bx", True),
        ("[a-]", "-", True),
        ("?", "/", False),
    ],
)
def test_doublestar(pattern: str, name: str, expected: bool) -> None:
    assert doublestar(pattern)(name) is expected


@pytest.mark.parametrize("pattern", ["[", "a{b", "[]", "{a,[}", "\\"])
def test_doublestar_refuses(pattern: str) -> None:
    with pytest.raises(BadPattern):
        doublestar(pattern)("a")


def test_too_many_alternatives_are_refused_by_name() -> None:
    with pytest.raises(BadPattern, match="not supported by the simulator"):
        doublestar("{a,b}" * 40)


FILES = [
    "config.json",
    "a/config.json",
    "a/b/config.json",
    "a/b/c/values.yaml",
    "a/[x]/file",
    "a/b.json",
    "ab/config.json",
    "UPPER/File.JSON",
    "deep/er/still/x-1.yml",
    "deep/er/x-2.yml",
    "star*name",
]
SPECS = [
    "*", ".", "./", "a", "a/", "a/b", "a/b/", "./a/../a/b", "a/config.json", "a/config.json/", "*.json", "a/*.json",
    "a/*/config.json", "**/config.json", "*/config.json", "a/**/config.json", "a/**", "?/b.json", "a?b.json",
    "deep/*/x-?.yml", "deep/*/x-[12].yml", "deep/*/x-[!1].yml", "deep/*/x-[^1].yml", "a/[x]/file", "a/[[]x]/file",
    "[[:upper:]]*", "*[[:digit:]].yml", "[", "[[:none:]]*", "a/\\[x]/file", "star\\*name", "star*name", "nothing*",
    "", "upper", ":(icase)upper", ":(icase)*.json", ":(glob)*.json", ":(glob)**/config.json", ":(glob)a/**/*.json",
    ":(glob)a/**", ":(literal)star*name", ":(literal)*", ":!a", ":^*.json", ":(exclude)a/b", ":/a", ":(top,icase)A/B",
    "a//b", "*/", "a/b*", "[a-c]b/*", "de[e]p", "deep/**/x-1.yml",
]  # fmt: skip


@pytest.fixture(scope="module")
def work_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pathspec")
    for name in FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "add", "--all"], check=True)
    return folder


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec])
def test_pathspec_takes_what_git_takes(work_tree: Path, spec: str) -> None:
    command = ["git", "-C", str(work_tree), "ls-files", "--full-name", "-z", "--", spec]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    matches = pathspec(spec)
    assert [name for name in sorted(FILES) if matches(name)] == sorted(said.split("\0")[:-1])


@pytest.mark.parametrize("spec", ["..", "../x", "a/../../x", "/etc/passwd", ":(glob,none)x", ":(glob"])
def test_pathspec_refuses_as_git_does(work_tree: Path, spec: str) -> None:
    ran = subprocess.run(["git", "-C", str(work_tree), "ls-files", "--", spec], capture_output=True, text=True)
    assert ran.returncode == 128
    with pytest.raises(BadPattern) as refused:
        pathspec(spec)
    assert ran.stderr.removeprefix("fatal: ").startswith(str(refused.value))


def test_no_pattern_runs_for_long() -> None:
    name = "a" * 300
    began = time.process_time()
    assert not path_match("a*" * 50 + "b", name)
    assert not pathspec("*a" * 50 + "*b")(name)
    assert not doublestar("**/a*" * 50 + "b")("a/" * 150)
    assert time.process_time() - began < 1.0
