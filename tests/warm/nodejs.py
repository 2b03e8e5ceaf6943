"""Programs in JavaScript: packages of their own, how they end, and what they can see of the process."""

# ruff: noqa: E501 - programs, a line each

from tests.warm.pair import Program

_PACKAGES = {
    "none": None,
    "module": '{"type": "module"}',
    "commonjs": '{"type": "commonjs"}',
    "odd type": '{"type": "other"}',
    "type a number": '{"type": 5}',
    "imports": '{"imports": {"#x": "./x.js", "#y/*": "./lib/*.js", "#z": {"import": "./x.mjs", "require": "./x.js"}}}',
    "module with imports": '{"type": "module", "imports": {"#x": "./x.mjs", "#z": "./lib/x.mjs"}}',
    "named": '{"name": "own", "exports": {".": "./x.js", "./lib": "./lib/x.js"}}',
    "main": '{"name": "own", "main": "./lib/x.js"}',
    "malformed": '{"type": "module"',
    "not an object": "[]",
    "a word": "module",
    "empty": "",
    "marked": '\ufeff{"type": "module"}',
}
_FORMS = {
    "requires": "const x = require('./x.js'); console.log(x, typeof require, this === module.exports);",
    "imports": "import x from './x.mjs';\nconsole.log(x, typeof require, this, import.meta.url);",
    "awaits": "console.log((await import('./x.mjs')).default);",
    "dynamic": "import('./x.mjs').then((m) => console.log(m.default, typeof require), (e) => console.log(e.code));",
    "requires #x": "console.log(require('#x'), require('#z'));",
    "imports #x": "import x from '#x';\nconsole.log(x);",
    "dynamic #z": "import('#z').then((m) => console.log(m.default), (e) => console.log(e.code, e.message));",
    "requires itself": "console.log(require('own'));",
    "imports itself": "import('own').then((m) => console.log(m.default), (e) => console.log(e.code, e.message));",
    "fails": "function f() { null.x; }\nf();",
}
_FILES = {
    "x.js": "module.exports = 'x';\n", "x.mjs": "export default 'x.mjs';\n", "lib/x.js": "module.exports = 'lib/x';\n",
    "lib/x.mjs": "export default 'lib/x.mjs';\n",
}  # fmt: skip

_ENDS = {
    "exit 3": "process.exit(3);", "exit words": "process.exit('5');", "exit bad": "process.exit('x');",
    "exitCode": "process.exitCode = 7;", "exitCode bad": "process.exitCode = 'x';", "exit 256": "process.exit(256);",
    "exit -1": "process.exit(-1);", "abort": "process.abort();", "kill": "process.kill(process.pid, 'SIGTERM');",
    "throws": "throw new Error('thrown');", "throws a word": "throw 'word';", "throws null": "throw null;",
    "throws undefined": "throw undefined;", "throws an object": "throw {a: 1};", "throws with cause": "throw new Error('a', {cause: new TypeError('b')});",
    "throws an aggregate": "throw new AggregateError([new Error('a'), 1], 'all');",
    "throws with fields": "throw Object.assign(new Error('e'), {code: 'E', n: {m: 1}});",
    "throws late": "setTimeout(() => { throw new Error('late'); }, 5);", "throws at once": "setImmediate(() => { throw new RangeError('soon'); });",
    "throws in a tick": "process.nextTick(() => { throw new Error('tick'); });", "throws in a microtask": "queueMicrotask(() => { throw new Error('micro'); });",
    "throws in an event": "const e = new (require('events'))(); e.on('x', () => { throw new Error('ev'); }); e.emit('x');",
    "an error event": "new (require('events'))().emit('error', new Error('unheard'));",
    "rejects": "Promise.reject(new Error('lost'));", "rejects a word": "Promise.reject('word');", "rejects null": "Promise.reject(null);",
    "an async function fails": "async function f() { await 1; g(); }\nfunction g() { throw new Error('in g'); }\nf();",
    "rejected, handled late": "const p = Promise.reject(new Error('x')); setTimeout(() => p.catch(() => console.log('caught')), 5);",
    "recursion": "function f() { f(); }\nf();", "deep stack": "function f(n) { if (n) f(n - 1); else throw new Error('deep'); }\nf(50);",
    "syntax": "let x = ;", "syntax in a string": "eval('let y = ;');", "early error": "let a; let a;", "return at top": "console.log(1); return; console.log(2);",
    "reference": "undefinde();", "assertion": "require('assert').strictEqual(1, 2);", "assertion of objects": "require('node:assert').deepEqual({a: 1}, {a: 2});",
    "missing module": "require('./nothing');", "missing package": "require('express');", "bad json": "require('./bad.json');",
    "exit in exit": "process.on('exit', (c) => { console.log('exit', c); process.exit(9); });", "exit code in exit": "process.on('exit', () => { process.exitCode = 4; });",
    "beforeExit": "let n = 0; process.on('beforeExit', (c) => { console.log('before', c); if (n++ < 2) setImmediate(() => {}); });",
    "throws in exit": "process.on('exit', () => { throw new Error('at exit'); });", "throws in beforeExit": "process.on('beforeExit', () => { throw new Error('before'); });",
    "uncaught handled": "process.on('uncaughtException', (e, o) => console.log('caught', e.message, o)); setTimeout(() => console.log('goes on'), 5); throw new Error('x');",
    "uncaught monitored": "process.on('uncaughtExceptionMonitor', (e, o) => console.log('seen', e.message, o)); throw new Error('x');",
    "uncaught throws": "process.on('uncaughtException', () => { throw new Error('again'); }); throw new Error('x');",
    "rejection handled": "process.on('unhandledRejection', (r) => console.log('rejected', r)); Promise.reject(5);",
    "warning": "process.emitWarning('careful'); process.emitWarning('old', 'DeprecationWarning', 'DEP9');", "deprecated": "new Buffer(1);",
    "top await never": "new Promise(() => {}).then(() => console.log('never'));", "signal handler": "process.on('SIGUSR2', () => { console.log('got it'); clearInterval(i); }); const i = setInterval(() => {}, 1000); process.kill(process.pid, 'SIGUSR2');",
    "reallyExit": "process.reallyExit(6);", "exit after output": "process.stdout.write('x'.repeat(50000)); process.exit(1);",
    "throws after output": "process.stdout.write('y'.repeat(50000)); throw new Error('z');", "domain": "const d = require('domain').create(); d.on('error', (e) => console.log('domain', e.message)); d.run(() => { throw new Error('in'); });",
}  # fmt: skip

