//! The table that is printed: Markdown, one row a measurement.

use std::fmt;

/// Rows in the order they were measured.
pub struct Table {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    cells: [Option<f64>; 3],
    unit: &'static str,
}

impl Table {
    /// Without rows.
    pub fn new() -> Table {
        Table { rows: Vec::new() }
    }

    /// Adds a row: beetrace, bpftrace, ply.
    pub fn add(&mut self, what: impl Into<String>, unit: &'static str, cells: [Option<f64>; 3]) {
        let row = Row { what: what.into(), cells, unit };
        eprintln!("bench: {}: {}", row.what, row.cells.map(|c| shown(c, unit)).join(" | "));
        self.rows.push(row);
    }
}

fn shown(cell: Option<f64>, unit: &str) -> String {
    match cell {
        None => "–".into(),
        Some(n) if n.abs() >= 100.0 || n == n.trunc() => format!("{n:.0} {unit}"),
        Some(n) => format!("{n:.1} {unit}"),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | beetrace | bpftrace | ply | beetrace / bpftrace |")?;
        writeln!(f, "|---|---|---|---|---|")?;
        for row in &self.rows {
            let ratio = match row.cells {
                [Some(ours), Some(theirs), _] if theirs > 0.0 => format!("{:.3}", ours / theirs),
                _ => "–".into(),
            };
            let cells = row.cells.map(|c| shown(c, row.unit)).join(" | ");
            writeln!(f, "| {} | {cells} | {ratio} |", row.what)?;
        }
        Ok(())
    }
}
