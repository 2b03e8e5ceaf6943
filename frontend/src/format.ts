/** Formatting: the service runs the language's own formatter, like any program, in its sandbox. */

import { parse, textOf } from "./answers";
import { send } from "./api";
import { CanvasError, Failed, Unreachable, Unusable } from "./errors";

/** How long the page waits for the formatter, in milliseconds. */
const PATIENCE_MS = 30_000;

/**
 * `source` as the formatter of `language` writes it. Throws Unusable with the formatter's words where it cannot read the
 * program, and ServiceError.
 */
export async function formatted(root: string, language: string, source: string): Promise<string> {
  const answer = await ask(`${root}format`, JSON.stringify({ language, source }));
  if (typeof answer.source !== "string") throw new Failed("its answer holds no program");
  if (answer.status === "ok") return answer.source;
  const said = textOf(answer.stderr).trim().split("\n").slice(0, 3).join(" · ");
  throw new Unusable(`The formatter could not read the program: ${said || answer.status}. Nothing was changed.`);
}

async function ask(address: string, body: string): Promise<Record<string, unknown>> {
  try {
    const headers = { "Content-Type": "application/json" };
    const response = await send(address, { method: "POST", headers, body, signal: AbortSignal.timeout(PATIENCE_MS) });
    const content = parse(await response.text());
    if (content === null) throw new Failed("its answer was not JSON");
    return content;
  } catch (error) {
    throw error instanceof CanvasError ? error : new Unreachable(address);
  }
}
