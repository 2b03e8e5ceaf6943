/**
 * Colours of a terminal, out of what a program writes: SGR sequences become styles, every other control sequence is
 * left out, and all the rest is text. Nothing here makes markup.
 */
export interface Style {
  /** 0 to 15 of the page's palette, or a CSS colour. */
  readonly ink?: number | string;
  readonly paper?: number | string;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly italic?: boolean;
  readonly underline?: boolean;
  readonly inverse?: boolean;
  readonly strike?: boolean;
}

export interface Segment {
  readonly text: string;
  readonly style: Style;
}

export const PLAIN: Style = {};

// CSI sequences, OSC and its kin up to their end, and escapes of two characters.
const CONTROL =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-OQ-WYZ`-~\\]|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const UNFINISHED = /\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?$|\r$/;
/** A longer sequence is not taken for one. */
const LONGEST = 4096;

export class AnsiReader {
  private style = PLAIN;
  private pending = "";

  /** The styled pieces of `text`; a sequence or line end that is cut in two is joined with what comes next. */
  feed(text: string): Segment[] {
    const whole = this.pending + text;
    const cut = UNFINISHED.exec(whole);
    this.pending = cut && whole.length - cut.index < LONGEST ? whole.slice(cut.index) : "";
    return this.segments(whole.slice(0, whole.length - this.pending.length));
  }

  /** What is left when no more comes. */
  end(): Segment[] {
    const rest = this.pending === "\r" ? "\n" : "";
    this.pending = "";
    return rest === "" ? [] : [{ text: rest, style: this.style }];
  }

  private segments(text: string): Segment[] {
    const found: Segment[] = [];
    let from = 0;
    const take = (to: number): void => {
      if (to > from) found.push({ text: text.slice(from, to).replace(/\r\n?/g, "\n"), style: this.style });
    };
    for (const match of text.matchAll(CONTROL)) {
      take(match.index);
      from = match.index + match[0].length;
      if (match[2] === "m") this.style = styled(this.style, match[1] ?? "");
    }
    take(text.length);
    return found;
  }
}

function styled(before: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map(Number);
  let style = before;
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0;
    if (code === 38 || code === 48) {
      const [colour, used] = extended(codes.slice(at + 1));
      style = { ...style, ...(code === 38 ? { ink: colour } : { paper: colour }) };
      at += used;
    } else {
      style = simple(style, code);
    }
  }
  return style;
}

const ON: Readonly<Record<number, keyof Style>> = {
  1: "bold",
  2: "dim",
  3: "italic",
  4: "underline",
  7: "inverse",
  9: "strike",
};
const OFF: Readonly<Record<number, readonly (keyof Style)[]>> = {
  22: ["bold", "dim"],
  23: ["italic"],
  24: ["underline"],
  27: ["inverse"],
  29: ["strike"],
  39: ["ink"],
  49: ["paper"],
};

function simple(style: Style, code: number): Style {
  if (code === 0) return PLAIN;
  const on = ON[code];
  if (on) return { ...style, [on]: true };
  if (OFF[code]) return without(style, OFF[code]);
  if (code >= 30 && code <= 37) return { ...style, ink: code - 30 };
  if (code >= 40 && code <= 47) return { ...style, paper: code - 40 };
  if (code >= 90 && code <= 97) return { ...style, ink: code - 82 };
  if (code >= 100 && code <= 107) return { ...style, paper: code - 92 };
  return style;
}

function without(style: Style, keys: readonly (keyof Style)[]): Style {
  return Object.fromEntries(Object.entries(style).filter(([key]) => !keys.includes(key as keyof Style)));
}

/** The colour after 38 or 48, and how many codes name it. */
function extended([kind, ...codes]: number[]): [number | string, number] {
  if (kind === 5) return [indexed(byte(codes[0])), 2];
  if (kind === 2) return [`rgb(${byte(codes[0])} ${byte(codes[1])} ${byte(codes[2])})`, 4];
  return [7, 1];
}

/** A colour of the 256: the palette, a cube of six steps a side, and grey. */
function indexed(index: number): number | string {
  if (index < 16) return index;
  if (index >= 232)
    return `rgb(${Array(3)
      .fill(8 + 10 * (index - 232))
      .join(" ")})`;
  const steps = [36, 6, 1].map((size) => Math.floor((index - 16) / size) % 6);
  return `rgb(${steps.map((step) => (step === 0 ? 0 : 55 + 40 * step)).join(" ")})`;
}

const byte = (value: number | undefined): number => Math.min(255, Math.max(0, Math.trunc(value || 0)));

/** An element that shows `segment`; plain text is a text node. */
export function painted({ text, style }: Segment): Node {
  if (style === PLAIN || Object.keys(style).length === 0) return document.createTextNode(text);
  const span = document.createElement("span");
  span.textContent = text;
  const [ink, paper] = style.inverse ? [style.paper ?? "paper", style.ink ?? "ink"] : [style.ink, style.paper];
  colour(span, "color", "ink", ink);
  colour(span, "backgroundColor", "paper", paper);
  for (const key of ["bold", "dim", "italic", "underline", "strike"] as const) {
    if (style[key]) span.classList.add(key);
  }
  return span;
}

function colour(span: HTMLElement, property: "color" | "backgroundColor", name: string, value?: number | string): void {
  if (value === undefined) return;
  if (typeof value === "number") span.classList.add(`${name}-${value % 8}`);
  else if (value === "ink" || value === "paper") span.classList.add(`${name}-${value}`);
  else span.style[property] = value;
}
