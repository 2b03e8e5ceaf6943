/** The build itself: one bundle for all environments, and refusals that say what to change. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ENVIRONMENTS, readEnvironments, readSettings } from "../build/environments.mjs";
import { contentSecurityPolicy, headersFile } from "../build/headers.mjs";

const frontend = resolve(import.meta.dirname, "..");
const rspack = join(frontend, "node_modules/.bin/rspack");
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
    bundles = ENVIRONMENTS.map((name) => files(build(name, release(name)).out));
  });

  it("differs between environments in config.js only", () => {
    const [first, ...others] = bundles;
    for (const other of others) {
      expect(Object.keys(other)).toEqual(Object.keys(first));
      expect(Object.keys(first).filter((name) => !first[name].equals(other[name]))).toEqual(["config.js"]);
    }
  });

  it("is the same when made again, and but for config.js with another version", () => {
    expect(files(build("again", release("staging")).out)).toEqual(bundles[1]);
    const other = files(build("other", release("staging", "1.0.0")).out);
    expect(Object.keys(other).filter((name) => !other[name].equals(bundles[1][name]))).toEqual(["config.js"]);
  });

  it("writes config.js as one statement that carries JSON", () => {
    const text = bundles[1]["config.js"].toString();
    const [, json] = /^globalThis\.CODECANVAS_CONFIG = (\{.*\});\n$/.exec(text);
    expect(JSON.parse(json)).toEqual({
      environment: "staging",
      version: "9.8.7",
      sha: SHA,
      environments: readEnvironments(join(frontend, "..")),
    });
  });

  it("names version and commit nowhere but in config.js", () => {
    const naming = Object.entries(bundles[1]).filter(
      ([, data]) => data.includes("9.8.7") || data.includes(SHA.slice(0, 7)),
    );
    expect(naming.map(([name]) => name)).toEqual(["config.js"]);
  });

  it("loads config.js before scripts whose integrity the page states", () => {
    const html = bundles[2]["index.html"].toString();
    const sources = [...html.matchAll(/<script[^>]* src="([^"]+)"/g)].map(([, source]) => source);
    expect(sources[0]).toBe("/config.js");
    const tags = [...html.matchAll(/<(?:script|link)[^>]*\/assets\/[^>]*>/g)].map(([tag]) => tag);
    expect(tags.length).toBe(3);
    for (const tag of tags) {
      const [, path] = /"\/(assets\/[^"]+)"/.exec(tag);
      const digest = createHash("sha256").update(bundles[2][path]).digest("base64");
      expect(tag).toContain(`integrity="sha256-${digest}"`);
    }
  });

  it("stays small at first load", () => {
    // What index.html names, and the mode of the language that the page opens with.
    const first = Object.entries(bundles[2]).filter(([name]) =>
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
    const policy = contentSecurityPolicy(readEnvironments(join(frontend, ".."))).replaceAll("; ", ";");
    const html = bundles[2]["index.html"].toString();
    expect(html).toContain(`<meta http-equiv="Content-Security-Policy" content="${policy}">`);
    expect(html.indexOf("Content-Security-Policy")).toBeLessThan(html.indexOf("<script"));
  });

  it("keeps no markup that a strict policy refuses", () => {
    const html = bundles[2]["index.html"].toString();
    expect(html).not.toMatch(/<style| style=| on[a-z]+=|<script(?![^>]* src=)/);
  });
});

describe("a build is refused", () => {
  it("for an unknown environment, in words", () => {
    const { status, stdout, stderr } = build("unknown", { CANVAS_ENVIRONMENT: "qa" });
    expect(status).not.toBe(0);
    expect(stdout + stderr).toMatch(
      /CANVAS_ENVIRONMENT is "qa", which is unknown\. Set it to local, staging, production/,
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
    ["no file", undefined, /\.env\.local cannot be read \(ENOENT\)/],
    ["no address", "FRONTEND_URL=http://localhost/\n", /\.env\.local has no API_URL\. Add/],
    ["an address without its last slash", "API_URL=http://localhost/api\n", /ends with "\/"/],
    ["an address that is none", "API_URL=localhost:10100/\n", /not an http/],
  ])("with %s", (name, text, message) => {
    const root = join(directory, name);
    mkdirSync(root);
    if (text !== undefined) writeFileSync(join(root, ".env.local"), text);
    expect(() => readEnvironments(root)).toThrow(message);
  });
});

describe("settings", () => {
  it("default to a local build of no release", () => {
    expect(readSettings({})).toEqual({ environment: "local", version: "dev", sha: "dev" });
  });
});

describe("_headers", () => {
  const text = headersFile(readEnvironments(join(frontend, "..")));
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

  it("keeps hashed files for ever and asks again for the others", () => {
    expect(text).toMatch(/\/assets\/\*\n {2}Cache-Control: public, max-age=31536000, immutable\n/);
    for (const path of ["/", "/index.html", "/config.js"])
      expect(text).toContain(`\n${path}\n  Cache-Control: no-cache\n`);
  });
});
