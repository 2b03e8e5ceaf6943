# Compile all of the standard library into the cache, and note there how the go command calls compiler and linker, so that a
# compile need not ask it: its checks of what may be reused take longer than compiling and linking a short program.
# GOCACHE is the cache as it is written; SEEN is where compiles see it.
set -e
SEEN=${SEEN:-/cache/go}
go build std
go build -ldflags='-s -w' -o /dev/null main.go
exported='{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}'
go list -export -f "$exported" std |
    sed "s#=$GOCACHE/#=$SEEN/#" > "$GOCACHE/importcfg.link"
# The go command lets no program import these.
sed -E '/[ /](internal|vendor)\//d' "$GOCACHE/importcfg.link" > "$GOCACHE/importcfg"
echo '// Not what is in the cache, so that its compile is shown.' >> main.go
calls=$(go build -n -ldflags='-s -w' -o /program/main main.go 2>&1)
printf '%s\n' "$calls" | sed -n '/^modinfo /p' >> "$GOCACHE/importcfg.link"
{
    echo 'WORK=/tmp/go-build'
    echo 'mkdir -p $WORK/b001'
    printf '%s\n' "$calls" | sed -n -E "/\/(compile|link) -o /s#-importcfg \\\$WORK/b001/#-importcfg $SEEN/#p" |
        sed 's#-o $WORK/b001/exe/a.out#-o /program/main#; $!s#$# \&\&#'
} > "$GOCACHE/build.sh"
