//! The coordinator's endpoint: lets peers in by the role in their certificates.

mod admission;
mod operator;
mod query;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audit::record::{Record, Role as LogRole};
use base::clock::Clock;
use base::ids::RunId;
use node::audit_log::{
    AuditSettings, AuditWriter, AuditWriterError, COORDINATOR, StateLock, generation,
};
use node::pki::{Identity, Role};
use node::transport::{Incoming, Link, Listen, Listener, TransportError};
use tokio::sync::Semaphore;

use crate::connections::{Connections, JobHandle, SessionEvent};
use crate::door::Door;
use crate::enrol::Members;
use crate::launch::Launcher;
use crate::recovery::{self, Continued, LoggedRuns, RecoveryError};
use crate::revoked::Revoked;
use crate::session::{self, Ended};
use crate::spool::SpoolFolder;
use admission::Admission;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Operators whose queries are answered at once.
const READERS: usize = 8;

/// How long all jobs together may take to end when the coordinator stops.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// A server that could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The socket or the identity.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The state folder cannot be made.
    #[error("state folder {}: {source}", path.display())]
    State {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The audit log.
    #[error(transparent)]
    Log(#[from] AuditWriterError),
    /// What an earlier process left cannot be put in order.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// The audit log took no more records, and the coordinator stopped.
    #[error("{0}")]
    LogFailed(String),
    /// The certificate is another role's.
    #[error("the certificate is that of a {0}; a coordinator needs its own")]
    Role(Role),
}

/// A state folder, and whether its runs without an end are continued.
struct StateFolder {
    state: PathBuf,
    continues: bool,
}

/// A coordinator that listens.
pub struct Server {
    listener: Listener,
    launcher: Launcher,
    spools: Arc<SpoolFolder>,
    revoked: Option<Arc<Revoked>>,
    /// The runs that an earlier process began, and this one goes on with.
    continued: Vec<Continued>,
}

impl Server {
    /// Binds a UDP socket and prepares the state folder. Runs that an earlier process left without an end are ended:
    /// each simulation has hospitals of its own.
    ///
    /// # Errors
    /// The socket, the identity or the folder cannot be used.
    pub fn bind(
        listen: SocketAddr,
        identity: Identity,
        state: PathBuf,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServerError> {
        let audit = AuditSettings::untracked();
        Self::open(&audit, listen.into(), identity, StateFolder { state, continues: false }, clock)
    }

    /// The same wherever it should listen, with an audit log that is kept as the settings say. Runs that an earlier
    /// process left without an end are continued.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub fn bind_with(
        audit: &AuditSettings,
        listen: Listen,
        identity: Identity,
        state: PathBuf,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServerError> {
        Self::open(audit, listen, identity, StateFolder { state, continues: true }, clock)
    }

    fn open(
        audit: &AuditSettings,
        listen: Listen,
        identity: Identity,
        folder: StateFolder,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServerError> {
        let StateFolder { state, continues } = folder;
        if identity.role != Role::Coordinator {
            return Err(ServerError::Role(identity.role));
        }
        // Before anything of another coordinator's is touched.
        let lock = StateLock::take(&state)?;
        let node = generation::node(COORDINATOR, LogRole::Coordinator)?;
        let folder = state.join("spool");
        let spools = SpoolFolder::new(folder.clone())
            .map_err(|source| ServerError::State { path: folder, source })?;
        let listener = Listener::bind(listen, identity)?;
        let mut logged = LoggedRuns::of(&state)?;
        let mut take = |record: &Record| logged.take(record);
        let audit = AuditWriter::open_locked(audit, lock, node, Arc::clone(&clock), &mut take)?;
        logged.warn_of_missing(&state)?;
        let logged = Some(&logged).filter(|_| continues);
        let continued = recovery::recover(&state, &audit, clock.as_ref(), logged)?;
        let connections = Arc::default();
        let audit = Arc::new(audit);
        let readers = Arc::new(Semaphore::new(READERS));
        let members = Arc::default();
        let launcher = Launcher { connections, state, clock, audit, readers, members };
        Ok(Self { listener, launcher, spools, revoked: None, continued })
    }

    /// Lets nobody in whose certificate is in this list, and ends the sessions of those who are.
    #[must_use]
    pub fn with_revoked(self, revoked: Revoked) -> Self {
        Self { revoked: Some(Arc::new(revoked)), ..self }
    }

    /// Names hospitals of this register that a run waits for.
    #[must_use]
    pub fn with_members(mut self, members: Members) -> Self {
        self.launcher.members = Arc::new(members);
        self
    }

    /// Sets how many runs and statistics requests may be active at once.
    #[must_use]
    pub fn with_slots(self, slots: u32) -> Self {
        self.launcher.connections.set_slots(slots);
        self
    }

    /// Where it listens for UDP.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> Result<SocketAddr, TransportError> {
        self.listener.address()
    }

    /// Where it listens for TCP, if it does.
    #[must_use]
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.listener.tcp_address()
    }

    /// What starts runs on this server.
    #[must_use]
    pub fn launcher(&self) -> Launcher {
        self.launcher.clone()
    }

    /// Who is connected.
    #[must_use]
    pub fn floor(&self) -> Arc<Connections> {
        Arc::clone(&self.launcher.connections)
    }

    /// Serves peers until `stop` resolves, then says goodbye to them.
    ///
    /// # Errors
    /// The audit log took no more records.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        self.drain(stop, std::future::ready(())).await
    }

    /// Serves peers until `asked` resolves. Then nothing new begins, and the rounds and statistics requests that are
    /// open may end, unless `due` resolves before.
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub async fn drain(
        mut self,
        asked: impl Future<Output = ()>,
        due: impl Future<Output = ()>,
    ) -> Result<(), ServerError> {
        // They have their slots before anybody can ask for one.
        for Continued { run, unfinished } in std::mem::take(&mut self.continued) {
            if let Err(error) = self.launcher.resume(run.clone(), unfinished) {
                tracing::error!(%run, %error, "a run is not continued before the next start");
            }
        }
        let audit = Arc::clone(&self.launcher.audit);
        let failed = audit.failed();
        tokio::pin!(failed);
        let mut outcome = Ok(());
        let door = Door::new(Arc::clone(&self.launcher.clock));
        let connections = self.floor();
        let idle = async {
            ask_to_end(&connections);
            connections.await_idle().await;
        };
        tokio::pin!(asked, due, idle);
        let mut ending = false;
        loop {
            let incoming = tokio::select! {
                incoming = self.listener.accept() => incoming,
                () = &mut asked, if !ending => {
                    ending = true;
                    continue;
                }
                () = &mut idle, if ending => None,
                () = &mut due, if ending => None,
                why = &mut failed => {
                    outcome = Err(ServerError::LogFailed(why));
                    None
                }
            };
            let Some(incoming) = incoming else { break };
            // When it gets crowded, peers prove their address before they cost a handshake.
            let proven = if door.must_prove(incoming.address().ip()) {
                incoming.proven()
            } else {
                Some(incoming)
            };
            let Some(incoming) = proven else { continue };
            let Some(visit) = door.visit(incoming.address().ip()) else {
                incoming.ignore();
                if let Some(left_out) = door.line() {
                    tracing::warn!(left_out, "too many peers of one address knock at once");
                }
                continue;
            };
            let door = Arc::clone(&door);
            let launcher = self.launcher.clone();
            let spools = Arc::clone(&self.spools);
            let admission = Admission::new(self.revoked.clone(), Arc::clone(&launcher.clock));
            // Nobody who knocks later waits for this one. The handshake has a time limit, and what follows ends with
            // its connection: the listener closes those that are left.
            tokio::spawn(async move {
                let turn = visit.turn().await;
                let accepted = accept(incoming, &door).await;
                drop((turn, visit));
                if let Some(link) = accepted
                    && admission.admits(&link)
                {
                    let _guard = admission.watch(&link);
                    welcome(link, launcher, spools).await;
                }
            });
        }
        stop_jobs(&self.launcher.connections).await;
        self.listener.close("the coordinator is stopping").await;
        outcome
    }
}

