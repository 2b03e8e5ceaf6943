/** How a run ended, in words and figures for people. */
import type { RunResult, Status } from "../service/result";

const VERDICTS: Record<Status, string> = {
  ok: "Finished",
  compile_error: "Did not compile",
  runtime_error: "Failed while running",
  timeout: "Ran out of time",
  cpu_limit: "Used too much processor time",
  memory_limit: "Ran out of memory",
  output_limit: "Wrote too much",
  process_limit: "Started too many processes",
  disk_limit: "Wrote too many or too large files",
  internal_error: "The service failed, not your program",
};

/** One line on how a run ended, such as "Finished · exit 0 · 32 ms · 20 ms CPU · 8.4 MB". */
export function summary(result: RunResult): string {
  const parts = [tested(result) ?? VERDICTS[result.status]];
  if (result.signal) parts.push(`signal ${result.signal}`);
  else if (result.exitCode !== null) parts.push(`exit ${result.exitCode}`);
  if (result.timeMs !== null) parts.push(duration(result.timeMs));
  if (result.cpuMs !== null) parts.push(`${duration(result.cpuMs)} CPU`);
  if (result.memoryKb !== null) parts.push(memory(result.memoryKb));
  return parts.join(" · ");
}

/** How the tests ended, where that is all there is to say. */
function tested({ status, tests }: RunResult): string | null {
  if (tests.length === 0 || (status !== "ok" && status !== "runtime_error")) return null;
  const count = (wanted: string): number => tests.filter((test) => test.status === wanted).length;
  const left = count("skipped") === 0 ? "" : `, ${count("skipped")} left out`;
  if (count("failed") > 0) return `${count("failed")} of ${tests.length} tests failed${left}`;
  return status === "ok" ? `${count("passed")} tests passed${left}` : null;
}

/** `milliseconds` for people: "32 ms" or "1.25 s". */
export function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}

/** `kilobytes` (1024 bytes each) for people: "512 kB" or "8.4 MB". */
export function memory(kilobytes: number): string {
  return kilobytes < 1024 ? `${Math.round(kilobytes)} kB` : `${(kilobytes / 1024).toFixed(1)} MB`;
}

/** The service's sentence, where it says more than the summary and the program's or compiler's own messages do. */
export function explanation({ status, error }: RunResult, spoken: boolean): string {
  const said = (status === "runtime_error" || status === "compile_error") && spoken;
  return said ? "" : error.charAt(0).toUpperCase() + error.slice(1);
}
