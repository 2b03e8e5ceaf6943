/**
 * `config.js`, the one file that differs between environments: a single statement on a single line,
 * so that deploy tools can read and rewrite its JSON without a JavaScript parser.
 */
export const CONFIG_PREFIX = "globalThis.CODECANVAS_CONFIG = ";

/**
 * @param {{environment: string, version: string, sha: string}} settings
 * @param {Record<string, {url: string, role: string}>} environments
 */
export function configScript({ environment, version, sha }, environments) {
  return `${CONFIG_PREFIX}${JSON.stringify({ environment, version, sha, environments })};\n`;
}
