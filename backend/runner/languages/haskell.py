"""Haskell, with GHC."""

from backend.runner.languages.language import OPTIONS, PROGRAM, Language

LANGUAGE = Language(
    name="haskell",
    title="Haskell",
    aliases=("hs", "ghc"),
    packages=("ghc",),
    version=("sh", "-c", 'test -e "$(ghc --print-libdir)/package.conf.d" && ghc --version'),
    shared_version=True,
    source="main.hs",
    # Packages are the compiler's own, whatever a file of an environment beside the program says.
    compile=(
        "ghc",
        "-v0",
        "-O1",
        "-dynamic",
        "-package-env",
        "-",
        "-no-user-package-db",
        OPTIONS,
        "-o",
        PROGRAM,
        "main.hs",
    ),
    run=(PROGRAM,),
    options={
        "-O[0-2]": "how much is optimised (otherwise -O1)",
        "-W[a-z-]*": "warnings, for example -Wall",
        "-X(No)?[A-Z][A-Za-z0-9]+": "a language extension",
        "-threaded": "the runtime with several threads",
    },
    hello='main :: IO ()\nmain = putStrLn "Hello, world!"\n',
    sample="""\
import Data.Char (toLower)
import Data.List (sortOn)
import qualified Data.Map.Strict as Map

data Tree a = Leaf | Node (Tree a) a (Tree a)

insert :: Ord a => a -> Tree a -> Tree a
insert x Leaf = Node Leaf x Leaf
insert x tree@(Node left y right)
  | x < y = Node (insert x left) y right
  | x > y = Node left y (insert x right)
  | otherwise = tree

instance Foldable Tree where
  foldMap _ Leaf = mempty
  foldMap f (Node left x right) = foldMap f left <> f x <> foldMap f right

primes :: [Int]
primes = sieve [2 ..] where sieve (p : xs) = p : sieve [x | x <- xs, x `mod` p /= 0]

main :: IO ()
main = do
  print (take 8 primes)
  print (foldr (:) [] (foldr insert Leaf [5, 2, 8, 1, 9, 2 :: Int]))
  let counts = Map.fromListWith (+) [(map toLower w, 1 :: Int) | w <- words "The cat and the hat"]
  mapM_ print (take 2 (sortOn (negate . snd) (Map.toList counts)))
""",
    sample_output='[2,3,5,7,11,13,17,19]\n[1,2,5,8,9]\n("the",2)\n("and",1)\n',
)
