#!/bin/sh
# Makes the locales that programs ask for by name, beside C.UTF-8, which every run has. Needs Debian's package `locales`.
# A directory each, and no archive: that would be opened at the start of every program. What two share is one file.
# By its name alone, too: `de_DE` is UTF-8, as everything here.
set -e
place=${1:-/usr/lib/locale}
mkdir -p "$place"
for name in en_US en_GB en_AU en_IN de_DE de_AT de_CH fr_FR it_IT nl_NL pt_BR pt_PT ru_RU es_ES es_MX tr_TR ja_JP; do
    [ -e "$place/$name.utf8" ] || localedef --no-archive -i "$name" -f UTF-8 "$place/$name.utf8"
    [ -e "$place/$name" ] || ln -s "$name.utf8" "$place/$name"
done
