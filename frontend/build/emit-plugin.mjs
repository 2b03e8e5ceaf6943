/** Emits files whose content is known, or follows from the names of all others. Works in Rspack and in webpack. */
export class EmitPlugin {
  /** @param {Record<string, string | ((names: string[]) => string)>} files name to content */
  constructor(files) {
    this.files = files;
  }

  apply(compiler) {
    const { sources, Compilation } = compiler.webpack;
    compiler.hooks.thisCompilation.tap("EmitPlugin", (compilation) => {
      compilation.hooks.processAssets.tap(
        { name: "EmitPlugin", stage: Compilation.PROCESS_ASSETS_STAGE_REPORT },
        (assets) => {
          const names = Object.keys(assets);
          for (const [name, content] of Object.entries(this.files)) {
            const text = typeof content === "string" ? content : content(names);
            compilation.emitAsset(name, new sources.RawSource(text));
          }
        },
      );
    });
  }
}
