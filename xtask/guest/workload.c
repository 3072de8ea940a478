// A program that makes known events, for the tests that run in guests.
//
//   workload [on CPU] [comm NAME] [fork N] [linger MS] EVENT
//
// The words before EVENT pin the process to a CPU, set its name (\xNN is a byte), let N children do what follows, one
// after the other, or let the process live for MS milliseconds more afterwards. EVENT is one of:
//
//   syscalls N [NAME]   N calls of the system call NAME (getppid, getpgid, sched_yield, times; default getppid)
//   threads T N [NAME]  T threads at once, thread i on CPU i modulo the CPUs there are, each making N such calls
//   open PATH N         N times openat and close; the path need not exist
//   xattr PATH N        N times getxattr(PATH, "user.none", NULL, i), i = 0 ... N-1; the path need not exist
//   read BYTES N        N reads of BYTES each from /dev/zero
//   write BYTES N       N writes of BYTES each to /dev/null
//   sleep US N          N sleeps of US microseconds each
//   spin MS             MS milliseconds of CPU time in user space
//   call N              N calls of the function workload_call(i, "text"), i = 0 ... N-1
//   store N             N writes of 8 bytes to the address 0x10000000, then one read from there
//   http PORT N         answers N HTTP requests on 127.0.0.1, one after the other: accept4, read, write, close
//   unix TEXT           TEXT through a pair of connected stream sockets
//   notified PATH N     prints N messages that come to a datagram socket at PATH, as a service manager's
//   pageout N           writes to N pages of its own, has them paged out and reads them
//   print TEXT          TEXT and a newline on standard output
//   exit STATUS         ends with that status
//   without CAP CMD...  becomes CMD without the capability of number CAP (linux/capability.h)
//
// Nothing else in it makes the system calls named above, so what a tracer counts is exact.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
    fprintf(stderr, "workload: %s: %s\n", what, strerror(errno));
    exit(2);
}

static long number(const char *text) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 0);
    if (errno || *end || end == text || value < 0) {
        fprintf(stderr, "workload: `%s` is not a number\n", text);
        exit(2);
    }
    return value;
}

static long syscall_number(const char *name) {
    static const struct { const char *name; long number; } known[] = {
        {"getppid", SYS_getppid}, {"getpgid", SYS_getpgid}, {"sched_yield", SYS_sched_yield}, {"times", SYS_times},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(name, known[i].name)) return known[i].number;
    fprintf(stderr, "workload: unknown system call `%s`\n", name);
    exit(2);
}

static void calls(long which, long count) {
    for (long i = 0; i < count; i++) syscall(which, 0L);
}

static void pin(long cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set)) fail("sched_setaffinity");
}

struct share {
    pthread_barrier_t *start;
    long cpu, which, count;
};

static void *thread(void *argument) {
    struct share *share = argument;
    pin(share->cpu);
    pthread_barrier_wait(share->start);
    calls(share->which, share->count);
    return NULL;
}

static void threads(long n, long which, long count) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    pthread_barrier_t start;
    pthread_t *ids = calloc(n, sizeof *ids);
    struct share *shares = calloc(n, sizeof *shares);
    if (!ids || !shares) fail("calloc");
    pthread_barrier_init(&start, NULL, n);
    for (long i = 0; i < n; i++) {
        shares[i] = (struct share){&start, i % cpus, which, count};
        if ((errno = pthread_create(&ids[i], NULL, thread, &shares[i]))) fail("pthread_create");
    }
    for (long i = 0; i < n; i++) pthread_join(ids[i], NULL);
}

static void transfer(const char *path, int flags, size_t bytes, long count) {
    int fd = open(path, flags);
    char *buffer = calloc(1, bytes + 1);
    if (fd < 0) fail(path);
    if (!buffer) fail("calloc");
    for (long i = 0; i < count; i++) {
        ssize_t n = flags == O_RDONLY ? read(fd, buffer, bytes) : write(fd, buffer, bytes);
        if (n != (ssize_t)bytes) fail(path);
    }
}

static void spin(long ms) {
    struct timespec now;
    volatile uint64_t sink = 0;
    do {
        for (int i = 0; i < 10000; i++) sink += i;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    } while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < ms);
}

__attribute__((noinline, noclone)) int workload_call(int i, const char *text) {
    __asm__ volatile("" : : "r"(i), "r"(text) : "memory");
    return i * 2;
}

static void store(long count) {
    volatile uint64_t *at = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);
    if (at != (void *)0x10000000) fail("mmap");
    for (long i = 1; i <= count; i++) *at = i;
    (void)*at;
}

// Reads each request at once: what sends them writes them in one go.
static void http(long port, long count) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 8)) fail("listen");
    for (; count > 0; count--) {
        char request[4096];
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 || read(fd, request, sizeof request) < 0) fail("accept4");
        if (write(fd, answer, sizeof answer - 1) < 0) fail("write");
        close(fd);
    }
}

static void through_socket(const char *text) {
    int ends[2];
    char buffer[4096];
    ssize_t bytes = strlen(text);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) fail("socketpair");
    if (write(ends[0], text, bytes) != bytes || read(ends[1], buffer, sizeof buffer) != bytes) fail("socket");
}

