/** Where a build may write: a build empties its directory first, so it must be one that a build made. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CONFIG_PREFIX } from "./config-script.mjs";
import { BuildError } from "./environments.mjs";

/**
 * Returns `directory` when it is absent, empty, or holds an earlier build.
 *
 * @param {string} directory
 * @throws {BuildError} when emptying it would destroy something else
 */
export function safeOutput(directory) {
  if (!existsSync(directory) || readdirSync(directory).length === 0) return directory;
  const config = join(directory, "config.js");
  if (existsSync(config) && readFileSync(config, "utf8").startsWith(CONFIG_PREFIX)) return directory;
  throw new BuildError(`${directory} holds files that no build wrote. Set CANVAS_OUT to a new or empty directory.`);
}
