//! The table of codes: one row a kind of mistake, each with a title.
//!
//! Codes are stable: a row is never reused for another meaning. E01xx syntax, E02xx names and probes,
//! E03xx types, E04xx calls and formats, E05xx maps and variables, E06xx kernel features and limits,
//! E07xx load and attach, E08xx run time, E09xx command line; W is a warning of the same family.

/// A stable code with the title of its kind of mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code {
    /// As printed, e.g. `E0101`.
    pub id: &'static str,
    /// The kind of mistake, in a few words.
    pub title: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $title:literal;)*) => {
        $($(#[$doc])* pub const $name: Code = Code { id: $id, title: $title };)*
        /// Every code there is, in the order of the table.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    /// The parser met something else than it expected.
    SYNTAX = "E0101", "syntax error";
    /// An integer, duration or escape that cannot be read.
    BAD_LITERAL = "E0102", "malformed literal";
    /// A part of the language that is not compiled yet.
    UNSUPPORTED = "E0103", "not supported yet";
    /// A setting that does not exist, or a value that it does not take.
    SETTING = "E0104", "setting";
    /// A macro that is called wrongly, or reaches outside of itself.
    MACRO = "E0105", "macro";
    /// A directive of the preprocessor, or a use of its macros, that is malformed.
    PREPROCESSOR = "E0110", "preprocessor";
    /// A C definition that is malformed.
    C_DEFINITION = "E0111", "C definition";
    /// A header that is neither there nor known.
    NO_HEADER = "E0112", "header not found";
    /// What `#error` says.
    C_ERROR = "E0113", "#error";
    /// An import that finds nothing, or something that cannot be imported.
    IMPORT = "E0114", "import";
    /// A feature that has to be enabled by a setting.
    UNSTABLE = "E0115", "unstable feature";
    /// No probe type of that name.
    UNKNOWN_PROBE_TYPE = "E0201", "unknown probe type";
    /// The attach point's parts do not fit its probe type.
    BAD_ATTACH_POINT = "E0202", "malformed attach point";
    /// Nothing to attach to under that name.
    NO_SUCH_TARGET = "E0203", "no such attach point";
    /// No builtin, constant or type of that name.
    UNKNOWN_NAME = "E0204", "unknown name";
    /// No function of that name.
    UNKNOWN_FUNCTION = "E0205", "unknown function";
    /// No struct, union, enum or typedef of that name.
    UNKNOWN_TYPE = "E0206", "unknown type";
    /// The type has no such field.
    UNKNOWN_FIELD = "E0207", "unknown field";
    /// A scratch variable read before it was set.
    UNKNOWN_VARIABLE = "E0208", "undefined variable";
    /// The builtin does not exist in this kind of probe.
    NOT_IN_PROBE = "E0209", "not available in this probe";
    /// Operand or assigned type does not fit.
    TYPE_MISMATCH = "E0301", "type mismatch";
    /// A cast that has no meaning.
    BAD_CAST = "E0302", "impossible cast";
    /// Field access or index on something that has none.
    NOT_A_STRUCT = "E0303", "not a struct, tuple or array";
    /// An index outside a tuple or array.
    OUT_OF_BOUNDS = "E0304", "index out of bounds";
    /// A literal outside the range of its type.
    OUT_OF_RANGE = "E0305", "value out of range";
    /// Division by a constant zero.
    DIVISION_BY_ZERO = "E0306", "division by zero";
    /// A C type that cannot be laid out.
    BAD_LAYOUT = "E0310", "impossible layout";
    /// A C name defined twice.
    REDEFINED = "E0311", "defined twice";
    /// Wrong number of arguments.
    ARITY = "E0401", "wrong number of arguments";
    /// An argument of the wrong kind.
    BAD_ARGUMENT = "E0402", "wrong argument";
    /// A format string that is malformed or does not fit its arguments.
    BAD_FORMAT = "E0403", "format string";
    /// A function or aggregation used where it has no meaning.
    BAD_CONTEXT = "E0404", "misplaced call";
    /// A jump that has no loop to leave.
    OUTSIDE_LOOP = "E0405", "not in a loop";
    /// The script itself says that something is wrong: `fail`, `static_assert`.
    SCRIPT_FAILED = "E0406", "the script fails";
    /// A map without the key that its other uses have, or with one too many.
    MAP_KEY = "E0501", "map key mismatch";
    /// A map's value used as two types.
    MAP_VALUE = "E0502", "map value mismatch";
    /// A map that is read or cleared but never written.
    UNDEFINED_MAP = "E0503", "undefined map";
    /// A variable declared or assigned twice in conflicting ways.
    VARIABLE = "E0504", "variable conflict";
    /// The declaration of a map that means nothing, or that the map's uses do not fit.
    MAP_DECLARATION = "E0505", "map declaration";
    /// The kernel lacks something the script needs.
    MISSING_FEATURE = "E0601", "missing kernel feature";
    /// Too large for the kernel or for a documented limit.
    TOO_LARGE = "E0602", "limit exceeded";
    /// Nested too deeply.
    TOO_DEEP = "E0603", "nested too deeply";
    /// The kernel's types (BTF) are not there.
    NO_BTF = "E0604", "no kernel BTF";
    /// A program without debug information (DWARF), or with too little of it.
    NO_DEBUG_INFO = "E0605", "no debug information";
    /// Not enough rights.
    NO_PRIVILEGE = "E0701", "insufficient privileges";
    /// The kernel refused a program.
    REFUSED = "E0702", "program refused by the verifier";
    /// The kernel refused a map.
    MAP_CREATE = "E0703", "map could not be created";
    /// A probe could not be attached.
    ATTACH = "E0704", "probe could not be attached";
    /// The kernel is locked down.
    LOCKDOWN = "E0705", "kernel lockdown";
    /// Output could not be written.
    OUTPUT = "E0801", "output failed";
    /// The traced command or process could not be started or found.
    TARGET = "E0802", "target process";
    /// A file could not be read or written.
    FILE = "E0803", "file";
    /// A map of the running script could not be read or changed.
    MAP_ACCESS = "E0804", "map access failed";
    /// A service of the system that the run needs failed.
    SYSTEM = "E0805", "system call failed";
    /// Arguments of the command line that do not fit.
    USAGE = "E0901", "usage";
    /// A bug in the compiler: an internal check failed.
    INTERNAL = "E0999", "internal error";
    /// A macro or `#warning` that a reader should know about.
    PREPROCESSOR_WARNING = "W0101", "preprocessor";
    /// A feature that a setting warns of.
    UNSTABLE_WARNING = "W0102", "unstable feature";
    /// What a compiler says of C that is imported.
    COMPILER_WARNING = "W0103", "imported C";
    /// A type of the script's own where the kernel has one of that name.
    OVER_KERNEL = "W0204", "kernel type redefined";
    /// Signed and unsigned mixed.
    SIGN_MISMATCH = "W0301", "sign mismatch";
    /// A value that is computed and dropped.
    UNUSED_VALUE = "W0302", "discarded value";
    /// A cast to the type it already has.
    REDUNDANT_CAST = "W0303", "redundant cast";
    /// Works, but has a newer form.
    DEPRECATED = "W0304", "deprecated form";
    /// A wildcard or list item that matched nothing.
    NO_MATCH = "W0201", "no match";
    /// A literal or result that loses bits.
    LOSSY = "W0305", "lossy conversion";
    /// A statement that never runs.
    UNREACHABLE = "W0306", "unreachable statement";
    /// Division by something that is 0, or signed where only unsigned division exists.
    DIVISION = "W0307", "unusual division";
    /// A comparison of tuples or records whose types do not fit each other.
    NEVER_EQUAL = "W0308", "comparison without effect";
    /// A variable that is read before, or without, being assigned.
    UNASSIGNED = "W0501", "unassigned variable";
    /// A map that is read but never written.
    UNWRITTEN_MAP = "W0502", "map never written";
    /// A number that no element of an array has.
    NO_ELEMENT = "W0504", "no such element";
    /// A map that is declared and not used.
    UNUSED_MAP = "W0503", "unused map";
    /// One name stands for several places, and all are taken.
    SEVERAL_TARGETS = "W0202", "several targets";
    /// A probe that may disturb what it traces, or may never be hit.
    RISKY_PROBE = "W0203", "risky probe";
    /// A probe that the kernel refused, and that the script can go on without.
    UNATTACHED = "W0205", "probe not attached";
    /// An argument that has no effect here.
    IGNORED_ARGUMENT = "W0401", "argument without effect";
    /// A variable of the environment that cannot be followed.
    ENVIRONMENT = "W0901", "environment";
}
