"""Erlang: the module `main`, whose `main/1` gets the arguments. Without distribution."""

from backend.runner.languages.language import OPTIONS, Language
from backend.runner.sandbox.limits import Limits

QUIET = "-boot no_dot_erlang +S 2:2 +SDcpu 2:2 +SDio 1 +A 1 +sbwt none +sbwtdcpu none +sbwtdio none"
"""Few threads, which sleep rather than spin when there is nothing to do."""

VARIABLES = (("ERL_CRASH_DUMP_BYTES", "0"),)

LIMITS = Limits(memory_kb=384 * 1024)

# As `escript` does: an exception goes to standard error, and the exit status says that the program failed. `init:stop`
# would wait for a second.
_MAIN = """\
try main:main(init:get_plain_arguments()) of _ -> halt(0)
catch Class:Reason:Stack ->
    io:put_chars(standard_error, [erl_error:format_exception(Class, Reason, Stack), $\\n]), halt(1)
end."""

LANGUAGE = Language(
    name="erlang",
    title="Erlang",
    aliases=("erl",),
    packages=("erlang-base",),
    version=("erl", "-noshell", "-eval", 'io:format("Erlang/OTP ~s~n", [erlang:system_info(otp_release)]), halt().'),
    source="main.erl",
    compile=("erlc", OPTIONS, "-o", "/program", "main.erl"),
    sources=(".erl",),
    inclusion='^-include\\("([^"\\n]+)"',
    run=("erl", *QUIET.split(), "+fnu", "-noshell", "-pa", "/program", "-eval", _MAIN, "-extra"),
    options={
        "\\+(debug_info|inline|warnings_as_errors)": "a compiler option",
        "-D[A-Za-z_][A-Za-z0-9_]*(=[A-Za-z0-9_]*)?": "define a macro",
        "-W(all|error)?": "warnings",
    },
    variables=VARIABLES,
    limits=LIMITS,
    hello='-module(main).\n-export([main/1]).\n\nmain(_) ->\n    io:format("Hello, world!~n").\n',
    sample="""\
-module(main).
-export([main/1]).

main(_) ->
    Self = self(),
    Pids = [spawn(fun() -> Self ! {self(), fib(N)} end) || N <- lists:seq(10, 14)],
    Results = [receive {Pid, Value} -> Value end || Pid <- Pids],
    io:format("~p~n", [Results]),
    io:format("~s~n", [lists:join(" ", [integer_to_list(N) || N <- qsort([3, 1, 4, 1, 5, 9, 2, 6])])]),
    try 1 / zero()
    catch error:badarith -> io:format("cannot divide by zero~n")
    end.

zero() -> length([]).

fib(N) when N < 2 -> N;
fib(N) -> fib(N - 1) + fib(N - 2).

qsort([]) -> [];
qsort([Pivot | Rest]) ->
    qsort([X || X <- Rest, X < Pivot]) ++ [Pivot] ++ qsort([X || X <- Rest, X >= Pivot]).
""",
    sample_output="[55,89,144,233,377]\n1 1 2 3 4 5 6 9\ncannot divide by zero\n",
)
