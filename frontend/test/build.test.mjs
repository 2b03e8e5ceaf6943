/** The build itself: one bundle for all environments, and refusals that say what to change. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { environmentNames, readEnvironments, readSettings } from "../build/environments.mjs";
import { contentSecurityPolicy, headersFile } from "../build/headers.mjs";

const frontend = resolve(import.meta.dirname, "..");
const rspack = join(frontend, "node_modules/.bin/rspack");
const root = join(frontend, "..");
const SHA = "0123456789abcdef0123456789abcdef01234567";
const FIRST_LOAD_LIMIT = 100_000;

let directory;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "canvas-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function build(name, variables) {
  const out = join(directory, name);
  const env = { ...process.env, CANVAS_OUT: out, ...variables };
  return { out, ...spawnSync(rspack, ["build"], { cwd: frontend, env, encoding: "utf8" }) };
}

function files(root) {
  const names = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    names
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(root.length + 1), readFileSync(path)]),
  );
}

const release = (environment, version = "9.8.7") => ({
  CANVAS_ENVIRONMENT: environment,
  CANVAS_VERSION: version,
  CANVAS_SHA: SHA,
});

describe("a build", () => {
  let bundles;
  beforeAll(() => {
    bundles = Object.fromEntries(environmentNames(root).map((name) => [name, files(build(name, release(name)).out)]));
  });

  it("differs between environments in config.js only", () => {
    const [first, ...others] = Object.values(bundles);
    for (const other of others) {
      expect(Object.keys(other)).toEqual(Object.keys(first));
      expect(Object.keys(first).filter((name) => !first[name].equals(other[name]))).toEqual(["config.js"]);
    }
  });

  it("is the same when made again, and but for config.js with another version", () => {
    expect(files(build("again", release("staging")).out)).toEqual(bundles.staging);
    const other = files(build("other", release("staging", "1.0.0")).out);
    expect(Object.keys(other).filter((name) => !other[name].equals(bundles.staging[name]))).toEqual(["config.js"]);
  });

  it("writes config.js as one statement that carries JSON", () => {
    const text = bundles.staging["config.js"].toString();
    const [, json] = /^globalThis\.CODECANVAS_CONFIG = (\{.*\});\n$/.exec(text);
    expect(JSON.parse(json)).toEqual({
      environment: "staging",
      version: "9.8.7",
      sha: SHA,
      environments: readEnvironments(root),
    });
  });

  it("names version and commit nowhere but in config.js", () => {
    const naming = Object.entries(bundles.staging).filter(
      ([, data]) => data.includes("9.8.7") || data.includes(SHA.slice(0, 7)),
    );
    expect(naming.map(([name]) => name)).toEqual(["config.js"]);
  });

  it("loads config.js before scripts whose integrity the page states", () => {
    const html = bundles.production["index.html"].toString();
    const sources = [...html.matchAll(/<script[^>]* src="([^"]+)"/g)].map(([, source]) => source);
    expect(sources[0]).toBe("/config.js");
    const tags = [...html.matchAll(/<(?:script|link)[^>]*\/assets\/[^>]*>/g)].map(([tag]) => tag);
    expect(tags.length).toBe(3);
    for (const tag of tags) {
      const [, path] = /"\/(assets\/[^"]+)"/.exec(tag);
      const digest = createHash("sha256").update(bundles.production[path]).digest("base64");
      expect(tag).toContain(`integrity="sha256-${digest}"`);
    }
  });

  it("stays small at first load", () => {
    // What index.html names, and the mode of the language that the page opens with.
    const first = Object.entries(bundles.production).filter(([name]) =>
      /^assets\/(main|runtime|mode-python)\.[0-9a-f]+\.(js|css)$/.test(name),
    );
    expect(first.length).toBe(4);
    const size = first.reduce((sum, [, data]) => sum + brotliCompressSync(data).length, 0);
    expect(size).toBeLessThan(FIRST_LOAD_LIMIT);
  });

  it("keeps source maps beside what is published, not in it", () => {
    const { out } = build("mapped", release("staging"));
    expect(Object.keys(files(out)).filter((name) => name.endsWith(".map"))).toEqual([]);
    const scripts = Object.keys(files(out)).filter((name) => name.endsWith(".js") && name.startsWith("assets/"));
    expect(Object.keys(files(`${out}.maps`))).toEqual(
      expect.arrayContaining(scripts.map((name) => `${name.slice("assets/".length)}.map`)),
    );
    expect(scripts.filter((name) => files(out)[name].includes("sourceMappingURL"))).toEqual([]);
  });

  it("carries the policy in the page, for hosts that read no _headers", () => {
    const policy = contentSecurityPolicy(readEnvironments(root)).replaceAll("; ", ";");
    const html = bundles.production["index.html"].toString();
    expect(html).toContain(`<meta http-equiv="Content-Security-Policy" content="${policy}">`);
    expect(html.indexOf("Content-Security-Policy")).toBeLessThan(html.indexOf("<script"));
  });

  it("keeps no markup that a strict policy refuses", () => {
    const html = bundles.production["index.html"].toString();
    expect(html).not.toMatch(/<style| style=| on[a-z]+=|<script(?![^>]* src=)/);
  });
});

describe("a further environment", () => {
  let place;
  beforeAll(() => {
    place = mkdtempSync(join(directory, "root-"));
    writeFileSync(join(place, ".env.local"), "API_URL=http://localhost:10100/api/v1/\nROLE=local\n");
    writeFileSync(join(place, ".env.qa"), "API_URL=https://runner-qa.fly.dev/api/v1/\nROLE=proving\n");
    writeFileSync(join(place, ".env.live"), "API_URL=https://runner.fly.dev/api/v1/\n");
    writeFileSync(join(place, ".env.qa.secrets"), "FLY_API_TOKEN=secret\n");
  });

  it("is added by its .env.<name> alone, and users are on what does not say what it is for", () => {
    expect(readEnvironments(place)).toEqual({
      live: { url: "https://runner.fly.dev/api/v1/", role: "protected" },
      local: { url: "http://localhost:10100/api/v1/", role: "local" },
      qa: { url: "https://runner-qa.fly.dev/api/v1/", role: "proving" },
    });
  });

  it("has a page of its own, which is allowed to reach its service", () => {
    const { out, stderr } = build("qa", { CANVAS_ENVIRONMENT: "qa", CANVAS_ROOT: place });
    expect(stderr).toBe("");
    const made = files(out);
    expect(made["config.js"].toString()).toContain('"environment":"qa"');
    expect(made._headers.toString()).toContain("https://runner-qa.fly.dev");
    expect(Object.values(made).filter((data) => data.includes("FLY_API_TOKEN"))).toEqual([]);
  });
});

describe("a build is refused", () => {
  it("for an unknown environment, in words", () => {
    const { status, stdout, stderr } = build("unknown", { CANVAS_ENVIRONMENT: "qa" });
    expect(status).not.toBe(0);
    expect(stdout + stderr).toMatch(
      /CANVAS_ENVIRONMENT is "qa", which is unknown\. Set it to local, production, staging, or write \.env\.qa/,
    );
  });

  it("into a directory that holds something else, which it leaves alone", () => {
    const out = join(directory, "precious");
    mkdirSync(out);
    writeFileSync(join(out, "thesis.txt"), "years of work");
    const { status, stdout, stderr } = build("precious", {});
    expect(status).not.toBe(0);
    expect(stdout + stderr).toMatch(/precious holds files that no build wrote/);
    expect(readdirSync(out)).toEqual(["thesis.txt"]);
  });

  it.each([
    ["no file", undefined, /has no \.env\.<name>\. Restore/],
    ["no address", "FRONTEND_URL=http://localhost/\n", /\.env\.local has no API_URL\. Add/],
    ["an address without its last slash", "API_URL=http://localhost/api\n", /ends with "\/"/],
    ["a role that is none", "API_URL=http://localhost/\nROLE=production\n", /\.env\.local: ROLE is "production"\. Set/],
    ["an address that is none", "API_URL=localhost:10100/\n", /not an http/],
  ])("with %s", (name, text, message) => {
    const place = join(directory, name);
    mkdirSync(place);
    if (text !== undefined) writeFileSync(join(place, ".env.local"), text);
    expect(() => readEnvironments(place)).toThrow(message);
  });
});

describe("settings", () => {
  it("default to a local build of no release", () => {
    expect(readSettings({}, ["local"])).toEqual({ environment: "local", version: "dev", sha: "dev" });
  });
});

describe("_headers", () => {
  const text = headersFile(readEnvironments(root), ["assets/main.0123456789.js"]);
  const [, policy] = /Content-Security-Policy: (.*)/.exec(text);

  it("lets the page reach the services and loopback, and run only its own scripts", () => {
    expect(policy).toContain(
      "connect-src 'self' https://runner-staging.fly.dev https://runner.fly.dev http://localhost:*",
    );
    expect(policy).toContain("http://127.0.0.1:*");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("ws://127.0.0.1:*");
    expect(policy).toContain("wss://runner.fly.dev");
    expect(policy).toContain("frame-ancestors *");
    expect(policy).toContain("require-trusted-types-for 'script'; trusted-types codecanvas");
    expect(policy).toContain("style-src 'self';");
    expect(policy.replace("style-src-attr 'unsafe-inline'", "")).not.toContain("unsafe");
  });

  it("names every hashed file by itself, since the host gives a path's headers to its 404 too", () => {
    const { out } = build("headers", release("staging"));
    const made = files(out);
    const rules = made._headers.toString().match(/^\/.*$/gm);
    const hashed = Object.keys(made).filter((name) => name.startsWith("assets/"));
    expect(hashed.length).toBeGreaterThan(10);
    expect(rules).toEqual(["/*", "/", "/index.html", "/config.js", ...hashed.map((name) => `/${name}`).sort()]);
  });

  it("is refused with more rules than the host reads", () => {
    const many = Array.from({ length: 97 }, (_, index) => `assets/a.${String(index).padStart(10, "0")}.js`);
    expect(() => headersFile(readEnvironments(root), many)).toThrow(/101 rules and the host reads 100/);
    expect(headersFile(readEnvironments(root), many.slice(1))).toContain("/assets/a.0000000096.js");
  });

  it("keeps hashed files for ever and asks again for the others", () => {
    expect(text).toMatch(/\/assets\/main\.0123456789\.js\n {2}Cache-Control: public, max-age=31536000, immutable\n/);
    for (const path of ["/", "/index.html", "/config.js"])
      expect(text).toContain(`\n${path}\n  Cache-Control: no-cache\n`);
  });
});
