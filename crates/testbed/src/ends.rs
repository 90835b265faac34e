//! Processes that must come to an end: whoever waits for one waits for so long and no longer, and says what it was doing.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a process is asked whether it has ended.
const POLL: Duration = Duration::from_millis(2);

/// How a process ended; none if it has not within that time.
///
/// # Errors
/// When the system cannot say.
pub fn ends_within(child: &mut Child, time: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + time;
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= deadline {
            return Ok(status);
        }
        thread::sleep(POLL);
    }
}

/// Runs a program to its end and collects what it prints. One that has not ended within that time is killed.
///
/// # Errors
/// When it cannot be started, or had to be killed: then with what its threads were doing.
pub fn output_within(command: &mut Command, time: Duration) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (stdout, stderr) = (read_all(child.stdout.take()), read_all(child.stderr.take()));
    let Some(status) = ends_within(&mut child, time)? else {
        let doing = doing(child.id());
        child.kill()?;
        child.wait()?;
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("{command:?} did not end within {time:?}:\n{doing}"),
        ));
    };
    let read = |pipe: thread::JoinHandle<Vec<u8>>| pipe.join().unwrap_or_default();
    Ok(Output { status, stdout: read(stdout), stderr: read(stderr) })
}

fn read_all(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut read = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is what there is.
            let _ = pipe.read_to_end(&mut read);
        }
        read
    })
}

/// What each thread of a process is doing, as the system sees it: its name, its state, and where in the system it waits.
#[must_use]
pub fn doing(process: u32) -> String {
    let mut all = String::new();
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    for thread in threads {
        let read = |what: &str| fs::read_to_string(thread.path().join(what)).unwrap_or_default();
        let status = read("status");
        let state = status.lines().find_map(|line| line.strip_prefix("State:")).unwrap_or_default();
        let (name, waits) = (read("comm"), read("wchan"));
        // A line is written to a string: that does not fail.
        let _ = writeln!(all, "  {:16}{:16}{waits}", name.trim(), state.trim());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_is_heard_to_the_end() {
        let output = output_within(Command::new("sh").args(["-c", "seq 100000; exit 3"]), PATIENCE).unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 100_000);
    }

    #[test]
    fn one_that_does_not_end_is_killed_and_what_it_was_doing_is_told() {
        let error = output_within(Command::new("sleep").arg("600"), Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains("\n  sleep "), "{error}");
    }

    const PATIENCE: Duration = Duration::from_secs(60);
}
