package codecanvas;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A Java virtual machine that has started, and waits for what to run.
 *
 * <p>It loads what programs mostly need, then blocks until a line of JSON {"argv": [...], "env": {...}} comes from
 * descriptor 3: the program's arguments and its whole environment. It closes the descriptor and calls `main` of the
 * class that the last word of /program/.launch names. An exception leaves this `main` too, so that `java` itself prints
 * it and exits with 1. A descriptor that ends without a line ends the process.
 *
 * <p>/program and /work must be directories when the machine starts, since it looks at its class path then. They come
 * before our own classes there, whose package build.sh gives a name that no Java source can: every name is a program's.
 *
 * <p>What a program can notice: this class, and its one frame beneath `main` in a stack trace that the program prints
 * itself. Where "env" differs from the process's environment, System.getenv has what "env" says, and processes that the
 * program starts have the process's.
 */
public final class Bootstrap {
    private static final sun.misc.Unsafe UNSAFE = unsafe();

    private Bootstrap() {}

    public static void main(String[] ignored) throws Throwable {
        warmUp();
        String line = readLine();
        if (line == null) {
            return;
        }
        Message message = Message.parse(line);
        if (!message.env().equals(System.getenv())) {
            setEnvironment(message.env());
        }
        System.setProperty("java.class.path", "/program:/work");
        try {
            MethodHandle main = find(launched()); // which initialises its class
            main.invokeExact(message.argv());
        } catch (Throwable thrown) {
            withoutThisClass(thrown, 0);
            throw thrown;
        }
    }

    /** Load and link what most programs use first: concatenation, lambdas, streams, formats, collections. */
    private static void warmUp() throws IOException {
        String text = "warm " + System.nanoTime();
        List<Integer> numbers = IntStream.range(0, 3).boxed().map(n -> n * 2).collect(Collectors.toList());
        Map<String, Integer> lengths = numbers.stream().collect(Collectors.toMap(String::valueOf, n -> n));
        System.out.print(String.format("%.0s%.0s%.0s", text, numbers, lengths.entrySet()));
        System.out.flush();
        new java.util.Scanner("1 2").nextInt();
        new java.io.BufferedReader(new java.io.StringReader("x")).readLine();
        Files.exists(Path.of("/program/.launch"));
    }

    private static String readLine() throws IOException {
        FileDescriptor descriptor = new FileDescriptor();
        UNSAFE.putInt(descriptor, offset(FileDescriptor.class, "fd"), 3);
        try (FileInputStream in = new FileInputStream(descriptor)) {
            byte[] buffer = new byte[65536];
            int length = 0;
            while (length == 0 || buffer[length - 1] != '\n') {
                if (length == buffer.length) {
                    buffer = Arrays.copyOf(buffer, 2 * length);
                }
                int count = in.read(buffer, length, buffer.length - length);
                if (count < 0) {
                    return null;
                }
                length += count;
            }
            return new String(buffer, 0, length, StandardCharsets.UTF_8);
        }
    }

    private static String launched() throws IOException {
        String[] words = Files.readString(Path.of("/program/.launch")).strip().split(" ");
        return words[words.length - 1];
    }

    /** The class's main method; ends the process as `java` does where there is none. */
    private static MethodHandle find(String name) throws IllegalAccessException {
        Class<?> type = null;
        try {
            type = Class.forName(name, false, ClassLoader.getSystemClassLoader());
        } catch (ClassNotFoundException missing) {
            exit("Error: Could not find or load main class " + name + "\nCaused by: " + missing);
        }
        try {
            Method method = type.getMethod("main", String[].class);
            if (!Modifier.isStatic(method.getModifiers())) {
                exit("Error: Main method is not static in class " + name + ", please define the main method as:\n"
                    + "   public static void main(String[] args)");
            }
            if (method.getReturnType() != void.class) {
                exit("Error: Main method must return a value of type void in class " + name + ", please \n"
                    + "define the main method as:\n   public static void main(String[] args)");
            }
            method.setAccessible(true); // its class need not be public
            return MethodHandles.lookup().unreflect(method).asFixedArity();
        } catch (NoSuchMethodException missing) {
            // said below
        }
        exit("Error: Main method not found in class " + name + ", please define the main method as:\n"
            + "   public static void main(String[] args)\n"
            + "or a JavaFX application class must extend javafx.application.Application");
        return null;
    }

    private static void exit(String text) {
        System.err.println(text);
        System.exit(1);
    }

    private static void withoutThisClass(Throwable thrown, int depth) {
        if (thrown == null || depth > 100) {
            return;
        }
        StackTraceElement[] frames = thrown.getStackTrace();
        int kept = frames.length;
        while (kept > 0 && isOurs(frames[kept - 1].getClassName())) {
            kept--;
        }
        if (kept < frames.length) {
            thrown.setStackTrace(Arrays.copyOf(frames, kept));
        }
        withoutThisClass(thrown.getCause(), depth + 1);
        for (Throwable other : thrown.getSuppressed()) {
            withoutThisClass(other, depth + 1);
        }
    }

    /** Whether a frame at the bottom of a trace belongs to how `main` was called. */
    private static boolean isOurs(String type) {
        return type.equals(Bootstrap.class.getName())
            || type.startsWith("java.lang.invoke.")
            || type.startsWith("java.lang.ClassValue")
            || type.equals("jdk.internal.misc.Unsafe");
    }

    private static void setEnvironment(Map<String, String> env) throws ReflectiveOperationException {
        Field field = Class.forName("java.lang.ProcessEnvironment").getDeclaredField("theUnmodifiableEnvironment");
        Object value = Collections.unmodifiableMap(env);
        UNSAFE.putObject(UNSAFE.staticFieldBase(field), UNSAFE.staticFieldOffset(field), value);
    }

    private static long offset(Class<?> type, String name) {
        try {
            return UNSAFE.objectFieldOffset(type.getDeclaredField(name));
        } catch (NoSuchFieldException missing) {
            throw new IllegalStateException(missing);
        }
    }

    private static sun.misc.Unsafe unsafe() {
        try {
            Field field = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
            field.setAccessible(true);
            return (sun.misc.Unsafe) field.get(null);
        } catch (ReflectiveOperationException missing) {
            throw new IllegalStateException(missing);
        }
    }

    /** What came from descriptor 3. */
    private record Message(String[] argv, Map<String, String> env) {
        static Message parse(String text) {
            Json json = new Json(text);
            List<String> argv = new ArrayList<>();
            Map<String, String> env = new java.util.HashMap<>();
            json.object(key -> {
                if (key.equals("argv")) {
                    json.array(() -> argv.add(json.string()));
                } else {
                    json.object(name -> env.put(name, json.string()));
                }
            });
            return new Message(argv.toArray(String[]::new), env);
        }
    }
}
