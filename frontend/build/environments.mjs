/**
 * What the build knows of the environments, read from `.env.<name>` at the repository's root.
 *
 * Every environment's bundle carries the whole map, so that only the *choice* differs between them.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "dotenv";

export const ENVIRONMENTS = ["local", "staging", "production"];

/** A build that cannot be made as asked. The message says what to change; no stack is needed to understand it. */
export class BuildError extends Error {
  constructor(message) {
    super(message);
    this.name = "BuildError";
    this.stack = `BuildError: ${message}`;
  }
}

/**
 * The environments map, `{local: {url}, staging: {url}, production: {url}}`.
 *
 * @param {string} root directory that holds the `.env.<name>` files
 * @returns {Record<string, {url: string}>}
 * @throws {BuildError} when a file or its API_URL is missing or malformed
 */
export function readEnvironments(root) {
  return Object.fromEntries(ENVIRONMENTS.map((name) => [name, { url: readApiUrl(join(root, `.env.${name}`)) }]));
}

function readApiUrl(file) {
  let text;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new BuildError(`${file} cannot be read (${error.code}). Restore it, with API_URL=… in it.`);
  }
  const url = parse(text).API_URL;
  if (!url) throw new BuildError(`${file} has no API_URL. Add a line such as API_URL=https://host/api/v1/`);
  if (!isApiUrl(url)) {
    throw new BuildError(`${file}: API_URL is not an http(s) address that ends with "/": ${url}. Correct that line.`);
  }
  return url;
}

function isApiUrl(url) {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) && url.endsWith("/");
}

/**
 * The settings of one build, taken from the process environment: CANVAS_ENVIRONMENT, CANVAS_VERSION, CANVAS_SHA.
 *
 * @param {Record<string, string | undefined>} variables
 * @throws {BuildError} when the environment is unknown
 */
export function readSettings(variables) {
  const environment = variables.CANVAS_ENVIRONMENT || "local";
  if (!ENVIRONMENTS.includes(environment)) {
    throw new BuildError(
      `CANVAS_ENVIRONMENT is ${JSON.stringify(environment)}, which is unknown. Set it to ${ENVIRONMENTS.join(", ")}.`,
    );
  }
  return { environment, version: variables.CANVAS_VERSION || "dev", sha: variables.CANVAS_SHA || "dev" };
}
