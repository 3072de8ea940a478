//! C++ and Rust names as people write them.

use cpp_demangle::{DemangleOptions, Symbol};

/// The readable form of a symbol: with its parameters for C++, without its hash for Rust. None when it is no mangled
/// name.
pub fn readable(symbol: &str) -> Option<String> {
    if let Ok(rust) = rustc_demangle::try_demangle(symbol) {
        return Some(format!("{rust:#}"));
    }
    cpp(symbol)?.demangle().ok()
}

/// The readable form of a symbol; the symbol itself when it is no mangled name.
pub fn demangle(symbol: &str) -> String {
    readable(symbol).unwrap_or_else(|| symbol.to_owned())
}

/// The readable form without parameters and result.
pub fn bare(symbol: &str) -> Option<String> {
    if let Ok(rust) = rustc_demangle::try_demangle(symbol) {
        return Some(format!("{rust:#}"));
    }
    let options = DemangleOptions::new().no_params().no_return_type();
    cpp(symbol)?.demangle_with_options(&options).ok()
}

fn cpp(symbol: &str) -> Option<Symbol<&str>> {
    symbol.starts_with("_Z").then(|| Symbol::new(symbol).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_mangled_stays() {
        assert_eq!(demangle("main"), "main");
        assert_eq!(demangle("_ZN3foo3barEi"), "foo::bar(int)");
        assert_eq!(
            demangle("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE"),
            "core::fmt::Write::write_fmt"
        );
        assert_eq!(demangle("_RNvC6_123foo3bar"), "123foo::bar");
        assert_eq!(demangle("_Z"), "_Z");
        assert_eq!(demangle("_ZN"), "_ZN");
    }

    #[test]
    fn names_are_readable() {
        let cpp = "_ZN3App6Server6handleEiRKNS_5PointE";
        assert_eq!(readable(cpp).unwrap(), "App::Server::handle(int, App::Point const&)");
        assert_eq!(bare(cpp).unwrap(), "App::Server::handle");
        assert_eq!(readable("_Z3maxIiET_S0_S0_").unwrap(), "int max<int>(int, int)");
        assert_eq!(bare("_Z3maxIiET_S0_S0_").unwrap(), "max<int>");
        assert_eq!(bare("_ZN12_GLOBAL__N_16hiddenEv").unwrap(), "(anonymous namespace)::hidden");
        assert_eq!(readable("_ZN4core3fmt5write17h0123456789abcdefE").unwrap(), "core::fmt::write");
        assert_eq!(bare("_RNvC6_123foo3bar").unwrap(), "123foo::bar");
        assert_eq!(
            [readable("main"), readable("_Z"), readable("_ZN"), bare("main.main")],
            [None, None, None, None]
        );
    }
}
