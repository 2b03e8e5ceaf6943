"""JavaScript, with Node.js."""

from pathlib import Path

from backend.runner.languages.language import OPTIONS, Language
from backend.runner.languages.testing import REPORT, Report, Testing

WARM = "/opt/warm/node.js"
WARM_SOURCE = Path(__file__).with_name("warm").joinpath("node.js").read_text(encoding="utf-8")

# The program's own file is one of the tests; those beside it are known by their names, as Node.js knows them.
TESTS = f"""\
mkdir -p {REPORT}
find . -name node_modules -prune -o '(' -name '*.test.*js' -o -name 'test-*.*js' -o -path './test/*.*js' ')' -print0 |
    sort -z | xargs -0 node --test --test-reporter=spec --test-reporter-destination=stdout \\
    --test-reporter=junit --test-reporter-destination={REPORT}/report.xml "$@"
"""

LANGUAGE = Language(
    name="nodejs",
    title="JavaScript",
    aliases=("javascript", "js", "node"),
    packages=("nodejs",),
    core=True,
    version=("node", "--version"),
    source="main.js",
    run=("node", OPTIONS, "main.js"),
    options={
        "--expose-gc": "gc() collects garbage",
        "--stack-size=([1-9][0-9]{2,3}|[1-5][0-9]{4})": "size of the stack, in KiB",
        "--max-old-space-size=[1-9][0-9]{1,3}": "size of the heap, in MiB",
        "--(no-warnings|trace-warnings|trace-uncaught|throw-deprecation|enable-source-maps)": "what is reported",
        "--unhandled-rejections=(strict|warn|none|throw|warn-with-error-code)": "what a lost rejection does",
    },
    warm=("env", "-C", "/", "node", "-r", WARM, "/work/main.js"),
    warm_files={WARM: WARM_SOURCE},
    testing=Testing(run=("sh", "-c", TESTS, "sh", OPTIONS, "main.js"), report=Report.JUNIT),
    hello='console.log("Hello, world!");\n',
    sample="""\
class Account {
  #balance = 0;

  deposit(amount) {
    if (amount <= 0) throw new RangeError("an amount must be positive");
    this.#balance += amount;
    return this;
  }

  get balance() {
    return this.#balance;
  }
}

const later = (value) => new Promise((resolve) => setTimeout(resolve, 1, value));

async function main() {
  const account = new Account().deposit(30).deposit(12);
  console.log(`balance: ${await later(account.balance)}`);

  const { even = [], odd = [] } = [1, 2, 3, 4, 5].reduce((groups, n) => {
    (groups[n % 2 ? "odd" : "even"] ??= []).push(n);
    return groups;
  }, {});
  console.log({ even, odd });
}

main();
""",
    sample_output="balance: 42\n{ even: [ 2, 4 ], odd: [ 1, 3, 5 ] }\n",
)
