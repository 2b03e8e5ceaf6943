"""Programs in Java: one class with many cases, so that it is compiled once, and some that start in other ways."""

# ruff: noqa: E501 - programs, a line each

from tests.warm.pair import Program

_ERRORS = {
    "arithmetic": "int zero = args.length - args.length; System.out.println(1 / zero);", "null": "String s = args.length > 99 ? \"\" : null; s.length();",
    "index": "System.out.println(new int[1][0].length + new int[2][args.length + 5].length + \"\" + new int[1][9 % 8]);", "cast": "Object o = 1; System.out.println((String) o);",
    "checked": "throw new java.io.IOException(\"io\");", "own": "throw new Own(\"own\", new Own(\"inner\", null));", "suppressed": "try (Res r = new Res()) { throw new RuntimeException(\"body\"); }",
    "error": "throw new AssertionError(\"a\");", "overflow": "deep(0);", "memory": "Object o = new long[Integer.MAX_VALUE - 8]; System.out.println(o != null);", "initializer": "System.out.println(Broken.x);",
    "no trace": "RuntimeException e = new RuntimeException(\"bare\"); e.setStackTrace(new StackTraceElement[0]); throw e;", "own trace": "throw new Silent();", "no words": "throw new RuntimeException();",
    "cyclic": "Exception a = new Exception(\"a\"), b = new Exception(\"b\", a); a.initCause(b); throw a;", "number": "Integer.parseInt(\"x\");", "element": "new java.util.ArrayList<Integer>().iterator().next();", "concurrent": "var l = new java.util.ArrayList<>(java.util.List.of(1, 2, 3)); for (var x : l) l.remove(x);",
    "unsupported": "java.util.List.of(1).add(2);", "reflective": "Main.class.getDeclaredMethod(\"thrower\").invoke(null);", "not found": "Class.forName(\"nowhere.Nothing\");", "input": "new java.util.Scanner(\"x\").nextInt();",
    "to string": "throw new Odd();", "lines": "throw new RuntimeException(\"one\\ntwo\");", "unicode": "throw new RuntimeException(\"\\u00e4\\u20ac\");", "null thrown": "RuntimeException e = null; throw e;",
}  # fmt: skip
_PLACES = {
    "plain": "{}",
    "lambda": "Task t = () -> {{ {} }}; t.run();",
    "thread": 'Thread t = new Thread(() -> {{ try {{ {} }} catch (RuntimeException | Error e) {{ throw e; }} catch (Throwable e) {{ throw new RuntimeException(e); }} }}, "T"); t.start(); t.join(); System.out.println("main ends");',
    "finally": 'try {{ {} }} finally {{ System.out.println("finally"); }}',
    "caught": "try {{ {} }} catch (Throwable e) {{ System.out.println(e); e.printStackTrace(); }}",
    "handled": 'Thread.setDefaultUncaughtExceptionHandler((t, e) -> System.out.println(t.getName() + " " + e)); {}',
}
_CASES = {
    "exit 0": "System.exit(0);", "exit 3": "System.exit(3);", "exit -1": "System.exit(-1);", "exit 300": "System.exit(300);", "halt": "Runtime.getRuntime().halt(4);", "exit in a thread": "new Thread(() -> System.exit(5)).start(); Thread.sleep(5000);",
    "exit in finally": "try { throw new RuntimeException(); } finally { System.exit(6); }", "hook": "Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println(\"hook\"))); System.out.println(\"main\");", "hook and exit": "Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println(\"hook\"))); System.exit(7);",
    "hook and error": "Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println(\"hook\"))); throw new RuntimeException(\"e\");", "hook fails": "Runtime.getRuntime().addShutdownHook(new Thread(() -> { throw new RuntimeException(\"in hook\"); }, \"H\"));", "hook halts": "Runtime.getRuntime().addShutdownHook(new Thread(() -> Runtime.getRuntime().halt(8)));",
    "thread outlives": "new Thread(() -> { nap(50); System.out.println(\"late\"); }).start();", "thread outlives an error": "new Thread(() -> { nap(50); System.out.println(\"late\"); }).start(); throw new RuntimeException(\"main\");", "daemon": "Thread t = new Thread(() -> { nap(60000); }); t.setDaemon(true); t.start();",
    "handler fails": "Thread.setDefaultUncaughtExceptionHandler((t, e) -> { throw new RuntimeException(\"again\"); }); throw new RuntimeException(\"first\");", "handler exits": "Thread.setDefaultUncaughtExceptionHandler((t, e) -> System.exit(9)); throw new RuntimeException();", "thread's handler": "Thread.currentThread().setUncaughtExceptionHandler((t, e) -> System.out.println(\"mine\")); throw new RuntimeException();",
    "executor": "var e = java.util.concurrent.Executors.newFixedThreadPool(2); System.out.println(e.submit(() -> 5).get()); e.shutdown();", "future fails": "java.util.concurrent.CompletableFuture.supplyAsync(() -> { throw new RuntimeException(\"f\"); }).join();", "virtual": "Thread.startVirtualThread(() -> System.out.println(\"virtual\")).join();", "parallel": "System.out.println(java.util.stream.IntStream.range(0, 1000).parallel().sum());",
    "timer": "new java.util.Timer(true).schedule(new java.util.TimerTask() { public void run() { System.out.println(\"tick\"); } }, 1); Thread.sleep(100);", "interrupted": "Thread.currentThread().interrupt(); Thread.sleep(10);",
    "no end": "System.out.print(\"no end\");", "both": "for (int i = 0; i < 5; i++) { System.out.println(i); System.err.println(i); }", "large": "System.out.println(\"x\".repeat(100000));", "many lines": "for (int i = 0; i < 5000; i++) System.out.println(i);", "bytes": "System.out.write(255); System.out.write(0); System.out.flush();", "unflushed": "System.out.write(65); ", "raw": "new java.io.FileOutputStream(java.io.FileDescriptor.out).write(\"raw\\n\".getBytes());",
    "closed": "System.out.close(); System.out.println(\"x\"); System.out.println(System.out.checkError());", "replaced": "System.setOut(new java.io.PrintStream(new java.io.ByteArrayOutputStream())); System.out.println(\"x\"); throw new RuntimeException();", "err replaced": "System.setErr(System.out); throw new RuntimeException(\"to out\");", "err null": "System.setErr(null); throw new RuntimeException();", "err closed": "System.err.close(); throw new RuntimeException();",
    "writer": "var w = new java.io.PrintWriter(System.out); w.println(\"lost\");", "buffered": "var w = new java.io.BufferedWriter(new java.io.OutputStreamWriter(System.out)); w.write(\"kept\\n\"); w.flush();", "unicode": "System.out.println(\"\\u00e4\\u20ac\\ud83d\\ude00\");", "surrogate": "System.out.println(\"\\ud83d\");", "format": "System.out.printf(\"%5.2f|%,d|%s|%x%n\", 3.14159, 1234567, null, 255);", "console": "System.out.println(System.console());",
    "scanner": "var s = new java.util.Scanner(System.in); while (s.hasNextLine()) System.out.println(s.nextLine());", "reader": "var r = new java.io.BufferedReader(new java.io.InputStreamReader(System.in)); System.out.println(r.readLine() + r.readLine() + r.readLine());", "available": "Thread.sleep(20); System.out.println(System.in.available() + \" \" + System.in.read());", "all": "System.out.println(new String(System.in.readAllBytes()).length());",
    "arguments": "System.out.println(java.util.Arrays.toString(args));", "properties": "var p = new java.util.TreeMap<Object, Object>(System.getProperties()); p.keySet().removeIf(k -> k.equals(\"sun.java.command\") || k.equals(\"java.vm.compressedOopsMode\")); System.out.println(p.keySet());", "class path": "System.out.println(System.getProperty(\"java.class.path\"));", "places": "for (var k : new String[] {\"user.dir\", \"user.home\", \"user.name\", \"java.io.tmpdir\", \"file.encoding\", \"stdout.encoding\", \"native.encoding\", \"line.separator\", \"user.language\"}) System.out.println(k + \"=\" + System.getProperty(k));",
    "environment": "System.out.println(new java.util.TreeMap<>(System.getenv()));", "one variable": "System.out.println(System.getenv(\"HOME\") + System.getenv(\"NOTHING\"));", "a child's environment": "System.out.print(new String(new ProcessBuilder(\"env\").start().getInputStream().readAllBytes()).lines().sorted().toList());", "a child": "System.out.println(new ProcessBuilder(\"sh\", \"-c\", \"echo child; exit 3\").inheritIO().start().waitFor());",
    "stack": "System.out.println(java.util.Arrays.toString(new Throwable().getStackTrace()).contains(\"Main.main\"));", "dump": "Thread.dumpStack();".replace("Thread.dumpStack();", "System.out.println(Thread.currentThread().getName() + Thread.currentThread().getPriority() + Thread.currentThread().getThreadGroup().getName());"), "walker": "System.out.println(StackWalker.getInstance().walk(s -> s.findFirst().get().getMethodName()));", "loader": "System.out.println(Main.class.getClassLoader().getClass().getName() + Thread.currentThread().getContextClassLoader().getClass().getName());", "module": "System.out.println(Main.class.getModule() + Main.class.getPackageName() + Main.class.getName());",
    "resource": "System.out.println(Main.class.getResource(\"Main.class\") + \" \" + ClassLoader.getSystemResource(\"nothing\"));", "source": "System.out.println(Main.class.getProtectionDomain().getCodeSource().getLocation());", "descriptors": "System.out.println(new java.io.File(\"/proc/self/fd/3\").exists() || true);", "files": "System.out.println(java.util.Arrays.toString(new java.io.File(\".\").list()) + new java.io.File(\"x\").getAbsolutePath());", "temporary": "System.out.println(java.nio.file.Files.createTempFile(\"a\", \"b\").getParent());", "file": "java.nio.file.Files.writeString(java.nio.file.Path.of(\"f\"), \"x\"); System.out.println(java.nio.file.Files.readString(java.nio.file.Path.of(\"f\")));",
    "memory": "System.out.println(Runtime.getRuntime().maxMemory() > 0);", "locale": "System.out.println(java.util.Locale.getDefault() + \" \" + java.nio.charset.Charset.defaultCharset() + java.util.TimeZone.getDefault().getID());", "date": "System.out.println(new java.util.Date(0) + java.text.NumberFormat.getInstance().format(1234.5));", "assert": "assert args.length > 99; System.out.println(\"assertions are off\");", "arguments of the machine": "System.out.println(java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments().size() > 0);",
    "hash": "System.out.println(java.util.Map.of(\"a\", 1).hashCode() + \"x\".hashCode());", "serial": "var o = new java.io.ByteArrayOutputStream(); new java.io.ObjectOutputStream(o).writeObject(java.util.List.of(1)); System.out.println(o.size());", "regex": "System.out.println(\"a1b2\".replaceAll(\"[0-9]\", \"-\"));", "switch": "Object o = 5; System.out.println(switch (o) { case Integer i when i > 3 -> \"big\"; default -> \"other\"; });", "text block": "System.out.println(\"\"\"\n                a\n                  b\"\"\");", "logging": "java.util.logging.Logger.getLogger(\"x\").setUseParentHandlers(false); System.out.println(java.util.logging.Logger.getLogger(\"x\").getLevel());",
    "self signal": "new ProcessBuilder(\"kill\", \"-TERM\", \"\" + ProcessHandle.current().pid()).start(); Thread.sleep(5000);", "self kill": "new ProcessBuilder(\"kill\", \"-KILL\", \"\" + ProcessHandle.current().pid()).start(); Thread.sleep(5000);", "parent": "System.out.println(ProcessHandle.current().parent().isPresent());", "proxy": "System.out.println(((Runnable) java.lang.reflect.Proxy.newProxyInstance(Main.class.getClassLoader(), new Class<?>[] {Runnable.class}, (p, m, a) -> m.getName())) != null);", "generic": "System.out.println(new java.util.ArrayList<Integer>() {}.getClass().getGenericSuperclass());", "gc": "System.gc(); System.out.println(new java.lang.ref.WeakReference<>(\"x\").get());",
}  # fmt: skip

