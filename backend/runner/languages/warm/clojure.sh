# Archive the classes that Clojure loads when it starts; the flags that matter are those of every run.
set -e
java -XX:+UseSerialGC -XX:ArchiveClassesAtExit=/usr/share/java/clojure.jsa \
    -cp /usr/share/java/clojure.jar:/usr/share/java/spec.alpha.jar:/usr/share/java/core.specs.alpha.jar \
    clojure.main -e "(require 'clojure.string 'clojure.set 'clojure.edn) (prn (clojure.string/split \"a b\" #\" \"))"
