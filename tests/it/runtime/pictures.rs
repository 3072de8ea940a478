//! Pictures in the documentation are what the code draws: `BLESS=1 cargo test` draws them anew.

use std::fs;
use std::path::Path;

use beetrace::runtime::output::flame;
use beetrace::runtime::output::folded::Stacks;

/// Folded stacks as `-f folded` wrote them.
fn read(text: &str) -> Stacks {
    let line = |line: &str| {
        let (stack, count) = line.rsplit_once(' ').expect("a stack and a number");
        (stack.to_owned(), count.parse().expect("a number"))
    };
    text.lines().map(line).collect()
}

#[test]
fn the_flame_graph_of_the_readme_is_drawn_from_its_profile() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images");
    let stacks = read(&fs::read_to_string(folder.join("profile.folded")).unwrap());
    let drawn = flame::picture("Where the CPUs are", &stacks).unwrap();
    let path = folder.join("profile.svg");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &drawn).unwrap();
    }
    assert!(fs::read(&path).unwrap() == drawn, "draw it anew with BLESS=1 and look at it");
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(readme.contains("docs/images/profile.svg"));
    let text = String::from_utf8(drawn).unwrap();
    assert!(text.contains("do_syscall_64 (") && text.contains("gzip ("), "frames are named");
}

#[test]
fn no_stacks_are_no_picture() {
    let error = flame::picture("nothing", &Stacks::new()).unwrap_err();
    assert!(error.to_string().contains("no map that is keyed by a stack"), "{error}");
}
