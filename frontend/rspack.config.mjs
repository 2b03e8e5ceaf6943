/**
 * The build of the canvas. Settings come from the process environment:
 *
 *   CANVAS_ENVIRONMENT  local (default), staging or production
 *   CANVAS_VERSION      what the footer shows; "dev" when unset
 *   CANVAS_SHA          the commit; "dev" when unset
 *   CANVAS_OUT          where to write; frontend/dist/<environment> when unset
 *
 * Environment, version and sha reach config.js and nothing else: every other file is the same, byte for byte,
 * whatever they are, so the files that staging proved are the files that production serves.
 */
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { HtmlRspackPlugin, SubresourceIntegrityPlugin } from "@rspack/core";
import { configScript } from "./build/config-script.mjs";
import { EmitPlugin } from "./build/emit-plugin.mjs";
import { readEnvironments, readSettings } from "./build/environments.mjs";
import { contentSecurityPolicy, headersFile } from "./build/headers.mjs";
import { safeOutput } from "./build/output.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const source = (name) => join(here, "src", name);

const settings = readSettings(process.env);
const environments = readEnvironments(join(here, ".."));
const output = safeOutput(resolve(process.env.CANVAS_OUT || join(here, "dist", settings.environment)));

export default {
  mode: "production",
  context: here,
  entry: { main: source("main.ts") },
  target: ["web", "es2022"],
  devtool: false,
  output: {
    path: output,
    publicPath: "/",
    filename: "assets/[name].[contenthash:16].js",
    cssFilename: "assets/[name].[contenthash:16].css",
    chunkFilename: "assets/[name].[contenthash:16].js",
    uniqueName: "codecanvas",
    crossOriginLoading: "anonymous",
    clean: true,
  },
  resolve: { extensions: [".ts", ".js"] },
  module: {
    rules: [
      {
        test: /\.ts$/,
        loader: "builtin:swc-loader",
        options: { jsc: { parser: { syntax: "typescript" }, target: "es2022" } },
      },
      { test: /\.css$/, type: "css" },
      { resourceQuery: /raw/, type: "asset/source" },
    ],
  },
  optimization: {
    moduleIds: "deterministic",
    chunkIds: "named",
    runtimeChunk: "single",
    realContentHash: true,
  },
  plugins: [
    new HtmlRspackPlugin({
      template: source("index.html"),
      templateParameters: { policy: contentSecurityPolicy(environments) },
      inject: "head",
      scriptLoading: "defer",
    }),
    new SubresourceIntegrityPlugin({ hashFuncNames: ["sha384"], enabled: true }),
    new EmitPlugin({
      "config.js": configScript(settings, environments),
      "favicon.svg": readFileSync(source("favicon.svg"), "utf8"),
      "404.html": readFileSync(source("404.html"), "utf8"),
      _headers: headersFile(environments),
    }),
  ],
  performance: false,
};
