"""Elixir, as a script on Erlang's virtual machine, without distribution."""

from backend.runner.languages.erlang import LIMITS, QUIET, VARIABLES
from backend.runner.languages.language import Hold, Language

LANGUAGE = Language(
    name="elixir",
    title="Elixir",
    aliases=("ex", "exs"),
    packages=("elixir",),
    version=("sh", "-c", "elixir --short-version"),
    shared_version=True,
    source="main.exs",
    run=("elixir", "main.exs"),
    variables=(*VARIABLES, ("ELIXIR_ERL_OPTIONS", f"+fnu {QUIET}")),
    limits=LIMITS,
    hold=Hold("t"),
    hello='IO.puts("Hello, world!")\n',
    sample="""\
defmodule Counter do
  def start, do: spawn(fn -> loop(0) end)

  defp loop(total) do
    receive do
      {:add, n} -> loop(total + n)
      {:get, from} -> send(from, {:total, total})
    end
  end
end

defmodule Words do
  def count(text) do
    text
    |> String.split()
    |> Enum.frequencies()
    |> Enum.sort_by(fn {word, n} -> {-n, word} end)
  end
end

pid = Counter.start()
for n <- 1..10, rem(n, 2) == 0, do: send(pid, {:add, n})
send(pid, {:get, self()})

receive do
  {:total, total} -> IO.puts("total: #{total}")
end

IO.inspect(Words.count("the cat and the hat"))
""",
    sample_output='total: 30\n[{"the", 2}, {"and", 1}, {"cat", 1}, {"hat", 1}]\n',
)
