package codecanvas;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.StandardLocation;

/** The files of one compile: sources and classes in memory, the JDK's from where it is installed, and no others. */
final class MemoryFiles extends ForwardingJavaFileManager<StandardJavaFileManager> {
    private final List<Source> sources = new ArrayList<>();
    private final Map<String, ByteArrayOutputStream> classes = new LinkedHashMap<>();

    MemoryFiles(StandardJavaFileManager platform, Map<String, String> texts) {
        super(platform);
        texts.forEach((name, text) -> {
            if (!name.endsWith("module-info.java")) {
                sources.add(new Source(name, text, sources.isEmpty()));
            }
        });
    }

    JavaFileObject first() {
        return sources.get(0);
    }

    /** What is compiled: everything but the declaration of a module, and the program first. */
    List<JavaFileObject> units() {
        return List.copyOf(sources);
    }

    /** What was made, by the name of its file beneath the root of the class path. */
    Map<String, byte[]> classes() {
        Map<String, byte[]> made = new LinkedHashMap<>();
        classes.forEach((name, bytes) -> made.put(name, bytes.toByteArray()));
        return made;
    }

    @Override
    public boolean hasLocation(Location location) {
        return location == StandardLocation.SOURCE_PATH || super.hasLocation(location);
    }

    @Override
    public Iterable<JavaFileObject> list(
            Location location, String packageName, Set<JavaFileObject.Kind> kinds, boolean recurse) throws IOException {
        if (location == StandardLocation.CLASS_PATH) {
            return List.of();
        }
        if (location != StandardLocation.SOURCE_PATH) {
            return super.list(location, packageName, kinds, recurse);
        }
        List<JavaFileObject> found = new ArrayList<>();
        for (Source source : sources) {
            if (kinds.contains(JavaFileObject.Kind.SOURCE) && source.isIn(packageName, recurse)) {
                found.add(source);
            }
        }
        return found;
    }

    @Override
    public String inferBinaryName(Location location, JavaFileObject file) {
        return file instanceof Source source ? source.binaryName() : super.inferBinaryName(location, file);
    }

    @Override
    public boolean isSameFile(FileObject a, FileObject b) {
        return a instanceof Source || b instanceof Source ? a == b : super.isSameFile(a, b);
    }

    @Override
    public boolean contains(Location location, FileObject file) throws IOException {
        return file instanceof Source ? location == StandardLocation.SOURCE_PATH : super.contains(location, file);
    }

    @Override
    public JavaFileObject getJavaFileForInput(Location location, String name, JavaFileObject.Kind kind)
            throws IOException {
        for (Source source : sources) {
            if (location == StandardLocation.SOURCE_PATH && source.binaryName().equals(name)) {
                return source;
            }
        }
        return location == StandardLocation.SOURCE_PATH || location == StandardLocation.CLASS_PATH
            ? null
            : super.getJavaFileForInput(location, name, kind);
    }

    @Override
    public JavaFileObject getJavaFileForOutput(
            Location location, String name, JavaFileObject.Kind kind, FileObject sibling) {
        String file = name.replace('.', '/') + kind.extension;
        return new SimpleJavaFileObject(URI.create("memory:///" + file.replace("$", "%24")), kind) {
            @Override
            public OutputStream openOutputStream() {
                ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                classes.put(file, bytes);
                return bytes;
            }
        };
    }

    @Override
    public void close() {
        // the platform's files stay open for the next compile
    }

    /** A source of the request. */
    private static final class Source extends SimpleJavaFileObject {
        private final String name;
        private final String text;
        private final boolean isProgram;

        Source(String name, String text, boolean isProgram) {
            super(uri(name), kindOf(name));
            this.name = name;
            this.text = text;
            this.isProgram = isProgram;
        }

        private static URI uri(String name) {
            try {
                return new URI("memory", null, "/" + name, null);
            } catch (URISyntaxException odd) {
                throw new IllegalArgumentException(odd);
            }
        }

        private static Kind kindOf(String name) {
            return name.endsWith(Kind.SOURCE.extension) ? Kind.SOURCE : Kind.OTHER;
        }

        boolean isIn(String packageName, boolean recurse) {
            String place = name.contains("/") ? name.substring(0, name.lastIndexOf('/')).replace('/', '.') : "";
            return kind == Kind.SOURCE && (place.equals(packageName) || recurse && (place + ".").startsWith(packageName));
        }

        String binaryName() {
            return name.substring(0, Math.max(0, name.length() - kind.extension.length())).replace('/', '.');
        }

        @Override
        public String getName() {
            return name;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
        }

        /** The program's public class may have any name, since its file has the same name in all of them. */
        @Override
        public boolean isNameCompatible(String simpleName, Kind other) {
            String file = name.substring(name.lastIndexOf('/') + 1);
            return isProgram && !simpleName.endsWith("-info") || file.equals(simpleName + other.extension);
        }
    }
}
