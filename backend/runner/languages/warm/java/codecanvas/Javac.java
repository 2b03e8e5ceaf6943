package codecanvas;

import com.sun.source.util.JavacTask;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.StandardLocation;
import javax.tools.ToolProvider;

/**
 * javac that stays: compiles one request after the other, from memory to memory.
 *
 * <p>Framing, all numbers big-endian; a text is its length in bytes (u32) and its UTF-8:
 *
 * <pre>
 * request  length of what follows (u32) · number of options (u32) · texts
 *          · number of sources (u32) · for each: name (text), source (text)
 * answer   length of what follows (u32) · 1 for success, 0 otherwise (u8) · what javac prints (text)
 *          · number of files (u32) · for each: name (text), length (u32), bytes
 * </pre>
 *
 * <p>All sources are compiled but module-info.java, which means nothing on a class path. The public class of the first
 * may have any name. The files are those that belong in /program: classes, and `launch`, the arguments of `java` that
 * start the program. What is started is told at Entry.
 *
 * <p>Every request has a task and a file manager of its own; what is kept between them is what is known of the JDK.
 * Nothing of the program runs (there is no annotation processing), and no file but the JDK's is read. A request that
 * is too long or malformed is answered with a failure. The end of standard input ends the process.
 */
public final class Javac {
    private static final int LONGEST = 16 << 20;
    private static final long STACK_BYTES = 64 << 20;
    private static final JavaCompiler COMPILER = ToolProvider.getSystemJavaCompiler();

    private Javac() {}

    public static void main(String[] ignored) throws IOException {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out));
        System.setOut(new PrintStream(System.err, true)); // nothing but answers may go to standard output
        StandardJavaFileManager platform = COMPILER.getStandardFileManager(null, null, StandardCharsets.UTF_8);
        platform.setLocation(StandardLocation.CLASS_PATH, List.of());
        warmUp(platform);
        while (true) {
            byte[] answer;
            try {
                int length = in.readInt();
                if (length < 0 || length > LONGEST) {
                    discard(in, Integer.toUnsignedLong(length));
                    answer = failure("error: the program is too long");
                } else {
                    answer = answered(in.readNBytes(length), platform);
                }
            } catch (EOFException ended) {
                return;
            }
            out.writeInt(answer.length);
            out.write(answer);
            out.flush();
        }
    }

    /** Compile what programs commonly use, often enough for the compiler itself to be compiled. */
    private static void warmUp(StandardJavaFileManager platform) throws IOException {
        String source = """
            import java.util.*;
            import java.util.stream.*;
            public class Main {
                record Point(int x, int y) {}
                interface Shape { double area(); }
                static <T> List<T> twice(List<T> list) { return Stream.concat(list.stream(), list.stream()).toList(); }
                public static void main(String[] args) {
                    Map<String, Integer> count = new TreeMap<>();
                    for (String word : "a b a".split(" ")) count.merge(word, 1, Integer::sum);
                    Shape shape = () -> 2.0;
                    System.out.printf("%s %s %.1f%n", new Point(1, 2), twice(List.of(1)), shape.area());
                    var text = switch (args.length) { case 0 -> "none"; default -> "some " + args.length; };
                    System.out.println(text + count);
                }
            }
            """;
        for (int round = 0; round < 8; round++) {
            answer(new Request(List.of(), Map.of("Main.java", source)), platform);
        }
    }

    /** Read and forget; `skip` would try to seek, which a pipe cannot. */
    private static void discard(DataInputStream in, long length) throws IOException {
        byte[] buffer = new byte[65536];
        for (long left = length; left > 0; ) {
            int count = in.read(buffer, 0, (int) Math.min(left, buffer.length));
            if (count < 0) {
                throw new EOFException();
            }
            left -= count;
        }
    }

    /** The answer to the bytes of a request, made on a thread with room for deep expressions. Never throws. */
    private static byte[] answered(byte[] request, StandardJavaFileManager platform) throws IOException {
        byte[][] made = {failure("error: the compiler gave up")};
        Thread thread = new Thread(null, () -> {
            try {
                made[0] = answer(Request.read(request), platform);
            } catch (OutOfMemoryError | StackOverflowError exhausted) {
                made[0] = failureOrNothing("error: the compiler ran out of " + (
                    exhausted instanceof OutOfMemoryError ? "memory" : "stack"));
            } catch (Throwable wrong) {
                made[0] = failureOrNothing("error: " + wrong);
            }
        }, "javac", STACK_BYTES);
        thread.start();
        while (true) {
            try {
                thread.join();
                return made[0];
            } catch (InterruptedException again) {
                // nobody interrupts
            }
        }
    }

    private static byte[] answer(Request request, StandardJavaFileManager platform) throws IOException {
        MemoryFiles files = new MemoryFiles(platform, request.sources());
        StringWriter messages = new StringWriter();
        List<String> options = new ArrayList<>(List.of("-proc:none", "-implicit:class"));
        options.addAll(request.options());
        JavaFileObject first = files.first();
        JavacTask task = (JavacTask) COMPILER.getTask(messages, files, null, options, null, files.units());
        Entry entry = new Entry(first);
        task.addTaskListener(entry);
        boolean success = task.call();
        Map<String, byte[]> made = new LinkedHashMap<>();
        if (success) {
            made.putAll(files.classes());
            made.put("launch", ("-cp /program:/work " + entry.chosen() + "\n").getBytes(StandardCharsets.UTF_8));
        }
        return encoded(success, messages.toString(), made);
    }

    private static byte[] failure(String message) throws IOException {
        return encoded(false, message + "\n", Map.of());
    }

    private static byte[] failureOrNothing(String message) {
        try {
            return failure(message);
        } catch (IOException impossible) {
            return new byte[9]; // writing to memory does not fail; these bytes say: no success, no text, no files
        }
    }

    private static byte[] encoded(boolean success, String messages, Map<String, byte[]> files) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeByte(success ? 1 : 0);
        write(out, messages.getBytes(StandardCharsets.UTF_8));
        out.writeInt(files.size());
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            write(out, file.getKey().getBytes(StandardCharsets.UTF_8));
            write(out, file.getValue());
        }
        return bytes.toByteArray();
    }

    private static void write(DataOutputStream out, byte[] bytes) throws IOException {
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    /** What is to be compiled: options, and sources by name, the first of which is the program. */
    private record Request(List<String> options, Map<String, String> sources) {
        static Request read(byte[] bytes) throws IOException {
            DataInputStream in = new DataInputStream(new java.io.ByteArrayInputStream(bytes));
            List<String> options = new ArrayList<>();
            for (int left = in.readInt(); left > 0; left--) {
                options.add(text(in));
            }
            Map<String, String> sources = new LinkedHashMap<>();
            for (int left = in.readInt(); left > 0; left--) {
                sources.put(text(in), text(in));
            }
            if (sources.isEmpty()) {
                throw new IOException("no source");
            }
            return new Request(options, sources);
        }

        private static String text(DataInputStream in) throws IOException {
            int length = in.readInt();
            if (length < 0 || length > in.available()) {
                throw new IOException("malformed request");
            }
            return new String(in.readNBytes(length), StandardCharsets.UTF_8);
        }
    }
}
