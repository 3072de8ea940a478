# What Go's compiler makes of a few functions, by hand: its names, its calling convention (arguments in registers, since Go
# 1.17) and its debug information, for probes to be tested on without Go.
#
#   func main.greet(name string, times int, list []int, on bool, ratio float64, h *main.header, pair [2]int) int
#       called three times, with times = 1, 2, 3: "hello" of "hello world", [10, 20, 30], true, 0.5, a header, [7, 8]
#
#   func (t *http2Server) google.golang.org/grpc/internal/transport.operateHeaders(frame *http2.MetaHeadersFrame)
#       called twice: with two headers, and with one

    .text
    .globl _start, "main.greet"
    .globl "google.golang.org/grpc/internal/transport.(*http2Server).operateHeaders"

.Ltext:
    .type "main.greet", @function
"main.greet":
    push %rbp
    mov %rsp, %rbp
    mov %rcx, %rax
    cmp $2, %rax
    je 1f
    pop %rbp
    ret
1:  pop %rbp
    ret
.Lgreet_end:
    .size "main.greet", .-"main.greet"

    .type "google.golang.org/grpc/internal/transport.(*http2Server).operateHeaders", @function
"google.golang.org/grpc/internal/transport.(*http2Server).operateHeaders":
    push %rbp
    mov %rsp, %rbp
    pop %rbp
    ret
.Lheaders_end:
    .size "google.golang.org/grpc/internal/transport.(*http2Server).operateHeaders", .-"google.golang.org/grpc/internal/transport.(*http2Server).operateHeaders"

    .type _start, @function
_start:
    mov $1, %r12
2:  lea hello(%rip), %rax
    mov $5, %ebx
    mov %r12, %rcx
    lea list(%rip), %rdi
    mov $3, %esi
    mov $4, %r8d
    mov $1, %r9d
    lea header1(%rip), %r10
    movsd half(%rip), %xmm0
    push $8
    push $7
    call "main.greet"
    add $16, %rsp
    inc %r12
    cmp $3, %r12
    jbe 2b
    xor %eax, %eax
    lea frame1(%rip), %rbx
    call "google.golang.org/grpc/internal/transport.(*http2Server).operateHeaders"
    lea frame2(%rip), %rbx
    call "google.golang.org/grpc/internal/transport.(*http2Server).operateHeaders"
    mov $60, %eax
    xor %edi, %edi
    syscall
    .size _start, .-_start
.Ltext_end:

    .data
hello: .ascii "hello world"
path: .ascii ":path"
greeter: .ascii "/helloworld.Greeter/SayHello"
agent: .ascii "user-agent"
grpc: .ascii "grpc-go/1.60"
    .balign 8
half: .double 0.5
list: .quad 10, 20, 30, 40
header1:
    .quad path, 5, greeter, 28
    .quad 0
    .quad agent, 10, grpc, 12
    .quad 1
frame1: .quad 0, header1, 2, 2, 0
frame2: .quad 0, header1, 1, 1, 0

# by which a program of Go is known
    .section .go.buildinfo, "a", @progbits
    .ascii "\377 Go buildinf:"

    .section .debug_abbrev
.macro abbrev number, tag, children
    .uleb128 \number
    .uleb128 \tag
    .byte \children
.endm
.macro attribute name, form
    .uleb128 \name
    .uleb128 \form
.endm
.macro end
    .byte 0, 0
.endm
.Labbrev:
    abbrev 1, 0x11, 1           # compile_unit
    attribute 0x25, 0x08        # producer
    attribute 0x13, 0x0b        # language
    attribute 0x03, 0x08        # name
    attribute 0x11, 0x01        # low_pc
    attribute 0x12, 0x07        # high_pc
    end
    abbrev 2, 0x2e, 1           # subprogram
    attribute 0x03, 0x08
    attribute 0x11, 0x01
    attribute 0x12, 0x07
    end
    abbrev 3, 0x05, 0           # formal_parameter
    attribute 0x03, 0x08
    attribute 0x4b, 0x0c        # variable_parameter: a result
    attribute 0x49, 0x13        # type
    end
    abbrev 4, 0x24, 0           # base_type
    attribute 0x03, 0x08
    attribute 0x3e, 0x0b        # encoding
    attribute 0x0b, 0x0b        # byte_size
    end
    abbrev 5, 0x0f, 0           # pointer_type
    attribute 0x03, 0x08
    attribute 0x49, 0x13
    end
    abbrev 6, 0x13, 1           # structure_type
    attribute 0x03, 0x08
    attribute 0x0b, 0x0b
    end
    abbrev 7, 0x0d, 0           # member
    attribute 0x03, 0x08
    attribute 0x38, 0x0b        # data_member_location
    attribute 0x49, 0x13
    end
    abbrev 8, 0x01, 1           # array_type
    attribute 0x03, 0x08
    attribute 0x49, 0x13
    end
    abbrev 9, 0x21, 0           # subrange_type
    attribute 0x49, 0x13
    attribute 0x37, 0x0b        # count
    end
    .byte 0

    .section .debug_info
