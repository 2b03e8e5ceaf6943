/** How a run ended, as the service says it. */
import { textOf } from "./answers";
import { Failed } from "./errors";

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
}

/** How a run ended. Throws Failed when the answer does not say. */
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
  };
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
