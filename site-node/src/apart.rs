//! Work on a thread of its own, which no other work can keep waiting. The threads of the runtime are limited, and
//! whatever a coordinator asks for may hold some of them for long.

use std::io;
use std::thread::Builder;

use tokio::sync::oneshot;

/// Waits for some work on a thread of its own, also where it panics.
///
/// # Errors
/// The thread cannot be started.
pub async fn apart(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let (done, ended) = oneshot::channel::<()>();
    let thread = Builder::new().name(name.to_owned());
    thread.spawn(move || {
        // Dropped however the work ends.
        let _done = done;
        work();
    })?;
    // Nothing is sent: the end of the sender is the end of the work.
    let _ = ended.await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};

    use tokio::runtime::Builder;
    use tokio::task::spawn_blocking;

    use super::*;

    #[test]
    fn it_is_done_while_every_thread_for_other_work_waits() {
        let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let busy = Arc::new(Mutex::new(()));
        let held = busy.lock().unwrap();
        let others = Arc::clone(&busy);
        let seen = Arc::new(AtomicBool::new(false));
        let work = Arc::clone(&seen);
        runtime.block_on(async {
            let waits = spawn_blocking(move || drop(others.lock()));
            apart("test", move || work.store(true, Ordering::Relaxed)).await.unwrap();
            assert!(seen.load(Ordering::Relaxed) && !waits.is_finished());
            drop(held);
            waits.await.unwrap();
            apart("test", || panic!("a defect")).await.unwrap();
        });
    }
}
