package main

import "fmt"

func main() {
	name := "world"
	fmt.Scan(&name)
	fmt.Printf("Hello, %s!\n", name)

	for i := 1; i <= 5; i++ {
		fmt.Printf("%d squared is %d\n", i, i*i)
	}
}
