/**
 * Lighthouse on a built page, served as its host serves it (Brotli, _headers): `npm run measure -- DIRECTORY`, with
 * CHROME_PATH naming a Chromium. Prints the categories' scores and exits 1 when one is below 0.95. The page's service
 * is answered from here: a list of languages and a version, at once, as one nearby would.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize, resolve } from "node:path";
import { brotliCompressSync } from "node:zlib";

const LOWEST = 0.95;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const ANSWERS = {
  "/api/v1/languages": { languages: ["c", "python3"], details: {} },
  "/version": { environment: "local", version: "dev", sha: "dev", image: null },
};

function serve(directory) {
  const policy = /Content-Security-Policy: (.*)/.exec(readFileSync(join(directory, "_headers"), "utf8"))?.[1] ?? "";
  return createServer((request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    const file = join(directory, normalize(path === "/" ? "/index.html" : path));
    if (ANSWERS[path]) return send(response, "application/json", JSON.stringify(ANSWERS[path]), policy);
    if (!file.startsWith(directory) || !existsSync(file)) return response.writeHead(404).end();
    const text = path === "/config.js" ? local(file, request.headers.host) : readFileSync(file);
    send(response, TYPES[extname(file)] ?? "text/plain", text, policy, path.startsWith("/assets/"));
  });
}

const local = (file, host) => readFileSync(file, "utf8").replaceAll(/http:\/\/localhost:\d+\//g, `http://${host}/`);

function send(response, type, text, policy, kept = false) {
  response.writeHead(200, {
    "Content-Type": `${type}; charset=utf-8`,
    "Content-Encoding": "br",
    "Cache-Control": kept ? "public, max-age=31536000, immutable" : "no-cache",
    "Content-Security-Policy": policy,
  });
  response.end(brotliCompressSync(text));
}

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

const server = serve(resolve(process.argv[2] ?? "../dist/local"));
server.listen(0, "127.0.0.1", async () => {
  const { categories, audits } = await measure(`http://localhost:${server.address().port}/`);
  for (const { id, score } of Object.values(categories)) console.log(`${id} ${score}`);
  for (const name of ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time"]) {
    console.log(`${name} ${audits[name].displayValue}`);
  }
  server.close();
  process.exitCode = Object.values(categories).every(({ score }) => score >= LOWEST) ? 0 : 1;
});
