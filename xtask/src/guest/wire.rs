//! What the agent in a guest says to the host: frames of a header line `KIND STEP LENGTH` and LENGTH bytes.
//!
//! The way back is single bytes: `INTERRUPT` asks for a SIGINT to the running step.

use crate::Res;
use std::io::{BufRead, Write};

/// The byte that asks the agent to interrupt the running step.
pub const INTERRUPT: u8 = b'I';

/// One message from the agent. The number is the step's place in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The agent runs; the text is the kernel's release.
    Hello(String),
    /// The step starts.
    Begin(usize),
    /// The step wrote this to its standard output.
    Out(usize, Vec<u8>),
    /// The step wrote this to its standard error.
    Err(usize, Vec<u8>),
    /// The step ended.
    End(usize, Status),
    /// All steps ended.
    Done,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// With this exit status.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// It was killed at its time limit.
    TimedOut,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Status::Exit(code) => write!(f, "exit {code}"),
            Status::Signal(signal) => write!(f, "signal {signal}"),
            Status::TimedOut => f.write_str("timeout"),
        }
    }
}

impl Status {
    fn parse(text: &str) -> Res<Status> {
        let number = |text: &str| text.parse::<i32>().map_err(|_| format!("bad status `{text}`"));
        match text.split_once(' ') {
            Some(("exit", code)) => number(code).map(Status::Exit),
            Some(("signal", signal)) => number(signal).map(Status::Signal),
            _ if text == "timeout" => Ok(Status::TimedOut),
            _ => Err(format!("bad status `{text}`")),
        }
    }
}

impl Frame {
    /// Writes the frame in one piece.
    pub fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        let (kind, step, data) = match self {
            Frame::Hello(release) => ('H', 0, release.as_bytes().to_vec()),
            Frame::Begin(step) => ('B', *step, Vec::new()),
            Frame::Out(step, data) => ('O', *step, data.clone()),
            Frame::Err(step, data) => ('E', *step, data.clone()),
            Frame::End(step, status) => ('X', *step, status.to_string().into_bytes()),
            Frame::Done => ('D', 0, Vec::new()),
        };
        let mut bytes = format!("{kind} {step} {}\n", data.len()).into_bytes();
        bytes.extend_from_slice(&data);
        to.write_all(&bytes)?;
        to.flush()
    }

    /// Reads the next frame; `None` at the end of the stream.
    pub fn read(from: &mut impl BufRead) -> Res<Option<Frame>> {
        let failed = |e: std::io::Error| format!("reading from the guest: {e}");
        let mut head = Vec::new();
        from.read_until(b'\n', &mut head).map_err(failed)?;
        if head.is_empty() {
            return Ok(None);
        }
        let head = String::from_utf8_lossy(&head).trim_end().to_owned();
        let words: Vec<&str> = head.split(' ').collect();
        let bad = || format!("the guest sent `{head}`, which is no frame");
        let [kind, step, length] = words[..] else { return Err(bad()) };
        let step = step.parse().map_err(|_| bad())?;
        let mut data = vec![0; length.parse().map_err(|_| bad())?];
        from.read_exact(&mut data).map_err(failed)?;
        let text = String::from_utf8_lossy(&data).into_owned();
        Ok(Some(match kind {
            "H" => Frame::Hello(text),
            "B" => Frame::Begin(step),
            "O" => Frame::Out(step, data),
            "E" => Frame::Err(step, data),
            "X" => Frame::End(step, Status::parse(&text)?),
            "D" => Frame::Done,
            _ => return Err(bad()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_back() {
        let frames = [
            Frame::Hello("6.12.1".into()),
            Frame::Begin(3),
            Frame::Out(3, b"X 1 2\n\0\xff".to_vec()),
            Frame::Err(3, Vec::new()),
            Frame::End(3, Status::Signal(11)),
            Frame::End(4, Status::TimedOut),
            Frame::Done,
        ];
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.write(&mut bytes).expect("writing to memory"));
        let mut from = bytes.as_slice();
        for frame in &frames {
            assert_eq!(Frame::read(&mut from), Ok(Some(frame.clone())));
        }
        assert_eq!(Frame::read(&mut from), Ok(None));
    }

    #[test]
    fn noise_is_an_error() {
        assert!(Frame::read(&mut &b"Kernel panic\n"[..]).is_err());
    }
}
