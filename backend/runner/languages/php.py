"""PHP, on the command line, with the mbstring extension. Messages go to standard error."""

from backend.runner.languages.language import Hold, Language

LANGUAGE = Language(
    name="php",
    title="PHP",
    packages=("php-cli", "php-mbstring"),
    version=("php", "-n", "--version"),
    source="main.php",
    run=("php", "-n", "-d", "display_errors=stderr", "-d", "log_errors=0", "-d", "extension=mbstring", "main.php"),
    hold=Hold("t", forks=True),
    waiting_mb=16,
    hello='<?php\necho "Hello, world!\\n";\n',
    sample="""\
<?php
declare(strict_types=1);

enum Suit: string
{
    case Hearts = 'H';
    case Spades = 'S';

    public function color(): string
    {
        return match ($this) {
            Suit::Hearts => 'red',
            Suit::Spades => 'black',
        };
    }
}

final class Card
{
    public function __construct(public readonly Suit $suit, public readonly int $rank) {}
}

function numbers(int $limit): Generator
{
    for ($n = 1; $n <= $limit; $n++) yield $n => $n ** 2;
}

$cards = [new Card(Suit::Spades, 7), new Card(Suit::Hearts, 3)];
usort($cards, fn (Card $a, Card $b) => $a->rank <=> $b->rank);
foreach ($cards as $card) {
    echo "{$card->rank}{$card->suit->value} is {$card->suit->color()}\\n";
}
echo implode(', ', iterator_to_array(numbers(5))), "\\n";
""",
    sample_output="3H is red\n7S is black\n1, 4, 9, 16, 25\n",
)
