package codecanvas;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.TaskEvent;
import com.sun.source.util.TaskListener;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import javax.lang.model.element.Element;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.element.Modifier;
import javax.lang.model.element.TypeElement;
import javax.lang.model.type.ArrayType;
import javax.lang.model.type.DeclaredType;
import javax.lang.model.type.TypeKind;
import javax.lang.model.util.ElementFilter;
import javax.tools.JavaFileObject;

/**
 * Listens to one compile, and chooses the class to start.
 *
 * <p>Of the classes with a `main`, those of the program's file come before those of other files; among them the public
 * one, then Main, then the first. Where none has a `main` it is the public one of the program's file, or Main, and `java`
 * says what is missing. languages/java.py chooses likewise where no compiler stays.
 */
final class Entry implements TaskListener {
    private final JavaFileObject first;
    private final List<Type> types = new ArrayList<>();
    private final Set<String> startable = new HashSet<>();
    private String fallback = "Main";

    Entry(JavaFileObject first) {
        this.first = first;
    }

    @Override
    public void finished(TaskEvent event) {
        if (event.getKind() == TaskEvent.Kind.PARSE) {
            declared(event.getCompilationUnit(), event.getSourceFile().getName().equals(first.getName()));
        } else if (event.getKind() == TaskEvent.Kind.ANALYZE && event.getTypeElement() != null
                && hasMain(event.getTypeElement())) {
            startable.add(event.getTypeElement().getQualifiedName().toString());
        }
    }

    String chosen() {
        return types.stream()
            .filter(type -> startable.contains(type.name()))
            .min(Comparator.comparing((Type type) -> !type.ofProgram())
                .thenComparing(type -> !type.isPublic())
                .thenComparing(type -> !type.name().equals("Main") && !type.name().endsWith(".Main"))
                .thenComparing(type -> type.ofProgram() ? "" : type.name()))
            .map(Type::name)
            .orElse(fallback);
    }

    private void declared(CompilationUnitTree unit, boolean ofProgram) {
        String prefix = unit.getPackageName() == null ? "" : unit.getPackageName() + ".";
        String publicOne = "Main";
        for (Tree tree : unit.getTypeDecls()) {
            if (tree instanceof ClassTree type) {
                boolean isPublic = type.getModifiers().getFlags().contains(Modifier.PUBLIC);
                publicOne = isPublic ? type.getSimpleName().toString() : publicOne;
                types.add(new Type(prefix + type.getSimpleName(), ofProgram, isPublic));
            }
        }
        if (ofProgram) {
            fallback = prefix + publicOne;
        }
    }

    /** Whether `java` can start it: it declares or inherits `public static void main(String[])`. */
    private static boolean hasMain(TypeElement type) {
        for (ExecutableElement method : ElementFilter.methodsIn(type.getEnclosedElements())) {
            if (method.getSimpleName().contentEquals("main")
                    && method.getModifiers().containsAll(Set.of(Modifier.PUBLIC, Modifier.STATIC))
                    && method.getReturnType().getKind() == TypeKind.VOID
                    && method.getParameters().size() == 1
                    && method.getParameters().get(0).asType() instanceof ArrayType array
                    && array.getComponentType().toString().equals("java.lang.String")) {
                return true;
            }
        }
        Element parent = type.getSuperclass() instanceof DeclaredType above ? above.asElement() : null;
        return parent instanceof TypeElement inherited && hasMain(inherited);
    }

    private record Type(String name, boolean ofProgram, boolean isPublic) {}
}
