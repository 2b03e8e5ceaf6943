/**
 * The build's configuration, for Rspack and webpack alike: `tools` are the parts of which each has its own. Settings
 * come from the process environment:
 *
 *   CANVAS_ENVIRONMENT  the <name> of an .env.<name>; "local" when unset
 *   CANVAS_ROOT         directory that holds these files; the repository's root when unset
 *   CANVAS_VERSION      what the footer shows; "dev" when unset
 *   CANVAS_SHA          the commit; "dev" when unset
 *   CANVAS_OUT          where to write; frontend/dist/<environment> when unset
 *   CANVAS_MAPS         where source maps are kept, which are not published; `<CANVAS_OUT>.maps` when unset
 *
 * Environment, version and sha reach config.js and nothing else: every other file is the same, byte for byte,
 * whatever they are, so the files that one environment proved are the files that the next one serves.
 */
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { configScript } from "./config-script.mjs";
import { EmitPlugin } from "./emit-plugin.mjs";
import { readEnvironments, readSettings } from "./environments.mjs";
import { contentSecurityPolicy, headersFile, TRUSTED_TYPES } from "./headers.mjs";
import { MapsPlugin } from "./maps-plugin.mjs";
import { safeOutput } from "./output.mjs";

/** Whether a file's name holds the hash of its content. Source maps are not published. */
const isHashed = (name) => /^assets\/[^/]+\.[0-9a-f]{10}\.(js|css)$/.test(name);
const frontend = join(dirname(fileURLToPath(import.meta.url)), "..");
const source = (name) => join(frontend, "src", name);

/**
 * @param {{typescript: object, html: (options: object) => object, integrity: (options: object) => object}} tools
 *   loader of TypeScript, and makers of the plugins that write index.html and its integrity attributes
 */
export function configuration(tools) {
  const environments = readEnvironments(resolve(process.env.CANVAS_ROOT || join(frontend, "..")));
  const settings = readSettings(process.env, Object.keys(environments));
  const output = safeOutput(resolve(process.env.CANVAS_OUT || join(frontend, "dist", settings.environment)));
  const maps = resolve(process.env.CANVAS_MAPS || `${output}.maps`);
  return {
    mode: "production",
    context: frontend,
    entry: { main: source("main.ts") },
    target: ["web", "es2022"],
    devtool: "hidden-source-map",
    output: {
      path: output,
      publicPath: "/",
      filename: "assets/[name].[contenthash:10].js",
      cssFilename: "assets/[name].[contenthash:10].css",
      chunkFilename: "assets/[name].[contenthash:10].js",
      uniqueName: "codecanvas",
      crossOriginLoading: "anonymous",
      trustedTypes: TRUSTED_TYPES,
      clean: true,
    },
    resolve: {
      extensions: [".ts", ".js"],
      // Emacs keys offer completions, which this editor has none of; what they need would be loaded by everybody.
      alias: { "@codemirror/autocomplete": source("editor/no-completions.ts") },
    },
    module: { rules: rules(tools.typescript) },
    optimization: {
      moduleIds: "deterministic",
      chunkIds: "named",
      // A chunk's name and hash are in what everybody loads first: one a feature.
      splitChunks: false,
      runtimeChunk: "single",
      realContentHash: true,
    },
    plugins: [
      tools.html({
        template: source("index.html"),
        templateParameters: { policy: contentSecurityPolicy(environments) },
        inject: "head",
        scriptLoading: "defer",
      }),
      tools.integrity({ hashFuncNames: ["sha256"], enabled: true }),
      new EmitPlugin({
        "config.js": configScript(settings, environments),
        "favicon.svg": readFileSync(source("favicon.svg"), "utf8"),
        "404.html": readFileSync(source("404.html"), "utf8"),
        _headers: (names) => headersFile(environments, names.filter(isHashed)),
      }),
      new MapsPlugin(maps),
    ],
    performance: false,
  };
}

function rules(typescript) {
  return [
    { test: /\.ts$/, resourceQuery: { not: [/raw/] }, ...typescript },
    { test: /\.css$/, resourceQuery: { not: [/raw/] }, type: "css" },
    { resourceQuery: /raw/, type: "asset/source" },
    {
      test: /codemirror-emacs[\\/]dist[\\/]index\.js$/,
      loader: join(frontend, "build", "impure-loader.mjs"),
    },
    {
      test: /codemirror-vim[\\/]dist[\\/]index\.js$/,
      resolve: { alias: { "@codemirror/language$": source("editor/vim-language.ts") } },
    },
  ];
}
