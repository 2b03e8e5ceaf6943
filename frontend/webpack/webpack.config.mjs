/** The same build with webpack itself, from the same configuration; its packages are apart, for it is only tested. */
import { fileURLToPath } from "node:url";
import HtmlWebpackPlugin from "html-webpack-plugin";
import { SubresourceIntegrityPlugin } from "webpack-subresource-integrity";
import { configuration } from "../build/configuration.mjs";

const own = configuration({
  typescript: {
    loader: fileURLToPath(import.meta.resolve("swc-loader")),
    options: { jsc: { parser: { syntax: "typescript" }, target: "es2022" } },
  },
  html: (options) => new HtmlWebpackPlugin(options),
  integrity: (options) => new SubresourceIntegrityPlugin(options),
});

// What Rspack does by itself.
export default { ...own, experiments: { css: true } };
