"""`python -m deploy.cli VERB …`: what `./dev invoke` runs."""

# First of all: a Ctrl+C during the imports, which take most of a second, must end the verb too.
from deploy import interrupts


def main() -> None:
    """Run Invoke with our options; ends by SystemExit with its exit code."""
    from deploy.cli import program

    program.main()


if __name__ == "__main__":
    interrupts.guarded(main)
