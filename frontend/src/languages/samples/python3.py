import sys

name = sys.stdin.readline().strip() or "world"
print(f"Hello, {name}!")

for i in range(1, 6):
    print(f"{i} squared is {i * i}")
