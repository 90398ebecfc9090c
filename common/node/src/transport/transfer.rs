//! Words on a stream: hashed as they pass, never more in memory than a window of them.

use std::io;
use std::pin::pin;

use bytes::Bytes;
use quinn::{SendStream, StoppedError, VarInt};
use serde::Serialize;

use super::cap::Cap;
use super::error::TransportError;
use super::frames::{FrameReader, unread, unwritten, write};
use super::link::Link;
use crate::wire::Payload;
use base::digest::Hasher;

/// Bytes handed on at a time: whole words.
const PIECE: usize = 256 << 10;

/// Where words go as they arrive.
pub trait Sink {
    /// Takes the next piece. Every piece but the last holds whole words.
    ///
    /// # Errors
    /// It cannot be kept.
    fn take(&mut self, piece: &[u8]) -> io::Result<()>;
}

/// Parameters, whatever their values: see [`plan::model::payload::not_finite`].
impl Sink for Vec<f32> {
    fn take(&mut self, piece: &[u8]) -> io::Result<()> {
        self.extend(piece.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)));
        Ok(())
    }
}

/// Sends a header and its words, and returns once the peer has them all.
///
/// # Errors
/// The connection is lost, or the peer stops the stream.
pub async fn send_payload<H: Serialize>(
    link: &Link,
    header: &H,
    words: &Bytes,
) -> Result<(), TransportError> {
    begin_transfer(link, header).await?.send(words).await
}

/// Opens a transfer and sends its header. The peer takes transfers in the order in which they were begun, even if the
/// elements of one are sent much later.
///
/// # Errors
/// The connection is lost, or the peer stops the stream.
pub async fn begin_transfer<H: Serialize>(
    link: &Link,
    header: &H,
) -> Result<Outgoing, TransportError> {
    let stream = link.open_transfer().await?;
    let mut begun = Outgoing { stream, whole: false, cap: link.cap().cloned() };
    write(&mut begun.stream, header).await?;
    Ok(begun)
}

impl Outgoing {
    /// Sends the elements that the header announced, and returns once the peer has them all.
    ///
    /// # Errors
    /// The connection is lost, or the peer stops the stream.
    pub async fn send(mut self, words: &Bytes) -> Result<(), TransportError> {
        let done = |end: Result<Option<VarInt>, StoppedError>| match end {
            Ok(None) => Ok(()),
            Ok(Some(code)) => Err(TransportError::Stream(format!("stopped by the peer ({code})"))),
            Err(StoppedError::ConnectionLost(lost)) => Err(lost.into()),
            Err(error) => Err(TransportError::Stream(error.to_string())),
        };
        let mut end = pin!(self.stream.stopped());
        let most = self.cap.as_ref().map_or(PIECE, |cap| PIECE.min(cap.piece()));
        let mut start = 0;
        while start < words.len() {
            let next = words.len().min(start + most);
            let due = async {
                if let Some(cap) = &self.cap {
                    cap.send(next - start).await;
                }
            };
            tokio::select! {
                // quinn 0.11 does not tell a writer that waits for a window that its stream was
                // stopped: without this it would wait for the connection's end.
                end = &mut end => {
                    done(end)?;
                    return Err(TransportError::Stream("closed before its last word".to_owned()));
                }
                // A slice shares the words: however many sites are sent a model, it is held once.
                written = async {
                    due.await;
                    self.stream.write_chunk(words.slice(start..next)).await
                } => {
                    written.map_err(unwritten)?;
                }
            }
            start = next;
        }
        self.stream.finish().map_err(|error| TransportError::Stream(error.to_string()))?;
        self.whole = true;
        done(end.await)
    }
}

/// A transfer that was begun. If it is dropped before its end it is reset, because quinn would end it as if it were
/// whole.
pub struct Outgoing {
    stream: SendStream,
    whole: bool,
    cap: Option<Cap>,
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if !self.whole {
            // A stream whose connection is gone cannot be reset, and need not be.
            let _ = self.stream.reset(VarInt::from_u32(1));
        }
    }
}

/// Receives the words that a header announced: as many as it says, with the hash that it says.
///
/// # Errors
/// Fewer or more bytes come, their hash differs, the sink fails, or the connection is lost. What
/// the sink took before that is not to be used.
pub async fn receive_payload<S: Sink>(
    mut reader: FrameReader,
    payload: &Payload,
    sink: &mut S,
) -> Result<(), TransportError> {
    let expected = payload.words.saturating_mul(4);
    let mut hasher = Hasher::new();
    // Datagrams bring a few kilobytes at a time; hashing and keeping are several times faster on
    // larger pieces.
    let mut piece = Vec::with_capacity(PIECE);
    let mut found = 0_u64;
    loop {
        let room = PIECE - piece.len();
        let chunk = reader.stream.read_chunk(room, true).await.map_err(unread)?;
        if let Some(chunk) = &chunk {
            found = found.saturating_add(chunk.bytes.len() as u64);
            if found > expected {
                return Err(TransportError::Length { expected, found });
            }
            piece.extend_from_slice(&chunk.bytes);
            if let Some(cap) = &reader.cap {
                cap.received(chunk.bytes.len()).await;
            }
        }
        if chunk.is_none() || piece.len() == PIECE {
            hasher.update(&piece);
            sink.take(&piece)?;
            piece.clear();
        }
        if chunk.is_none() {
            break;
        }
    }
    if found != expected {
        return Err(TransportError::Length { expected, found });
    }
    if hasher.finish() != payload.digest {
        return Err(TransportError::Digest);
    }
    Ok(())
}
