/**
 * Places in a program that compilers and interpreters name in their messages:
 *
 *     main.c:3:5: error      gcc, rustc, go, javac, ghc, ruby, node
 *     main.ts(3,5): error    tsc, csc, fpc
 *     File "/…/main.py", line 3                python
 *     main.sh: line 3:, at main.pl line 3.     bash, perl, php
 *
 * Only files of the program count, so that a time such as 12:30:05 or a library's line is no place.
 */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1; null where the message names none. */
  readonly column: number | null;
}

export interface Mention {
  /** Where the mention stands in the text. */
  readonly from: number;
  readonly to: number;
  readonly place: Place;
}

/** Every mention of a line of one of `files` in `text`, in order. */
export function findMentions(text: string, files: readonly string[]): Mention[] {
  if (files.length === 0) return [];
  const names = [...files].sort((one, other) => other.length - one.length).map(quoted);
  const file = `(?<![\\w./-])(?:\\.?/(?:[\\w.-]+/)*)?(?<file>${names.join("|")})`;
  const pattern = new RegExp(
    `${file}(?:"?,? (?:on )?line |: line |:|\\()(?<line>\\d{1,7})(?:[:,](?<column>\\d{1,5}))?\\)?`,
    "g",
  );
  return [...text.matchAll(pattern)].map((match) => mention(match));
}

function mention(match: RegExpExecArray): Mention {
  const { file = "", line, column } = match.groups ?? {};
  const place = { file, line: Number(line), column: column === undefined ? null : Number(column) };
  return { from: match.index, to: match.index + match[0].length, place };
}

const quoted = (name: string): string => name.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

/** Makes each mention in the text of `element` a button; `jump` is told which place was chosen. */
export function linkMentions(element: HTMLElement, files: readonly string[], jump: (place: Place) => void): void {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const texts: Text[] = [];
  while (walker.nextNode()) texts.push(walker.currentNode as Text);
  for (const node of texts) {
    // From the last to the first, so that earlier positions stay true.
    for (const { from, to, place } of findMentions(node.data, files).reverse()) {
      node.splitText(to);
      const named = node.splitText(from);
      named.replaceWith(link(named.data, place, jump));
    }
  }
}

function link(text: string, place: Place, jump: (place: Place) => void): HTMLElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "place";
  button.textContent = text;
  button.title = `Go to line ${place.line} of ${place.file}`;
  button.addEventListener("click", () => jump(place));
  return button;
}
