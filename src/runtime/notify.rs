//! What a service manager is told of a run (`Type=notify` of systemd): that all is attached, and that the run ends.
//!
//! The manager names a datagram socket in `NOTIFY_SOCKET`; without one nobody asks. Sockets of virtual machines
//! (`vsock:`) are not supported.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// All is attached: what waits for the service goes on.
pub const READY: &str = "READY=1\nSTATUS=Processing events...";
/// The run comes to its end.
pub const STOPPING: &str = "STOPPING=1\nSTATUS=Shutting down...";

/// Tells the manager that the environment names, if there is one.
///
/// # Errors
/// When there is no such socket, or it is of a kind that is not known.
pub fn tell(state: &str) -> io::Result<()> {
    match std::env::var("NOTIFY_SOCKET") {
        Ok(socket) => send(&socket, state),
        Err(_) => Ok(()),
    }
}

/// Sends a state to a path, or to an abstract name that begins with `@`.
fn send(socket: &str, state: &str) -> io::Result<()> {
    let address = match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None if socket.starts_with('/') => SocketAddr::from_pathname(socket)?,
        None => return Err(io::ErrorKind::Unsupported.into()),
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &str, address: &SocketAddr) -> String {
        let manager = UnixDatagram::bind_addr(address).expect("a new socket");
        send(socket, READY).expect("somebody listens");
        let mut text = [0; 64];
        let count = manager.recv(&mut text).expect("a message");
        String::from_utf8_lossy(&text[..count]).into_owned()
    }

    #[test]
    fn paths_and_abstract_names_are_told() {
        let path = std::env::temp_dir().join(format!("beetrace-notify-{}", std::process::id()));
        let name = format!("beetrace-notify-{}", std::process::id());
        let address = SocketAddr::from_pathname(&path).expect("a short path");
        assert_eq!(heard(&path.display().to_string(), &address), READY);
        std::fs::remove_file(&path).expect("the socket's file");
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        assert_eq!(heard(&format!("@{name}"), &address), READY);
    }

    #[test]
    fn nobody_and_others_are_errors() {
        for socket in ["/nowhere/at/all", "@beetrace-nobody-listens", "vsock:2:1234"] {
            assert!(send(socket, READY).is_err(), "{socket}");
        }
    }
}
