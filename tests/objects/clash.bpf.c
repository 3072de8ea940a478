/* Defines what the library defines, under another license. Made as library.bpf.o. */
int add_one(int value) { return value + 100; }
char _license[] __attribute__((section("license"), used)) = "Proprietary";
