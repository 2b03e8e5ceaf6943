#include <iostream>
#include <string>

int main() {
    std::string name;
    if (!(std::cin >> name)) name = "world";
    std::cout << "Hello, " << name << "!\n";

    for (int i = 1; i <= 5; ++i) std::cout << i << " squared is " << i * i << '\n';
}
