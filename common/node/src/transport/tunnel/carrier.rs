//! Carries datagrams between QUIC and a stream, until the stream ends or the connection is over.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::frames::{Decoder, append};
use super::socket::{Ends, TunnelSocket};
use crate::transport::error::explain_io;

/// Datagrams that wait in each direction. A full queue holds QUIC back on one side and TCP on the other.
const QUEUE: usize = 16;

/// Bytes that are written at a time, if so many wait.
const BATCH: usize = 64 << 10;

/// How long the last words of a tunnel may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The task that moves a tunnel's datagrams. It ends when this is dropped.
pub(super) struct Carrier {
    task: JoinHandle<String>,
    goodbye: Option<oneshot::Sender<()>>,
    ended: Option<String>,
}

impl Carrier {
    /// Starts to carry datagrams over a stream.
    pub(super) fn start<S>(stream: S, ends: Ends) -> (Self, Arc<TunnelSocket>)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (outgoing, queue) = mpsc::channel(QUEUE);
        let (received, incoming) = mpsc::channel(QUEUE);
        let (goodbye, asked) = oneshot::channel();
        let (reader, writer) = tokio::io::split(stream);
        let task = tokio::spawn(async move {
            let mut reading = std::pin::pin!(read(reader, received));
            let written = tokio::select! {
                why = &mut reading => return why,
                written = write(writer, queue, asked) => written,
            };
            match written {
                Ok(()) => "closed on this side".to_owned(),
                // What the other side said last tells more than that it no longer listens.
                Err(why) => tokio::time::timeout(LAST_WORDS, reading).await.unwrap_or(why),
            }
        });
        let socket = Arc::new(TunnelSocket::new(ends, outgoing, incoming));
        (Self { task, goodbye: Some(goodbye), ended: None }, socket)
    }

    /// Waits for the end of the stream and says why it ended.
    pub(super) async fn ended(&mut self) -> &str {
        if self.ended.is_none() {
            let ended = (&mut self.task).await;
            self.ended = Some(ended.unwrap_or_else(|_| "stopped by a defect".to_owned()));
        }
        self.ended.as_deref().unwrap_or_default()
    }

    /// Sends what waits and ends the stream.
    pub(super) async fn finish(mut self) {
        if let Some(goodbye) = self.goodbye.take() {
            // A stream that has ended needs no goodbye.
            let _ = goodbye.send(());
        }
        // A peer that does not read is not waited for.
        let _ = tokio::time::timeout(LAST_WORDS, self.ended()).await;
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads datagrams until the stream ends, and says why it did.
async fn read<S: AsyncRead>(mut stream: ReadHalf<S>, received: mpsc::Sender<Bytes>) -> String {
    let mut frames = Decoder::default();
    loop {
        match stream.read_buf(frames.buffer()).await {
            Ok(0) if frames.is_between() => {
                return "the other side closed the TCP connection".to_owned();
            }
            Ok(0) => {
                return "the TCP connection ended in the middle of a datagram".to_owned();
            }
            Ok(_) => {}
            Err(error) => return explain_io(&error),
        }
        loop {
            match frames.next() {
                // While QUIC is behind nothing is read, so that TCP holds the peer back.
                Ok(Some(datagram)) => {
                    if received.send(datagram).await.is_err() {
                        return "closed on this side".to_owned();
                    }
                }
                Ok(None) => break,
                Err(error) => return error.to_string(),
            }
        }
    }
}

/// Writes datagrams until `goodbye`, and then those that wait.
async fn write<S: AsyncWrite>(
    mut stream: WriteHalf<S>,
    mut queue: mpsc::Receiver<Bytes>,
    mut goodbye: oneshot::Receiver<()>,
) -> Result<(), String> {
    let mut buffer = Vec::new();
    let mut is_open = true;
    loop {
        let next = tokio::select! {
            biased;
            next = queue.recv() => next,
            _ = &mut goodbye, if is_open => {
                is_open = false;
                queue.close();
                continue;
            }
        };
        let Some(datagram) = next else { break };
        buffer.clear();
        append(&datagram, &mut buffer);
        while buffer.len() < BATCH
            && let Ok(datagram) = queue.try_recv()
        {
            append(&datagram, &mut buffer);
        }
        stream.write_all(&buffer).await.map_err(|error| explain_io(&error))?;
        stream.flush().await.map_err(|error| explain_io(&error))?;
    }
    // A peer that is gone needs no goodbye.
    let _ = stream.shutdown().await;
    Ok(())
}
