/** That webpack builds what Rspack builds. Slow, and so not among the unit tests: `npm ci && npm test` in this directory. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { brotliCompressSync } from "node:zlib";

const here = import.meta.dirname;
const scratch = mkdtempSync(join(tmpdir(), "canvas-webpack-"));
const out = (bundler) => join(scratch, bundler);

before(() => {
  build("rspack", join(here, ".."));
  build("webpack", here);
});
after(() => rmSync(scratch, { recursive: true }));

function build(bundler, cwd) {
  const env = { ...process.env, CANVAS_OUT: out(bundler) };
  const { status, stdout, stderr } = spawnSync("npm", ["run", "build"], { cwd, env, encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
}

/** Names without hashes; webpack alone puts licences into files of their own. */
function names(bundler) {
  const all = readdirSync(out(bundler), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return [...new Set(all.map(({ name }) => name.replace(/\.[0-9a-f]{10}\./, ".")))]
    .filter((name) => !name.endsWith(".LICENSE.txt"))
    .sort();
}

test("the same files come of both", () => assert.deepEqual(names("webpack"), names("rspack")));

test("what webpack's page states of its scripts is true", () => {
  const html = readFileSync(join(out("webpack"), "index.html"), "utf8");
  const tags = [...html.matchAll(/<(?:script|link)[^>]*\/assets\/[^>]*>/g)].map(([tag]) => tag);
  assert.equal(tags.length, 3);
  for (const tag of tags) {
    const [, path] = /"?\/(assets\/[^"\s>]+)/.exec(tag);
    const digest = createHash("sha256")
      .update(readFileSync(join(out("webpack"), path)))
      .digest("base64");
    assert.ok(tag.includes(`integrity="sha256-${digest}"`), tag);
  }
});

test("webpack's first load is small as well", () => {
  const assets = join(out("webpack"), "assets");
  const first = readdirSync(assets).filter((name) => /^(main|runtime|mode-python)\./.test(name));
  assert.equal(first.length, 4);
  const size = first.reduce((sum, name) => sum + brotliCompressSync(readFileSync(join(assets, name))).length, 0);
  assert.ok(size < 100_000, `${size} bytes`);
});
