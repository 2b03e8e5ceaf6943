/**
 * Syntax colours by language id. A mode is loaded when it is first needed. Small modes share a chunk with their family,
 * because every chunk adds its name and hash to the first load.
 */
import type { StreamParser } from "@codemirror/language";

export type Mode = StreamParser<unknown>;

const clike = () => import(/* webpackChunkName: "mode-clike" */ "@codemirror/legacy-modes/mode/clike");
const javascript = () => import(/* webpackChunkName: "mode-javascript" */ "@codemirror/legacy-modes/mode/javascript");
const perl = async () =>
  (await import(/* webpackChunkName: "modes-scripting" */ "@codemirror/legacy-modes/mode/perl")).perl;

const MODES: Readonly<Record<string, () => Promise<Mode>>> = {
  assembly: async () => (await import(/* webpackChunkName: "modes-classic" */ "@codemirror/legacy-modes/mode/gas")).gas,
  bash: async () => (await import(/* webpackChunkName: "mode-shell" */ "@codemirror/legacy-modes/mode/shell")).shell,
  c: async () => (await clike()).c,
  "c++": async () => (await clike()).cpp,
  "c#": async () => (await clike()).csharp,
  clojure: async () =>
    (await import(/* webpackChunkName: "modes-functional" */ "@codemirror/legacy-modes/mode/clojure")).clojure,
  cobol: async () =>
    (await import(/* webpackChunkName: "modes-classic" */ "@codemirror/legacy-modes/mode/cobol")).cobol,
  d: async () => (await import(/* webpackChunkName: "modes-classic" */ "@codemirror/legacy-modes/mode/d")).d,
  erlang: async () =>
    (await import(/* webpackChunkName: "modes-functional" */ "@codemirror/legacy-modes/mode/erlang")).erlang,
  fortran: async () =>
    (await import(/* webpackChunkName: "modes-classic" */ "@codemirror/legacy-modes/mode/fortran")).fortran,
  go: async () => (await import(/* webpackChunkName: "mode-go" */ "@codemirror/legacy-modes/mode/go")).go,
  haskell: async () =>
    (await import(/* webpackChunkName: "modes-functional" */ "@codemirror/legacy-modes/mode/haskell")).haskell,
  java: async () => (await clike()).java,
  json: async () => (await javascript()).json,
  lisp: async () =>
    (await import(/* webpackChunkName: "modes-functional" */ "@codemirror/legacy-modes/mode/commonlisp")).commonLisp,
  lua: async () => (await import(/* webpackChunkName: "modes-scripting" */ "@codemirror/legacy-modes/mode/lua")).lua,
  nodejs: async () => (await javascript()).javascript,
  ocaml: async () =>
    (await import(/* webpackChunkName: "modes-functional" */ "@codemirror/legacy-modes/mode/mllike")).oCaml,
  pascal: async () =>
    (await import(/* webpackChunkName: "modes-classic" */ "@codemirror/legacy-modes/mode/pascal")).pascal,
  perl,
  python3: async () =>
    (await import(/* webpackChunkName: "mode-python" */ "@codemirror/legacy-modes/mode/python")).python,
  r: async () => (await import(/* webpackChunkName: "modes-scripting" */ "@codemirror/legacy-modes/mode/r")).r,
  raku: perl,
  ruby: async () => (await import(/* webpackChunkName: "modes-scripting" */ "@codemirror/legacy-modes/mode/ruby")).ruby,
  rust: async () => (await import(/* webpackChunkName: "mode-rust" */ "@codemirror/legacy-modes/mode/rust")).rust,
  scheme: async () =>
    (await import(/* webpackChunkName: "modes-functional" */ "@codemirror/legacy-modes/mode/scheme")).scheme,
  sqlite: async () => (await import(/* webpackChunkName: "mode-sql" */ "@codemirror/legacy-modes/mode/sql")).sqlite,
  tcl: async () => (await import(/* webpackChunkName: "modes-scripting" */ "@codemirror/legacy-modes/mode/tcl")).tcl,
  typescript: async () => (await javascript()).typescript,
};

const TEXTS = /\.(csv|dat|in|log|md|out|tsv|txt)$/i;

/** How to load the mode for a file of a program in `language`; null where there is none. */
export function modeOf(language: string, file: string): (() => Promise<Mode>) | null {
  if (TEXTS.test(file)) return null;
  if (file.endsWith(".json")) return MODES.json ?? null;
  return MODES[language] ?? null;
}

/** Languages with blocks in brackets: their indentation can be changed without changing the program's meaning. */
export const BRACKETED: readonly string[] = ["c", "c++", "c#", "d", "go", "java", "nodejs", "rust", "typescript"];
