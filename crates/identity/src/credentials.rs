//! A process's certificate with its key, the authorities that it trusts, and connections that both ends have proved.

use arc_swap::ArcSwap;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::{GeneralName, X509Certificate};

use crate::names::Identity;
use crate::watch::Stamp;

/// How long proving may take.
const HANDSHAKE: Duration = Duration::from_secs(2);

/// A connection on which both ends have proved who they are.
pub type Stream = TlsStream<TcpStream>;

/// Where credentials are, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate, and behind it those that lead to an authority, if it was not issued by one itself.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authorities that are trusted: several, while one replaces another.
    pub authorities: PathBuf,
}

/// Why credentials cannot be used. Each is one line that names the file.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It cannot be read, or is not what it should be.
    #[error("{}: {why}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The certificate does not say who this is.
    #[error("{}: a certificate names one identity, like spiffe://cluster.local/ns/finance/sa/risk-service; this one has {found}", path.display())]
    Nameless {
        /// Which file.
        path: PathBuf,
        /// What it names.
        found: String,
    },
    /// It is not good now.
    #[error("{}: good from {from} to {until} only", path.display())]
    OutOfTime {
        /// Which file.
        path: PathBuf,
        /// From when.
        from: OffsetDateTime,
        /// Until when.
        until: OffsetDateTime,
    },
}

/// What is used for connections from now on.
struct Loaded {
    identity: Identity,
    until: OffsetDateTime,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// A process's proof of who it is. Files that change are read again by whoever [watches](Credentials::watch).
pub struct Credentials {
    files: Files,
    /// When the files were written that were read first.
    opened: Stamp,
    loaded: ArcSwap<Loaded>,
}

impl Credentials {
    /// Reads them.
    ///
    /// # Errors
    /// When a file is missing or not what it should be, the key is another certificate's, or the certificate is not good
    /// now.
    pub fn open(files: Files) -> Result<Arc<Self>, Unusable> {
        let opened = files.stamp();
        let loaded = ArcSwap::from_pointee(Loaded::read(&files)?);
        Ok(Arc::new(Self { files, opened, loaded }))
    }

    /// Reads them again: connections that are made from now on use them.
    ///
    /// # Errors
    /// As [`Credentials::open`]; then the last good ones stay in use.
    pub fn reload(&self) -> Result<(), Unusable> {
        self.loaded.store(Arc::new(Loaded::read(&self.files)?));
        Ok(())
    }

    /// Who this process is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.loaded.load().identity.clone()
    }

    /// Until when the certificate is good.
    #[must_use]
    pub fn until(&self) -> OffsetDateTime {
        self.loaded.load().until
    }

    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    pub(crate) fn opened(&self) -> Stamp {
        self.opened
    }

    /// Takes a connection, and who is at its other end.
    ///
    /// # Errors
    /// When that one does not prove who it is, or not in time.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<(Stream, Identity)> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.loaded.load().server));
        let stream = timeout(HANDSHAKE, acceptor.accept(stream)).await.map_err(|_| late())??;
        let peer = peer_of(stream.get_ref().1.peer_certificates())?;
        Ok((stream.into(), peer))
    }

    /// Connects to a host, which must be `expected`.
    ///
    /// # Errors
    /// When it cannot be reached, does not prove who it is, or is somebody else.
    pub async fn connect(&self, host: &str, port: u16, expected: &Identity) -> io::Result<Stream> {
        let bad_name = |error: InvalidDnsNameError| io::Error::new(io::ErrorKind::InvalidInput, error);
        let name = ServerName::try_from(host.to_owned()).map_err(bad_name)?;
        let connector = TlsConnector::from(Arc::clone(&self.loaded.load().client));
        let connected = async {
            let stream = TcpStream::connect((host, port)).await?;
            stream.set_nodelay(true)?;
            connector.connect(name, stream).await
        };
        let stream = timeout(HANDSHAKE, connected).await.map_err(|_| late())??;
        let peer = peer_of(stream.get_ref().1.peer_certificates())?;
        if peer != *expected {
            return Err(denied(format!("{host}:{port} is {peer}, and not {expected}")));
        }
        Ok(stream.into())
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the other end did not prove in time who it is")
}

fn denied(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

/// Who a verified chain is about.
fn peer_of(chain: Option<&[CertificateDer<'_>]>) -> io::Result<Identity> {
    let first = chain.and_then(<[_]>::first).ok_or_else(|| denied("no certificate".to_owned()))?;
    let (_, certificate) = parse_x509_certificate(first).map_err(|error| denied(error.to_string()))?;
    identity_of(&certificate).map_err(|found| denied(format!("the other end's certificate has {found}")))
}

/// The identity that a certificate names; else what it names instead.
fn identity_of(certificate: &X509Certificate<'_>) -> Result<Identity, String> {
    let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    let uris =
        names.iter().filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None });
    match uris.collect::<Vec<_>>()[..] {
        [uri] => uri.parse().map_err(|_| uri.to_owned()),
        [] => Err("none".to_owned()),
        ref several => Err(several.join(", ")),
    }
}

impl Loaded {
    fn read(files: &Files) -> Result<Self, Unusable> {
        let chain = certificates(&files.certificate)?;
        let (identity, until) = Self::prove(&files.certificate, &chain[0])?;
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unusable(&files.key, &error))?;
        let roots = Arc::new(trusted(&files.authorities)?);
        let wrong_key = |error| {
            let why = format!("cannot be used with {}: {error}", files.certificate.display());
            Unusable::File { path: files.key.clone(), why }
        };
        let provider = || Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions = "the provider has TLS 1.3";
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider()).build();
        let clients = clients.map_err(|error: VerifierBuilderError| bad(&files.authorities, error))?;
        let trusted = clients.verify_client_cert(&chain[0], &chain[1..], UnixTime::now());
        trusted.map_err(|error| {
            bad(
                &files.certificate,
                format!("not of an authority in {}: {error}", files.authorities.display()),
            )
        })?;
        let server = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .expect(versions)
            .with_client_cert_verifier(clients)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(wrong_key)?;
        let client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .expect(versions)
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(wrong_key)?;
        Ok(Self { identity, until, server: Arc::new(server), client: Arc::new(client) })
    }

    /// Who the certificate is about and until when it is good.
    fn prove(path: &Path, first: &[u8]) -> Result<(Identity, OffsetDateTime), Unusable> {
        let (_, certificate) = parse_x509_certificate(first).map_err(|error| bad(path, error))?;
        let identity =
            identity_of(&certificate).map_err(|found| Unusable::Nameless { path: path.to_owned(), found })?;
        let validity = certificate.validity();
        let (from, until) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
        let now = OffsetDateTime::from(SystemTime::now());
        if now < from || now > until {
            return Err(Unusable::OutOfTime { path: path.to_owned(), from, until });
        }
        Ok((identity, until))
    }
}

fn bad(path: &Path, why: impl std::fmt::Display) -> Unusable {
    Unusable::File { path: path.to_owned(), why: why.to_string() }
}

fn unusable(path: &Path, error: &pem::Error) -> Unusable {
    if let pem::Error::NoItemsFound = error {
        return bad(path, "there is nothing in it that is needed here, as PEM");
    }
    if let pem::Error::Io(error) = error {
        return bad(path, error);
    }
    bad(path, error)
}

/// At least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| unusable(path, &error))?;
    if read.is_empty() {
        return Err(unusable(path, &pem::Error::NoItemsFound));
    }
    Ok(read)
}

fn trusted(path: &Path) -> Result<RootCertStore, Unusable> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(path)? {
        roots.add(authority).map_err(|error| bad(path, error))?;
    }
    Ok(roots)
}
