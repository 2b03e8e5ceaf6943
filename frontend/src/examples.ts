/** A first program of each language that the page knows by itself: it greets whom it reads, and counts. */
import bash from "./examples/bash.sh?raw";
import c from "./examples/c.c?raw";
import cpp from "./examples/cpp.cpp?raw";
import go from "./examples/go.go?raw";
import nodejs from "./examples/nodejs.js?raw";
import rust from "./examples/rust.rs?raw";

/** By the language's id; that of Python is in `languages.ts`, because the page opens with it. */
export const GREETINGS: Readonly<Record<string, string>> = { bash, c, "c++": cpp, go, nodejs, rust };
