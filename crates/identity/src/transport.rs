//! Connections between processes: proved, where there are credentials, and else plain.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::credentials::{Credentials, Stream};
use crate::names::Identity;

/// How the processes of a cluster talk: all of them so, or all of them so.
#[derive(Clone, Default)]
pub enum Transport {
    /// Everybody may talk to everybody: for a network that is one's own.
    #[default]
    Plain,
    /// Mutual TLS, and nothing else.
    Mutual(Arc<Credentials>),
}

/// A connection over it.
pub enum Connection {
    /// Nobody knows who is at the other end.
    Plain(TcpStream),
    /// Known.
    Proved {
        /// What goes over it.
        stream: Box<Stream>,
        /// Who is at the other end.
        peer: Identity,
    },
}

impl Transport {
    /// The scheme of addresses.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Mutual(_) => "https",
        }
    }

    /// Takes a connection in.
    ///
    /// # Errors
    /// When the other end does not prove who it is.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Connection> {
        // Messages are small and complete: waiting for more to send only delays them.
        stream.set_nodelay(true)?;
        match self {
            Self::Plain => Ok(Connection::Plain(stream)),
            Self::Mutual(credentials) => {
                let (stream, peer) = credentials.accept(stream).await?;
                Ok(Connection::Proved { stream: Box::new(stream), peer })
            }
        }
    }

    /// Connects to a host, which must be `expected` where that can be known.
    ///
    /// # Errors
    /// When it cannot be reached, or is somebody else.
    pub async fn connect(&self, host: &str, port: u16, expected: &Identity) -> io::Result<Connection> {
        // An address of IPv6 stands in brackets in a URI.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match self {
            Self::Plain => {
                let stream = TcpStream::connect((host, port)).await?;
                stream.set_nodelay(true)?;
                Ok(Connection::Plain(stream))
            }
            Self::Mutual(credentials) => {
                let stream = Box::new(credentials.connect(host, port, expected).await?);
                Ok(Connection::Proved { stream, peer: expected.clone() })
            }
        }
    }
}

/// Who is at the other end of a connection; nobody knows where connections are plain.
#[derive(Clone, Debug)]
pub struct Peer(pub Option<Identity>);

impl Peer {
    /// Whether it is that one, as far as is known.
    #[must_use]
    pub fn may_be(&self, identity: &Identity) -> bool {
        self.0.as_ref().is_none_or(|peer| peer == identity)
    }
}

impl Connection {
    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> Peer {
        match self {
            Self::Plain(_) => Peer(None),
            Self::Proved { peer, .. } => Peer(Some(peer.clone())),
        }
    }
}

#[cfg(feature = "http")]
impl hyper_util::client::legacy::connect::Connection for Connection {
    fn connected(&self) -> hyper_util::client::legacy::connect::Connected {
        hyper_util::client::legacy::connect::Connected::new()
    }
}

#[cfg(feature = "grpc")]
impl tonic::transport::server::Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Proved { stream, .. } => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Proved { stream, .. } => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Proved { stream, .. } => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Proved { stream, .. } => Pin::new(stream).poll_shutdown(context),
        }
    }
}
