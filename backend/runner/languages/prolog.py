"""Prolog, with SWI-Prolog. Directives are run as they are read, then main/0 where there is one."""

from backend.runner.languages.language import Hold, Language

LANGUAGE = Language(
    name="prolog",
    title="Prolog",
    aliases=("swipl", "swi-prolog"),
    packages=("swi-prolog-nox",),
    version=("swipl", "--version"),
    source="main.pl",
    run=("swipl", "-q", "--no-tty", "-f", "none", "-t", "halt", "main.pl"),
    hold=Hold("t"),
    waiting_mb=16,
    hello=':- initialization(main).\n\nmain :- writeln("Hello, world!").\n',
    sample="""\
:- initialization(main).

parent(tom, bob).
parent(tom, liz).
parent(bob, ann).
parent(bob, pat).

ancestor(X, Y) :- parent(X, Y).
ancestor(X, Y) :- parent(X, Z), ancestor(Z, Y).

queens(N, Queens) :-
    numlist(1, N, Rows),
    permutation(Rows, Queens),
    safe(Queens).

safe([]).
safe([Queen | Others]) :- no_attack(Queen, Others, 1), safe(Others).

no_attack(_, [], _).
no_attack(Queen, [Other | Rest], Distance) :-
    abs(Queen - Other) =\\= Distance,
    Next is Distance + 1,
    no_attack(Queen, Rest, Next).

main :-
    findall(X, ancestor(tom, X), Descendants),
    format("~w~n", [Descendants]),
    queens(6, Queens),
    format("~w~n", [Queens]).
""",
    sample_output="[bob,liz,ann,pat]\n[2,4,6,1,3,5]\n",
)
