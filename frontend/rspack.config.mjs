/** The build with Rspack, which the project uses: see `build/configuration.mjs`. */
import { HtmlRspackPlugin, SubresourceIntegrityPlugin } from "@rspack/core";
import { configuration } from "./build/configuration.mjs";

export default configuration({
  typescript: {
    loader: "builtin:swc-loader",
    options: { jsc: { parser: { syntax: "typescript" }, target: "es2022" } },
  },
  html: (options) => new HtmlRspackPlugin(options),
  integrity: (options) => new SubresourceIntegrityPlugin(options),
});
