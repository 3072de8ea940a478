//! beetrace
