/**
 * What the build knows of the environments: there is one for each `.env.<name>` at the repository's root.
 *
 * Every environment's bundle carries the whole map, so that only the *choice* differs between them.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "dotenv";

/** A name of an environment; a file such as `.env.staging.secrets` is none. */
const NAME = /^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/;

/** What an environment may be for. One that does not say is taken for one that users are on. */
const ROLES = ["local", "proving", "protected", "preview"];
const DEFAULT_ROLE = "protected";

/** A build that cannot be made as asked. The message says what to change; no stack is needed to understand it. */
export class BuildError extends Error {
  constructor(message) {
    super(message);
    this.name = "BuildError";
    this.stack = `BuildError: ${message}`;
  }
}

/**
 * The names of the environments, in alphabetical order.
 *
 * @param {string} root directory that holds the `.env.<name>` files
 * @returns {string[]}
 * @throws {BuildError} when there is none
 */
export function environmentNames(root) {
  const files = readdirSync(root).filter((file) => file.startsWith(".env."));
  const names = files.map((file) => file.slice(".env.".length)).filter((name) => NAME.test(name));
  if (names.length === 0) throw new BuildError(`${root} has no .env.<name>. Restore .env.local, with API_URL=… in it.`);
  return names.sort();
}

/**
 * The environments map, such as `{local: {url, role}, staging: {url, role}, production: {url, role}}`.
 *
 * @param {string} root directory that holds the `.env.<name>` files
 * @returns {Record<string, {url: string, role: string}>}
 * @throws {BuildError} when a file has no API_URL, or its API_URL or ROLE is malformed
 */
export function readEnvironments(root) {
  return Object.fromEntries(environmentNames(root).map((name) => [name, readEnvironment(join(root, `.env.${name}`))]));
}

function readEnvironment(file) {
  let text;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new BuildError(`${file} cannot be read (${error.code}). Restore it, with API_URL=… in it.`);
  }
  const { API_URL: url, ROLE: role = DEFAULT_ROLE } = parse(text);
  if (!url) throw new BuildError(`${file} has no API_URL. Add a line such as API_URL=https://host/api/v1/`);
  if (!isApiUrl(url)) {
    throw new BuildError(`${file}: API_URL is not an http(s) address that ends with "/": ${url}. Correct that line.`);
  }
  if (!ROLES.includes(role)) {
    throw new BuildError(`${file}: ROLE is ${JSON.stringify(role)}. Set it to ${ROLES.join(", ")}.`);
  }
  return { url, role };
}

function isApiUrl(url) {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) && url.endsWith("/");
}

/**
 * The settings of one build, taken from the process environment: CANVAS_ENVIRONMENT, CANVAS_VERSION, CANVAS_SHA.
 *
 * @param {Record<string, string | undefined>} variables
 * @param {readonly string[]} names the environments that there are
 * @throws {BuildError} when the environment is none of them
 */
export function readSettings(variables, names) {
  const environment = variables.CANVAS_ENVIRONMENT || "local";
  if (!names.includes(environment)) {
    throw new BuildError(
      `CANVAS_ENVIRONMENT is ${JSON.stringify(environment)}, which is unknown. Set it to ${names.join(", ")}, ` +
        `or write .env.${environment}.`,
    );
  }
  return { environment, version: variables.CANVAS_VERSION || "dev", sha: variables.CANVAS_SHA || "dev" };
}
