/** Shows what became of a run. All that a program wrote is set as text, never as markup. */
import type { RunResult, Status } from "./api";

const VERDICTS: Record<Status, string> = {
  ok: "Finished",
  compile_error: "Did not compile",
  runtime_error: "Failed while running",
  timeout: "Ran out of time",
  memory_limit: "Ran out of memory",
  output_limit: "Wrote too much",
  internal_error: "The service failed, not your program",
};

/** One line on how a run ended, such as "Finished · exit 0 · 32 ms · 8.4 MB". */
export function summary(result: RunResult): string {
  const parts = [VERDICTS[result.status]];
  if (result.signal) parts.push(`signal ${result.signal}`);
  else if (result.exitCode !== null) parts.push(`exit ${result.exitCode}`);
  if (result.timeMs !== null) parts.push(duration(result.timeMs));
  if (result.memoryKb !== null) parts.push(memory(result.memoryKb));
  return parts.join(" · ");
}

/** `milliseconds` for people: "32 ms" or "1.25 s". */
export function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}

/** `kilobytes` (1024 bytes each) for people: "512 kB" or "8.4 MB". */
export function memory(kilobytes: number): string {
  return kilobytes < 1024 ? `${Math.round(kilobytes)} kB` : `${(kilobytes / 1024).toFixed(1)} MB`;
}

/** Shows in `pane` what a program wrote, errors first, and what the service says of it. */
export function showResult(pane: HTMLElement, result: RunResult): void {
  const compiler = result.status === "compile_error";
  pane.replaceChildren(
    ...(explains(result) ? [notice(capital(result.error))] : []),
    ...stream("stderr", compiler ? "Compiler" : "Standard error", result.stderr),
    ...stream("stdout", "Standard output", result.stdout),
    ...(result.truncated ? [notice("The output was longer than the service keeps; what is missing was cut off.")] : []),
  );
  if (pane.childElementCount === 0) pane.append(notice("The program wrote nothing."));
}

/** Whether the service's sentence says more than the summary and the program's or compiler's own messages do. */
function explains({ status, error, stderr }: RunResult): boolean {
  const spoken = (status === "runtime_error" || status === "compile_error") && stderr !== "";
  return error !== "" && !spoken;
}

function stream(kind: string, label: string, text: string): HTMLElement[] {
  if (text === "") return [];
  const section = document.createElement("section");
  section.className = `stream ${kind}`;
  section.setAttribute("aria-label", label);
  const heading = document.createElement("h3");
  heading.textContent = label;
  const body = document.createElement("pre");
  body.dataset.stream = kind;
  body.tabIndex = 0; // long output scrolls, so the keyboard must reach it
  body.textContent = text;
  section.append(heading, body);
  return [section];
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

function notice(text: string): HTMLElement {
  const paragraph = document.createElement("p");
  paragraph.className = "notice";
  paragraph.textContent = text;
  return paragraph;
}
