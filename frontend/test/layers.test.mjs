import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const frontend = join(dirname(fileURLToPath(import.meta.url)), "..");
/** From the lowest: a folder imports those before it. Folders of one row know nothing of each other. */
const LAYERS = [["dom", "service"], ["languages"], ["program"], ["editor"], ["files"], ["run"], ["canvas"]];
const folders = LAYERS.flat();
const WAYS = {
  value: (from) => `import { a } from "${from}";\nexport const b = a;\n`,
  type: (from) => `import type { A } from "${from}";\nexport type B = A;\n`,
  "part that loads later": (from) => `export const load = () => import("${from}");\n`,
};

let place;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "canvas-layers-"));
  copyFileSync(join(frontend, "biome.json"), join(place, "biome.json"));
});
afterEach(() => rmSync(place, { recursive: true }));

function write(name, source) {
  mkdirSync(dirname(join(place, name)), { recursive: true });
  writeFileSync(join(place, name), source);
}

/** Files of `place` in which the page's own linter finds `rule` broken. */
function broken(rule) {
  const biome = join(frontend, "node_modules", ".bin", "biome");
  const options = ["lint", "--reporter=json", "--max-diagnostics=none", `--only=${rule}`, "."];
  const done = spawnSync(biome, options, { cwd: place, encoding: "utf8", maxBuffer: 2 ** 26 });
  const paths = JSON.parse(done.stdout).diagnostics.map(({ location }) => location.path.file ?? location.path);
  return [...new Set(paths)].sort();
}

describe("the page's folders", () => {
  it("are all in a layer", () => {
    const found = readdirSync(join(frontend, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(found.map(({ name }) => name).sort()).toEqual([...folders].sort());
  });

  it.each(Object.keys(WAYS))("import a %s from below, and from nothing above or beside", (way) => {
    const refused = [];
    for (const [row, names] of LAYERS.entries()) {
      for (const folder of names) {
        const below = LAYERS.slice(0, row).flat();
        for (const other of [...folders, "main"].filter((name) => name !== folder)) {
          const file = `src/${folder}/to-${other}.ts`;
          write(file, WAYS[way](other === "main" ? "../main" : `../${other}/made-up`));
          if (!below.includes(other)) refused.push(file);
        }
      }
    }
    expect(broken("style/noRestrictedImports")).toEqual(refused.sort());
  });
});

describe("files that import each other", () => {
  it.each(Object.keys(WAYS))("are found where one imports a %s", (way) => {
    write("src/run/one.ts", `${WAYS.value("./two")}export const a = 1;\nexport type A = number;\n`);
    write("src/run/two.ts", `${WAYS.type("./three")}export const a = 1;\n`);
    write("src/run/three.ts", `${WAYS[way]("./one")}export type A = number;\n`);
    expect(broken("suspicious/noImportCycles").length).toBeGreaterThan(0);
  });
});
