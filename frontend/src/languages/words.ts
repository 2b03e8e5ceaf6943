/** Arguments and options as people type them: words between spaces, with quotes and backslashes as in a shell. */
import { Unusable } from "../errors";

const WORD = /\s*((?:[^\s"'\\]|\\[\s\S]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")+)/y;
const PART = /\\([\s\S])|'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|([^\s"'\\]+)/g;

/** The words of `text`; nothing is expanded. Throws Unusable for a quote that does not end; `what` names the field. */
export function words(text: string, what: string): string[] {
  const found: string[] = [];
  WORD.lastIndex = 0;
  let end = 0;
  for (let match = WORD.exec(text); match; match = WORD.exec(text)) {
    found.push((match[1] ?? "").replace(PART, unquoted));
    end = WORD.lastIndex;
  }
  if (text.slice(end).trim() !== "") {
    throw new Unusable(`${what}: a quote or a backslash at the end has no partner. Complete it and run again.`);
  }
  return found;
}

function unquoted(_all: string, escaped?: string, single?: string, double?: string, bare?: string): string {
  if (double !== undefined) return double.replace(/\\(["\\$`])/g, "$1");
  return escaped ?? single ?? bare ?? "";
}
