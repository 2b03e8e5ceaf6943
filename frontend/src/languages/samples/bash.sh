read -r name
echo "Hello, ${name:-world}!"

for i in {1..5}; do
    echo "$i squared is $((i * i))"
done
