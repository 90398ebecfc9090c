//! A child process whose lines can be waited for, and which never outlives its owner.

use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// How long a line or an end may be waited for: a safety net, not a measurement.
const PATIENCE: Duration = Duration::from_secs(240);

/// A process that did not do what was waited for.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started or waited for.
    #[error("process: {0}")]
    Io(#[from] io::Error),
    /// Its output ended, or nothing came for four minutes.
    #[error("{waiting}; its output so far:\n{output}")]
    Output {
        /// What was waited for.
        waiting: String,
        /// What it printed.
        output: String,
    },
}

/// A running process, killed when dropped.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Process {
    /// Starts a command; both its outputs become lines.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &mut Command) -> Result<Self, ProcessError> {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (send, lines) = channel();
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|out| Box::new(out) as _),
            child.stderr.take().map(|err| Box::new(err) as _),
        ];
        for output in outputs.into_iter().flatten() {
            let send = send.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if send.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { child, lines, seen: Vec::new() })
    }

    /// Waits for a line that holds `text` and returns it.
    ///
    /// # Errors
    /// The output ended without it, or nothing came for four minutes.
    pub fn wait_for(&mut self, text: &str) -> Result<String, ProcessError> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return Ok(line);
                    }
                }
                Err(why) => {
                    let why = match why {
                        RecvTimeoutError::Timeout => "nothing came for four minutes",
                        RecvTimeoutError::Disconnected => "the output ended",
                    };
                    let waiting = format!("waiting for {text:?}: {why}");
                    return Err(ProcessError::Output { waiting, output: self.output() });
                }
            }
        }
    }

    /// Waits for the process to end by itself; returns how, and all that it printed.
    ///
    /// # Errors
    /// It cannot be waited for, or still prints nothing after four minutes.
    pub fn finish(mut self) -> Result<(ExitStatus, String), ProcessError> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let waiting = "waiting for the end".to_owned();
                    return Err(ProcessError::Output { waiting, output: self.output() });
                }
            }
        }
        Ok((self.child.wait()?, self.output()))
    }

    /// Asks the process to stop, as systemd does.
    ///
    /// # Errors
    /// The signal cannot be sent.
    pub fn terminate(&self) -> Result<(), ProcessError> {
        self.signal("TERM")
    }

    /// Sends the process a signal, by its name without `SIG`.
    ///
    /// # Errors
    /// The signal cannot be sent.
    pub fn signal(&self, name: &str) -> Result<(), ProcessError> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-s", name, &pid]).status()?;
        Ok(())
    }

    /// Ends the process at once, as a power cut does.
    ///
    /// # Errors
    /// It cannot be ended.
    pub fn kill(&mut self) -> Result<(), ProcessError> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn output(&self) -> String {
        self.seen.join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that has ended already cannot be killed, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