_SEEN = {
    "argv": "console.log(process.argv, process.argv0, process.title, process.execArgv, process.execPath);",
    "environment": "console.log(process.env, Object.keys(process.env), process.env.NODE_OPTIONS, require('fs').readFileSync('/proc/self/environ', 'utf8').split('\\0').slice(0, 2));",
    "environment set": "process.env.A = 1; process.env.B = undefined; delete process.env.HOME; console.log(process.env.A, process.env.B, process.env.HOME, 'A' in process.env);",
    "directory": "console.log(process.cwd(), __dirname, __filename, require('path').resolve('x'), require('fs').readdirSync('.').sort());",
    "directory changed": "process.chdir('/'); console.log(process.cwd(), require('path').resolve('x'));",
    "module": "console.log(module.id, module.filename, module.loaded, module.parent, module.children, module.paths, require.main === module);",
    "module itself": "console.log(Object.keys(module), module.constructor.name, typeof module.require, module.isPreloading);",
    "cache": "console.log(Object.keys(require.cache), Object.keys(require.extensions), Object.keys(require('module')._cache), Object.keys(require('module')._pathCache));",
    "resolve": "console.log(require.resolve.paths('x'), require.resolve('fs'), require('module').globalPaths, process.mainModule === module);",
    "globals": "console.log(Reflect.ownKeys(globalThis).map(String).sort().join());",
    "globals' values": "console.log(Object.keys(globalThis), typeof exports, typeof global, this === module.exports, globalThis === global);",
    "wrapper": "console.log(arguments.length, arguments.callee.toString().slice(0, 70));",
    "stack": "console.log(new Error('here').stack);", "stack from a function": "function f() { return new Error('f').stack; }\nconsole.log(f());",
    "stack from a timer": "setTimeout(() => console.log(new Error('t').stack), 1);", "trace": "console.trace('traced');",
    "call sites": "Error.prepareStackTrace = (e, s) => s.map((c) => [c.getFileName(), c.getFunctionName(), c.getLineNumber()].join(':'));\nconsole.log(new Error().stack);",
    "stack limit": "console.log(Error.stackTraceLimit, Error.prepareStackTrace); Error.stackTraceLimit = Infinity; console.log(new Error().stack);",
    "streams": "for (const s of [process.stdin, process.stdout, process.stderr]) console.log(s.fd, s.isTTY, s.constructor.name, s.readableFlowing, s.writableHighWaterMark, s.listenerCount('end'));",
    "stdin": "process.stdin.on('data', (d) => console.log(JSON.stringify(d.toString()))).on('end', () => console.log('end'));",
    "stdin at once": "console.log(JSON.stringify(require('fs').readFileSync(0, 'utf8')));", "lines": "require('readline').createInterface({input: process.stdin}).on('line', (l) => console.log('line', l)).on('close', () => console.log('closed'));",
    "questions": "const r = require('readline').createInterface({input: process.stdin, output: process.stdout}); r.question('? ', (a) => { console.log('got', a); r.close(); });",
    "stdin iterated": "(async () => { for await (const l of require('readline').createInterface({input: process.stdin})) console.log(l); })();",
    "both streams": "for (let i = 0; i < 5; i++) { console.log(i); console.error(i); }", "large": "console.log('x'.repeat(200000));",
    "many lines": "for (let i = 0; i < 20000; i++) console.log(i);", "write callbacks": "process.stdout.write('a', () => process.stdout.write('b\\n', () => console.log('c')));",
    "stdout ended": "process.stdout.end('last'); console.log('more');", "stdout destroyed": "process.stdout.destroy(); console.log('x'); console.error('y');",
    "descriptors": "console.log(require('fs').readdirSync('/proc/self/fd').filter((f) => f < 3));",
    "handles": "console.log(process._getActiveHandles().length, process._getActiveRequests().length, process.getActiveResourcesInfo());",
    "listeners": "console.log(process.eventNames(), process.listenerCount('exit'), process.getMaxListeners());", "process keys": "console.log(Object.getOwnPropertyNames(process).sort().join());",
    "features": "console.log(process.features, process.config.variables.napi_build_version, process.release.name, process.allowedNodeEnvironmentFlags.size);",
    "preload": "console.log(process._preload_modules, process._eval, process._print_eval, process.domain, process._exiting);",
    "limits": "console.log(require('v8').getHeapStatistics().heap_size_limit > 0, require('fs').readFileSync('/proc/self/limits', 'utf8').split('\\n').filter((l) => /files|processes|stack/.test(l)).join('|'));",
    "umask": "console.log(process.umask(), process.getuid(), process.ppid, process.geteuid(), process.getgroups());", "versions": "console.log(process.version, Object.keys(process.versions).join());",
    "os": "const os = require('os'); console.log(os.homedir(), os.tmpdir(), os.hostname(), os.userInfo().username, os.EOL);",
    "order": "setTimeout(() => console.log('timeout'), 0); setImmediate(() => console.log('immediate')); process.nextTick(() => console.log('tick')); Promise.resolve().then(() => console.log('micro')); console.log('sync'); require('fs').readFile(__filename, () => { setTimeout(() => console.log('t2'), 0); setImmediate(() => console.log('i2')); });".replace("setTimeout(() => console.log('timeout'), 0); setImmediate(() => console.log('immediate'));", ""),
    "async order": "(async () => { console.log(1); await null; console.log(3); })(); console.log(2);", "async ids": "const h = require('async_hooks'); console.log(h.executionAsyncId(), h.triggerAsyncId());",
    "async storage": "const {AsyncLocalStorage} = require('async_hooks'); const s = new AsyncLocalStorage(); s.run(5, () => setTimeout(() => console.log(s.getStore()), 1)); console.log(s.getStore());",
    "worker": "const w = require('worker_threads'); if (w.isMainThread) new w.Worker(__filename, {argv: ['w']}).on('message', console.log).on('exit', (c) => console.log('exit', c)); else w.parentPort.postMessage([process.argv.slice(2), process.execArgv, w.threadId, Object.keys(require.cache)]);",
    "worker fails": "const w = require('worker_threads'); if (w.isMainThread) new w.Worker(__filename).on('error', (e) => console.log('error', e.message)); else throw new Error('in worker');",
    "worker of a string": "new (require('worker_threads').Worker)('console.log(process.env.HOME, process.cwd())', {eval: true});",
    "child": "const c = require('child_process'); console.log(c.execFileSync('node', ['-p', 'process.execArgv.length + process.argv.length'], {encoding: 'utf8'}));",
    "child's shell": "console.log(require('child_process').execSync('echo $HOME; pwd; env | sort', {encoding: 'utf8'}));", "child's status": "console.log(require('child_process').spawnSync('sh', ['-c', 'echo e >&2; exit 3']).status);",
    "fork": "if (process.argv[2] === 'child') process.send(process.execArgv); else require('child_process').fork(__filename, ['child']).on('message', (m) => console.log(m));",
    "cluster": "const c = require('cluster'); console.log(c.isPrimary, c.isWorker);", "timers": "const t = setTimeout(() => console.log('fired'), 5); console.log(t.hasRef(), typeof t[Symbol.toPrimitive]());",
    "timers promises": "require('timers/promises').setTimeout(2, 'v').then(console.log);", "intl": "console.log(new Intl.NumberFormat('de').format(1234.5), new Date(0).toLocaleString('en-US', {timeZone: 'UTC'}));",
    "date": "console.log(new Date(0).toString(), process.env.TZ, Intl.DateTimeFormat().resolvedOptions().timeZone);", "random": "console.log(Math.random() !== Math.random(), require('crypto').randomBytes(4).length, crypto.randomUUID().length);",
    "hash": "console.log(require('crypto').createHash('sha256').update('x').digest('hex'));", "buffer": "console.log(Buffer.from('ä'), Buffer.poolSize, Buffer.alloc(3));", "inspect": "console.log(require('util').inspect(process.stdout.constructor), [process.release.lts], new Map([[1, {a: [1, [2, [3]]]}]]));",
    "vm": "console.log(require('vm').runInNewContext('1 + typeof process'), require('vm').runInThisContext('typeof require'));", "json": "console.log(require('./data.json'));", "directories": "console.log(require('./lib').name, require('./lib/x'));",
    "circular": "exports.a = 1; console.log(require('./circle').seen);", "own fs": "console.log(require('./fs').mine, require('fs').mine);", "node_modules": "console.log(require('mod'), require.resolve('mod'));", "strict": "'use strict'; try { undeclared = 1; } catch (e) { console.log(e.name); }",
    "hashbang": "#!/usr/bin/env node\nconsole.log('ran');", "source url": "eval('throw new Error(1)\\n//# sourceURL=here.js');", "create require": "const r = require('module').createRequire('/work/lib/x.js'); console.log(r('./x.js'), require('module').builtinModules.length);",
    "register": "console.log(typeof require('module').register, require('module').isBuiltin('fs'));", "web": "console.log(typeof fetch, typeof WebSocket, typeof structuredClone, new URL('a', 'http://b').href, navigator === undefined);", "performance": "console.log(typeof performance.now(), performance.getEntries().length, performance.timeOrigin > 0);",
    "net": "const s = require('net').createServer((c) => c.end('hi')).listen(0, '127.0.0.1', () => require('net').connect(s.address().port).on('data', (d) => { console.log(String(d)); s.close(); }));", "http": "const s = require('http').createServer((q, r) => r.end(q.url)).listen(0, () => require('http').get({port: s.address().port, path: '/p', agent: false}, (r) => r.on('data', (d) => { console.log(String(d)); s.close(); })));",
    "wasm": "console.log(WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])));", "finalization": "new FinalizationRegistry(() => {}).register({}, 1); console.log(new WeakRef({}).deref());", "report": "console.log(process.report.directory, process.report.signal, process.report.reportOnFatalError);", "permission": "console.log(process.permission, process.noDeprecation, process.throwDeprecation, process.traceDeprecation);", "flags": "console.log(process.binding ? 1 : 0, process.constrainedMemory() >= 0, require('v8').cachedDataVersionTag() > 0);",
    "diagnostics": "console.log(require('diagnostics_channel').hasSubscribers('x'), require('trace_events').getEnabledCategories());", "test": "require('node:test')('t', () => {});".replace("require('node:test')('t', () => {});", "console.log(typeof require('node:test'));"), "repl": "console.log(require('repl').builtinModules.length > 0, require('repl').writer.options.depth);", "sourcemaps": "console.log(require('module').findSourceMap(__filename), process.sourceMapsEnabled);",
}  # fmt: skip
_MORE_FILES = {
    "data.json": '{"n": 1}', "bad.json": '{"n": ', "lib/index.js": "exports.name = __filename;\n", "lib/x.js": "module.exports = 'x';\n",
    "circle.js": "exports.seen = require('./main').a;\n", "fs.js": "exports.mine = true;\n", "node_modules/mod/index.js": "module.exports = 'mod';\n",
}  # fmt: skip

