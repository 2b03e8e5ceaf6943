use std::io;

fn main() {
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
    let name = match line.trim() {
        "" => "world",
        name => name,
    };
    println!("Hello, {name}!");

    for i in 1..=5 {
        println!("{i} squared is {}", i * i);
    }
}
