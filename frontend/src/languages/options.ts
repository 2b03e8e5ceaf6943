/** Compiler options: the service declares them by regular expressions; people choose from words. */
import { Unusable } from "../errors";

/** Above so many words a pattern is described, not listed. */
const MOST = 16;

export interface Choice {
  readonly what: string;
  /** Options to choose from; empty when the pattern stands for too many to list. */
  readonly words: readonly string[];
}

/** What can be chosen, in the service's order. */
export function choices(options: Readonly<Record<string, string>>): Choice[] {
  return Object.entries(options).map(([pattern, what]) => ({ what, words: expand(pattern) ?? [] }));
}

/** Throws Unusable for the first word that the service would refuse. */
export function checkOptions(words: readonly string[], options: Readonly<Record<string, string>>): void {
  const patterns = Object.keys(options).flatMap(compiled);
  if (patterns.length < Object.keys(options).length) return; // a pattern that only the service understands: let it decide
  for (const word of words) {
    if (!patterns.some((pattern) => pattern.test(word))) {
      throw new Unusable(
        `The service does not take the option ${word}. Choose one of those under Add an option, or remove it.`,
      );
    }
  }
}

function compiled(pattern: string): RegExp[] {
  try {
    return [new RegExp(`^(?:${pattern})$`)];
  } catch {
    return [];
  }
}

/** Every word that `pattern` matches, or null when they are many or the pattern is more than lists and choices. */
export function expand(pattern: string): string[] | null {
  const reader = { pattern, at: 0 };
  const found = alternatives(reader);
  return found && reader.at === pattern.length ? found : null;
}

interface Reader {
  readonly pattern: string;
  at: number;
}

function alternatives(reader: Reader): string[] | null {
  const all: string[] = [];
  do {
    const one = sequence(reader);
    if (one === null) return null;
    all.push(...one);
  } while (reader.pattern[reader.at] === "|" && ++reader.at);
  return all.length > MOST ? null : all;
}

function sequence(reader: Reader): string[] | null {
  let words = [""];
  while (reader.at < reader.pattern.length && !"|)".includes(reader.pattern[reader.at] ?? "")) {
    const next = optional(reader, atom(reader));
    if (next === null) return null;
    words = words.flatMap((word) => next.map((more) => word + more));
    if (words.length > MOST) return null;
  }
  return words;
}

function optional(reader: Reader, words: string[] | null): string[] | null {
  const mark = reader.pattern[reader.at];
  if (words === null || mark === "*" || mark === "+" || mark === "{") return null;
  if (mark !== "?") return words;
  reader.at++;
  return ["", ...words];
}

function atom(reader: Reader): string[] | null {
  const character = reader.pattern[reader.at++] ?? "";
  if (character === "(") return group(reader);
  if (character === "[") return oneOf(reader);
  if (character === "\\") return escaped(reader.pattern[reader.at++] ?? "");
  return ".^$*+?{".includes(character) ? null : [character];
}

function escaped(character: string): string[] | null {
  return /\w/.test(character) ? null : [character];
}

function group(reader: Reader): string[] | null {
  if (reader.pattern.startsWith("?:", reader.at)) reader.at += 2;
  const words = alternatives(reader);
  return reader.pattern[reader.at++] === ")" ? words : null;
}

function oneOf(reader: Reader): string[] | null {
  const end = reader.pattern.indexOf("]", reader.at);
  const inside = reader.pattern.slice(reader.at, end);
  if (end < 0 || inside.startsWith("^") || inside.includes("\\")) return null;
  reader.at = end + 1;
  return inside.replace(/(.)-(.)/g, (_all, from: string, to: string) => range(from, to)).split("");
}

function range(from: string, to: string): string {
  const [first, last] = [from.charCodeAt(0), to.charCodeAt(0)];
  return String.fromCharCode(...Array.from({ length: Math.max(0, last - first + 1) }, (_, step) => first + step));
}
