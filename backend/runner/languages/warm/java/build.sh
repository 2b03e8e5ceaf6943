# Compile the warm processes of Java beside their sources.
set -e
cd "$(dirname "$0")"
javac -J-XX:-UsePerfData -XDignore.symbol.file -Xlint:-deprecation,-removal -d . codecanvas/*.java
