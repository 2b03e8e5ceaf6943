// A Node.js that has started, and waits for what to run: `env -C / node -r /opt/warm/node.js /work/main.js`.
// It starts outside of /work: Node.js looks for the package.json of where it starts, and remembers what it found.
//
// Preloaded, it loads what programs mostly need, then blocks until a line of JSON {"argv": [...], "env": {...}} comes
// from descriptor 3: the program's arguments and its whole environment. It closes the descriptor and returns, and Node.js
// goes on to the program as if it had just started, for it has not looked at that file yet. A descriptor that ends
// without a line ends the process.
//
// What a program can notice: process.uptime() and performance.now() count from the start of the process, more of Node's
// own modules are loaded, and NODE_* variables have been read before "env" came.
"use strict";

const { isMainThread } = require("node:worker_threads");

if (isMainThread) prepare(); // a worker of the program preloads this file too
hide();

function prepare() {
  const fs = require("node:fs");
  // Not node:assert: it opens the standard streams, and programs see that.
  for (const name of ["net", "tty", "stream", "events", "util", "path", "os", "readline", "timers", "crypto"]) {
    require(`node:${name}`);
  }
  // What was called once is compiled. No more of printing than this: a stream would leave something in the event loop.
  const { format } = require("node:util");
  format("%s %d", "x", 1, { a: [1, "b"] });
  const { argv, env } = JSON.parse(line(fs));
  fs.closeSync(3);

  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.argv.splice(2, Infinity, ...argv);
  process.chdir("/work");
}

function line(fs) {
  const chunks = [];
  const buffer = Buffer.alloc(65536);
  while (!chunks.length || chunks.at(-1).at(-1) !== 10) {
    const count = fs.readSync(3, buffer);
    if (count === 0) process.exit(0);
    chunks.push(Buffer.from(buffer.subarray(0, count)));
  }
  return Buffer.concat(chunks).toString();
}

function hide() {
  const place = process.execArgv.indexOf("-r");
  process.execArgv.splice(place, 2);
  if (process._preload_modules) process._preload_modules.length = 0;
  delete require.cache[__filename];
  const paths = require("node:module")._pathCache;
  for (const key of Object.keys(paths)) if (paths[key] === __filename) delete paths[key];
}
