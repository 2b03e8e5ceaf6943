/** Formatting: the service runs the language's own formatter, like any program, in its sandbox. */

import { Failed, Unusable } from "../errors";
import { ask } from "./http";
import { textOf } from "./json";

/**
 * `source` as the formatter of `language` writes it. Throws Unusable with the formatter's words where it cannot read the
 * program, and ServiceError.
 */
export async function formatted(root: string, language: string, source: string): Promise<string> {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ language, source });
  const answer = await ask(root, "format", { method: "POST", headers, body });
  if (typeof answer.source !== "string") throw new Failed("its answer holds no program");
  if (answer.status === "ok") return answer.source;
  const said = textOf(answer.stderr).trim().split("\n").slice(0, 3).join(" · ");
  throw new Unusable(`The formatter could not read the program: ${said || answer.status}. Nothing was changed.`);
}
