"""Tcl."""

from backend.runner.languages.language import Hold, Language

LANGUAGE = Language(
    name="tcl",
    title="Tcl",
    aliases=("tclsh",),
    packages=("tcl",),
    version=("sh", "-c", "tclsh <<'END'\nputs \"Tcl [info patchlevel]\"\nEND"),
    shared_version=True,
    source="main.tcl",
    run=("tclsh", "main.tcl"),
    hold=Hold("t"),
    waiting_mb=6,
    hello='puts "Hello, world!"\n',
    sample="""\
namespace eval stack {
    proc push {name item} {
        upvar 1 $name items
        lappend items $item
    }

    proc pop {name} {
        upvar 1 $name items
        set item [lindex $items end]
        set items [lrange $items 0 end-1]
        return $item
    }
}

oo::class create Counter {
    variable count
    constructor {} { set count 0 }
    method add {{n 1}} { incr count $n }
}

foreach item {one two three} { stack::push items $item }
puts "[stack::pop items], [stack::pop items]"

set counter [Counter new]
$counter add 40
puts [$counter add 2]

foreach word [split "the cat and the hat"] { dict incr seen $word }
puts [dict get $seen the]
puts [lmap n {1 2 3 4} { expr {$n ** 2} }]
""",
    sample_output="three, two\n42\n2\n1 4 9 16\n",
)
