// A program to be probed in user space: known functions, arguments and static probes, called as often as asked.
//
//   probed [wait MS] [COMMAND COUNT]...
//
// `wait MS` sleeps first. Each COMMAND runs COUNT times, i = 0 ... COUNT-1:
//
//   add      add(i, 2)                           returns i + 2
//   text     text("text", i)                     returns the length
//   many     many(1, 2, 3, 4, 5, 6, 7, 8)        two arguments on the stack
//   point    point(&p), point_by_value(p)        struct point { int x = i; long y = 10 i; name = "p" }
//   usdt     static probes probed:numbers(i, 7, long), probed:text("static", i), probed:variable(40 + i)
//            in a variable, probed:guarded(i) with a semaphore
//   twice    static probe probed:twice at two places, with its argument in another place at each
//   steps    steps(i) = i + 11, in known instructions: at +2 the first register is i, at +5 i + 1, at +8 i + 11
//   awkward  awkward_fine() and awkward_locked(), which begins with an instruction that the kernel does not probe
//   empty    empty(): what a probe costs
//   guarded  prints how often the semaphore was seen above 0
//   mem      memory that the libc gives: malloc(i + 1000)
//
// Static probes are written out in assembly as <sys/sdt.h> would.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROBED __attribute__((noinline, noclone))

struct name {
    char text[8];
    unsigned length : 5, kind : 3;
};

struct point {
    int x;
    long y;
    struct name *name;
    union {
        unsigned long whole;
        unsigned char bytes[8];
    };
};

enum colour { RED = 1, GREEN = 5 };

volatile long sink;

PROBED int add(int a, int b) {
    sink += a;
    return a + b;
}

PROBED long text(const char *text, int number) {
    sink += number;
    return (long)strlen(text);
}

PROBED long many(long a, long b, long c, long d, long e, long f, long g, long h) {
    sink += a;
    return a + b + c + d + e + f + g + h;
}

PROBED long point(struct point *p, enum colour colour) {
    sink += p->x;
    return p->y + colour;
}

PROBED long point_by_value(struct point p, char last) {
    sink += p.x;
    return p.y + last;
}

PROBED void empty(void) { __asm__ volatile(""); }

#if defined(__x86_64__)
__asm__(
    ".pushsection .text\n.globl steps\n.type steps, @function\n"
    "steps: mov %edi, %eax\n add $1, %eax\n add $10, %eax\n ret\n"
    ".size steps, .-steps\n.popsection");
#else
__asm__(
    ".pushsection .text\n.globl steps\n.type steps, %function\n"
    "steps: nop\n add w0, w0, #1\n add w0, w0, #10\n ret\n"
    ".size steps, .-steps\n.popsection");
#endif
int steps(int i);

#if defined(__x86_64__)
__asm__(
    ".pushsection .text\n"
    ".globl awkward_fine\n.type awkward_fine, @function\n"
    "awkward_fine: mov %edi, %eax\n ret\n"
    ".size awkward_fine, .-awkward_fine\n"
    ".globl awkward_locked\n.type awkward_locked, @function\n"
    "awkward_locked: lock addl $1, -8(%rsp)\n ret\n"
    ".size awkward_locked, .-awkward_locked\n.popsection");
void awkward_fine(int i);
void awkward_locked(int i);
#else
PROBED void awkward_fine(int i) { sink += i; }
PROBED void awkward_locked(int i) { sink += i; }
#endif

volatile unsigned probed_counter;
unsigned short probed_semaphore __attribute__((section(".probes")));

#if defined(__x86_64__)
#define NOTE(provider, name, semaphore, arguments) \
    "990: nop\n" \
    ".pushsection .note.stapsdt,\"\",\"note\"\n" \
    ".balign 4\n" \
    ".4byte 992f-991f, 994f-993f, 3\n" \
    "991: .asciz \"stapsdt\"\n" \
    "992: .balign 4\n" \
    "993: .8byte 990b, _.stapsdt.base, " semaphore "\n" \
    ".asciz \"" provider "\"\n" \
    ".asciz \"" name "\"\n" \
    ".asciz \"" arguments "\"\n" \
    "994: .balign 4\n" \
    ".popsection\n" \
    ".ifndef _.stapsdt.base\n" \
    ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
    ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n" \
    "_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n" \
    ".popsection\n.endif\n"

PROBED void usdt(int i) {
    long negative = -1000 - i;
    signed char small = (signed char)(-i);
    __asm__ volatile(
        NOTE("probed", "numbers", "0", "-4@%[i] 4@$7 -8@%[negative] -1@%b[small] 8@(%%rsp)")
        :: [i] "r"(i), [negative] "m"(negative), [small] "q"(small));
    const char *word = "static";
    static const long table[4] = {100, 200, 300, 400};
    long index = i & 3;
    __asm__ volatile(
        NOTE("probed", "text", "0", "8@%[word] -4@%[i] 8@8(%[table]) 8@(%[table],%[index],8)")
        :: [word] "r"(word), [i] "r"(i), [table] "r"(table), [index] "r"(index));
    probed_counter = 40 + (unsigned)i;
    __asm__ volatile(NOTE("probed", "variable", "0", "4@probed_counter(%%rip)") ::: "memory");
    __asm__ volatile(NOTE("probed", "guarded", "probed_semaphore", "4@%[i]") :: [i] "r"(i));
}

PROBED void twice(int i) {
    long wide = i;
    __asm__ volatile(NOTE("probed", "twice", "0", "-4@%%eax") :: "a"(i + 1));
    __asm__ volatile(NOTE("probed", "twice", "0", "-8@%[wide]") :: [wide] "m"(wide));
    __asm__ volatile(NOTE("other", "twice", "0", ""));
}
#else
PROBED void usdt(int i) { sink += i; }
PROBED void twice(int i) { sink += i; }
#endif

static long guarded;

static void run(const char *what, int i) {
    struct name name = {"p", 3, 5};
    struct point p = {i, 10L * i, &name, {0x0102030405060708}};
    if (!strcmp(what, "add")) sink += add(i, 2);
    else if (!strcmp(what, "text")) sink += text("text", i);
    else if (!strcmp(what, "many")) sink += many(1, 2, 3, 4, 5, 6, 7, 8);
    else if (!strcmp(what, "point")) sink += point(&p, i % 2 ? GREEN : RED) + point_by_value(p, 'z');
    else if (!strcmp(what, "usdt")) usdt(i);
    else if (!strcmp(what, "twice")) twice(i);
    else if (!strcmp(what, "steps")) sink += steps(i);
    else if (!strcmp(what, "empty")) empty();
    else if (!strcmp(what, "awkward")) {
        awkward_fine(i);
        awkward_locked(i);
    }
    else if (!strcmp(what, "guarded")) guarded += *(volatile unsigned short *)&probed_semaphore > 0;
    else if (!strcmp(what, "mem")) {
        void *volatile memory = malloc((size_t)i + 1000);
        free(memory);
    }
    else {
        fprintf(stderr, "probed: unknown word `%s`\n", what);
        exit(2);
    }
}

static void rest(long ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) && errno == EINTR) {}
}

int main(int argc, char **argv) {
    for (int at = 1; at + 1 < argc; at += 2) {
        long count = atol(argv[at + 1]);
        if (!strcmp(argv[at], "wait")) {
            rest(count);
            continue;
        }
        for (long i = 0; i < count; i++) run(argv[at], (int)i);
        if (!strcmp(argv[at], "guarded")) printf("%ld\n", guarded);
    }
    return 0;
}
