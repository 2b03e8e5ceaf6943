"""Java. The public class may have any name: the source file is renamed after it. The compile writes the class to start
to /program/.launch, a name that neither a package nor a class can have.

Every .java file of the request is compiled. The class to start is the first with a `main`: in the program's own file
the public class, else Main, else the first one; then in the same order those of the other files.
"""

from backend.runner.languages import jvm
from backend.runner.languages.javac import PACKAGE, PLACE, RESIDENT
from backend.runner.languages.language import OPTIONS, Language
from backend.runner.languages.testing import REPORT, Report, Testing

# Class data sharing and one quick compiler make javac itself start sooner.
_JAVAC = "javac -J-Xshare:auto -J-XX:TieredStopAtLevel=1 -J-XX:+UseSerialGC -J-XX:-UsePerfData -proc:none -d /program"

# `started` prints the class to start, by the rules of warm/java/codecanvas/Entry.java: what is compiled says who has a
# `main`, the sources say who is public and whose file it is.
_COMPILE = f"""\
type='(class|interface|enum|record)[[:space:]]+([[:alpha:]_$][[:alnum:]_$]*)'
more='((abstract|final|sealed|strictfp|@[A-Za-z0-9_.]+([(][^)]*[)])?)[[:space:]]+)*'
public="^[[:space:]]*([ip][a-z]+[[:space:]][^;{{}}()]*;[[:space:]]*)*${{more}}public[[:space:]]+$more"
class=$(sed -nE "/$public$type.*/{{s//\\9/p;q}}" Main.java)
package=$(sed -nE '/^[[:space:]]*package[[:space:]]+([[:alnum:]_$.]+)[[:space:]]*;.*/{{s//\\1./p;q}}' Main.java)
source=${{class:-Main}}.java
if [ "$(printf %s "$source" | wc -c)" -gt 254 ]; then
    echo "Main.java: error: the class $class has too long a name for a file: use at most 249 bytes" >&2
    exit 1
fi
[ -e "$source" ] && source=Main.java || mv Main.java "$source"
find . -name '*.java' ! -name module-info.java ! -path "./$source" -printf '%P\\0' | sed -z 's#^[-@]#./&#' |
    sort -z | xargs -0 {_JAVAC} "$@" "$source" || exit 1

# Those that hold the words of a `main` may only call another's; javap takes too long to be asked where there is one.
startable=$(find /program -name '*.class' ! -name '*$*' -exec grep -alF '([Ljava/lang/String;)V' {{}} + |
    xargs -r grep -alF main | sed 's#^/program/##; s#[.]class$##; s#/#.#g' | sort)
case $startable in *[[:space:]]*)
    startable=$(javap -J-XX:TieredStopAtLevel=1 -J-XX:+UseSerialGC -cp /program -public $startable |
        while read -r line; do
            case $line in
            *'class '*'{{') name=${{line#*class }} name=${{name%%[ <]*}} ;;
            *'interface '*'{{') name=${{line#*interface }} name=${{name%%[ <]*}} ;;
            'public static '*' main(java.lang.String[])'* | 'public static '*' main(java.lang.String...)'*)
                echo "$name" ;;
            esac
        done) ;;
esac
starts() {{ echo "$startable" | grep -qxF "$1"; }}
started() {{
    for name in "$class" Main $(grep -oE "$type" "$source" | sed -E 's/.*[[:space:]]//'); do
        [ "$name" ] && starts "$package$name" && echo "$package$name" && return
    done
    found=
    for name in $startable; do
        simple=${{name##*.}}
        if grep -rqE --include='*.java' "$public(class|interface|enum|record)[[:space:]]+$simple([^[:alnum:]_$]|\\$)" .
        then found=$name; break
        fi
        [ "$found" ] && [ "$simple" != Main ] || found=$name
    done
    echo "${{found:-$package${{class:-Main}}}}"
}}
echo "-cp /program:/work $(started)" > /program/.launch
"""

_JUNIT = ":".join(
    f"/usr/share/java/{name}.jar"
    for name in (
        *(
            "junit-jupiter-api",
            "junit-jupiter-engine",
            "junit-jupiter-params",
            "junit-vintage-engine",
            "junit4",
            "hamcrest-all",
        ),
        *("junit-platform-console", "junit-platform-commons", "junit-platform-engine", "junit-platform-launcher"),
        *("junit-platform-reporting", "opentest4j", "opentest4j-reporting-events", "opentest4j-reporting-schema"),
        *("apiguardian-api", "picocli", "univocity-parsers"),
    )
)

LANGUAGE = Language(
    name="java",
    title="Java",
    aliases=("jdk", "openjdk"),
    packages=("openjdk-21-jdk-headless",),
    core=True,
    version=("java", "--version"),
    source="Main.java",
    compile=("sh", "-c", _COMPILE, "sh", OPTIONS),
    run=("java", *jvm.FLAGS, jvm.HEAP, "@/program/.launch"),
    warm=("java", *jvm.FLAGS, jvm.HEAP, "-cp", f"/program:/work:{PLACE}", f"{PACKAGE}.Bootstrap"),
    resident=RESIDENT,
    warm_build="java",
    options={
        "-Xlint(:[a-z,-]+)?": "warnings",
        "-(g|parameters|nowarn|Werror)": "debugging information, parameter names, warnings",
    },
    limits=jvm.LIMITS,
    testing=Testing(
        packages=("junit5",),
        needs="/usr/share/java/junit-platform-console.jar",
        compile=("sh", "-c", f"export CLASSPATH=.:{_JUNIT}\n{_COMPILE}", "sh", OPTIONS),
        run=(
            "java",
            *jvm.FLAGS,
            jvm.HEAP,
            "-cp",
            f"/program:/work:{_JUNIT}",
            "org.junit.platform.console.ConsoleLauncher",
            "--scan-class-path=/program",
            "--include-classname=.*",
            f"--reports-dir={REPORT}",
            "--disable-banner",
            "--disable-ansi-colors",
            "--details=tree",
        ),
        report=Report.JUNIT,
    ),
    hello="""\
public class Main {
    public static void main(String[] args) {
        System.out.println("Hello, world!");
    }
}
""",
    sample="""\
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

public class Main {
    sealed interface Shape permits Circle, Rectangle {}

    record Circle(double radius) implements Shape {}

    record Rectangle(double width, double height) implements Shape {}

    static double area(Shape shape) {
        if (shape instanceof Circle circle) {
            return Math.PI * circle.radius() * circle.radius();
        }
        return shape instanceof Rectangle box ? box.width() * box.height() : 0;
    }

    public static void main(String[] args) {
        for (Shape shape : List.of(new Circle(1), new Rectangle(2, 3.5))) {
            System.out.printf("%s: %.2f%n", shape, area(shape));
        }
        var byParity = IntStream.rangeClosed(1, 6).boxed()
            .collect(Collectors.partitioningBy(n -> n % 2 == 0, Collectors.summingInt(n -> n)));
        System.out.println(byParity);
    }
}
""",
    sample_output=("Circle[radius=1.0]: 3.14\nRectangle[width=2.0, height=3.5]: 7.00\n{false=9, true=12}\n"),
)
