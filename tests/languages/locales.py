"""Programs that ask for a locale by its name, and print a number, a month or an order as it has them."""

# ruff: noqa: E501 - programs, a line each

ASKING: dict[str, tuple[str, str]] = {
    "c": (
        '#include <locale.h>\n#include <stdio.h>\nint main(void) { printf("%s|", setlocale(LC_ALL, "de_DE.UTF-8")); printf("%.2f|", 3.14); setlocale(LC_ALL, "en_US.utf8"); printf("%\'d\\n", 1234567); }\n',
        "de_DE.UTF-8|3,14|1,234,567\n",
    ),
    "c++": (
        '#include <iostream>\n#include <locale>\nint main() { std::cout.imbue(std::locale("en_US.UTF-8")); std::cout << 1234567 << \'|\'; std::cout.imbue(std::locale("de_DE.UTF-8")); std::cout << 3.5 << "\\n"; }\n',
        "1,234,567|3,5\n",
    ),
    "python3": (
        "import locale, time\nfor name in ('de_DE.UTF-8', 'fr_FR', 'en_GB.utf8', 'tr_TR.UTF-8', 'ja_JP.UTF-8'):\n    locale.setlocale(locale.LC_ALL, name)\n    print(time.strftime('%B', (2026, 3, 1, 0, 0, 0, 0, 1, 0)), end='|')\nlocale.setlocale(locale.LC_ALL, 'es_ES.UTF-8')\nprint(*sorted(['nz', 'ñ', 'o'], key=locale.strxfrm), locale.format_string('%.1f', 1234.5, grouping=True))\n",
        "März|mars|March|Mart|3月|nz ñ o 1.234,5\n",
    ),
    "perl": (
        "use POSIX; use locale; binmode STDOUT; setlocale(LC_ALL, 'de_DE.UTF-8') or die; print 1.5, ' ', strftime('%A', 0, 0, 0, 1, 2, 126), \"\\n\";",
        "1,5 Sonntag\n",
    ),
    "bash": (
        "LC_ALL=de_DE.UTF-8 printf '%.2f\\n' 1,5\nLC_ALL=en_US.UTF-8 date -d 2026-03-01 +%c\n",
        "1,50\nSun 01 Mar 2026 12:00:00 AM UTC\n",
    ),
    "php": (
        "<?php setlocale(LC_ALL, 'de_DE.UTF-8') or exit(1); echo localeconv()['decimal_point'], sprintf('%.1f', 1.5), \"\\n\";",
        ",1,5\n",
    ),
    "r": (
        "invisible(Sys.setlocale('LC_TIME', 'de_DE.UTF-8'))\ncat(format(as.Date('2026-03-01'), '%B'), '\\n')",
        "März \n",
    ),
}
"""A program of each language that asks the C library, and what it prints."""
