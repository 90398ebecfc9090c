//! Messages on a stream: a length, then the bytes.

use quinn::{ReadError, ReadExactError, RecvStream, SendStream, WriteError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cap::Cap;
use super::error::TransportError;
use crate::wire::PeerMessage;
use base::codec::{CodecError, MAX_MESSAGE, decode, encode};

/// Writes messages to a stream.
pub struct FrameWriter {
    stream: SendStream,
}

impl FrameWriter {
    pub(super) fn new(stream: SendStream) -> Self {
        Self { stream }
    }

    /// Sends one message.
    ///
    /// # Errors
    /// The message is too long, or the connection is lost.
    pub async fn send<M: Serialize>(&mut self, message: &M) -> Result<(), TransportError> {
        write(&mut self.stream, message).await
    }

    /// Says that no more will come, and waits until the peer has read everything.
    pub async fn finish(mut self) {
        if self.stream.finish().is_ok() {
            // A peer that is gone has read all that it will ever read.
            let _ = self.stream.stopped().await;
        }
    }
}

/// Writes one message to a stream.
pub(super) async fn write<M: Serialize>(
    stream: &mut SendStream,
    message: &M,
) -> Result<(), TransportError> {
    let body = encode(message);
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= MAX_MESSAGE);
    let length = length.ok_or(CodecError::TooLong(body.len()))?;
    let mut frame = Vec::with_capacity(body.len() + 4);
    frame.extend(length.to_le_bytes());
    frame.extend(body);
    stream.write_all(&frame).await.map_err(unwritten)
}

/// A stream that cannot be written; a lost connection says why it was lost.
pub(super) fn unwritten(error: WriteError) -> TransportError {
    match error {
        WriteError::ConnectionLost(lost) => lost.into(),
        other => TransportError::Stream(other.to_string()),
    }
}

/// A stream that cannot be read; likewise.
pub(super) fn unread(error: ReadError) -> TransportError {
    match error {
        ReadError::ConnectionLost(lost) => lost.into(),
        other => TransportError::Stream(other.to_string()),
    }
}

fn unread_exactly(error: ReadExactError) -> TransportError {
    match error {
        ReadExactError::ReadError(error) => unread(error),
        other @ ReadExactError::FinishedEarly(_) => TransportError::Stream(other.to_string()),
    }
}

/// Reads messages from a stream.
pub struct FrameReader {
    pub(super) stream: RecvStream,
    /// What a transfer may take of the line.
    pub(super) cap: Option<Cap>,
}

impl FrameReader {
    pub(super) fn new(stream: RecvStream) -> Self {
        Self { stream, cap: None }
    }

    /// The next message, its texts made plain; `None` where the peer has finished.
    ///
    /// # Errors
    /// The stream breaks off, or the bytes are not the message.
    pub async fn next<M>(&mut self) -> Result<Option<M>, TransportError>
    where
        M: Serialize + DeserializeOwned + PeerMessage,
    {
        let mut length = [0; 4];
        match self.stream.read_exact(&mut length).await {
            Ok(()) => {}
            Err(ReadExactError::FinishedEarly(0)) => return Ok(None),
            Err(error) => return Err(unread_exactly(error)),
        }
        let length = u32::from_le_bytes(length) as usize;
        // Before anything is allocated.
        if length > MAX_MESSAGE {
            return Err(CodecError::TooLong(length).into());
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.map_err(unread_exactly)?;
        let mut message: M = decode(&body)?;
        message.make_plain();
        Ok(Some(message))
    }

    /// The next message, which must come.
    ///
    /// # Errors
    /// As [`Self::next`], and where the peer has finished.
    pub async fn expect<M>(&mut self) -> Result<M, TransportError>
    where
        M: Serialize + DeserializeOwned + PeerMessage,
    {
        let ended = || TransportError::Stream("ended before the message".to_owned());
        self.next().await?.ok_or_else(ended)
    }

    /// Reads to the end of a transfer that has no elements.
    ///
    /// # Errors
    /// Further bytes follow, or the stream breaks off.
    pub async fn end(mut self) -> Result<(), TransportError> {
        match self.stream.read_chunk(1, true).await.map_err(unread)? {
            None => Ok(()),
            Some(_) => Err(TransportError::Length { expected: 0, found: 1 }),
        }
    }
}
