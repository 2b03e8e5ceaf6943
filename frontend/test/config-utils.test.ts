import { describe, expect, it } from "vitest";
import { apiUrl, ownEnvironment, readConfig } from "../src/config-utils";
import { ConfigError } from "../src/errors";

const environments = {
  local: { url: "http://localhost:10100/api/v1/", role: "local" },
  staging: { url: "https://runner-staging.fly.dev/api/v1/", role: "proving" },
  production: { url: "https://runner.fly.dev/api/v1/", role: "protected" },
};
const good = { environment: "staging", version: "1.2.3", sha: "0123abc", environments };
const read = (config: unknown) => readConfig({ CODECANVAS_CONFIG: config });

describe("readConfig", () => {
  it("returns what config.js says", () => {
    expect(read(good)).toEqual(good);
  });

  it.each(["local", "staging", "production"] as const)("gives %s its own address", (environment) => {
    expect(apiUrl(read({ ...good, environment }))).toBe(environments[environment].url);
  });

  it("accepts an address that deploy tools put in place of another", () => {
    const url = "http://127.0.0.1:8123/api/v1/";
    expect(apiUrl(read({ ...good, environments: { ...environments, staging: { url, role: "proving" } } }))).toBe(url);
  });

  it.each(["local", "proving", "protected", "preview"])(
    "takes an environment of any name, and %s for what it is for",
    (role) => {
      const qa = { url: "https://runner-qa.fly.dev/api/v1/", role };
      const config = read({ ...good, environment: "qa", environments: { ...environments, qa } });
      expect(config.environment).toBe("qa");
      expect(ownEnvironment(config)).toEqual(qa);
    },
  );

  it.each(["toString", "__proto__", "constructor"])("knows no environment that is only called %s", (environment) => {
    expect(() => read({ ...good, environment })).toThrow(/unknown environment/);
  });

  it("says that config.js did not load", () => {
    expect(() => readConfig({})).toThrow(ConfigError);
    expect(() => readConfig({})).toThrow(/config\.js did not load.*Reload/);
  });

  it.each([
    ["an unknown environment", { ...good, environment: "qa" }, /unknown environment, "qa"/],
    [
      "an environment without a role",
      { ...good, environments: { ...environments, local: { url: "http://a/" } } },
      /no usable address or role for local/,
    ],
    ["a missing environment", { ...good, environment: undefined }, /unknown environment/],
    ["no version", { ...good, version: "" }, /no version/],
    ["a sha that is no text", { ...good, sha: 7 }, /no sha/],
    ["no environments", { ...good, environments: [] }, /no environments/],
    ["an environment left out", { ...good, environments: { ...environments, local: undefined } }, /for local/],
    [
      "an address of another scheme",
      { ...good, environments: { ...environments, local: { url: "javascript:1/", role: "local" } } },
      /local/,
    ],
    [
      "an address without its last slash",
      { ...good, environments: { ...environments, local: { url: "http://a/b", role: "local" } } },
      /local/,
    ],
  ])("refuses %s", (_, config, message) => {
    expect(() => read(config)).toThrow(ConfigError);
    expect(() => read(config)).toThrow(message);
  });
});
