"""Ruby."""

from backend.runner.languages.language import OPTIONS, PRELOADED_WRITES, Hold, Language

LANGUAGE = Language(
    name="ruby",
    title="Ruby",
    aliases=("rb",),
    packages=("ruby",),
    core=True,
    version=("ruby", "--version"),
    source="main.rb",
    run=("ruby", "-r/opt/output/lines.rb", OPTIONS, "main.rb"),
    options={
        "-[wW]": "warnings",
        "-W(0|1|2|:(no-)?(deprecated|experimental|performance))": "which warnings",
        "--(enable=frozen-string-literal|disable=gems)": "a feature of the interpreter",
    },
    run_variables=PRELOADED_WRITES,
    hold=Hold("o", forks=True),
    waiting_mb=16,
    hello='puts "Hello, world!"\n',
    sample="""\
Point = Struct.new(:x, :y) do
  def +(other) = Point.new(x + other.x, y + other.y)
  def to_s = "(#{x}, #{y})"
end

module Countable
  def tally_by_length = group_by(&:size).transform_values(&:count)
end

class WordList
  include Enumerable
  include Countable

  def initialize(text) = @words = text.split
  def each(&) = @words.each(&)
end

puts Point.new(1, 2) + Point.new(3, 4)
words = WordList.new("the quick brown fox jumps over it")
words.tally_by_length.sort.each { |size, count| puts "#{size}: #{count}" }

case { name: "Ada", langs: ["ruby", "c"] }
in { name: String => name, langs: [first, *] }
  puts "#{name} prefers #{first}"
end

fib = Enumerator.new { |y| a, b = 0, 1; loop { y << a; a, b = b, a + b } }
puts fib.lazy.select(&:even?).first(5).join(" ")
""",
    sample_output="(4, 6)\n2: 1\n3: 2\n4: 1\n5: 3\nAda prefers ruby\n0 2 8 34 144\n",
)
