//! The command of `-c` and the process of `-p`.
//!
//! The command is forked before the script is compiled (its pid is `cpid`) and waits, before it executes anything, for
//! [`Child::go`]: no event of it can come before the probes are attached. It takes the run's signals as any process
//! does, gets SIGTERM should the run die, and SIGKILL should the run end first, as bpftrace does.
//!
//! The command line is split as a shell would (quotes and backslashes), but nothing else of a shell is there.

use std::ffi::{CString, OsStr};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{env, fs};

use super::failure::{Failure, words};
use super::sys;
use crate::diag::{Diagnostic, codes};

/// A command that waits, runs or has ended.
#[derive(Debug)]
pub struct Child {
    name: String,
    pid: u32,
    pidfd: OwnedFd,
    go: Option<PipeWriter>,
    report: PipeReader,
}

impl Child {
    /// Forks; the command is not executed yet.
    ///
    /// # Errors
    /// When the line cannot be split, the program is not found, or the system has no room for a process.
    pub fn prepare(command: &str) -> Result<Child, Failure> {
        let words = split(command).map_err(|why| failed(command, why))?;
        let name = words.first().ok_or_else(|| failed(command, "the command is empty"))?.clone();
        let path = find(&name).ok_or_else(|| failed(&name, "no such program"))?;
        let image = Image::new(&path, &words).map_err(|_| failed(&name, "a NUL byte in the command"))?;
        Child::fork(name.clone(), &image).map_err(|error| failed(&name, &self::words(&error)))
    }

    fn fork(name: String, image: &Image) -> io::Result<Child> {
        let (wait, go) = io::pipe()?;
        let (report, tell) = io::pipe()?;
        // SAFETY: the new process does nothing but what is allowed after a fork of a process with threads.
        let pid = unsafe { sys::fork(|| image.execute(wait.as_raw_fd(), go.as_raw_fd(), tell.as_raw_fd())) }?;
        let pidfd = sys::pidfd(pid)?;
        Ok(Child { name, pid, pidfd, go: Some(go), report })
    }

    /// The process's id: `cpid`.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Executes the command.
    ///
    /// # Errors
    /// When the kernel does not execute it.
    pub fn go(&mut self) -> Result<(), Failure> {
        let Some(mut go) = self.go.take() else { return Ok(()) };
        let mut errno = [0; 4];
        let told = go.write_all(b"g").and_then(|()| {
            drop(go);
            // closed by the execution, else it tells why there was none
            self.report.read(&mut errno)
        });
        match told {
            Ok(0) => Ok(()),
            Ok(_) => {
                let error = io::Error::from_raw_os_error(i32::from_le_bytes(errno));
                Err(failed(&self.name, &words(&error)))
            }
            Err(error) => Err(failed(&self.name, &words(&error))),
        }
    }

    /// Readable when the process has ended.
    pub fn fd(&self) -> RawFd {
        self.pidfd.as_raw_fd()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        sys::kill_and_reap(self.pid);
    }
}

/// The process of `-p`.
#[derive(Debug)]
pub struct Target {
    pidfd: OwnedFd,
}

impl Target {
    /// Watches a running process.
    ///
    /// # Errors
    /// When there is none with this id.
    pub fn open(pid: u32) -> Result<Target, Failure> {
        let pidfd = sys::pidfd(pid).map_err(|error| match error.raw_os_error() {
            Some(libc::ESRCH | libc::EINVAL) => {
                Failure::new(vec![Diagnostic::error(codes::TARGET, format!("there is no process {pid}"))])
            }
            _ => Failure::system(&format!("watch process {pid}"), &error),
        })?;
        Ok(Target { pidfd })
    }

    /// Readable when the process has ended.
    pub fn fd(&self) -> RawFd {
        self.pidfd.as_raw_fd()
    }
}

fn failed(command: &str, why: &str) -> Failure {
    let message = format!("cannot start `{command}`: {why}");
    Failure::new(vec![Diagnostic::error(codes::TARGET, message)])
}

/// What execve takes, made before the fork.
struct Image {
    path: CString,
    args: Strings,
    variables: Strings,
}

