"""JavaScript, with Node.js."""

from backend.runner.languages.language import Language

LANGUAGE = Language(
    name="nodejs",
    version=("node", "--version"),
    source="main.js",
    run=("node", "main.js"),
    hello='console.log("Hello, world!");\n',
)
