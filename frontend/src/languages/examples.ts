/** A first program of each language that the page knows by itself: it greets whom it reads, and counts. */
import bash from "./samples/bash.sh?raw";
import c from "./samples/c.c?raw";
import cpp from "./samples/cpp.cpp?raw";
import go from "./samples/go.go?raw";
import nodejs from "./samples/nodejs.js?raw";
import rust from "./samples/rust.rs?raw";

/** By the language's id; that of Python is in `languages.ts`, because the page opens with it. */
export const GREETINGS: Readonly<Record<string, string>> = { bash, c, "c++": cpp, go, nodejs, rust };
