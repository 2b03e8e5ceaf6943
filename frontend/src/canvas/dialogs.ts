/** Dialogs: the link to a program, settings, keys. Each is made anew when it is opened. */

import { legend } from "./legend";
import { FONT_SIZES, type Settings, type Theme } from "./settings";
import { SHORTCUTS, type Shortcut } from "./shortcuts";

/** Shows the link to a program, and what puts it into another page. */
export function showShare(address: string, copy: (text: string) => Promise<boolean>): void {
  const embedding = address.replace("/#", "/?embed=1#");
  const frame = `<iframe src="${embedding}" width="100%" height="480" title="codecanvas"></iframe>`;
  const note = paragraph(
    "The program is in the link itself; nothing is stored elsewhere. What you change later is not in it.",
  );
  open("Share", [note, copyable("Link", address, copy), copyable("To embed it in another page", frame, copy)]);
}

function copyable(label: string, text: string, copy: (text: string) => Promise<boolean>): HTMLElement {
  const field = document.createElement("input");
  field.value = text;
  field.readOnly = true;
  field.addEventListener("focus", () => field.select());
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", `Copy: ${label}`);
  button.addEventListener("click", async () => {
    field.select();
    if (await copy(text)) button.textContent = "Copied";
  });
  const row = document.createElement("div");
  row.className = "row";
  row.append(field, button);
  return labelled(label, field, row);
}

const THEME_NAMES: Record<Theme, string> = {
  system: "As the system",
  light: "Light",
  dark: "Dark",
  "contrast-light": "Light, high contrast",
  "contrast-dark": "Dark, high contrast",
};

/** Lets the person choose colours, font size and keys; each choice acts at once. */
export function showSettings(settings: Settings): void {
  const sizes = Object.fromEntries([["", "As the page"], ...FONT_SIZES.map((size) => [String(size), `${size} px`])]);
  const keys = { plain: "Ordinary", vim: "Vim", emacs: "Emacs" };
  open("Settings", [
    choice("Colours", THEME_NAMES, settings.theme, (theme) => settings.setTheme(theme)),
    choice("Size of code", sizes, String(settings.fontSize ?? ""), (size) => settings.setFontSize(size)),
    choice("Keys in the editor", keys, settings.keys, (name) => settings.setKeys(name)),
  ]);
}

function choice(
  label: string,
  names: Readonly<Record<string, string>>,
  chosen: string,
  choose: (value: string) => void,
): HTMLElement {
  const list = document.createElement("select");
  const entries = Object.entries(names).sort(([one], [other]) => Number(other === "") - Number(one === ""));
  list.append(...entries.map(([value, name]) => new Option(name, value, false, value === chosen)));
  list.addEventListener("change", () => choose(list.value));
  return labelled(label, list, list);
}

/** Lists the libraries that programs of a language may use. */
export function showLibraries(language: string, names: readonly string[]): void {
  const list = document.createElement("ul");
  list.append(...names.map((name) => Object.assign(document.createElement("li"), { textContent: name })));
  open(`Libraries for ${language}`, [paragraph("A program may use these; nothing has to be installed."), list]);
}

const WHAT: Record<Shortcut, string> = {
  run: "Run",
  interactive: "Run in a terminal",
  stop: "Stop",
  share: "Link to this program",
  format: "Format, or set indentation anew",
  rename: "Rename the open file",
  next: "Next place that messages name",
  cycle: "Between program, input and output",
  shortcuts: "This list",
};

/** Keys of the editor and the terminal. */
const OTHERS: readonly (readonly [string, string])[] = [
  ["Mod+f", "Find and replace in the file"],
  ["Mod+/", "Comment lines in or out"],
  ["Escape, then Tab", "Leave the editor"],
  ["Shift+Escape", "Leave the terminal"],
];

/** Shows every key that does something. */
export function showShortcuts(): void {
  const list = document.createElement("dl");
  const own = Object.entries(WHAT).map(([name, what]) => [SHORTCUTS[name as Shortcut], what] as const);
  for (const [keys, what] of [...own, ...OTHERS]) {
    const [term, meaning, key] = ["dt", "dd", "kbd"].map((name) => document.createElement(name));
    if (!term || !meaning || !key) continue;
    key.textContent = legend(keys);
    term.append(key);
    meaning.textContent = what;
    list.append(term, meaning);
  }
  open("Keyboard shortcuts", [list]);
}

function open(title: string, content: readonly HTMLElement[]): void {
  const dialog = document.createElement("dialog");
  const heading = document.createElement("h2");
  heading.textContent = title;
  heading.id = "dialog-title";
  dialog.setAttribute("aria-labelledby", heading.id);
  const close = document.createElement("button");
  close.type = "button";
  close.className = "plain";
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
  dialog.addEventListener("close", () => dialog.remove());
  const body = document.createElement("div");
  body.className = "body";
  body.append(heading, ...content, close);
  dialog.append(body);
  document.body.append(dialog);
  dialog.showModal();
}

function labelled(text: string, field: HTMLElement, shown: HTMLElement): HTMLElement {
  const group = document.createElement("div");
  group.className = "field";
  const label = document.createElement("label");
  label.textContent = text;
  field.id = `field-${text.replace(/\W/g, "-").toLowerCase()}`;
  label.setAttribute("for", field.id);
  group.append(label, shown);
  return group;
}

function paragraph(text: string): HTMLElement {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}
