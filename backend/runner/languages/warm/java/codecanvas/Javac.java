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
import java.io.Writer;
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
 * request  length of what follows (u32) · most bytes that may be printed (u32) · number of options (u32) · texts
 *          · number of sources (u32) · for each: name (text), source (text)
 * answer   length of what follows (u32) · how it ended (u8) · what javac prints (text)
 *          · number of files (u32) · for each: name (text), length (u32), bytes
 * </pre>
 *
 * <p>All sources are compiled but module-info.java, which means nothing on a class path. The public class of the first
 * may have any name. The files are those that belong in /program: classes, and `launch`, the arguments of `java` that
 * start the program. What is started is told at Entry.
 *
 * <p>Every request has a task and a file manager of its own; what is kept between them is what is known of the JDK.
 * Nothing of the program runs (there is no annotation processing), and no file but the JDK's is read.
 *
 * <p>It ends with 0 for a program that does not compile, 1 for one that does, 2 where more was printed than may be (what
 * may be is told), and 3 where it cannot be told here: too long, too deep or too large for this process, or a fault of
 * javac. A javac that is started for it alone has more room, and its own words. The first answer comes unasked, once
 * the compiler is warm. The end of standard input ends the process.
 */
public final class Javac {
    private static final int LONGEST = 16 << 20;
    private static final int LONGEST_MADE = 48 << 20;
    private static final int FAILED = 0, MADE = 1, CUT = 2, GAVE_UP = 3;
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
        tell(out, gaveUp());
        while (true) {
            byte[] answer;
            try {
                int length = in.readInt();
                if (length < 0 || length > LONGEST) {
                    discard(in, Integer.toUnsignedLong(length));
                    answer = gaveUp();
                } else {
                    answer = answered(in.readNBytes(length), platform);
                }
            } catch (EOFException ended) {
                return;
            }
            tell(out, answer);
        }
    }

    private static void tell(DataOutputStream out, byte[] answer) throws IOException {
        out.writeInt(answer.length);
        out.write(answer);
        out.flush();
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
            answer(new Request(LONGEST, List.of(), Map.of("Main.java", source)), platform);
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
        byte[][] made = {gaveUp()};
        Thread thread = new Thread(null, () -> {
            try {
                made[0] = answer(Request.read(request), platform);
            } catch (Throwable exhausted) {
                // out of memory or stack, or javac is at fault: the answer stays that it cannot be told here
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
        Messages messages = new Messages(request.most());
        List<String> options = new ArrayList<>(List.of("-proc:none", "-implicit:class"));
        options.addAll(request.options());
        JavaFileObject first = files.first();
        JavacTask task = (JavacTask) COMPILER.getTask(messages, files, null, options, null, files.units());
        Entry entry = new Entry(first);
        task.addTaskListener(entry);
        boolean success;
        try {
            success = task.call();
        } catch (TooMuch said) {
            success = false;
        }
        byte[] printed = messages.bytes();
        if (messages.cut) {
            return encoded(CUT, printed, Map.of());
        }
        if (!success) {
            return messages.tellOfJavac() ? gaveUp() : encoded(FAILED, printed, Map.of());
        }
        Map<String, byte[]> made = new LinkedHashMap<>(files.classes());
        made.put(".launch", ("-cp /program:/work " + entry.chosen() + "\n").getBytes(StandardCharsets.UTF_8));
        long size = 0;
        for (byte[] one : made.values()) {
            size += one.length;
        }
        return size > LONGEST_MADE ? gaveUp() : encoded(MADE, printed, made);
    }

    private static byte[] gaveUp() {
        return new byte[] {GAVE_UP, 0, 0, 0, 0, 0, 0, 0, 0}; // no text, no files
    }

    private static byte[] encoded(int ended, byte[] messages, Map<String, byte[]> files) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeByte(ended);
        write(out, messages);
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

    /** More was printed than may be. */
    private static final class TooMuch extends RuntimeException {
        TooMuch() {
            super(null, null, false, false);
        }
    }

    /** What javac prints, up to so many bytes: then the compile is over, as that of a process would be. */
    private static final class Messages extends Writer {
        private final StringBuilder kept = new StringBuilder();
        private final int most;
        private boolean cut;

        Messages(int most) {
            this.most = most;
        }

        @Override
        public void write(char[] text, int from, int length) {
            int room = most - kept.length();
            kept.append(text, from, Math.min(length, Math.max(0, room)));
            if (length > room) {
                cut = true;
                throw new TooMuch();
            }
        }

        /** In UTF-8, where a character may be several bytes. */
        byte[] bytes() {
            byte[] bytes = kept.toString().getBytes(StandardCharsets.UTF_8);
            cut |= bytes.length > most;
            return bytes.length > most ? java.util.Arrays.copyOf(bytes, most) : bytes;
        }

        /** Whether javac tells of itself, and not of the program: that it ran out of something, or failed. */
        boolean tellOfJavac() {
            return kept.indexOf("The system is out of resources.") >= 0
                || kept.indexOf("An exception has occurred in the compiler") >= 0;
        }

        @Override
        public void flush() {
            // all is kept at once
        }

        @Override
        public void close() {
            // nothing is open
        }
    }

    /** What is to be compiled: options, and sources by name, the first of which is the program. */
    private record Request(int most, List<String> options, Map<String, String> sources) {
        static Request read(byte[] bytes) throws IOException {
            DataInputStream in = new DataInputStream(new java.io.ByteArrayInputStream(bytes));
            int most = in.readInt();
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
            return new Request(most, options, sources);
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
