/**
 * `_headers`, in the format of Cloudflare Pages. The same file serves every environment,
 * so it permits connections to all of their services and to loopback, where rehearsals run.
 *
 * Style elements are refused: the editor lives in a shadow root, where CodeMirror adopts constructed style sheets
 * instead of writing such elements. Style attributes are permitted, because Chromium itself writes one
 * for a moment when a person types over coloured text in an editable element.
 */
import { BuildError } from "./environments.mjs";

const LOOPBACK = ["http://localhost:*", "http://*.localhost:*", "http://127.0.0.1:*"];
const webSocket = (address) => address.replace(/^http/, "ws");

/** The one Trusted Types policy, under which the bundler's runtime names the scripts that it loads. */
export const TRUSTED_TYPES = "codecanvas";

/**
 * What the page may load and reach. It stands in index.html too, so that it holds on hosts that read no `_headers`.
 *
 * @param {Record<string, {url: string}>} environments
 */
export function contentSecurityPolicy(environments) {
  const services = Object.values(environments)
    .map(({ url }) => new URL(url).origin)
    .filter((origin) => origin.startsWith("https:"));
  const reachable = [...new Set(services.sort()), ...LOOPBACK];
  const directives = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "style-src-attr": ["'unsafe-inline'"],
    "img-src": ["'self'", "blob:"], // pictures that programs wrote
    "connect-src": ["'self'", ...reachable, ...reachable.map(webSocket)],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
    "require-trusted-types-for": ["'script'"],
    "trusted-types": [TRUSTED_TYPES],
  };
  return Object.entries(directives)
    .map(([name, sources]) => `${name} ${sources.join(" ")}`)
    .join("; ");
}

/** As many rules as the host reads of `_headers`; it ignores what comes after them. */
const MAX_RULES = 100;

/**
 * Files whose names hold a hash of their content are kept for ever. They are named one by one: the host gives the
 * headers of a path to its 404 too, and a browser that asked for a file a moment before it was there, or after it was
 * gone, would keep that answer for ever.
 *
 * @param {Record<string, {url: string}>} environments
 * @param {readonly string[]} hashed paths without a slash at the beginning
 * @throws {BuildError} when they are more than the host reads
 */
export function headersFile(environments, hashed) {
  const everywhere = {
    // Any page may embed the canvas: it knows no account and no cookie that a frame around it could misuse.
    // Browsers take frame-ancestors from a header only.
    "Content-Security-Policy": `${contentSecurityPolicy(environments)}; frame-ancestors *`,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
  };
  const fresh = { "Cache-Control": "no-cache" };
  const kept = { "Cache-Control": "public, max-age=31536000, immutable" };
  const sections = [
    section("/*", everywhere),
    ...["/", "/index.html", "/config.js"].map((path) => section(path, fresh)),
    ...[...hashed].sort().map((path) => section(`/${path}`, kept)),
  ];
  if (sections.length > MAX_RULES) {
    throw new BuildError(
      `_headers has ${sections.length} rules and the host reads ${MAX_RULES}. Merge chunks of the page: files of one ` +
        "webpackChunkName are one chunk.",
    );
  }
  return sections.join("\n");
}

function section(path, headers) {
  return [path, ...Object.entries(headers).map(([name, value]) => `  ${name}: ${value}`), ""].join("\n");
}
