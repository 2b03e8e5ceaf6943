"""Assembly for x86-64, with NASM: a static program from `_start`."""

from backend.runner.languages.language import OPTIONS, PROGRAM, Language

# Options begin with a hyphen, and sources never do.
_COMPILE = f"""\
options= objects= number=0
for word in "$@"; do
    case $word in -*) options="$options $word" && continue ;; esac
    number=$((number + 1))
    objects="$objects /tmp/$number.o"
    nasm -felf64 $options -o "/tmp/$number.o" "$word" || exit
done
exec ld -o {PROGRAM} $objects
"""

LANGUAGE = Language(
    name="assembly",
    title="Assembly (x86-64)",
    aliases=("asm", "nasm"),
    packages=("nasm", "binutils"),
    version=("nasm", "--version"),
    source="main.asm",
    compile=("sh", "-c", _COMPILE, "sh", OPTIONS, "main.asm"),
    sources=(".asm", ".nasm"),
    inclusion="^[ \\t]*%include[ \\t]+[\"'`]([^\"'`\\n]+)",
    run=(PROGRAM,),
    options={
        "-O[0-9x]": "how hard short jumps are looked for (otherwise -Ox)",
        "-g": "debugging information",
        "-w[+-][a-z-]+": "warnings on or off",
        "-D[A-Za-z_][A-Za-z0-9_]*(=[A-Za-z0-9_]*)?": "define a macro",
    },
    hello="""\
section .rodata
text:   db "Hello, world!", 10
length: equ $ - text

section .text
global _start
_start:
        mov     eax, 1          ; write
        mov     edi, 1
        lea     rsi, [rel text]
        mov     edx, length
        syscall
        mov     eax, 60         ; exit
        xor     edi, edi
        syscall
""",
    sample="""\
; The Fibonacci numbers below 100.
section .bss
digits: resb 4

section .text
global _start
_start: xor     r12d, r12d
        mov     r13d, 1
.next:  mov     eax, r12d
        call    print
        lea     eax, [r12 + r13]
        mov     r12d, r13d
        mov     r13d, eax
        cmp     r12d, 100
        jb      .next
        mov     eax, 60         ; exit
        xor     edi, edi
        syscall

print:  lea     rsi, [rel digits + 3]
        mov     byte [rsi], 10
        mov     ecx, 10
.digit: xor     edx, edx
        div     ecx
        add     dl, '0'
        dec     rsi
        mov     [rsi], dl
        test    eax, eax
        jnz     .digit
        lea     rdx, [rel digits + 4]
        sub     rdx, rsi
        mov     eax, 1          ; write
        mov     edi, 1
        syscall
        ret
""",
    sample_output="0\n1\n1\n2\n3\n5\n8\n13\n21\n34\n55\n89\n",
)
