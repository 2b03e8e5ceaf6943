import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { zip } from "../src/program/archive";

describe("zip", () => {
  it("makes archives that others can read", () => {
    const directory = mkdtempSync(join(tmpdir(), "canvas-zip-"));
    try {
      const path = join(directory, "a.zip");
      writeFileSync(
        path,
        zip([
          { name: "main.c", text: "int x; // ✓" },
          { name: "sub/é.h", text: "" },
        ]),
      );
      execFileSync("python3", ["-m", "zipfile", "-e", path, directory]);
      expect(readFileSync(join(directory, "main.c"), "utf8")).toBe("int x; // ✓");
      expect(readFileSync(join(directory, "sub/é.h"), "utf8")).toBe("");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
