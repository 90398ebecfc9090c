//! Sessions whose site is the test.

use std::future::Future;
use std::time::Duration;

use audit::record::Role;
use base::clock::SystemClock;
use node::audit_log::COORDINATOR;
use node::transport::{FrameReader, FrameWriter};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;
use crate::testing::{Ends, ends};

/// What is awaited, or a failure instead of a test that never ends.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("it hangs")
}

fn log_in(folder: &TempDir, node: &str, role: Role) -> Arc<AuditWriter> {
    let state = folder.path().join(node);
    let clock = Arc::new(SystemClock::new());
    Arc::new(AuditWriter::open(&state, node, role, clock, &mut |_| ()).unwrap())
}

/// A coordinator without a socket, and the log of its site.
struct Stage {
    launcher: Launcher,
    spools: Arc<SpoolFolder>,
    site_log: Arc<AuditWriter>,
    _folder: TempDir,
}

/// One session. The coordinator's end of the connection is held here, too.
struct Served {
    ends: Ends,
    writer: FrameWriter,
    reader: FrameReader,
    serving: JoinHandle<Result<Ended, TransportError>>,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let launcher = Launcher {
            connections: Arc::default(),
            state: folder.path().join(COORDINATOR),
            clock: Arc::new(SystemClock::new()),
            audit: log_in(&folder, COORDINATOR, Role::Coordinator),
            readers: Arc::new(Semaphore::new(1)),
            members: Arc::default(),
        };
        let spools = SpoolFolder::new(folder.path().join("spool")).unwrap();
        let site_log = log_in(&folder, "hospital-a", Role::Site);
        Self { launcher, spools, site_log, _folder: folder }
    }

    /// A site that has introduced itself.
    async fn introduced(&self) -> Served {
        let ends = ends().await;
        let launcher = self.launcher.clone();
        let spools = Arc::clone(&self.spools);
        let served = serve(ends.coordinator.clone(), ends.site_name.clone(), launcher, spools);
        let serving = tokio::spawn(served);
        let (mut writer, reader) = ends.site.open_control().await.unwrap();
        let key = self.site_log.verifier().to_string();
        let log = Some(KeptLog { key, seen: None, data_set: None });
        let software = "test".to_owned();
        let hello = Hello { protocol: PROTOCOL, software, log };
        writer.send(&ToCoordinator::Hello(hello)).await.unwrap();
        Served { ends, writer, reader, serving }
    }
}

impl Served {
    /// What the coordinator has seen of the site's log.
    async fn welcome(&mut self) -> Option<String> {
        match soon(self.reader.expect()).await.unwrap() {
            ToSite::Welcome(hello) => hello.log.unwrap().seen,
            other => panic!("no welcome: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_connection_ends_with_its_session_whoever_still_holds_it() {
    let stage = Stage::new();
    let mut served = stage.introduced().await;
    served.welcome().await;
    // As a transfer does whose arrival the site never confirms.
    let held = served.ends.coordinator.clone();
    served.writer.finish().await;
    assert_eq!(soon(served.serving).await.unwrap().unwrap(), Ended::Left);
    soon(served.ends.site.closed()).await;
    drop(held);
}
