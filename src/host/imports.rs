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

/// The object that BPF C was compiled to, and what the compiler said.
pub type Compiled = Result<(Vec<u8>, String), CompileError>;

/// Why BPF C was not compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompileError {
    /// There is no compiler; holds where it was looked for.
    NoCompiler(String),
    /// In the compiler's words, or the system's.
    Refused(String),
}
