/** A program: its files, what it reads, its arguments and its compiler's options. */
import { isObject, textOf } from "../service/json";

export interface SourceFile {
  /** Relative name; empty for the main file, which is called as the language calls it. */
  name: string;
  text: string;
}

export interface Program {
  /** The first is the main file. */
  files: SourceFile[];
  /** Index of the file that is open. */
  active: number;
  stdin: string;
  args: string;
  options: string;
  /** Files that were closed, the last one last. */
  closed: SourceFile[];
}

export function program(text: string): Program {
  return { files: [{ name: "", text }], active: 0, stdin: "", args: "", options: "", closed: [] };
}

/** `value` as a program, from storage or from a link; null when it is none. */
export function asProgram(value: unknown): Program | null {
  if (!isObject(value)) return null;
  const files = sourceFiles(value.files);
  if (files.length === 0) return null;
  const active = Number(value.active);
  return {
    files: files.map((file, index) => (index === 0 ? { ...file, name: "" } : file)),
    active: Number.isInteger(active) && active >= 0 && active < files.length ? active : 0,
    stdin: textOf(value.stdin),
    args: textOf(value.args),
    options: textOf(value.options),
    closed: sourceFiles(value.closed),
  };
}

function sourceFiles(value: unknown): SourceFile[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isObject).map(({ name, text }) => ({ name: textOf(name), text: textOf(text) }));
}
