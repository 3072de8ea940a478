/* Calls what nobody defines. Made as library.bpf.o. */
int nowhere(int value);
int lonely(int value) { return nowhere(value); }
