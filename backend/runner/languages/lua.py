"""Lua."""

from backend.runner.languages.language import OPTIONS, PRELOADED_LINES, Language

LANGUAGE = Language(
    name="lua",
    title="Lua",
    packages=("lua5.4",),
    version=("lua5.4", "-v"),
    source="main.lua",
    run=("lua5.4", OPTIONS, "main.lua"),
    options={"-W": "warnings"},
    run_variables=PRELOADED_LINES,
    hello='print("Hello, world!")\n',
    sample="""\
local Stack = {}
Stack.__index = Stack

function Stack.new(...)
  return setmetatable({ items = { ... } }, Stack)
end

function Stack:push(item)
  self.items[#self.items + 1] = item
  return self
end

function Stack:each()
  return coroutine.wrap(function()
    for i = #self.items, 1, -1 do
      coroutine.yield(self.items[i])
    end
  end)
end

for item in Stack.new("one", "two"):push("three"):each() do
  print(item)
end

local count = {}
for word in ("the cat and the hat"):gmatch("%a+") do
  count[word] = (count[word] or 0) + 1
end
print(("the: %d, sum: %d"):format(count.the, select("#", 1, 2, 3)))
""",
    sample_output="three\ntwo\none\nthe: 2, sum: 3\n",
)
