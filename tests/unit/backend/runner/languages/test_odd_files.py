"""What a directory holds beside a program does not change how it runs, and what people expect of a tool is there."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from backend.runner.languages import all_languages
from backend.runner.languages.language import arguments

pytestmark = pytest.mark.any_python


def _run(name: str, work: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run what `work` holds with the command and variables of the language, which compiles nothing."""
    language = all_languages()[name]
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "XDG_CONFIG_HOME": str(work),
        **dict(language.variables),
    }
    command = [*arguments(language.run), *args]
    return subprocess.run(command, cwd=work, env=variables, capture_output=True, text=True, check=False)


def test_sqlites_schema_is_the_programs_own(tmp_path: Path) -> None:
    (tmp_path / "main.sql").write_text("CREATE TABLE mine(a);\n.schema\n")
    assert _run("sqlite", tmp_path).stdout == "CREATE TABLE mine(a);\n"


def test_sqlite_takes_its_arguments_as_parameters(tmp_path: Path) -> None:
    (tmp_path / "main.sql").write_text("SELECT ?1, ?2;\n")
    assert _run("sqlite", tmp_path, "it's", "2").stdout == "it's|2\n"


@pytest.mark.parametrize("place", [".sqliterc", "sqlite3/sqliterc"])
@pytest.mark.parametrize("args", [(), ("one",)])
def test_sqlite_reads_no_settings_of_a_user(tmp_path: Path, place: str, args: tuple[str, ...]) -> None:
    (tmp_path / "main.sql").write_text("SELECT 1 AS x;\n")
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(".mode json\n")
    assert _run("sqlite", tmp_path, *args).stdout == "1\n"


@pytest.mark.parametrize(("name", "compiler"), [("c", "gcc"), ("c++", "g++")])
def test_a_program_that_leaks_passes_the_address_sanitizer(tmp_path: Path, name: str, compiler: str) -> None:
    assert shutil.which(compiler), f"no {compiler}: `./dev python -m deploy.workstation languages` installs it"
    source, program = tmp_path / all_languages()[name].source, tmp_path / "main"
    source.write_text(
        "#include <stdlib.h>\n#include <stdio.h>\n"
        'int main(void) { char *p = (char *)malloc(10); p[0] = 1; printf("%d\\n", p[0]); p = 0; return 0; }\n'
    )
    subprocess.run([compiler, "-fsanitize=address", source, "-o", program], check=True)
    variables = dict(all_languages()[name].variables)
    ran = subprocess.run([program], env=variables, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "1\n", "")


def test_perl_is_asked_for_modules_that_debians_base_does_not_have() -> None:
    command = all_languages()["perl"].version
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert told.startswith("Perl v")
    base = [command[0], "-e", "print for grep { -e } map { qq(/usr/lib/x86_64-linux-gnu/perl-base/$_) } @ARGV"]
    asked = [word.removeprefix("-M").replace("::", "/") + ".pm" for word in command if word.startswith("-M")]
    assert asked
    assert subprocess.run([*base, *asked], check=True, capture_output=True).stdout == b""
