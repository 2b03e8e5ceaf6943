"""TypeScript: esbuild takes the types away and joins the files that are imported; Node.js runs the result.

Checking types takes a hundred times as long, so it is an option. What is imported from Node.js is typed as well.
"""

from backend.runner.languages.language import OPTIONS, Language
from backend.runner.languages.nodejs import TESTS, WARM, WARM_SOURCE
from backend.runner.languages.testing import Report, Testing

_PROGRAM = "/program/main.mjs"

# A module, so that it may await at its top; with the `require` that people expect all the same.
_REQUIRE = 'import { createRequire as $make } from "node:module"; const require = $make("/work/main.ts");'

# What files that are no modules find; esbuild leaves out what a program does not use or declares itself.
_FOUND = "/program/.found.mjs"
_FINDS = """\
const filename = "/work/main.ts", own = { exports: {}, id: ".", filename, path: "/work", paths: [], children: [] };
export { filename as __filename, own as module };
export const __dirname = "/work";
"""

_COMPILE = f"""\
target=es2022
for option in "$@"; do
    case $option in
    --target=*) target=${{option#--target=}} ;;
    --check) check=yes ;;
    esac
done
if [ "$check" ]; then
    tsc --noEmit --strict --target "$target" --lib "$target" --module es2022 --moduleResolution node \\
        --esModuleInterop --resolveJsonModule --skipLibCheck \\
        --typeRoots /usr/share/nodejs/@types --types node main.ts || exit
fi
cat > {_FOUND} <<'END'
{_FINDS}END
# `require.main === module` tells the first file from those that are imported, which are one file here: it is true
# unless another one asks as well.
if ! grep -rqs --include='*.[jt]s' --include='*.[cm][jt]s' --exclude=main.ts 'require\\.main' .; then
    set -- --define:require.main=module
else
    set --
fi
esbuild main.ts --bundle --platform=node --packages=external --format=esm --target="$target" \\
    --sourcemap=inline --sources-content=false --log-level=warning --outfile={_PROGRAM} \\
    '--banner:js={_REQUIRE}' \\
    --inject:{_FOUND} "$@"
status=$?
rm -f {_FOUND}
exit $status
"""

LANGUAGE = Language(
    name="typescript",
    title="TypeScript",
    aliases=("ts",),
    packages=("esbuild", "node-typescript", "nodejs"),
    core=True,
    version=("esbuild", "--version"),
    source="main.ts",
    compile=("sh", "-c", _COMPILE, "sh", OPTIONS),
    run=("node", "--enable-source-maps", _PROGRAM),
    warm=("env", "-C", "/", "node", "--enable-source-maps", "-r", WARM, _PROGRAM),
    warm_files={WARM: WARM_SOURCE},
    options={
        "--check": "errors of types are compile errors (takes a second or two)",
        "--target=es(2015|2016|2017|2018|2019|2020|2021|2022)": "the language that it becomes (otherwise es2022)",
    },
    testing=Testing(
        compile=("sh", "-c", _COMPILE, "sh", OPTIONS),
        run=("sh", "-c", TESTS, "sh", "--enable-source-maps", _PROGRAM),
        report=Report.JUNIT,
    ),
    hello='const greeting: string = "Hello, world!";\nconsole.log(greeting);\n',
    sample="""\
type Shape =
  | { kind: "circle"; radius: number }
  | { kind: "rectangle"; width: number; height: number };

function area(shape: Shape): number {
  switch (shape.kind) {
    case "circle":
      return Math.PI * shape.radius ** 2;
    case "rectangle":
      return shape.width * shape.height;
  }
}

enum Color { Red = "red", Green = "green" }

class Stack<T> {
  private items: T[] = [];
  push(...items: T[]): this {
    this.items.push(...items);
    return this;
  }
  *[Symbol.iterator](): Generator<T> {
    for (let i = this.items.length; i > 0; i--) yield this.items[i - 1]!;
  }
}

const shapes: Shape[] = [{ kind: "circle", radius: 1 }, { kind: "rectangle", width: 2, height: 3.5 }];
for (const shape of shapes) console.log(`${shape.kind}: ${area(shape).toFixed(2)}`);
console.log([...new Stack<Color>().push(Color.Red, Color.Green)]);
console.log(await Promise.all([1, 2, 3].map(async (n) => n * n)));
""",
    sample_output="circle: 3.14\nrectangle: 7.00\n[ 'green', 'red' ]\n[ 1, 4, 9 ]\n",
)
