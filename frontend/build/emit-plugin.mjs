/** Emits files whose content is already known. Works in Rspack and in webpack. */
export class EmitPlugin {
  /** @param {Record<string, string>} files name to content */
  constructor(files) {
    this.files = files;
  }

  apply(compiler) {
    const { sources, Compilation } = compiler.webpack;
    compiler.hooks.thisCompilation.tap("EmitPlugin", (compilation) => {
      compilation.hooks.processAssets.tap(
        { name: "EmitPlugin", stage: Compilation.PROCESS_ASSETS_STAGE_REPORT },
        () => {
          for (const [name, content] of Object.entries(this.files)) {
            compilation.emitAsset(name, new sources.RawSource(content));
          }
        },
      );
    });
  }
}
