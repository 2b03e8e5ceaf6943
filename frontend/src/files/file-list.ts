/** The files of a program: which there are, and what they may be called. */
import { Unusable } from "../errors";
import type { Program, SourceFile } from "../program/program";

/** Most closed files that can be reopened. */
const MOST_CLOSED = 20;
/** The service takes 64 files beside the main one. */
const MOST_FILES = 65;

/** Whether two programs are the same to people: open and closed files aside. */
export function same(one: Program, other: Program): boolean {
  const essence = ({ files, stdin, args, options }: Program): string => JSON.stringify([files, stdin, args, options]);
  return essence(one) === essence(other);
}

/** Throws Unusable when a file beside `others` cannot be called `name`. */
export function checkName(name: string, others: readonly string[]): void {
  if (!/^[A-Za-z0-9_][\w.+-]*(?:\/[A-Za-z0-9_][\w.+-]*)*$/.test(name) || name.length > 100) {
    throw new Unusable("A file's name consists of letters, digits, and . _ + - / inside. Choose another.");
  }
  if (others.includes(name)) throw new Unusable(`There is a file ${name} already. Choose another name.`);
}

export function addFile(program: Program, file: SourceFile): void {
  if (program.files.length >= MOST_FILES) throw new Unusable(`A program has at most ${MOST_FILES} files. Close one.`);
  program.files.push(file);
  program.active = program.files.length - 1;
}

/** Closes file `index`. It can be reopened unless it is empty. */
export function closeFile(program: Program, index: number): void {
  const [file] = program.files.splice(index, 1);
  if (file && file.text !== "") program.closed = [...program.closed, file].slice(-MOST_CLOSED);
  if (program.active >= index) program.active = Math.max(0, program.active - 1);
}

/** Opens the file that was closed last, under a name that is free. */
export function reopenFile(program: Program): void {
  const file = program.closed.at(-1);
  if (!file) return;
  const names = program.files.map(({ name }) => name);
  let name = file.name;
  for (let count = 2; names.includes(name); count++) name = numbered(file.name, count);
  addFile(program, { ...file, name });
  program.closed.pop();
}

/** `name` with a number before its ending: util.py, util-2.py. */
function numbered(name: string, count: number): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? `${name.slice(0, dot)}-${count}${name.slice(dot)}` : `${name}-${count}`;
}
