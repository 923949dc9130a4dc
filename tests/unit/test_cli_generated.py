"""Files made from code: complete, and stale ones are noticed."""

import subprocess

import pytest

from lab import completion, troubleshooting
from lab.arguments import VERBS
from lab.errors import ERRORS
from lab.generated import settle


def test_troubleshooting_has_every_error_with_a_fix():
    page = troubleshooting.page()
    assert [code for code in ERRORS if f"### `{code}`" not in page] == []
    assert page.count("```sh\n") == len(ERRORS)
    assert "{" not in page


def test_every_exit_code_of_the_table_has_a_heading():
    assert {kind.exit_code for kind in ERRORS.values()} <= set(troubleshooting.HEADINGS)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_name_every_verb(shell):
    script = next(text for path, text in completion.scripts().items() if path.suffix == f".{shell}")
    assert [verb for verb in VERBS if verb not in script] == []
    assert "lab scenarios --quiet" in script


def test_the_bash_script_is_valid():
    script = next(text for path, text in completion.scripts().items() if path.suffix == ".bash")
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_stale_files_are_named_and_made_again(tmp_path, capsys):
    files = {tmp_path / "one" / "page.md": "new\n", tmp_path / "same.md": "same\n"}
    (tmp_path / "same.md").write_text("same\n")
    assert settle(files, ["--check"], "make catalog") == 1
    assert capsys.readouterr().err == f"{tmp_path}/one/page.md is stale; run: make catalog\n"
    assert not (tmp_path / "one").exists()
    assert settle(files, [], "make catalog") == 0
    assert (tmp_path / "one" / "page.md").read_text() == "new\n"
    assert settle(files, ["--check"], "make catalog") == 0
