# Note in the cache how gcc calls compiler, assembler and linker, so that a compile need not go through it: it starts two
# programs more, and waits for each. CODECANVAS_CC is the cache.
set -e
mkdir -p "$CODECANVAS_CC"
calls=$(gcc -std=gnu17 -O2 -pipe -B/usr/libexec/mold -fno-use-linker-plugin -o /program/main main.c /opt/output/lines.o -lm \
    '-###' 2>&1 | grep '^ ')
compile=$(printf '%s\n' "$calls" | sed -n '/cc1 /s/ |$//p')
assemble=$(printf '%s\n' "$calls" | sed -n '/^ as /s# -o [^ ]*# -o /tmp/.codecanvas.o#p')
linker=/usr/libexec/mold/ld
[ -x $linker ] || linker=ld
link=$(printf '%s\n' "$calls" | sed -n "s#^ [^ ]*/collect2#$linker#p" | sed 's# /tmp/[^ ]*\.o # /tmp/.codecanvas.o #')
[ -n "$compile" ] && [ -n "$assemble" ] && [ -n "$link" ]
# What goes wrong gcc tells itself: it is called after this.
cat > "$CODECANVAS_CC/compile" <<END
{ $compile 2> /tmp/.codecanvas-messages || : > /tmp/.codecanvas-failed; } | $assemble 2>> /tmp/.codecanvas-messages && [ ! -e /tmp/.codecanvas-failed ] &&
    $link 2>> /tmp/.codecanvas-messages && { [ ! -s /tmp/.codecanvas-messages ] || cat /tmp/.codecanvas-messages >&2; exit 0; }
rm -f /tmp/.codecanvas-failed /tmp/.codecanvas-messages /tmp/.codecanvas.o
export CODECANVAS_HELD= # nothing waits any more
END