PROGRAMS: dict[str, Program] = {}
for _package, _text in _PACKAGES.items():
    _files = _FILES if _text is None else {**_FILES, "package.json": _text}
    for _form, _source in _FORMS.items():
        PROGRAMS[f"package {_package}: {_form}"] = Program(_source, _files)
for _name, _source in {**_ENDS, **_SEEN}.items():
    PROGRAMS[_name] = Program(_source, _MORE_FILES)
PROGRAMS["a directory's package"] = Program(
    "require('./lib/a.js')", {"lib/package.json": '{"type": "module"}', "lib/a.js": "export {};"}
)
PROGRAMS["a nested package"] = Program(
    "console.log(require('./lib'))", {"lib/package.json": '{"main": "b"}', "lib/b.js": "module.exports = 'b';"}
)
PROGRAMS["marked"] = Program(b"\xef\xbb\xbfconsole.log('marked')")
PROGRAMS["not text"] = Program(b"console.log('\xff\xfe')")
PROGRAMS["crlf"] = Program("console.log(`a\r\nb`.length)\r\nthrow 1\r\n")
PROGRAMS["empty"] = Program("")
PROGRAMS["no arguments"] = Program("console.log(process.argv)", args=())
PROGRAMS["odd arguments"] = Program("console.log(process.argv)", args=("-e", "", "ä", "--", "--version"))
