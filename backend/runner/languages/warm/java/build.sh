# Compile the warm processes of Java, into the directory that is given or beside their sources. Their package is given a
# name there that no Java source can have: a program may have a package codecanvas of its own. Both are of one length,
# which a class file states.
set -e
place=$(cd "${1:-$(dirname "$0")}" && pwd)
cd "$(dirname "$0")"
javac -J-XX:-UsePerfData -XDignore.symbol.file -nowarn -d "$place/made" codecanvas/*.java
LC_ALL=C sed -i 's#codecanvas/#canvas-own/#g' "$place"/made/codecanvas/*.class
mv "$place/made/codecanvas" "$place/canvas-own"
rmdir "$place/made"
