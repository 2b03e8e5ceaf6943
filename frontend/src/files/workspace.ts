/** The program that is being written: its files in the editor, its input, arguments and options, and their memory. */

import type { Page } from "../dom/page";
import type { Editor } from "../editor/editor";
import type { Language } from "../languages/languages";
import type { Memory } from "../program/memory";
import { type Program, program } from "../program/program";
import { Tabs } from "./tabs";

/** Milliseconds after a change before it is stored: typing must not wait for storage. */
const KEEP_AFTER_MS = 400;

export class Workspace {
  private current: Program = program("");
  private chosen: Language = {
    id: "",
    name: "",
    source: "main",
    examples: [],
    indent: "    ",
    options: {},
    formats: false,
    entry: {},
  };
  /** Programs of this visit, so that undo outlives a look at another language. */
  private readonly opened = new Map<string, Program>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly tabs: Tabs;

  constructor(
    private readonly page: Page,
    private readonly editor: Editor,
    private readonly memory: Memory,
    private readonly act: (command: "rename" | "close", index: number) => void,
  ) {
    this.tabs = new Tabs(page.tabs, {
      open: (index) => this.show(index),
      rename: () => this.act("rename", this.current.active),
      close: (index) => this.act("close", index),
    });
    for (const field of [page.stdin, page.args, page.options]) field.addEventListener("input", () => this.touched());
    addEventListener("pagehide", () => this.keep());
    document.addEventListener("visibilitychange", () => this.keep());
  }

  get language(): Language {
    return this.chosen;
  }

  /** The program as it stands now. */
  get program(): Program {
    this.gather();
    return this.current;
  }

  /** Names of its files, the main one first. */
  get names(): string[] {
    return this.current.files.map(({ name }) => name || this.chosen.source);
  }

  /** All programs of this visit as they are now, for `Memory` after a reload of the page. */
  carried(): Record<string, string> {
    this.keep();
    this.gather();
    const texts = [...this.opened].map(([id, opened]) => [id, JSON.stringify(opened)]);
    return { ...Object.fromEntries(texts), "": this.chosen.id };
  }

  /** Opens the program of `language` as it was left, or its first example. */
  open(language: Language): void {
    this.keep();
    this.chosen = language;
    this.load(this.known(language.id) ?? program(language.examples[0]?.text ?? ""));
  }

  /** Opens a program of `language` that came from elsewhere; returns the one whose place it takes. */
  take(language: Language, taken: Program): Program | null {
    this.keep();
    const before = this.known(language.id);
    this.chosen = language;
    this.load(taken);
    this.memory.keepProgram(language.id, taken);
    return before;
  }

  /** More is known of the language now. An empty program becomes its first example. */
  learn(language: Language): void {
    this.chosen = language;
    const { files } = this.program;
    const example = language.examples[0]?.text ?? "";
    if (files.length > 1 || files[0]?.text !== "" || example === "") {
      this.showTabs();
      return;
    }
    const typed = this.timer !== undefined; // input, arguments and options may have been; they stay
    this.load({ ...this.program, files: program(example).files });
    if (typed) this.touched();
  }

  /** Opens file `index` and goes to it. */
  show(index: number): void {
    if (index >= this.current.files.length) return;
    this.gather();
    this.current.active = index;
    this.refresh();
  }

  /** Shows the files of the program anew, after a change of which there are, and goes to the open one. */
  refresh(): void {
    this.openActive();
    this.editor.focus();
  }

  /** Something was changed: store it soon. */
  touched(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keep(), KEEP_AFTER_MS);
  }

  /** Stores the program now, if it was changed. */
  private keep(): void {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.memory.keepProgram(this.chosen.id, this.program);
  }

  private known(language: string): Program | null {
    return this.opened.get(language) ?? this.memory.program(language);
  }

  /** Opens `loaded`, in the language that is open. */
  load(loaded: Program): void {
    const { page } = this;
    this.current = loaded;
    this.opened.set(this.chosen.id, loaded);
    page.stdin.value = loaded.stdin;
    page.args.value = loaded.args;
    page.options.value = loaded.options;
    this.openActive();
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private openActive(): void {
    const file = this.current.files[this.current.active];
    if (file) this.editor.open(this.chosen, file, this.names[this.current.active] ?? "");
    this.showTabs();
    this.touched();
  }

  private showTabs(): void {
    this.tabs.show(this.names, this.current.active);
  }

  /** Copies the content of the editor and the fields into the program. */
  private gather(): void {
    const { page } = this;
    const file = this.current.files[this.current.active];
    if (file) file.text = this.editor.source;
    Object.assign(this.current, { stdin: page.stdin.value, args: page.args.value, options: page.options.value });
  }
}