.Linfo:
    .long .Linfo_end - .Linfo_start
.Linfo_start:
    .value 4
    .long .Labbrev
    .byte 8
.macro parameter name, type, result=0
    .uleb128 3
    .asciz "\name"
    .byte \result
    .long \type - .Linfo
.endm
.macro base name, encoding, size
    .uleb128 4
    .asciz "\name"
    .byte \encoding, \size
.endm
.macro pointer name, type
    .uleb128 5
    .asciz "\name"
    .long \type - .Linfo
.endm
.macro structure name, size
    .uleb128 6
    .asciz "\name"
    .byte \size
.endm
.macro member name, offset, type
    .uleb128 7
    .asciz "\name"
    .byte \offset
    .long \type - .Linfo
.endm
    .uleb128 1
    .asciz "Go cmd/compile go1.22.0; regabi"
    .byte 0x16
    .asciz "main"
    .quad .Ltext
    .quad .Ltext_end - .Ltext

    .uleb128 2
    .asciz "main.greet"
    .quad "main.greet"
    .quad .Lgreet_end - "main.greet"
    parameter "name", .Lstring
    parameter "times", .Lint
    parameter "list", .Lints
    parameter "on", .Lbool
    parameter "ratio", .Lfloat64
    parameter "h", .Lheader_pointer
    parameter "pair", .Lpair
    parameter "~r0", .Lint, 1
    .byte 0

    .uleb128 2
    .asciz "google.golang.org/grpc/internal/transport.(*http2Server).operateHeaders"
    .quad "google.golang.org/grpc/internal/transport.(*http2Server).operateHeaders"
    .quad .Lheaders_end - "google.golang.org/grpc/internal/transport.(*http2Server).operateHeaders"
    parameter "t", .Lserver_pointer
    parameter "frame", .Lframe_pointer
    .byte 0

.Lint: base "int", 0x05, 8
.Lbool: base "bool", 0x02, 1
.Luint8: base "uint8", 0x07, 1
.Lfloat64: base "float64", 0x04, 8
.Luint8_pointer: pointer "*uint8", .Luint8
.Lint_pointer: pointer "*int", .Lint
.Lstring: structure "string", 16
    member "str", 0, .Luint8_pointer
    member "len", 8, .Lint
    .byte 0
.Lints: structure "[]int", 24
    member "array", 0, .Lint_pointer
    member "len", 8, .Lint
    member "cap", 16, .Lint
    .byte 0
.Lpair:
    .uleb128 8
    .asciz "[2]int"
    .long .Lint - .Linfo
    .uleb128 9
    .long .Lint - .Linfo
    .byte 2
    .byte 0
.Lheader: structure "golang.org/x/net/http2/hpack.HeaderField", 40
    member "Name", 0, .Lstring
    member "Value", 16, .Lstring
    member "Sensitive", 32, .Lbool
    .byte 0
.Lheader_pointer: pointer "*golang.org/x/net/http2/hpack.HeaderField", .Lheader
.Lheaders: structure "[]golang.org/x/net/http2/hpack.HeaderField", 24
    member "array", 0, .Lheader_pointer
    member "len", 8, .Lint
    member "cap", 16, .Lint
    .byte 0
.Lframe: structure "golang.org/x/net/http2.MetaHeadersFrame", 40
    member "HeadersFrame", 0, .Lint_pointer
    member "Fields", 8, .Lheaders
    member "Truncated", 32, .Lbool
    .byte 0
.Lframe_pointer: pointer "*golang.org/x/net/http2.MetaHeadersFrame", .Lframe
.Lserver: structure "google.golang.org/grpc/internal/transport.http2Server", 8
    member "conn", 0, .Lint
    .byte 0
.Lserver_pointer: pointer "*google.golang.org/grpc/internal/transport.http2Server", .Lserver
    .byte 0
.Linfo_end:
    .section .note.GNU-stack, "", @progbits
