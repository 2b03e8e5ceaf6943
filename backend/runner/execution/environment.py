"""Which environment variables a request may set for its run."""

from __future__ import annotations

import re
from collections.abc import Mapping

from backend.runner.errors import InvalidRequest
from backend.runner.languages import all_languages

MOST_VARIABLES = 64
LONGEST_VALUE = 65536
NAME = "[A-Za-z_][A-Za-z0-9_]{0,99}"

_OBEYED = """
    LD_.* GLIBC_.* GCONV_PATH GETCONF_DIR LOCPATH NLSPATH RESOLV_HOST_CONF HOSTALIASES MALLOC_.* [ALTU]SAN_OPTIONS
    PATH HOME USER IFS ENV BASH_ENV BASH_FUNC_.* BASHOPTS SHELLOPTS BASH_XTRACEFD AWKPATH AWKLIBPATH
    PYTHON(?!HASHSEED$).* NODE_(?!ENV$).* RUBY.* GEM_.* BUNDLE.* PERL.* PHP.* JAVA.* _JAVA_.* JDK_.* CLASSPATH
    GO(DEBUG|FLAGS|ROOT|PATH|ENV|PROXY|CACHE|TMPDIR|TOOLCHAIN|WORK|TELEMETRY|111MODULE) CGO_.* CARGO.* RUSTC.* RUSTFLAGS
    LUA_.* R_.* RPROFILE.* GUILE_.* SWI_.* TCL.* ERL_.* ELIXIR_.* MIX_.* SBCL_.* OCAML.* CAML.* MONO_.* DOTNET_.*
    COB_.* COBCPY GHC.* RAKU.* MVM_.* CLJ_.* GCC_.* CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH LIBRARY_PATH COMPILER_PATH
    TS_NODE_.* MPLCONFIGDIR
"""

_DECLARED = {
    name
    for language in all_languages().values()
    for variables in (language.variables, language.run_variables, *(one.variables for one in language.libraries))
    for name, _ in variables
}

REFUSED = "|".join([*_OBEYED.split(), *sorted(map(re.escape, _DECLARED))])
"""Variables that loaders and interpreters obey: with them a program would not run as its language declares."""


def check_environment(env: Mapping[str, str]) -> Mapping[str, str]:
    """Return `env`. Raises InvalidRequest naming a variable that a request may not set."""
    if len(env) > MOST_VARIABLES:
        raise InvalidRequest(f"env: at most {MOST_VARIABLES} variables, not {len(env)}")
    for name, value in env.items():
        if not re.fullmatch(NAME, name):
            raise InvalidRequest(f"env: {name[:100]!r} is no name of a variable: letters, digits and _, at most 100")
        if re.fullmatch(REFUSED, name):
            raise InvalidRequest(f"env: {name} decides how programs are loaded or run here and cannot be set")
        try:
            encoded = value.encode()
        except UnicodeEncodeError as error:
            raise InvalidRequest(f"env: {name} holds half a surrogate pair, which is no text") from error
        if b"\0" in encoded or len(encoded) > LONGEST_VALUE:
            raise InvalidRequest(f"env: {name} must have no NUL and at most {LONGEST_VALUE} bytes")
    return env