impl Image {
    fn new(path: &Path, args: &[String]) -> Result<Image, std::ffi::NulError> {
        let variable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            CString::new([name.as_bytes(), b"=", value.as_bytes()].concat())
        };
        Ok(Image {
            path: CString::new(path.as_os_str().as_bytes())?,
            args: Strings::new(args.iter().map(|arg| CString::new(arg.as_str())).collect::<Result<_, _>>()?),
            variables: Strings::new(env::vars_os().map(variable).collect::<Result<_, _>>()?),
        })
    }

    /// In the new process: waits, then becomes the command. Neither allocates nor panics.
    fn execute(&self, wait: RawFd, go: RawFd, tell: RawFd) {
        sys::prepare_child();
        // our own copy of the other end would keep us waiting for a dead parent
        sys::close(go);
        if sys::read_byte(wait) {
            let errno = sys::execute(&self.path, &self.args.pointers, &self.variables.pointers);
            sys::write_some(tell, &errno.to_le_bytes());
        }
    }
}

/// Strings with the null-terminated list of pointers to them.
struct Strings {
    pointers: Vec<*const libc::c_char>,
    _strings: Vec<CString>,
}

impl Strings {
    fn new(strings: Vec<CString>) -> Strings {
        let pointers = strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect();
        Strings { pointers, _strings: strings }
    }
}

/// The file to execute, through PATH when the name has no slash.
fn find(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| path.exists());
    }
    let path = env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let executable = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    env::split_paths(&path).map(|folder| folder.join(OsStr::new(name))).find(executable)
}

/// Splits a command line at blanks: 'as it is', "with \" and \\", and backslashes outside quotes.
fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let mut all = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c.is_ascii_whitespace() {
            all.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        match c {
            '\'' => loop {
                match chars.next().ok_or("a ' is not closed")? {
                    '\'' => break,
                    c => word.push(c),
                }
            },
            '"' => loop {
                match chars.next().ok_or("a \" is not closed")? {
                    '"' => break,
                    '\\' => match chars.next().ok_or("a \" is not closed")? {
                        c @ ('"' | '\\' | '$' | '`') => word.push(c),
                        c => word.extend(['\\', c]),
                    },
                    c => word.push(c),
                }
            },
            '\\' => word.push(chars.next().ok_or("a backslash at the end")?),
            c => word.push(c),
        }
    }
    all.extend(word);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn lines_are_split_as_a_shell_does() {
        for (line, expected) in [
            ("", &[][..]),
            ("  ls\t/tmp  ", &["ls", "/tmp"]),
            ("echo 'a b'  c", &["echo", "a b", "c"]),
            (r#"sh -c "echo \"$x\" \n""#, &["sh", "-c", r#"echo "$x" \n"#]),
            (r"a\ b\\c 'd\e'", &["a b\\c", "d\\e"]),
            (r#"a'b'"c" ''"#, &["abc", ""]),
        ] {
            assert_eq!(split(line).unwrap(), expected, "{line}");
        }
        for line in ["'a", "\"a", "\"a\\", "a\\"] {
            assert!(split(line).is_err(), "{line}");
        }
    }

    fn message(result: Result<(), Failure>) -> String {
        result.unwrap_err().diagnostics[0].message.clone()
    }

    #[test]
    fn what_cannot_start_is_told() {
        assert_eq!(message(Child::prepare("").map(drop)), "cannot start ``: the command is empty");
        assert_eq!(
            message(Child::prepare("no-such-program x").map(drop)),
            "cannot start `no-such-program`: no such program"
        );
        assert_eq!(message(Target::open(u32::MAX / 2).map(drop)), "there is no process 2147483647");
    }

    #[test]
    fn a_file_that_is_no_program_fails_when_it_is_to_run() {
        let mut child = Child::prepare("/etc/passwd").unwrap();
        assert_eq!(message(child.go()), "cannot start `/etc/passwd`: permission denied");
    }

    #[test]
    fn nothing_runs_before_it_may() {
        let path = env::temp_dir().join(format!("beetrace-child-{}", std::process::id()));
        let mut child = Child::prepare(&format!("touch '{}'", path.display())).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(!path.exists());
        child.go().unwrap();
        let limit = Instant::now() + Duration::from_secs(10);
        while !path.exists() && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(5));
        }
        fs::remove_file(&path).expect("it ran");
    }

    #[test]
    fn it_does_not_outlive_the_run() {
        let mut child = Child::prepare("sleep 1000").unwrap();
        child.go().unwrap();
        let process = PathBuf::from(format!("/proc/{}", child.pid()));
        assert!(process.exists());
        drop(child);
        assert!(!process.exists());
        drop(Child::prepare("sleep 1000").unwrap());
    }
}
