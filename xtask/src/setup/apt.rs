//! Installing packages on this machine, and a private apt for suites that this machine does not use.

use super::sources;
use crate::{Res, paths, sh};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The keys of the Debian archive; with them a private apt checks what it fetches.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Those of `packages` that are not installed.
pub fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let installed = |package: &&str| {
        let status =
            sh::output(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]));
        status.is_ok_and(|status| status == "installed")
    };
    packages.iter().copied().filter(|package| !installed(package)).collect()
}

/// Installs those of `packages` that are missing, as root.
pub fn install(packages: &[&str]) -> Res<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    if !sh::succeeds(Command::new("apt-get").arg("--version")) {
        return Err(format!("this is no Debian; install by hand what Debian calls {}", missing.join(" ")));
    }
    eprintln!("xtask: installing {}", missing.join(" "));
    let install = || {
        let mut command = as_root_apt(&[]);
        sh::quiet(command.args(["install", "-y", "-qq", "--no-install-recommends"]).args(&missing))
    };
    // a fresh image has no lists at all, an old one has lists whose packages are gone; a source of the user's that
    // fails matters only if the packages cannot be had without it
    let updated = sh::quiet(as_root_apt(&[]).args(["update", "-qq"]));
    install().map_err(|error| format!("{error}\n{}", updated.err().unwrap_or_default()))
}

/// Installs a QEMU that emulates well enough: the distribution's own, or on bookworm the one of its backports.
pub fn install_qemu() -> Res<()> {
    let (codename, sources) = (codename(), sources::configured());
    if codename != "bookworm" {
        return install(&["qemu-system-x86"]);
    }
    let suite = "bookworm-backports";
    eprintln!("xtask: installing qemu-system-x86 from {suite}");
    let folder = paths::cache().join("apt").join(format!("{suite}-install"));
    let own = fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
    let mut errors = Vec::new();
    for mirror in sources::mirrors(&sources, &codename)? {
        // beside the machine's own sources, which hold what QEMU depends on
        let mut options = Private::new(&folder, &own, &mirror, suite)?.list_options();
        options.retain(|option| !option.starts_with("Dir::Etc::SourceParts"));
        let updated = sh::quiet(as_root_apt(&options).args(["update", "-qq"]));
        let words = ["install", "-y", "-qq", "--no-install-recommends", "-t", suite, "qemu-system-x86"];
        match sh::quiet(as_root_apt(&options).args(words)) {
            Ok(()) => return Ok(()),
            Err(error) => errors.extend([Some(error), updated.err()].into_iter().flatten()),
        }
    }
    Err(errors.join("\n"))
}

fn as_root_apt(options: &[String]) -> Command {
    let mut command = sh::as_root("env");
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    for option in options {
        command.args(["-o", option]);
    }
    command
}

/// The release of this machine, such as `bookworm`.
pub fn codename() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    line.unwrap_or_default().trim_matches('"').to_owned()
}

/// An apt with sources, lists and packages of its own, which needs no root and leaves the machine's alone.
pub struct Private {
    folder: PathBuf,
}

impl Private {
    /// Prepares `folder` for `suite` of `mirror`, after the lines of `others`.
    pub fn new(folder: &Path, others: &str, mirror: &str, suite: &str) -> Res<Private> {
        let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(part)).map_err(failed)?;
        }
        let signed = if Path::new(KEYS).exists() { format!("[signed-by={KEYS}] ") } else { String::new() };
        let text = format!("{others}\ndeb {signed}{mirror} {suite} main\n");
        fs::write(folder.join("sources.list"), text).map_err(failed)?;
        Ok(Private { folder: folder.to_owned() })
    }

    /// Fetches the suite's lists.
    pub fn update(&self) -> Res<()> {
        sh::quiet(self.command("apt-get").args(["-o", "APT::Update::Error-Mode=any", "update", "-qq"]))
    }

    /// The fields of the newest version of `package`.
    pub fn show(&self, package: &str) -> Res<String> {
        sh::output(self.command("apt-cache").args(["show", "--no-all-versions", package]))
    }

    /// Downloads `packages` into the folder `to`.
    pub fn download(&self, packages: &[String], to: &Path) -> Res<()> {
        // apt's own unprivileged user could not write there
        let own = ["-o", "APT::Sandbox::User=root"];
        sh::quiet(self.command("apt-get").args(own).args(["download", "-qq"]).args(packages).current_dir(to))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let folder = self.folder.display();
        let mut options = self.list_options();
        options.push(format!("Dir::Cache={folder}/cache"));
        options.push("Dir::State::status=/dev/null".into());
        for option in &options {
            command.args(["-o", option]);
        }
        command
    }

    fn list_options(&self) -> Vec<String> {
        let folder = self.folder.display();
        vec![
            format!("Dir::Etc::SourceList={folder}/sources.list"),
            "Dir::Etc::SourceParts=/dev/null".into(),
            format!("Dir::State::Lists={folder}/lists"),
        ]
    }
}
