//! A federation of the built binaries in a folder of its own: six synthetic hospitals.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use coordinator::simulate::write_synthetic;
use tempfile::TempDir;

use crate::process::{Process, ProcessError};
use crate::repository::root;

/// The hospitals that the synthetic cohort is split into.
pub const HOSPITALS: [&str; 6] =
    ["hospital-a", "hospital-b", "hospital-c", "hospital-d", "hospital-e", "hospital-f"];

/// The noise of [`Federation::private`].
const PRIVATE: &str = "clip = 1.0
noise_multiplier = 4.0
delta = 1e-5
steps = 4
sampling_rate = 0.25
expected_patients = 300
patient_clip = 1.0";

/// A federation that could not be made.
pub type SetupError = Box<dyn std::error::Error>;

/// A built binary of this workspace, beside the test that asks for it.
///
/// # Errors
/// It is not there: build the workspace first.
pub fn binary(name: &str) -> Result<PathBuf, SetupError> {
    let test = std::env::current_exe()?;
    let place =
        test.ancestors().skip(1).map(|folder| folder.join(name)).find(|path| path.is_file());
    place
        .ok_or_else(|| format!("{name} is not built: run cargo build --release --workspace").into())
}

/// Certificates, settings and data of six hospitals and a coordinator, and where they are.
pub struct Federation {
    folder: TempDir,
    /// Where the coordinator listens, once it does.
    pub address: String,
    /// How much the processes log.
    pub level: &'static str,
}

