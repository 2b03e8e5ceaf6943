/** The result of a run, as the service sends it. */

import { Failed } from "../errors";
import { isObject, textOf } from "./json";

export const STATUSES = [
  "ok",
  "compile_error",
  "runtime_error",
  "timeout",
  "cpu_limit",
  "memory_limit",
  "output_limit",
  "process_limit",
  "disk_limit",
  "internal_error",
] as const;

export type Status = (typeof STATUSES)[number];

export interface RunResult {
  readonly status: Status;
  /** A short sentence; empty when all went well. */
  readonly error: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timeMs: number | null;
  readonly cpuMs: number | null;
  readonly memoryKb: number | null;
  readonly truncated: boolean;
  /** What the program wrote. */
  readonly files: readonly WrittenFile[];
  /** How each test ended; empty where none were run. */
  readonly tests: readonly EndedTest[];
}

export interface WrittenFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Null where it did not fit into the answer. */
  readonly content: string | Uint8Array<ArrayBuffer> | null;
}

export interface EndedTest {
  readonly name: string;
  /** The class, suite or module that it belongs to. */
  readonly group: string;
  readonly status: "passed" | "failed" | "skipped";
  readonly timeMs: number | null;
  readonly message: string;
}

/** The result in `answer`. Throws Failed when its status is missing or unknown. */
export function runResult(answer: Record<string, unknown>): RunResult {
  const status = STATUSES.find((known) => known === answer.status);
  if (status === undefined) throw new Failed("its answer has no status that this page knows");
  const signal = answer.signal;
  return {
    status,
    error: textOf(answer.error),
    exitCode: numberOf(answer.exit_code),
    signal: signal === null || signal === undefined ? null : String(signal),
    timeMs: numberOf(answer.time_ms),
    cpuMs: numberOf(answer.cpu_ms),
    memoryKb: numberOf(answer.memory_kb),
    truncated: answer.truncated === true,
    files: isObject(answer.files) ? Object.entries(answer.files).flatMap(writtenFile) : [],
    tests: isObject(answer.tests) && Array.isArray(answer.tests.cases) ? answer.tests.cases.flatMap(endedTest) : [],
  };
}

function writtenFile([name, file]: [string, unknown]): WrittenFile[] {
  if (!isObject(file)) return [];
  const encoded = typeof file.base64 === "string" ? file.base64 : null;
  const content = encoded === null ? (typeof file.text === "string" ? file.text : null) : fromBase64(encoded);
  return [{ name, size: numberOf(file.size) ?? 0, content }];
}

/** The bytes that `text` stands for. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function endedTest(test: unknown): EndedTest[] {
  if (!isObject(test)) return [];
  const status = (["passed", "failed", "skipped"] as const).find((known) => known === test.status);
  if (status === undefined) return [];
  const { name, group, message } = test;
  return [
    { name: textOf(name), group: textOf(group), status, timeMs: numberOf(test.time_ms), message: textOf(message) },
  ];
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
