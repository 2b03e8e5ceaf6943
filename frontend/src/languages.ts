/**
 * What the page knows of languages: a name for people, a first program, and how to colour it.
 *
 * Which of them can run is the service's word, not this list's: a language that only the service knows
 * is offered too, as plain text. Modes load when first needed.
 */
import type { StreamParser } from "@codemirror/language";
import bash from "./examples/bash.sh?raw";
import c from "./examples/c.c?raw";
import cpp from "./examples/cpp.cpp?raw";
import go from "./examples/go.go?raw";
import nodejs from "./examples/nodejs.js?raw";
import python3 from "./examples/python3.py?raw";
import rust from "./examples/rust.rs?raw";

export interface Language {
  readonly id: string;
  readonly name: string;
  /** The program shown to who has written none yet. */
  readonly example: string;
  /** Spaces of one indent, or a tab. */
  readonly indent: string;
  readonly mode?: () => Promise<StreamParser<unknown>>;
}

const clike = () => import(/* webpackChunkName: "mode-clike" */ "@codemirror/legacy-modes/mode/clike");

const KNOWN: readonly Language[] = [
  {
    id: "bash",
    name: "Bash",
    example: bash,
    indent: "    ",
    mode: async () => (await import(/* webpackChunkName: "mode-shell" */ "@codemirror/legacy-modes/mode/shell")).shell,
  },
  { id: "c", name: "C", example: c, indent: "    ", mode: async () => (await clike()).c },
  { id: "c++", name: "C++", example: cpp, indent: "    ", mode: async () => (await clike()).cpp },
  {
    id: "go",
    name: "Go",
    example: go,
    indent: "\t",
    mode: async () => (await import(/* webpackChunkName: "mode-go" */ "@codemirror/legacy-modes/mode/go")).go,
  },
  {
    id: "nodejs",
    name: "JavaScript (Node.js)",
    example: nodejs,
    indent: "  ",
    mode: async () =>
      (await import(/* webpackChunkName: "mode-javascript" */ "@codemirror/legacy-modes/mode/javascript")).javascript,
  },
  {
    id: "python3",
    name: "Python 3",
    example: python3,
    indent: "    ",
    mode: async () =>
      (await import(/* webpackChunkName: "mode-python" */ "@codemirror/legacy-modes/mode/python")).python,
  },
  {
    id: "rust",
    name: "Rust",
    example: rust,
    indent: "    ",
    mode: async () => (await import(/* webpackChunkName: "mode-rust" */ "@codemirror/legacy-modes/mode/rust")).rust,
  },
];

/** The languages offered until the service has answered. */
export const KNOWN_IDS: readonly string[] = KNOWN.map(({ id }) => id);

/** The language opened on a first visit. */
export const FIRST = "python3";

/** What is known of `id`; a plain language of that name when nothing is. */
export function language(id: string): Language {
  return KNOWN.find((known) => known.id === id) ?? { id, name: id, example: "", indent: "    " };
}
