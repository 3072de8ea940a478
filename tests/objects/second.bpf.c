/* Calls a function of the library, and has one of the same name as another. Made as library.bpf.o. */
int add_one(int value);
int add_two(int value) { return add_one(add_one(value)); }
__attribute__((weak)) int answer(void) { return 43; }
char _license[] __attribute__((section("license"), used)) = "GPL";
