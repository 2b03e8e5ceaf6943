"""C++, with GCC. A program whose first header is one of those in warm/cpp.sh finds it compiled already.

GCC takes a precompiled header from /cache only where the options agree with those it was made with; otherwise it reads
the header itself, as if there were no cache.
"""

from pathlib import Path

from backend.runner.languages.c import GCC_OPTIONS, INCLUSION, SANITIZERS, TO_PROGRAM
from backend.runner.languages.language import LINES, PROGRAM, Cache, Language, Library

# Precompiles what programs include first, with the options of `compile`.
_FILL = Path(__file__).with_name("warm") / "cpp.sh"

_HELLO = '#include <iostream>\n\nint main() {\n    std::cout << "Hello, world!" << std::endl;\n}\n'

LANGUAGE = Language(
    name="c++",
    title="C++",
    aliases=("cpp", "cxx", "g++"),
    packages=("g++", "libc6-dev", "mold"),
    libraries=(Library("Boost", "libboost-dev"), Library("Eigen", "libeigen3-dev"), Library("fmt", "libfmt-dev")),
    core=True,
    version=("g++", "--version"),
    source="main.cpp",
    compile=("g++", "-std=gnu++20", *TO_PROGRAM, "main.cpp", LINES),
    sources=(".cpp", ".cc", ".cxx", ".c++", ".C", ".c", ".s", ".S"),
    inclusion=INCLUSION,
    run=(PROGRAM,),
    variables=SANITIZERS,
    options={
        "-std=(c|gnu)\\+\\+(98|03|11|14|17|20|2a|23|2b|26|2c)": "the standard (otherwise gnu++20)",
        "-l(m|pthread|stdc\\+\\+exp)": "link a library",
        "-fno-(exceptions|rtti)": "leave a part of the language out",
        **GCC_OPTIONS,
    },
    cache=Cache(variable="CPLUS_INCLUDE_PATH", warm_up=_HELLO, fill=("sh", "-c", _FILL.read_text(encoding="utf-8"))),
    hello=_HELLO,
    sample="""\
#include <algorithm>
#include <iostream>
#include <map>
#include <ranges>
#include <sstream>
#include <string>
#include <vector>

int main() {
    std::istringstream text("the cat and the hat and the bat");
    std::map<std::string, int> count;
    for (std::string word; text >> word;) ++count[word];

    std::vector<std::pair<std::string, int>> words(count.begin(), count.end());
    std::ranges::stable_sort(words, std::greater{}, [](const auto& pair) { return pair.second; });

    for (const auto& [word, times] : words | std::views::take(3)) {
        std::cout << times << ' ' << word << '\\n';
    }
}
""",
    sample_output="3 the\n2 and\n1 bat\n",
)
