/** The terminal, loaded when a person first asks for it: xterm.js, joined to a session with the service. */
import { FitAddon } from "@xterm/addon-fit";
import { type ITheme, Terminal } from "@xterm/xterm";
import css from "@xterm/xterm/css/xterm.css?raw";
import { adoptCss, withStandIns } from "../dom/adopted-styles";
import type { Page } from "../dom/page";
import type { RunResult } from "../service/result";
import { Session } from "../service/session";
import type { RunListener, RunRequest } from "../service/stream";
import { attachments } from "./attachments";
import type { RunView, Way } from "./lifecycle";
import { explanation } from "./summary";

let shared: TerminalView | null = null;

/** The way to run in the page's terminal. */
export function terminalWay(page: Page, root: string): Way {
  shared ??= new TerminalView(page);
  const view = shared;
  return { view, execute: (request, listener, signal) => view.converse(new Session(root), request, listener, signal) };
}

class TerminalView implements RunView {
  private readonly terminal: Terminal;
  private readonly fit = new FitAddon();
  private session: Session | null = null;
  /** Beneath the terminal: what a program leaves beside its output. */
  private readonly attached = document.createElement("div");

  constructor(private readonly page: Page) {
    this.attached.className = "attached";
    this.attached.hidden = true;
    page.terminal.after(this.attached);
    adoptCss(css);
    this.terminal = new Terminal({
      convertEol: true, // a compiler writes to no terminal
      screenReaderMode: true,
      scrollback: 5000,
      ...this.look(),
    });
    this.terminal.loadAddon(this.fit);
    page.terminal.hidden = false;
    withStandIns(() => this.terminal.open(page.terminal));
    this.terminal.onData((text) => this.session?.type(text));
    this.terminal.onBinary((text) => this.session?.type(text));
    this.terminal.onResize(({ rows, cols }) => this.session?.resize({ rows, columns: cols }));
    this.terminal.attachCustomKeyEventHandler((event) => this.leaves(event));
    new ResizeObserver(() => this.fitIn()).observe(page.terminal);
    addEventListener("canvas:look", () => this.dress());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.dress());
  }

  get text(): string {
    const { active } = this.terminal.buffer;
    const lines = Array.from({ length: active.length }, (_, row) => active.getLine(row)?.translateToString(true) ?? "");
    return `${lines.join("\n").trimEnd()}\n`;
  }

  async converse(
    session: Session,
    request: RunRequest,
    listener: RunListener,
    signal: AbortSignal,
  ): Promise<RunResult> {
    const { stdin: _ahead, ...typed } = request; // here input is typed
    this.session = session;
    const { rows, cols } = this.terminal;
    try {
      return await session.run(typed, { rows, columns: cols }, listener, signal);
    } finally {
      this.session = null;
    }
  }

  begin(): void {
    this.attached.replaceChildren();
    this.attached.hidden = true;
    this.fitIn();
    this.terminal.reset();
    this.terminal.focus();
    this.page.terminal.scrollIntoView({ block: "nearest" }); // on a phone it is below what can be seen
  }

  phase(): void {
    // What a compiler says is seen like all the rest.
  }

  output(_stream: string, text: string): void {
    this.terminal.write(text);
  }

  finish(result: RunResult): void {
    const explained = explanation(result, true);
    if (explained !== "") this.terminal.write(`\r\n\x1b[2m${explained}\x1b[0m\r\n`);
    if (result.truncated) this.terminal.write("\r\n\x1b[2mThe output was cut off here.\x1b[0m\r\n");
    this.terminal.write("\x1b[?25l");
    this.attached.replaceChildren(...attachments(result));
    this.attached.hidden = this.attached.childElementCount === 0;
  }

  abandon(): void {
    this.terminal.write("\x1b[?25l");
  }

  /** Tab and all other keys are the program's; this one leads out. */
  private leaves(event: KeyboardEvent): boolean {
    if (event.key !== "Escape" || !event.shiftKey) return true;
    if (event.type === "keydown") this.page.run.focus();
    return false;
  }

  private fitIn(): void {
    if (!this.page.terminal.hidden) this.fit.fit();
  }

  private dress(): void {
    Object.assign(this.terminal.options, this.look());
    this.fitIn();
  }

  private look(): { theme: ITheme; fontFamily: string; fontSize: number } {
    const { terminal } = this.page;
    const style = getComputedStyle(terminal);
    return { theme: theme(terminal), fontFamily: style.fontFamily, fontSize: Number.parseFloat(style.fontSize) };
  }
}

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;

/** The page's colours, as computed: xterm.js knows no custom properties. */
function theme(host: HTMLElement): ITheme {
  const probe = document.createElement("span");
  host.append(probe);
  const read = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const entries = COLOURS.flatMap((name, index) => {
    const value = read(`ansi-${index}`);
    return [
      [name, value],
      [`bright${name.charAt(0).toUpperCase()}${name.slice(1)}`, value],
    ];
  });
  const found = {
    foreground: read("ink"),
    background: read("panel"),
    cursor: read("ink"),
    selectionBackground: read("selection"),
  };
  probe.remove();
  return { ...Object.fromEntries(entries), ...found };
}
