/**
 * Which environment this page belongs to, as `config.js` says.
 *
 * The bundle is one and the same everywhere; only that file differs. It is checked here, once,
 * so that nothing else meets an environment that is unknown or a service that has no address.
 */
import { ConfigError } from "./errors";

export const ENVIRONMENT_NAMES = ["local", "staging", "production"] as const;

export type EnvironmentName = (typeof ENVIRONMENT_NAMES)[number];

export interface Environment {
  /** Root of the service's API, ending with "/". */
  readonly url: string;
}

export interface Configuration {
  readonly environment: EnvironmentName;
  readonly version: string;
  /** The whole commit id, or "dev". */
  readonly sha: string;
  readonly environments: Readonly<Record<EnvironmentName, Environment>>;
}

/** Reads the configuration that `config.js` left in `scope`; throws ConfigError when it cannot be used. */
export function readConfig(scope: object = globalThis): Configuration {
  const value: unknown = Reflect.get(scope, "CODECANVAS_CONFIG");
  if (!isObject(value)) throw new ConfigError("config.js did not load");
  return {
    environment: environmentName(value.environment),
    version: text(value, "version"),
    sha: text(value, "sha"),
    environments: environmentsMap(value.environments),
  };
}

/** The address of the API that this environment's programs are sent to, ending with "/". */
export function apiUrl(config: Configuration = readConfig()): string {
  return config.environments[config.environment].url;
}

function environmentName(value: unknown): EnvironmentName {
  const known = ENVIRONMENT_NAMES.find((name) => name === value);
  if (known === undefined) {
    throw new ConfigError(`config.js names an unknown environment, ${JSON.stringify(value)}`);
  }
  return known;
}

function environmentsMap(value: unknown): Record<EnvironmentName, Environment> {
  if (!isObject(value)) throw new ConfigError("config.js has no environments");
  return {
    local: environment(value, "local"),
    staging: environment(value, "staging"),
    production: environment(value, "production"),
  };
}

function environment(map: Record<string, unknown>, name: EnvironmentName): Environment {
  const entry = map[name];
  const url = isObject(entry) ? entry.url : undefined;
  if (typeof url !== "string" || !/^https?:\/\/[^/]+\/(.*\/)?$/.test(url)) {
    throw new ConfigError(`config.js gives no usable address for ${name}`);
  }
  return { url };
}

function text(map: Record<string, unknown>, key: string): string {
  const value = map[key];
  if (typeof value !== "string" || value === "") throw new ConfigError(`config.js has no ${key}`);
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
