/**
 * Reads `config.js`: which environment this page belongs to.
 *
 * The bundle is the same in every environment; only that file differs. It is checked here, once, so that no other code
 * has to handle an unknown environment or a missing address.
 */
import { ConfigError } from "./errors";

export interface Environment {
  /** Root of the service's API, ending with "/". */
  readonly url: string;
  /** What it is for: "local", "proving", "preview", or "protected", which users are on. The build knows no other. */
  readonly role: string;
}

export interface Configuration {
  /** Name of the environment: one of `environments`. */
  readonly environment: string;
  readonly version: string;
  /** The whole commit id, or "dev". */
  readonly sha: string;
  readonly environments: Readonly<Record<string, Environment>>;
}

/** Reads the configuration that `config.js` left in `scope`; throws ConfigError when it cannot be used. */
export function readConfig(scope: object = globalThis): Configuration {
  const value: unknown = Reflect.get(scope, "CODECANVAS_CONFIG");
  if (!isObject(value)) throw new ConfigError("config.js did not load");
  const environments = environmentsMap(value.environments);
  return {
    environment: environmentName(value.environment, environments),
    version: text(value, "version"),
    sha: text(value, "sha"),
    environments,
  };
}

/** What is known of the environment that this page belongs to. */
export function ownEnvironment({ environment, environments }: Configuration): Environment {
  return environments[environment] as Environment; // readConfig made sure of it
}

/** The address of the API that this environment's programs are sent to, ending with "/". */
export function apiUrl(config: Configuration = readConfig()): string {
  return ownEnvironment(config).url;
}

function environmentName(value: unknown, environments: Readonly<Record<string, Environment>>): string {
  if (typeof value !== "string" || !Object.hasOwn(environments, value)) {
    throw new ConfigError(`config.js names an unknown environment, ${JSON.stringify(value)}`);
  }
  return value;
}

function environmentsMap(value: unknown): Record<string, Environment> {
  if (!isObject(value)) throw new ConfigError("config.js has no environments");
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, environment(name, entry)]));
}

function environment(name: string, entry: unknown): Environment {
  const { url, role } = isObject(entry) ? entry : {};
  if (typeof role !== "string" || typeof url !== "string" || !/^https?:\/\/[^/]+\/(.*\/)?$/.test(url)) {
    throw new ConfigError(`config.js gives no usable address or role for ${name}`);
  }
  return { url, role };
}

function text(map: Record<string, unknown>, key: string): string {
  const value = map[key];
  if (typeof value !== "string" || value === "") throw new ConfigError(`config.js has no ${key}`);
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