impl Federation {
    /// Makes certificates with `coordinator init` and gives each hospital its patients.
    ///
    /// # Errors
    /// A file cannot be written or `init` fails.
    pub fn new() -> Result<Self, SetupError> {
        let folder = tempfile::tempdir()?;
        // Nobody listens at the discard port.
        let federation = Self { folder, address: "127.0.0.1:9".to_owned(), level: "info" };
        let mut init = Command::new(binary("coordinator")?);
        init.arg("init").arg(federation.place(""));
        init.args(HOSPITALS.iter().flat_map(|name| ["--site", name]));
        let made = init.output()?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into());
        }
        // Any free port, instead of the one in the file.
        edit(&federation.place("coordinator.toml"), "127.0.0.1:7443", "127.0.0.1:0")?;
        let data = federation.data();
        write_synthetic(&data, 7)?;
        let table = fs::read_to_string(data.join("cohort.csv"))?;
        for name in HOSPITALS {
            let own = |line: &&str| line.contains(name) || line.starts_with("patient");
            let rows: Vec<&str> = table.lines().filter(own).collect();
            let site = federation.site(name);
            fs::write(site.join("cohort.csv"), rows.join("\n") + "\n")?;
            edit(&site.join("site-node.toml"), "tag = \"private\"", "tag = \"synthetic\"")?;
            let policy = site.join("policy.toml");
            let columns: Vec<String> = (1..=12).map(|column| format!("\"x{column:02}\"")).collect();
            edit(&policy, "columns = []", &format!("columns = [{}]", columns.join(", ")))?;
            edit(&policy, "outcomes = []", "outcomes = [\"time\", \"event\"]")?;
            edit(&policy, "modes = [\"patient\"]", "modes = [\"patient\", \"site\", \"none\"]")?;
        }
        Ok(federation)
    }

    /// A place in the federation's folder.
    #[must_use]
    pub fn place(&self, path: &str) -> PathBuf {
        self.folder.path().join("federation").join(path)
    }

    /// The folder that a hospital took home.
    #[must_use]
    pub fn site(&self, name: &str) -> PathBuf {
        self.place("sites").join(name)
    }

    /// Writes lines over the `coordinator` of a hospital's settings, with that line in them.
    ///
    /// # Errors
    /// The settings are not those of a new hospital, or cannot be written.
    pub fn reach(&self, site: &str, lines: &str) -> Result<(), SetupError> {
        let settings = self.site(site).join("site-node.toml");
        let text = fs::read_to_string(&settings)?;
        let end = text.find("\n\n# This site's certificate").ok_or("the settings have changed")?;
        let start = text[..end].rfind("\ncoordinator = ").map_or(0, |at| at + 1);
        replace(&settings, &format!("{}{lines}{}", &text[..start], &text[end..]))
    }

    /// The folder with all patients in one table, as `simulate` reads it.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// An empty place outside the federation.
    #[must_use]
    pub fn elsewhere(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The coordinator's binary with its settings.
    ///
    /// # Errors
    /// It is not built.
    pub fn coordinator(&self, verb: &[&str]) -> Result<Command, SetupError> {
        let mut command = Command::new(binary("coordinator")?);
        command.args(verb).arg("--config").arg(self.place("coordinator.toml"));
        Ok(command)
    }

    /// Has the coordinator listen at one address over several lives.
    ///
    /// # Errors
    /// No address is free, or it is settled already.
    pub fn keep_address(&self) -> Result<(), SetupError> {
        let listen = format!("listen = \"{}\"", free_address()?);
        edit(&self.place("coordinator.toml"), "listen = \"127.0.0.1:0\"", &listen)
    }

    /// Starts the coordinator and waits until it listens.
    ///
    /// # Errors
    /// It does not.
    pub fn serve(&mut self) -> Result<Process, SetupError> {
        let mut serve = self.coordinator(&["serve"])?;
        let mut process = Process::start(serve.env("NO_COLOR", "1").env("RUST_LOG", self.level))?;
        let line = process.wait_for("listening address=")?;
        let address = line.split("address=").nth(1).unwrap_or_default();
        address.trim().clone_into(&mut self.address);
        for name in HOSPITALS {
            let settings = self.site(name).join("site-node.toml");
            let text = fs::read_to_string(&settings)?;
            let line =
                text.lines().find(|line| line.starts_with("coordinator")).unwrap_or_default();
            edit(&settings, line, &format!("coordinator = \"{}\"", self.address))?;
        }
        Ok(process)
    }

    /// Starts a hospital's node and waits until it is connected.
    ///
    /// # Errors
    /// It does not connect.
    pub fn start_site(&self, name: &str) -> Result<Process, SetupError> {
        let mut process = self.site_node(name, "run")?;
        process.wait_for("connected")?;
        Ok(process)
    }

    /// Accepts a hospital's new audit log at the coordinator, by the key that its people state.
    ///
    /// # Errors
    /// There is no log, or the coordinator accepts another one.
    pub fn accept(&self, name: &str) -> Result<String, SetupError> {
        let key = audit::folder::key(&self.log_of(name))?.to_string();
        let mut accept = self.coordinator(&["sites", "accept", name, &key])?;
        success(Process::start(&mut accept)?)
    }

    /// A hospital's binary with its settings.
    ///
    /// # Errors
    /// It is not built.
    pub fn site_command(&self, name: &str, verb: &[&str]) -> Result<Command, SetupError> {
        let mut command = Command::new(binary("site-node")?);
        command.args(verb).arg("--config").arg(self.site(name).join("site-node.toml"));
        command.env("NO_COLOR", "1").stdin(std::process::Stdio::null());
        Ok(command)
    }

    /// Starts a verb of a hospital's `site-node`, with its options.
    ///
    /// # Errors
    /// It is not built.
    pub fn site_node(&self, name: &str, verb: &str) -> Result<Process, SetupError> {
        let mut command = Command::new(binary("site-node")?);
        command.args(verb.split(' ')).arg("--config").arg(self.site(name).join("site-node.toml"));
        Ok(Process::start(command.env("NO_COLOR", "1").env("RUST_LOG", self.level))?)
    }

    /// An experiment in mode `patient`: the demonstration's, with three short rounds and noise.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn private(&self) -> Result<PathBuf, SetupError> {
        let path = self.elsewhere("private.toml");
        fs::copy(demo(), &path)?;
        edit(&path, "rounds = 20", "rounds = 3")?;
        edit(&path, "weights = \"patients\"\npatients_per_unit = 500", "weights = \"equal\"")?;
        edit(&path, "epochs = 2\nbatch = 64\n", "epochs = 1\n")?;
        edit(&path, "clip = 10.0", PRIVATE)?;
        edit(
            &path,
            "mode = \"none\"                # synthetic patients\n",
            "mode = \"patient\"\n",
        )?;
        Ok(path)
    }

    /// The folder of a hospital's audit log.
    #[must_use]
    pub fn log_of(&self, site: &str) -> PathBuf {
        self.site(site).join("state").join(node::audit_log::FOLDER)
    }

    /// The folder of the coordinator's.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.place("state").join(node::audit_log::FOLDER)
    }

    /// Launches an experiment of the repository on the live federation.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run(&self, experiment: &Path, sets: &[&str]) -> Result<Process, SetupError> {
        let mut command = self.coordinator(&["run"])?;
        command.arg(experiment).args([
            "--coordinator",
            &self.address,
            "--format",
            "json",
            "--quiet",
        ]);
        command.args(sets.iter().flat_map(|set| ["--set", set]));
        Ok(Process::start(&mut command)?)
    }
}

