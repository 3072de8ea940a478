/* What scripts of the tests import. The objects beside the sources are made by hand, as tests need no compiler:
 *
 *     clang -g -O2 -target bpf -c library.bpf.c -o library.bpf.o && llvm-strip -g library.bpf.o
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, value) value *name

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static u64 (*bpf_get_current_task)(void) = (void *)35;
static long (*bpf_probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;

struct pair {
	int left;
	u64 right;
};

enum color { RED, GREEN = 5 };

/* A part of the kernel's own, found wherever the running kernel has it. */
struct task_struct {
	int tgid;
} __attribute__((preserve_access_index));

/* .data, .rodata, .bss and a map of the object's own */
int counter = 5;
const int table[4] = { 10, 20, 30, 40 };
u64 seen;
struct {
	__uint(type, 2);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} total SEC(".maps");

int add_one(int value) { return value + 1; }
u64 multiply(u64 left, u64 right) { return left * right; }
u8 next_byte(u8 value) { return value + 1; }
_Bool is_odd(int value) { return value & 1; }
long negated(long value) { return -value; }
int of_five(int a, int b, int c, int d, int e) { return a + b * c - d + e; }
int answer(void) { return 42; }
void note(u64 value) { seen += value; }
u64 noted(void) { return seen; }
int bump(int by) { counter += by; return counter; }
int entry(u32 index) { return table[index & 3]; }

u64 add_to_total(u64 value)
{
	u32 key = 0;
	u64 *sum = bpf_map_lookup_elem(&total, &key);

	if (!sum)
		return 0;
	*sum += value;
	return *sum;
}

/* Memory of the script's own. */
void set_int(int *to) { *to = 77; }
void set_any(void *to) { *(int *)to = 78; }
u64 grow(u64 *value) { *value += 3; return *value; }
int first_char(const char *text) { return text[0]; }
struct pair *as_pair(u64 address) { return (struct pair *)address; }

int left_of(struct pair *pair)
{
	int left = -1;

	bpf_probe_read_kernel(&left, sizeof(left), &pair->left);
	return left;
}

int tgid_of(struct task_struct *task)
{
	int tgid = 0;

	bpf_probe_read_kernel(&tgid, sizeof(tgid), &task->tgid);
	return tgid;
}

int own_tgid(void) { return tgid_of((struct task_struct *)bpf_get_current_task()); }

enum color other_color(enum color color) { return color == RED ? GREEN : RED; }

static __attribute__((noinline)) int hidden(int value) { return value * 3; }
int through_hidden(int value) { return hidden(value); }

/* Functions with much on the stack; what they call needs some too. */
static __attribute__((noinline)) int fill(u64 *numbers, int count)
{
	volatile u64 own[8];

	for (int i = 0; i < 8; i++)
		own[i] = count;
	numbers[0] = own[3];
	return own[7];
}

int deep(int count)
{
	u64 numbers[32] = {};

	return fill(numbers, count) + numbers[0];
}

int too_deep(int count)
{
	u64 numbers[56] = {};

	return fill(numbers, count) + numbers[0];
}

/* what no kernel allows */
int beyond(int *from) { return from[1000]; }

/* named as a program of the script would be */
int BEGIN(int value) { return value; }

/* hidden by the language's own */
unsigned long strlen(const char *text) { return 1234; }

SEC("kprobe/do_nanosleep") int program_of_its_own(void *ctx) { return 0; }

char _license[] SEC("license") = "Dual BSD/GPL";
