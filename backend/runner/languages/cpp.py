"""C++, with GCC."""

from backend.runner.languages.language import PROGRAM, Language

LANGUAGE = Language(
    name="c++",
    version=("g++", "--version"),
    source="main.cpp",
    compile=("g++", "-std=gnu++20", "-O2", "-pipe", "-o", PROGRAM, "main.cpp"),
    run=(PROGRAM,),
    hello='#include <iostream>\n\nint main() {\n    std::cout << "Hello, world!" << std::endl;\n}\n',
)
