/** The output pane: what a program writes, as it comes. All of it is set as text, never as markup. */

import type { RunResult } from "../service/result";
import type { Stream } from "../service/stream";
import { AnsiReader, painted, type Segment } from "./ansi";
import { attachments } from "./attachments";
import { linkMentions, type Place } from "./diagnostics";
import type { RunView } from "./lifecycle";
import { explanation } from "./summary";

type Kind = Stream | "compiler";

// Errors stand first, so that they are seen without scrolling.
const ORDER: readonly Kind[] = ["compiler", "stderr", "stdout"];
const LABELS: Record<Kind, string> = { compiler: "Compiler", stderr: "Standard error", stdout: "Standard output" };

/** Told which place in the program a person wants to see. */
export type Jump = (place: Place) => void;

export class Output implements RunView {
  private readonly views = new Map<Kind, StreamView>();
  private compiling = false;
  private fresh = true;

  constructor(
    private readonly pane: HTMLElement,
    private readonly jump: Jump,
  ) {}

  /** What all streams wrote in the last run, in the order in which they are shown. */
  get text(): string {
    return ORDER.map((kind) => this.views.get(kind)?.text ?? "").join("");
  }

  /** A run begins. What an earlier one wrote stays until this one says something. */
  begin(): void {
    this.fresh = true;
    this.compiling = false;
  }

  phase(name: string): void {
    this.clearEarlier();
    this.compiling = name === "compile";
  }

  output(stream: Stream, text: string): void {
    this.clearEarlier();
    this.view(this.compiling ? "compiler" : stream).append(text);
  }

  /** The run has ended as `result` says; `files` are names to look for in messages. */
  finish(result: RunResult, files: readonly string[]): void {
    this.clearEarlier();
    for (const view of this.views.values()) view.end(files, this.jump);
    const messages = this.views.has("compiler") || this.views.has("stderr");
    const explained = explanation(result, messages);
    if (explained !== "") this.pane.prepend(notice(explained));
    if (result.truncated) {
      this.pane.append(notice("The output was longer than the service keeps; what is missing was cut off."));
    }
    this.pane.append(...attachments(result));
    if (this.pane.childElementCount === 0) this.pane.append(notice("The program wrote nothing."));
    this.reveal();
    requestAnimationFrame(() => this.reveal()); // what is above may just be growing, and not every browser follows
  }

  /** On a phone it is below what can be seen. */
  private reveal(): void {
    this.pane.scrollIntoView({ block: "nearest" });
  }

  /** The run ended without a result: what came is kept. */
  abandon(): void {
    for (const view of this.views.values()) view.end([], this.jump);
  }

  clear(): void {
    this.views.clear();
    this.pane.replaceChildren();
    this.fresh = false;
  }

  private clearEarlier(): void {
    if (this.fresh) this.clear();
  }

  private view(kind: Kind): StreamView {
    const known = this.views.get(kind);
    if (known) return known;
    const view = new StreamView(kind);
    this.views.set(kind, view);
    const shown = ORDER.flatMap((one) => this.views.get(one)?.section ?? []);
    const next = shown[shown.indexOf(view.section) + 1];
    this.pane.insertBefore(view.section, next ?? null);
    return view;
  }
}

/** One stream. Pieces that come faster than the screen is painted are joined. */
class StreamView {
  readonly section = document.createElement("section");
  private readonly body = document.createElement("pre");
  private readonly reader = new AnsiReader();
  private waiting: string[] = [];
  private frame = 0;

  constructor(private readonly kind: Kind) {
    this.section.className = `stream ${kind}`;
    this.section.setAttribute("aria-label", LABELS[kind]);
    const heading = document.createElement("h3");
    heading.textContent = LABELS[kind];
    this.body.dataset.stream = kind;
    this.body.tabIndex = 0; // long output scrolls, so the keyboard must reach it
    this.section.append(heading, this.body);
  }

  get text(): string {
    return this.body.textContent ?? "";
  }

  append(text: string): void {
    this.waiting.push(text);
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.paint());
  }

  end(files: readonly string[], jump: Jump): void {
    cancelAnimationFrame(this.frame);
    this.paint();
    this.show(this.reader.end());
    if (this.kind !== "stdout") linkMentions(this.body, files, jump);
  }

  private paint(): void {
    this.frame = 0;
    const text = this.waiting.join("");
    this.waiting = [];
    this.show(this.reader.feed(text));
  }

  private show(segments: Segment[]): void {
    for (const segment of segments) {
      const node = painted(segment);
      const last = this.body.lastChild;
      if (node instanceof Text && last instanceof Text) last.appendData(node.data);
      else this.body.append(node);
    }
  }
}

function notice(text: string): HTMLElement {
  const paragraph = document.createElement("p");
  paragraph.className = "notice";
  paragraph.textContent = text;
  return paragraph;
}
