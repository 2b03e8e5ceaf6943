/**
 * Serves a built page as its host does (Brotli, _headers). The page's service is answered from here: a list of languages
 * and a version, at once, as one nearby would.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, resolve } from "node:path";
import { brotliCompressSync } from "node:zlib";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const ANSWERS = {
  "/api/v1/languages": { languages: ["c", "python3"], details: {} },
  "/version": { environment: "local", version: "dev", sha: "dev", image: null },
};

/** Serves the page that the command line names on loopback while `use` works with its address. */
export async function serving(use) {
  const directory = resolve(process.argv[2] ?? "../dist/local");
  const assets = join(directory, "assets");
  for (const name of readdirSync(assets)) compress(readFileSync(join(assets, name)));
  const server = serve(directory);
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  try {
    await use(`http://localhost:${server.address().port}/`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

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

/** What was compressed, once, as a host does it: the best compression takes a second. */
const compressed = new Map();

function compress(text) {
  const key = text.toString("latin1");
  if (!compressed.has(key)) compressed.set(key, brotliCompressSync(text));
  return compressed.get(key);
}

function send(response, type, text, policy, kept = false) {
  response.writeHead(200, {
    "Content-Type": `${type}; charset=utf-8`,
    "Content-Encoding": "br",
    "Cache-Control": kept ? "public, max-age=31536000, immutable" : "no-cache",
    "Content-Security-Policy": policy,
  });
  response.end(compress(text));
}
