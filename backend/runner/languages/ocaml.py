"""OCaml, compiled to native code; with the libraries str and unix."""

from backend.runner.languages.language import OPTIONS, PROGRAM, Language

# Modules are linked in the order in which they are given, which ocamldep knows. Options begin with a hyphen, and
# sources never do.
_COMPILE = f"""\
options= sources= number=0
for word in "$@"; do
    case $word in
    -*) options="$options $word" && continue ;;
    *[!A-Za-z0-9_./-]*) continue ;; # no name of a module
    */*) options="$options -I ${{word%/*}}" ;;
    esac
    sources="$sources $word"
    number=$((number + 1))
done
if [ $number -gt 1 ]; then
    sources=$(ocamldep -sort -one-line $sources) || exit
fi
exec ocamlopt -I +unix -I +str -ccopt -B/usr/libexec/mold unix.cmxa str.cmxa $options -o {PROGRAM} $sources
"""

LANGUAGE = Language(
    name="ocaml",
    title="OCaml",
    aliases=("ml",),
    packages=("ocaml-nox", "gcc", "libc6-dev", "mold"),
    version=("ocamlopt", "-version"),
    source="main.ml",
    compile=("sh", "-c", _COMPILE, "sh", OPTIONS, "main.ml"),
    sources=(".ml", ".mli"),
    run=(PROGRAM,),
    options={
        "-(g|unsafe|principal|strict-sequence|noassert)": "debugging information, checks left out, stricter typing",
    },
    hello='let () = print_endline "Hello, world!"\n',
    sample="""\
type expr =
  | Num of int
  | Add of expr * expr
  | Mul of expr * expr

let rec eval = function
  | Num n -> n
  | Add (a, b) -> eval a + eval b
  | Mul (a, b) -> eval a * eval b

let rec show = function
  | Num n -> string_of_int n
  | Add (a, b) -> Printf.sprintf "(%s + %s)" (show a) (show b)
  | Mul (a, b) -> Printf.sprintf "%s * %s" (show a) (show b)

module Words = Map.Make (String)

let count text =
  String.split_on_char ' ' text
  |> List.fold_left
       (fun seen word -> Words.update word (fun n -> Some (1 + Option.value n ~default:0)) seen)
       Words.empty

let () =
  let e = Mul (Num 6, Add (Num 3, Num 4)) in
  Printf.printf "%s = %d\\n" (show e) (eval e);
  count "the cat and the hat" |> Words.iter (Printf.printf "%s: %d\\n")
""",
    sample_output="6 * (3 + 4) = 42\nand: 1\ncat: 1\nhat: 1\nthe: 2\n",
)