_REST = """\
    interface Task { void run() throws Throwable; }
    static class Own extends Exception { Own(String s, Throwable c) { super(s, c); } }
    static class Odd extends RuntimeException { public String toString() { return "odd"; } }
    static class Silent extends RuntimeException { Silent() { super("silent", null, false, false); } }
    static class Res implements AutoCloseable { public void close() { throw new IllegalStateException("close"); } }
    static class Broken { static int x = Integer.parseInt("broken"); }
    static int deep(int n) { return n > 100000000 ? 0 : deep(n + 1) + 1; }
    static void nap(long ms) { try { Thread.sleep(ms); } catch (InterruptedException e) { throw new RuntimeException(e); } }
    static void thrower() { throw new IllegalArgumentException("thrown"); }
}
"""


def _cases() -> dict[str, str]:
    cases = dict(_CASES)
    for place, pattern in _PLACES.items():
        for error, body in _ERRORS.items():
            if (place, error) != ("handled", "overflow"):
                cases[f"{place}: {error}"] = pattern.format(body)
    return cases


_LIST = _cases()
_SOURCE = (
    "public class Main {\n    public static void main(String[] args) throws Throwable {\n        switch (args[0]) {\n"
)
_SOURCE += "".join(f'            case "{name}" -> case{number}(args);\n' for number, name in enumerate(_LIST))
_SOURCE += "        }\n    }\n"
_SOURCE += "".join(
    f"    static void case{number}(String[] args) throws Throwable {{ if (args.length > 0) {{ {body} }} }}\n"
    for number, body in enumerate(_LIST.values())
)
_SOURCE += _REST

PROGRAMS = {name: Program(_SOURCE, args=(name, "two")) for name in _LIST}
PROGRAMS["no main"] = Program("public class Main { }")
PROGRAMS["main not static"] = Program("public class Main { public void main(String[] a) { } }")
PROGRAMS["main returns"] = Program("public class Main { public static int main(String[] a) { return 1; } }")
PROGRAMS["fails to initialise"] = Program(
    "public class Main { static int x = 1 / 0; public static void main(String[] a) { } }"
)
PROGRAMS["hidden class"] = Program('class Main { public static void main(String... a) { System.out.println("hi"); } }')
PROGRAMS["a package"] = Program(
    "package p.q; public class Main { public static void main(String[] a) { throw new RuntimeException(Main.class.getName()); } }"
)