static void notified(const char *path, long count) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    strncpy(at.sun_path, path, sizeof at.sun_path - 1);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at)) fail(path);
    for (; count > 0; count--) {
        char text[4096];
        ssize_t bytes = recv(fd, text, sizeof text - 1, 0);
        if (bytes < 0) fail("recv");
        printf("%.*s\n", (int)bytes, text);
        fflush(stdout);
    }
}

// Swap must be a device that has written a page when it says so, or the page stays in memory.
static void page_out(long count) {
    size_t bytes = count * 4096;
    volatile char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) fail("mmap");
    for (size_t i = 0; i < bytes; i += 4096) at[i] = 1;
    if (madvise((void *)at, bytes, MADV_PAGEOUT)) fail("madvise");
    usleep(100000);
    for (size_t i = 0; i < bytes; i += 4096) (void)at[i];
}

// The name may hold \xNN, so that a shell can pass any byte.
static void set_comm(const char *name) {
    char bytes[17] = {0};
    for (int n = 0; *name && n < 16; n++) {
        unsigned byte;
        if (sscanf(name, "\\x%2x", &byte) == 1) {
            bytes[n] = byte;
            name += 4;
        } else {
            bytes[n] = *name++;
        }
    }
    if (prctl(PR_SET_NAME, bytes)) fail("prctl");
}

static void opens(char *path, long count) {
    // some kernels leave the page of the arguments write-protected until the process writes there itself
    for (volatile char *at = path; *at; at++) *at = *at;
    for (; count > 0; count--) close(openat(AT_FDCWD, path, O_RDONLY));
}

static void event(int argc, char **argv) {
    const char *name = argv[0];
    int text = !strcmp(name, "open") || !strcmp(name, "xattr") || !strcmp(name, "print") || !strcmp(name, "unix") ||
               !strcmp(name, "notified");
    long a = argc > 1 && !text ? number(argv[1]) : 0;
    if (!strcmp(name, "syscalls") && argc >= 2) calls(syscall_number(argc > 2 ? argv[2] : "getppid"), a);
    else if (!strcmp(name, "threads") && argc >= 3)
        threads(a, syscall_number(argc > 3 ? argv[3] : "getppid"), number(argv[2]));
    else if (!strcmp(name, "open") && argc == 3)
        opens(argv[1], number(argv[2]));
    else if (!strcmp(name, "xattr") && argc == 3)
        for (long i = 0, n = number(argv[2]); i < n; i++) (void)!getxattr(argv[1], "user.none", NULL, i);
    else if (!strcmp(name, "read") && argc == 3) transfer("/dev/zero", O_RDONLY, a, number(argv[2]));
    else if (!strcmp(name, "write") && argc == 3) transfer("/dev/null", O_WRONLY, a, number(argv[2]));
    else if (!strcmp(name, "sleep") && argc == 3)
        for (long i = number(argv[2]); i > 0; i--)
            nanosleep(&(struct timespec){a / 1000000, a % 1000000 * 1000}, NULL);
    else if (!strcmp(name, "spin") && argc == 2) spin(a);
    else if (!strcmp(name, "call") && argc == 2)
        for (long i = 0; i < a; i++) workload_call(i, "text");
    else if (!strcmp(name, "store") && argc == 2) store(a);
    else if (!strcmp(name, "http") && argc == 3) http(a, number(argv[2]));
    else if (!strcmp(name, "unix") && argc == 2) through_socket(argv[1]);
    else if (!strcmp(name, "notified") && argc == 3) notified(argv[1], number(argv[2]));
    else if (!strcmp(name, "pageout") && argc == 2) page_out(a);
    else if (!strcmp(name, "print") && argc == 2) puts(argv[1]);
    else if (!strcmp(name, "exit") && argc == 2) exit(a);
    else if (!strcmp(name, "without") && argc >= 3) {
        if (prctl(PR_CAPBSET_DROP, a)) fail("prctl");
        execvp(argv[2], argv + 2);
        fail(argv[2]);
    }
    else {
        fprintf(stderr, "workload: bad event `%s`\n", name);
        exit(2);
    }
}

int main(int argc, char **argv) {
    long linger = 0;
    argc--, argv++;
    while (argc >= 3) {
        if (!strcmp(argv[0], "on")) pin(number(argv[1]));
        else if (!strcmp(argv[0], "comm")) set_comm(argv[1]);
        else if (!strcmp(argv[0], "linger")) linger = number(argv[1]);
        else if (!strcmp(argv[0], "fork")) {
            pid_t child = 1;
            for (long i = number(argv[1]); i > 0 && child; i--)
                if ((child = fork())) waitpid(child, NULL, 0);
            if (child) return 0;
        } else break;
        argc -= 2, argv += 2;
    }
    if (argc < 1) {
        fprintf(stderr, "usage: workload [on CPU] [comm NAME] [fork N] [linger MS] EVENT\n");
        return 2;
    }
    event(argc, argv);
    if (linger) usleep(linger * 1000);
    return 0;
}
