"""Perl."""

from backend.runner.languages.language import OPTIONS, PRELOADED_WRITES, Hold, Language

LANGUAGE = Language(
    name="perl",
    title="Perl",
    aliases=("pl",),
    packages=("perl",),
    # Debian's base has a Perl with few modules, which is not the one that is declared.
    version=("perl", "-MJSON::PP", "-MMath::BigInt", "-e", "print qq(Perl $^V\\n)"),
    source="main.pl",
    run=("perl", "-I/opt/output", "-mlines", OPTIONS, "main.pl"),
    hold=Hold("r"),
    waiting_mb=6,
    options={
        "-[wWXtT]": "warnings, taint checks",
        "-C[0-9IOESioDALa]{0,8}": "Unicode in standard streams and arguments",
        "-M-?(strict|warnings|utf8|feature=:5\\.[0-9]{2}|bigint|bignum|integer)": "use a pragma",
    },
    run_variables=PRELOADED_WRITES,
    hello='print "Hello, world!\\n";\n',
    sample="""\
use strict;
use warnings;
use feature qw(say signatures);

package Stack {
    sub new ($class, @items) { bless {items => [@items]}, $class }
    sub push ($self, $item)  { push @{$self->{items}}, $item; $self }
    sub pop ($self)          { pop @{$self->{items}} }
}

my $text = "the cat and the hat and the bat";
my %count;
$count{$_}++ for $text =~ /\\w+/g;

for my $word (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count) {
    printf "%-4s%s\\n", $word, '*' x $count{$word};
}

my $stack = Stack->new(1, 2)->push(3);
say $stack->pop, $stack->pop;
(my $title = $text) =~ s/\\b(\\w)/\\u$1/g;
say $title;
""",
    sample_output="the ***\nand **\nbat *\ncat *\nhat *\n32\nThe Cat And The Hat And The Bat\n",
)