/// Stops every active job. Each records its end and notifies its sites and its operator.
async fn stop_jobs(connections: &Connections) {
    let jobs = connections.close();
    if jobs.is_empty() {
        return;
    }
    tell_all(jobs, || SessionEvent::Stopped);
    if tokio::time::timeout(LAST_WORDS, connections.await_idle()).await.is_err() {
        let jobs = names(&connections.active());
        tracing::warn!(jobs, "some runs or statistics requests did not end in time");
    }
}

/// Lets no new job begin, and asks the active ones to end once their open rounds have closed.
fn ask_to_end(connections: &Connections) {
    let jobs = connections.close();
    if jobs.is_empty() {
        return;
    }
    let runs: Vec<RunId> = jobs.iter().map(|job| job.run.clone()).collect();
    tracing::info!(
        runs = names(&runs),
        "asked to stop: the open rounds may close first; a second signal stops at once"
    );
    tell_all(jobs, || SessionEvent::Ending);
}

/// Sends an event to every job. A job whose inbox is full delays no other one.
fn tell_all(jobs: Vec<JobHandle>, event: fn() -> SessionEvent) {
    for job in jobs {
        // It ends once the driver has room for the event, or with the job.
        tokio::spawn(async move { job.tell(event()).await });
    }
}

fn names(runs: &[RunId]) -> String {
    let names: Vec<&str> = runs.iter().map(RunId::as_str).collect();
    names.join(", ")
}

async fn accept(incoming: Incoming, door: &Door) -> Option<Link> {
    let address = incoming.address();
    let error = match tokio::time::timeout(HANDSHAKE, incoming.accept()).await {
        Ok(Ok(link)) => return Some(link),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it did not finish its handshake".to_owned(),
    };
    if let Some(left_out) = door.line() {
        tracing::warn!(%address, error, left_out, "a peer was not let in");
    }
    None
}

async fn welcome(link: Link, launcher: Launcher, spools: Arc<SpoolFolder>) {
    let peer = link.peer().clone();
    let address = link.address();
    let ended = match peer.clone() {
        Role::Site(site) => session::serve(link, site, launcher, spools).await,
        Role::Operator(name) => operator::serve(link, launcher, &name).await.map(|()| Ended::Left),
        Role::Coordinator => {
            link.close("a coordinator does not connect to another");
            Ok(Ended::Left)
        }
    };
    match ended {
        Ok(Ended::Left) => tracing::info!(%peer, %address, "left"),
        // Why stands in the line before.
        Ok(Ended::NotAdmitted) => {}
        Err(error) => tracing::info!(%peer, %address, %error, "gone"),
    }
}

/// 64 bits for a run's name. Not a secret.
#[must_use]
pub fn entropy() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness no handshake would have come this far; a repeated name is refused anyway.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
