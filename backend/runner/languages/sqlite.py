"""SQL, with SQLite, on a database in memory. Arguments are the parameters ?1, ?2 and so on; /dev/stdin is the input,
for `.import`, or for `readfile`, which has it made a file (`launcher/lines.c`)."""

from backend.runner.languages.language import Hold, Language

# Quotes are doubled without another process: what starts a run should not need to fork.
_RUN = """\
n=0
set_all=
for argument in "$@"; do
    n=$((n + 1))
    quoted=
    while [ "${argument#*\\'}" != "$argument" ]; do
        quoted=$quoted${argument%%\\'*}\\'\\'
        argument=${argument#*\\'}
    done
    set_all="$set_all INSERT INTO temp.sqlite_parameters VALUES('?$n', '$quoted$argument');"
done
# The table of parameters is seen by .schema, so that there is none without them. Settings of a user are not read.
export LD_PRELOAD=/opt/output/lines.so
[ $n = 0 ] && exec sqlite3 -batch -bail -init /dev/null :memory: '.read main.sql'
exec sqlite3 -batch -bail -init /dev/null -cmd '.parameter init' -cmd "$set_all" :memory: '.read main.sql'
"""

LANGUAGE = Language(
    name="sqlite",
    title="SQL (SQLite)",
    aliases=("sql", "sqlite3"),
    packages=("sqlite3",),
    version=("sqlite3", "--version"),
    source="main.sql",
    run=("sh", "-c", _RUN, "sh"),
    hold=Hold("t", anew=(b".st",)),  # .stats: what was read since the start
    waiting_mb=6,
    hello="SELECT 'Hello, world!';\n",
    sample="""\
.mode list
.separator ' | '
.headers on

CREATE TABLE employee (name TEXT PRIMARY KEY, team TEXT NOT NULL, salary INTEGER NOT NULL);

INSERT INTO employee VALUES
    ('Ada',   'engines',   90),
    ('Alan',  'machines',  80),
    ('Grace', 'compilers', 95),
    ('Edsger', 'compilers', 85);

SELECT team, count(*) AS people, avg(salary) AS average
FROM employee
GROUP BY team
ORDER BY average DESC, team;

SELECT name, rank() OVER (ORDER BY salary DESC) AS place FROM employee LIMIT 2;

WITH RECURSIVE fib(a, b) AS (
    VALUES (0, 1) UNION ALL SELECT b, a + b FROM fib WHERE b < 50
)
SELECT group_concat(a, ' ') AS fibonacci FROM fib;
""",
    sample_output="""\
team | people | average
compilers | 2 | 90.0
engines | 1 | 90.0
machines | 1 | 80.0
name | place
Grace | 1
Ada | 2
fibonacci
0 1 1 2 3 5 8 13 21 34
""",
)
