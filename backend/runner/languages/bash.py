"""Bash."""

from backend.runner.languages.language import Hold, Language

LANGUAGE = Language(
    name="bash",
    title="Bash",
    aliases=("sh", "shell"),
    packages=("bash",),
    core=True,
    version=("bash", "--version"),
    proves_readiness=True,
    source="main.sh",
    unix_lines=True,
    run=("bash", "main.sh"),
    hold=Hold("t"),
    waiting_mb=4,
    hello='echo "Hello, world!"\n',
    sample="""\
#!/usr/bin/env bash
set -euo pipefail

declare -A count

tally() {
    local word
    while read -r word; do
        [[ -n $word ]] && count[$word]=$((${count[$word]:-0} + 1))
    done
}

tally < <(tr -cs '[:alpha:]' '\\n' <<< "the cat and the hat and the bat" | tr '[:upper:]' '[:lower:]')

for word in "${!count[@]}"; do
    printf '%d %s\\n' "${count[$word]}" "$word"
done | sort -k1,1nr -k2,2
""",
    sample_output="3 the\n2 and\n1 bat\n1 cat\n1 hat\n",
)
