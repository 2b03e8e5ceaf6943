const name = require("fs").readFileSync(0, "utf8").trim() || "world";
console.log(`Hello, ${name}!`);

for (let i = 1; i <= 5; i++) {
  console.log(`${i} squared is ${i * i}`);
}
