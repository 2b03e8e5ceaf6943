/**
 * What the page knows of languages: a name for people, a first program, how it is indented.
 *
 * The service decides which of them can run; it also sends names, examples and options. This list is used until the
 * service has answered, and for languages without details in its answer.
 */
import type { LanguageDetails } from "../service/catalogue";
import python3 from "./samples/python3.py?raw";

export interface Example {
  readonly name: string;
  readonly text: string;
}

export interface Language {
  readonly id: string;
  readonly name: string;
  /** Name of the file that holds the program. */
  readonly source: string;
  /** The first is shown to people who have not written a program yet. */
  readonly examples: readonly Example[];
  /** Spaces of one indent, or a tab. */
  readonly indent: string;
  /** What each option of the compiler or interpreter does, by a regular expression of the whole option. */
  readonly options: Readonly<Record<string, string>>;
  /** Whether the service formats its programs. */
  readonly formats: boolean;
  /** The service's whole entry, unchanged. */
  readonly entry: Readonly<Record<string, unknown>>;
}

interface Known {
  readonly name: string;
  readonly source: string;
}

const KNOWN: Readonly<Record<string, Known>> = {
  bash: { name: "Bash", source: "main.sh" },
  c: { name: "C", source: "main.c" },
  "c++": { name: "C++", source: "main.cpp" },
  go: { name: "Go", source: "main.go" },
  nodejs: { name: "JavaScript (Node.js)", source: "main.js" },
  python3: { name: "Python 3", source: "main.py" },
  rust: { name: "Rust", source: "main.rs" },
};

const INDENTS: Readonly<Record<string, string>> = { go: "\t", lua: "  ", nodejs: "  ", ruby: "  ", typescript: "  " };

/** The languages offered until the service has answered. */
export const KNOWN_IDS: readonly string[] = Object.keys(KNOWN);

/** The language opened on a first visit. */
export const FIRST = "python3";

/** The page's own programs, as far as they are loaded. */
let greetings: Readonly<Record<string, string>> = { [FIRST]: python3 };

/** Loads the page's own programs if `id` has one that is not loaded yet. If that fails, the page does without. */
export async function loadGreetings(id: string): Promise<void> {
  if (!KNOWN_IDS.includes(id) || id in greetings) return;
  try {
    const { GREETINGS } = await import(/* webpackChunkName: "examples" */ "./examples");
    greetings = { ...greetings, ...GREETINGS };
  } catch {
    greetings = { ...greetings, [id]: "" };
  }
}

/** A name for people. */
export const nameOf = (id: string, details?: LanguageDetails): string => KNOWN[id]?.name ?? (details?.title || id);

/** What is known of `id`, from here and from the service. */
export function language(id: string, details?: LanguageDetails): Language {
  const known = Object.hasOwn(KNOWN, id) ? KNOWN[id] : undefined;
  const examples = [
    { name: "Greeting", text: greetings[id] ?? "" },
    { name: "Sample", text: details?.sample ?? "" },
    { name: "Hello, world", text: details?.hello ?? "" },
  ];
  return {
    id,
    name: nameOf(id, details),
    source: details?.source || known?.source || "main",
    // None while the first of them loads, so that another is not taken for the first.
    examples: known && !(id in greetings) ? [] : examples.filter(({ text }) => text !== ""),
    indent: INDENTS[id] ?? "    ",
    options: details?.options ?? {},
    formats: details?.formats ?? false,
    entry: details?.entry ?? {},
  };
}
