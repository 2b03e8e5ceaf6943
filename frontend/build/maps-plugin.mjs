import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

/** Takes source maps out of what is published and keeps them in `directory`. Works in Rspack and in webpack. */
export class MapsPlugin {
  /** @param {string} directory emptied of an earlier build's maps */
  constructor(directory) {
    this.directory = directory;
  }

  apply(compiler) {
    const { Compilation } = compiler.webpack;
    compiler.hooks.thisCompilation.tap("MapsPlugin", (compilation) => {
      // After hashes have become those of the content, which rename the maps too.
      const stage = Compilation.PROCESS_ASSETS_STAGE_REPORT;
      compilation.hooks.processAssets.tap({ name: "MapsPlugin", stage }, (assets) => this.keep(compilation, assets));
    });
  }

  keep(compilation, assets) {
    const maps = Object.keys(assets).filter((name) => name.endsWith(".map"));
    if (maps.length === 0) return;
    rmSync(this.directory, { recursive: true, force: true });
    mkdirSync(this.directory, { recursive: true });
    for (const name of maps) {
      writeFileSync(join(this.directory, basename(name)), assets[name].source());
      compilation.deleteAsset(name);
    }
  }
}
