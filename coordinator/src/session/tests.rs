//! Sessions whose site is the test.

use std::future::Future;
use std::time::Duration;

use audit::note::SignedNote;
use audit::record::Role;
use base::clock::SystemClock;
use base::digest::Digest;
use base::ids::Round;
use bytes::Bytes;
use node::audit_log::{COORDINATOR, name};
use node::transport::send_payload;
use node::wire::{Contribution, Payload, UpdateHeader};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::testing::{Ends, ends, feed};

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

    /// A run without a driver, whose events are the test's.
    fn begin(&self, run: &str) -> mpsc::Receiver<SessionEvent> {
        self.launcher.connections.begin(&run.parse().unwrap(), &feed()).unwrap().events
    }

    /// Sends an update of a run, which arrives whole.
    async fn contribute(&self, served: &Served, run: &str) {
        let elements = usize::try_from(feed().plan.model.parameters()).unwrap();
        let words = Bytes::from(vec![0; elements * 4]);
        let (log, ..) = self.site_log.signed_state(&[]).unwrap();
        let header = UpdateHeader {
            run: run.parse().unwrap(),
            round: Round(1),
            model: Digest::of(b"a model"),
            payload: Payload { words: words.len() as u64 / 4, digest: Digest::of(&words) },
            weight: 1,
            metrics: Vec::new(),
            log,
        };
        let update = Contribution::Update(header);
        soon(send_payload(&served.ends.site, &update, &words)).await.unwrap();
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

/// The next update of a run, and the permit that its site waits for.
async fn update(events: &mut mpsc::Receiver<SessionEvent>) -> (UpdateHeader, UploadPermit) {
    loop {
        match soon(events.recv()).await.expect("the run is active") {
            SessionEvent::Updated(_, _, header, _, permit) => return (header, permit),
            SessionEvent::Joined(_) => {}
            other => panic!("no update: {other:?}"),
        }
    }
}

/// What a checkpoint says, whoever signed it.
fn text(checkpoint: &str) -> String {
    SignedNote::parse(checkpoint).unwrap().text().to_owned()
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

/// Otherwise the site would prove from an earlier state, and everything that it sends would be refused.
#[tokio::test]
async fn a_welcome_names_the_state_of_what_an_earlier_session_brought() {
    let stage = Stage::new();
    let mut events = stage.begin("run-a");
    let mut first = stage.introduced().await;
    assert_eq!(first.welcome().await, None);
    stage.contribute(&first, "run-a").await;
    // The driver is busy with it while the site connects again.
    let (header, permit) = update(&mut events).await;
    first.ends.site.close("lost");
    soon(first.serving).await.unwrap().unwrap_err();
    let mut second = stage.introduced().await;
    soon(stage.launcher.connections.await_sites(1)).await;
    let key = stage.site_log.verifier();
    stage.launcher.audit.witness(&key, &name("hospital-a"), &header.log).unwrap();
    drop(permit);
    let seen = second.welcome().await.expect("it was seen");
    assert_eq!(text(&seen), text(&header.log.checkpoint));
}

#[tokio::test]
async fn an_update_that_waits_for_its_turn_is_taken_although_its_site_has_left() {
    let stage = Stage::new();
    let mut events = ["run-a", "run-b"].map(|run| stage.begin(run));
    let mut served = stage.introduced().await;
    served.welcome().await;
    stage.contribute(&served, "run-a").await;
    let (_, permit) = update(&mut events[0]).await;
    stage.contribute(&served, "run-b").await;
    served.writer.finish().await;
    drop(permit);
    let (header, permit) = update(&mut events[1]).await;
    assert_eq!(header.run.as_str(), "run-b");
    drop(permit);
    assert_eq!(soon(served.serving).await.unwrap().unwrap(), Ended::Left);
}
