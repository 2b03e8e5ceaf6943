/**
 * Lighthouse on a built page: `npm run lighthouse -- DIRECTORY`, with CHROME_PATH naming a Chromium. Prints the
 * categories' scores and exits 1 when one is below 0.95.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serving } from "./serve.mjs";

const LOWEST = 0.95;

async function measure(address) {
  const scratch = mkdtempSync(join(tmpdir(), "lighthouse-"));
  const path = join(scratch, "report.json");
  const flags = "--chrome-flags=--headless --no-sandbox --disable-gpu";
  const code = await new Promise((done) => {
    const command = ["lighthouse", address, "--quiet", "--output=json", `--output-path=${path}`, flags];
    spawn("npx", command, { stdio: ["ignore", "ignore", "inherit"] }).on("close", done);
  });
  if (code !== 0) throw new Error(`lighthouse failed with exit code ${code}`);
  const report = JSON.parse(readFileSync(path, "utf8"));
  rmSync(scratch, { recursive: true });
  return report;
}

await serving(async (address) => {
  const { categories, audits } = await measure(address);
  for (const { id, score } of Object.values(categories)) console.log(`${id} ${score}`);
  for (const name of ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time"]) {
    console.log(`${name} ${audits[name].displayValue}`);
  }
  process.exitCode = Object.values(categories).every(({ score }) => score >= LOWEST) ? 0 : 1;
});
