//! The coordinator's endpoint: lets peers in by the role in their certificates.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audit::record::Role as LogRole;
use common::clock::Clock;
use common::logbook::{AuditSettings, COORDINATOR, Logbook, LogbookError};
use common::pki::{Identity, Role};
use common::transport::{Incoming, Link, Listener, TransportError};
use common::wire::{ToCoordinator, ToOperator};
use tokio::sync::Semaphore;

use crate::floor::{Floor, Input};
use crate::launch::{Asked, LaunchError, Launched, Launcher};
use crate::session;
use crate::spool::SpoolFolder;

/// Handshakes that may be under way at once; further peers wait their turn in the socket.
const HANDSHAKES: usize = 64;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// How long a run may take to end when the coordinator stops.
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
    Log(#[from] LogbookError),
    /// The certificate is another role's.
    #[error("the certificate is that of a {0}; a coordinator needs its own")]
    Role(Role),
}

/// A coordinator that listens.
pub struct Server {
    listener: Listener,
    launcher: Launcher,
    spools: Arc<SpoolFolder>,
}

impl Server {
    /// Binds the socket and prepares the state folder.
    ///
    /// # Errors
    /// The socket, the identity or the folder cannot be used.
    pub fn bind(
        listen: SocketAddr,
        identity: Identity,
        state: PathBuf,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServerError> {
        Self::bind_with(&AuditSettings::default(), listen, identity, state, clock)
    }

    /// The same, with an audit log that is kept as the settings say.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub fn bind_with(
        audit: &AuditSettings,
        listen: SocketAddr,
        identity: Identity,
        state: PathBuf,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServerError> {
        if identity.role != Role::Coordinator {
            return Err(ServerError::Role(identity.role));
        }
        let folder = state.join("spool");
        let spools = SpoolFolder::new(folder.clone())
            .map_err(|source| ServerError::State { path: folder, source })?;
        let listener = Listener::bind(listen, identity)?;
        let (node, ignore) = ((COORDINATOR, LogRole::Coordinator), &mut |_: &_| ());
        let book = Logbook::open_with(audit, &state, node, Arc::clone(&clock), ignore)?;
        let launcher = Launcher { floor: Arc::default(), state, clock, book: Arc::new(book) };
        Ok(Self { listener, launcher, spools })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> Result<SocketAddr, TransportError> {
        self.listener.address()
    }

    /// What starts runs on this server.
    #[must_use]
    pub fn launcher(&self) -> Launcher {
        self.launcher.clone()
    }

    /// Who is connected.
    #[must_use]
    pub fn floor(&self) -> Arc<Floor> {
        Arc::clone(&self.launcher.floor)
    }

    /// Serves peers until `stop` resolves, then says goodbye to them.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        tokio::pin!(stop);
        loop {
            let incoming = tokio::select! {
                incoming = self.listener.accept() => incoming,
                () = &mut stop => None,
            };
            let Some(incoming) = incoming else { break };
            // When it gets crowded, peers prove their address before they cost a handshake.
            let crowded = handshakes.available_permits() < HANDSHAKES / 2;
            let Some(incoming) = (if crowded { incoming.proven() } else { Some(incoming) }) else {
                continue;
            };
            let permit = tokio::select! {
                permit = Arc::clone(&handshakes).acquire_owned() => permit,
                () = &mut stop => break,
            };
            let Ok(permit) = permit else { break };
            let (launcher, spools) = (self.launcher.clone(), Arc::clone(&self.spools));
            tokio::spawn(async move {
                let accepted = accept(incoming).await;
                drop(permit);
                if let Some(link) = accepted {
                    welcome(link, launcher, spools).await;
                }
            });
        }
        // A run that is going on is entered as ended, and its sites and operator are told.
        if let Some(active) = self.launcher.floor.active() {
            active.tell(Input::Stopped).await;
            let idle = self.launcher.floor.await_idle();
            if tokio::time::timeout(LAST_WORDS, idle).await.is_err() {
                tracing::warn!(run = %active.run, "the run did not end in time");
            }
        }
        self.listener.close("the coordinator is stopping").await;
    }
}

async fn accept(incoming: Incoming) -> Option<Link> {
    match tokio::time::timeout(HANDSHAKE, incoming.accept()).await {
        Ok(Ok(link)) => Some(link),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a peer was not let in");
            None
        }
        Err(_) => {
            tracing::warn!("a peer did not finish its handshake");
            None
        }
    }
}

async fn welcome(link: Link, launcher: Launcher, spools: Arc<SpoolFolder>) {
    let peer = link.peer().clone();
    let ended = match peer.clone() {
        Role::Site(site) => {
            let Launcher { floor, book, .. } = launcher;
            session::serve(link, site, (floor, book), spools).await
        }
        Role::Operator(name) => operator(link, launcher, name.as_str()).await,
        Role::Coordinator => {
            link.close("a coordinator does not connect to another");
            Ok(())
        }
    };
    match ended {
        Ok(()) => tracing::info!(%peer, "left"),
        Err(error) => tracing::info!(%peer, %error, "gone"),
    }
}

/// Serves a person who launches a run, or asks for a description, and follows it.
async fn operator(link: Link, launcher: Launcher, by: &str) -> Result<(), TransportError> {
    let (mut writer, mut reader) = link.accept_control().await?;
    let first = reader.expect::<ToCoordinator>();
    let late = |_| TransportError::Lost("the peer did not introduce itself".to_owned());
    let first = tokio::time::timeout(session::INTRODUCTION, first).await.map_err(late)??;
    let refusal = match session::judge_hello(first) {
        Ok(_) => {
            writer.send(&ToOperator::Welcome(session::hello(None))).await?;
            match reader.expect().await? {
                ToCoordinator::Launch(launch) => {
                    match launcher.launch(launch.plan, entropy(), by) {
                        Ok(launched) => {
                            let _follower = launcher.floor.follow();
                            return follow(launched, writer).await;
                        }
                        Err(LaunchError::Refused(refusal)) => refusal,
                        Err(error) => {
                            tracing::error!(%error, "a run could not be launched");
                            common::wire::Refusal::Internal(error.to_string())
                        }
                    }
                }
                ToCoordinator::Describe(inquiry) => match launcher.describe(inquiry, by) {
                    Ok(asked) => {
                        let _follower = launcher.floor.follow();
                        return listen(asked, writer).await;
                    }
                    Err(refusal) => refusal,
                },
                _ => common::wire::Refusal::OutOfTurn,
            }
        }
        Err(refusal) => refusal,
    };
    writer.send(&ToOperator::Refused(refusal)).await?;
    writer.finish().await;
    Ok(())
}

/// The run goes on when nobody follows it any more.
async fn follow(
    mut launched: Launched,
    mut writer: common::transport::FrameWriter,
) -> Result<(), TransportError> {
    while let Some(progress) = launched.progress.recv().await {
        let run = launched.run.clone();
        writer.send(&ToOperator::Progress { run, progress }).await?;
    }
    writer.finish().await;
    Ok(())
}

/// What is answered when nobody listens any more is charged all the same, and kept.
async fn listen(
    mut asked: Asked,
    mut writer: common::transport::FrameWriter,
) -> Result<(), TransportError> {
    while let Some(told) = asked.told.recv().await {
        let run = asked.run.clone();
        writer.send(&ToOperator::Told { run, told }).await?;
    }
    writer.finish().await;
    Ok(())
}

/// 64 bits for a run's name. Not a secret.
#[must_use]
pub fn entropy() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness no handshake would have come this far; a repeated name is refused anyway.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
