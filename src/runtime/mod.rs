//! While the script runs: the event loop, records, maps, the ledger, output.
