//! What an `import` finds in the file system. (contract)

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Something that every user may write to, or that lies in a folder which every user may write to.
    Writable,
    /// A folder with the names of what is in it, sorted.
    Folder(Vec<String>),
    /// A file with its bytes, or why it cannot be read.
    File(Result<Vec<u8>, String>),
}