/// The demonstration's experiment.
#[must_use]
pub fn demo() -> PathBuf {
    root().join("configs/experiments/demo.toml")
}

/// An address of this machine that nobody listens on, for a coordinator that keeps it over several lives. Its port is
/// none of those that the system gives out by itself, and no other test of this process has it.
///
/// # Errors
/// No port is free.
pub fn free_address() -> Result<String, SetupError> {
    const PORTS: u32 = 10_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Other processes begin elsewhere.
    let start = std::process::id().wrapping_mul(101);
    for _ in 0..PORTS {
        let place = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let address = format!("127.0.0.1:{}", 20_000 + place);
        if UdpSocket::bind(&address).is_ok() && TcpListener::bind(&address).is_ok() {
            return Ok(address);
        }
    }
    Err("no port from 20000 to 29999 is free".into())
}

/// Replaces text in a file, which must hold it.
///
/// # Errors
/// It does not, or the file cannot be written.
pub fn edit(path: &Path, from: &str, to: &str) -> Result<(), SetupError> {
    let text = fs::read_to_string(path)?;
    if from.is_empty() || !text.contains(from) {
        return Err(format!("{}: does not hold {from:?}", path.display()).into());
    }
    replace(path, &text.replacen(from, to, 1))
}

/// Puts a whole file in the place of another, as an editor does: a process that reads it meanwhile finds one of
/// the two.
///
/// # Errors
/// It cannot be written.
pub fn replace(path: &Path, text: &str) -> Result<(), SetupError> {
    let written = path.with_extension("written");
    fs::write(&written, text)?;
    Ok(fs::rename(written, path)?)
}

/// Asks processes to stop, as systemd does, and waits for their end.
///
/// # Errors
/// One of them does not end well.
pub fn stop(processes: impl IntoIterator<Item = Process>) -> Result<(), SetupError> {
    let processes: Vec<Process> = processes.into_iter().collect();
    processes.iter().try_for_each(Process::terminate)?;
    processes.into_iter().try_for_each(|process| success(process).map(drop))
}

/// What a process printed when it ended well.
///
/// # Errors
/// It did not.
pub fn success(process: Process) -> Result<String, SetupError> {
    let (status, output) = process.finish()?;
    if status.success() { Ok(output) } else { Err(output.into()) }
}

/// What a process printed when it ended badly.
///
/// # Errors
/// It ended well.
pub fn failure(process: Process) -> Result<String, SetupError> {
    let (status, output) = process.finish()?;
    if status.success() {
        Err(ProcessError::Output { waiting: "a failure was expected".to_owned(), output }.into())
    } else {
        Ok(output)
    }
}
