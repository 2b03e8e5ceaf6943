// Built once, to see how the go command calls compiler and linker.
package main

func main() {}
