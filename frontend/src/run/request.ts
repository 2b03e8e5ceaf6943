/** Makes the service's request of a program. */

import type { Language } from "../languages/languages";
import { checkOptions } from "../languages/options";
import { words } from "../languages/words";
import type { Program } from "../program/program";
import type { RunRequest } from "../service/stream";

/**
 * The request that runs `program`, or its tests, which take no arguments. Throws Unusable for arguments or options that
 * cannot be sent.
 */
export function requestOf(
  language: Language,
  { files, stdin, args, options }: Program,
  mode: "run" | "test" = "run",
): RunRequest {
  const [main, ...others] = files;
  const chosen = words(options, "Options");
  checkOptions(chosen, language.options);
  const given = mode === "test" ? [] : words(args, "Arguments");
  return {
    source: main?.text ?? "",
    language: language.id,
    collect: ["*"],
    ...(mode === "test" ? { mode } : {}),
    ...(stdin === "" ? {} : { stdin }),
    ...(given.length === 0 ? {} : { args: given }),
    ...(chosen.length === 0 ? {} : { options: chosen }),
    ...(others.length === 0 ? {} : { files: Object.fromEntries(others.map(({ name, text }) => [name, text])) }),
  };
}
