"""AWK, with GNU awk. Arguments are files to read, unless the program takes them out of ARGV."""

from backend.runner.languages.language import PRELOADED_LINES, Language

LANGUAGE = Language(
    name="awk",
    title="AWK",
    aliases=("gawk",),
    packages=("gawk",),
    version=("gawk", "--version"),
    source="main.awk",
    run=("gawk", "-E", "main.awk"),
    run_variables=PRELOADED_LINES,
    hello='BEGIN { print "Hello, world!" }\n',
    sample="""\
function fact(n) {
    return n <= 1 ? 1 : n * fact(n - 1)
}

function bar(n,    text) {
    while (n-- > 0) text = text "#"
    return text
}

BEGIN {
    count = split("the cat and the hat and the bat", words, " ")
    for (i = 1; i <= count; i++) seen[words[i]]++

    PROCINFO["sorted_in"] = "@val_num_desc"
    for (word in seen) {
        if (seen[word] > 1) printf "%-4s %s\\n", word, bar(seen[word])
    }
    print "10! =", fact(10)
}
""",
    sample_output="the  ###\nand  ##\n10! = 3628800\n",
)
