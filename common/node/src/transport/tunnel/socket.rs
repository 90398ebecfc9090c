//! What QUIC takes for its UDP socket: one tunnel, to one peer.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::sync::mpsc;

/// Datagrams that are handed on at a time. The buffers beyond are never touched and cost no memory.
const TOGETHER: usize = 4;

/// The addresses of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    /// Of this side.
    pub local: SocketAddr,
    /// Of the other side, which all datagrams seem to come from.
    pub peer: SocketAddr,
}

/// A socket whose datagrams go into a tunnel, wherever they are addressed to.
pub(super) struct TunnelSocket {
    ends: Ends,
    outgoing: mpsc::Sender<Bytes>,
    incoming: Mutex<mpsc::Receiver<Bytes>>,
}

impl TunnelSocket {
    pub(super) fn new(
        ends: Ends,
        outgoing: mpsc::Sender<Bytes>,
        incoming: mpsc::Receiver<Bytes>,
    ) -> Self {
        Self { ends, outgoing, incoming: Mutex::new(incoming) }
    }
}

impl fmt::Debug for TunnelSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunnelSocket").field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl AsyncUdpSocket for TunnelSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller { outgoing: self.outgoing.clone(), waiting: None })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.outgoing.try_send(Bytes::copy_from_slice(transmit.contents)) {
            // A tunnel that has ended loses datagrams, as any network does. An error would end QUIC's own task, and
            // nobody would be told.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        // After the end of the tunnel nothing comes any more: its owner closes the connection.
        let Some(first) = ready!(incoming.poll_recv(cx)) else { return Poll::Pending };
        let mut datagram = first;
        let mut count = 0;
        for (buf, meta) in bufs.iter_mut().zip(meta) {
            let len = datagram.len();
            // It always fits: the tunnel and its endpoint have the same bound.
            if let Some(room) = buf.get_mut(..len) {
                room.copy_from_slice(&datagram);
                *meta =
                    RecvMeta { addr: self.ends.peer, len, stride: len, ecn: None, dst_ip: None };
                count += 1;
            }
            if count == TOGETHER {
                break;
            }
            match incoming.try_recv() {
                Ok(next) => datagram = next,
                Err(_) => break,
            }
        }
        Poll::Ready(Ok(count))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.ends.local)
    }
}

/// Waits for room in a tunnel, for one connection.
struct Poller {
    outgoing: mpsc::Sender<Bytes>,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").finish_non_exhaustive()
    }
}

impl UdpPoller for Poller {
    fn poll_writable(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outgoing.capacity() > 0 || self.outgoing.is_closed() {
            self.waiting = None;
            return Poll::Ready(Ok(()));
        }
        let outgoing = self.outgoing.clone();
        let waiting = self.waiting.get_or_insert_with(|| {
            // The room is given back at once: what QUIC sends takes it again.
            Box::pin(async move { drop(outgoing.reserve_owned().await) })
        });
        ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Waker;

    use super::*;

    fn socket(room: usize) -> (Arc<TunnelSocket>, mpsc::Receiver<Bytes>, mpsc::Sender<Bytes>) {
        let place = SocketAddr::from(([192, 0, 2, 1], 443));
        let (outgoing, sent) = mpsc::channel(room);
        let (arrived, incoming) = mpsc::channel(room);
        let ends = Ends { local: place, peer: place };
        (Arc::new(TunnelSocket::new(ends, outgoing, incoming)), sent, arrived)
    }

    fn send(socket: &TunnelSocket, contents: &[u8]) -> io::Result<()> {
        let destination = SocketAddr::from(([198, 51, 100, 1], 1));
        let transmit =
            Transmit { destination, ecn: None, contents, segment_size: None, src_ip: None };
        socket.try_send(&transmit)
    }

    #[tokio::test]
    async fn a_full_tunnel_holds_quic_back_and_loses_nothing() {
        let (socket, mut sent, _arrived) = socket(2);
        let mut poller = Arc::clone(&socket).create_io_poller();
        send(&socket, b"1").unwrap();
        send(&socket, b"2").unwrap();
        assert_eq!(send(&socket, b"3").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut idle = Context::from_waker(Waker::noop());
        assert!(poller.as_mut().poll_writable(&mut idle).is_pending());
        assert_eq!(sent.recv().await.unwrap(), "1");
        poll_fn(|cx| poller.as_mut().poll_writable(cx)).await.unwrap();
        send(&socket, b"3").unwrap();
        assert_eq!(sent.recv().await.unwrap(), "2");
        assert_eq!(sent.recv().await.unwrap(), "3");
        // One that has ended takes everything, and QUIC's own clock ends the connection.
        drop(sent);
        poll_fn(|cx| poller.as_mut().poll_writable(cx)).await.unwrap();
        send(&socket, b"4").unwrap();
    }

    #[tokio::test]
    async fn what_arrives_comes_from_the_peer_in_order() {
        let (socket, _sent, arrived) = socket(8);
        for datagram in ["one", "three", "fifteen", "twenty", "thirty", "forty"] {
            arrived.send(Bytes::from(datagram)).await.unwrap();
        }
        let mut room = [[0; 16]; 5];
        let mut meta = [RecvMeta::default(); 5];
        let mut found: Vec<String> = Vec::new();
        for count in [TOGETHER, 2] {
            let mut bufs = room.each_mut().map(|buf| IoSliceMut::new(buf));
            let read = poll_fn(|cx| socket.poll_recv(cx, &mut bufs, &mut meta)).await.unwrap();
            assert_eq!(read, count);
            for (buf, meta) in room.iter().zip(&meta[..count]) {
                assert_eq!(meta.addr, socket.ends.peer);
                found.push(String::from_utf8_lossy(&buf[..meta.len]).into_owned());
            }
        }
        assert_eq!(found, ["one", "three", "fifteen", "twenty", "thirty", "forty"]);
        drop(arrived);
        let mut idle = Context::from_waker(Waker::noop());
        let mut bufs = room.each_mut().map(|buf| IoSliceMut::new(buf));
        assert!(socket.poll_recv(&mut idle, &mut bufs, &mut meta).is_pending());
    }
}
