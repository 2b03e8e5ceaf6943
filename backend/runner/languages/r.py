"""R, as a script."""

from backend.runner.languages.language import Hold, Language
from backend.runner.sandbox.limits import Limits

LANGUAGE = Language(
    name="r",
    title="R",
    aliases=("rscript",),
    packages=("r-base-core",),
    version=("R", "--version"),
    source="main.R",
    run=("Rscript", "--vanilla", "main.R"),
    variables=(("R_DEFAULT_DEVICE", "png"),),  # what is plotted comes back as Rplot001.png, and so on
    limits=Limits(memory_kb=384 * 1024),
    hold=Hold("r", forks=True),
    hello='cat("Hello, world!\\n")\n',
    sample="""\
heights <- c(ann = 1.65, bob = 1.80, cid = 1.72)

describe <- function(x) {
  sprintf("mean %.2f, sd %.3f", mean(x), sd(x))
}

cat(describe(heights), "\\n")
print(sort(heights, decreasing = TRUE))

frame <- data.frame(x = 1:6, group = rep(c("a", "b"), 3))
frame$y <- frame$x^2
print(aggregate(y ~ group, data = frame, FUN = sum))

fit <- lm(y ~ x, data = frame)
cat("slope:", round(coef(fit)[["x"]], 3), "\\n")

primes <- Filter(function(n) n == 2 || all(n %% 2:ceiling(sqrt(n)) != 0), 2:30)
cat(primes, sep = " ")
cat("\\n")
""",
    sample_output=(
        "mean 1.72, sd 0.075 \n bob  cid  ann \n1.80 1.72 1.65 \n  group  y\n1     a 35\n2     b 56\n"
        "slope: 7 \n2 3 5 7 11 13 17 19 23 29\n"
    ),
)
