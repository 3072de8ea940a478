//! Headers for the preprocessor: which are read, which need not be there.

use crate::host::headers::{self, Header, HeaderPlace, Known};
use crate::host::imports::CompileError;
use crate::host::{Feature, Host, imports};
use crate::sema;
use crate::syntax::cpp::{Compiled, Entry, Found, Headers};

/// The headers of a machine.
pub struct OfHost<'a> {
    /// The machine.
    pub host: &'a dyn Host,
    /// Headers that the command line includes (`--include`).
    pub before: &'a [String],
}

impl Headers for OfHost<'_> {
    fn find(&self, name: &str, quoted: bool, from: &str) -> Found {
        use HeaderPlace::{Beside, Given, Usual};
        let known = headers::known(name);
        let beside = self.host.header(name, Beside(from)).filter(|_| quoted);
        if let Some(found) = beside {
            return text(found, false);
        }
        if let Some(found) = self.host.header(name, Given) {
            return text(found, !quoted);
        }
        if known == Some(Known::Always) {
            return Found::Known;
        }
        match (self.host.header(name, Usual), known) {
            (Some(Header { text: Err(_), .. }) | None, Some(_)) => Found::Known,
            (Some(found), _) => text(found, true),
            (None, None) => Found::Missing,
        }
    }

    fn import(&self, path: &str) -> Option<Entry> {
        Some(match self.host.import(path)? {
            imports::Entry::Writable => Entry::Writable,
            imports::Entry::Folder(names) => Entry::Folder(names),
            imports::Entry::File(content) => Entry::File(content),
        })
    }

    fn compile(&self, path: &str) -> Compiled {
        match self.host.compile(path) {
            Ok((bytes, said)) => Compiled::Object { bytes, said },
            Err(CompileError::NoCompiler(path)) => Compiled::NoCompiler(path),
            Err(CompileError::Refused(said)) => Compiled::Refused(said),
        }
    }

    fn before(&self) -> Vec<String> {
        self.before.to_vec()
    }

    fn predefined(&self) -> String {
        let machine = if cfg!(target_arch = "aarch64") {
            "#define __aarch64__ 1\n"
        } else {
            "#define __x86_64__ 1\n#define __x86_64 1\n#define __amd64__ 1\n"
        };
        let btf = if self.host.has(Feature::Btf) { "#define BPFTRACE_HAVE_BTF 1\n" } else { "" };
        format!("{btf}{machine}{PREDEFINED}")
    }

    fn keeps(&self, name: &str) -> bool {
        sema::is_own_name(name)
    }
}

/// What every compiler of this kind of machine says of it.
const PREDEFINED: &str = "\
#define __BEETRACE__ 1
#define __linux__ 1
#define __linux 1
#define __unix__ 1
#define __LP64__ 1
#define _LP64 1
#define __STDC__ 1
#define __STDC_VERSION__ 201112L
#define __STDC_HOSTED__ 1
#define __ELF__ 1
#define __CHAR_BIT__ 8
#define __SIZEOF_INT__ 4
#define __SIZEOF_LONG__ 8
#define __SIZEOF_LONG_LONG__ 8
#define __SIZEOF_SHORT__ 2
#define __SIZEOF_POINTER__ 8
#define __SIZEOF_SIZE_T__ 8
#define __BYTE_ORDER__ 1234
#define __ORDER_LITTLE_ENDIAN__ 1234
#define __ORDER_BIG_ENDIAN__ 4321
#define __INT_MAX__ 2147483647
#define __LONG_MAX__ 9223372036854775807L
#define __SIZE_TYPE__ unsigned long
#define __PTRDIFF_TYPE__ long
#define __WCHAR_TYPE__ int
#define __INTMAX_TYPE__ long
#define __UINTMAX_TYPE__ unsigned long
#define __extension__
";

fn text(found: Header, system: bool) -> Found {
    match found.text {
        Ok(text) => Found::Text { path: found.path, text, system },
        Err(why) => Found::Unreadable(why),
    }
}
