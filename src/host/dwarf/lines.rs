//! From lines of the source to addresses.

use std::collections::BTreeSet;

use super::NoLine;
use super::read::Dwarf;

/// The address at which the statement of a line begins, the lowest where there are several. `file` is a path or the
/// end of one; without a column any will do.
///
/// # Errors
/// What is there instead.
pub fn address(dwarf: &Dwarf, file: &str, line: u64, column: Option<u64>) -> Result<u64, NoLine> {
    let mut found = Found::default();
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        found.any = true;
        if let Ok(unit) = dwarf.unit(header) {
            found.in_unit(dwarf, &unit, file, line, column);
        }
    }
    match found {
        Found { address: Some(address), .. } => Ok(address),
        Found { any: false, .. } => Err(NoLine::NoDebugInfo),
        Found { fits: true, later, .. } => Err(NoLine::NoStatement(later)),
        Found { files, .. } => Err(NoLine::NoFile(files.into_iter().collect())),
    }
}

#[derive(Default)]
struct Found {
    any: bool,
    /// A file of that name is there.
    fits: bool,
    address: Option<u64>,
    /// The first line behind the wanted one that has a statement.
    later: Option<u64>,
    /// Names of the other files.
    files: BTreeSet<String>,
}

impl Found {
    fn in_unit(
        &mut self,
        dwarf: &Dwarf,
        unit: &gimli::Unit<super::read::Slice>,
        file: &str,
        line: u64,
        column: Option<u64>,
    ) -> Option<()> {
        let program = unit.line_program.clone()?;
        let header = program.header().clone();
        let mut fitting = BTreeSet::new();
        for index in 0..=header.file_names().len() as u64 {
            let Some(entry) = header.file(index) else { continue };
            let name = dwarf.attr_string(unit, entry.path_name()).ok()?;
            let folder = entry.directory(&header).and_then(|folder| dwarf.attr_string(unit, folder).ok());
            let name = String::from_utf8_lossy(name.slice()).into_owned();
            let path = match folder {
                Some(folder) if !name.starts_with('/') => {
                    format!("{}/{name}", String::from_utf8_lossy(folder.slice()))
                }
                _ => name.clone(),
            };
            if is_end_of(file, &path) {
                fitting.insert(index);
            } else {
                self.files.insert(name);
            }
        }
        if fitting.is_empty() {
            return None;
        }
        self.fits = true;
        let mut rows = program.rows();
        while let Ok(Some((_, row))) = rows.next_row() {
            let own = row.line().map_or(0, |line| line.get());
            if row.end_sequence()
                || !row.is_stmt()
                || !fitting.contains(&row.file_index())
                || row.address() == 0
            {
                continue;
            }
            let in_column = || match (column, row.column()) {
                (None, _) => true,
                (Some(wanted), gimli::ColumnType::Column(column)) => column.get() == wanted,
                (Some(wanted), gimli::ColumnType::LeftEdge) => wanted == 0,
            };
            if own == line && in_column() {
                self.address = Some(self.address.map_or(row.address(), |known| known.min(row.address())));
            } else if own > line {
                self.later = Some(self.later.map_or(own, |known| known.min(own)));
            }
        }
        Some(())
    }
}

/// True when a path ends in whole parts with `end`.
fn is_end_of(end: &str, path: &str) -> bool {
    let end = end.trim_start_matches("./");
    match path.strip_suffix(end) {
        Some(front) => front.is_empty() || front.ends_with('/') || end.starts_with('/'),
        None => false,
    }
}
