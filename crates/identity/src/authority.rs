//! An authority for development: a directory that issues certificates, and follows itself when it is replaced.
//!
//! Where certificates come from a mesh or a company's own authority, those files are named in the configuration, and this is
//! not used.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType,
};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use time::{Duration, OffsetDateTime};

use crate::credentials::Files;
use crate::names::Identity;

/// How long an authority is good.
const AUTHORITY_DAYS: i64 = 365;
/// Clocks of machines may be so far apart.
const BEFORE: Duration = Duration::minutes(5);
/// The certificate of the authority that issues, its key, and all authorities that are trusted.
const CERTIFICATE: &str = "authority.pem";
const KEY: &str = "authority-key.pem";
const TRUSTED: &str = "authorities.pem";

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub enum CannotIssue {
    /// There is one.
    #[error("{} holds an authority already", .0.display())]
    Exists(PathBuf),
    /// Its key and its certificate are not of one another.
    #[error("{}: {KEY} is not the key of {CERTIFICATE}; make another authority, or put back the one that belongs to it", .0.display())]
    Torn(PathBuf),
    /// There is none.
    #[error("{} holds no authority: make one with rialto certs init", .0.display())]
    None(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {why}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// What is in the directory, or what was asked for, is not good.
    #[error("{0}")]
    Bad(#[from] rcgen::Error),
}

/// A certificate that was issued.
#[derive(Debug)]
pub struct Issued {
    /// Where it is.
    pub files: Files,
    /// Until when it is good.
    pub until: OffsetDateTime,
}

/// An authority in a directory.
pub struct Authority {
    directory: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one.
    ///
    /// # Errors
    /// When there is one, or the directory cannot be written.
    pub fn init(directory: &Path) -> Result<Self, CannotIssue> {
        if directory.join(KEY).exists() {
            return Err(CannotIssue::Exists(directory.to_owned()));
        }
        fs::create_dir_all(directory).map_err(|why| CannotIssue::Io { path: directory.to_owned(), why })?;
        Self::make(directory, "")
    }

    /// Opens the one that is there.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn open(directory: &Path) -> Result<Self, CannotIssue> {
        if !directory.join(KEY).exists() {
            return Err(CannotIssue::None(directory.to_owned()));
        }
        let key = KeyPair::from_pem(&read(&directory.join(KEY))?)?;
        let certificate = read(&directory.join(CERTIFICATE))?;
        if !is_of(&certificate, &key) {
            return Err(CannotIssue::Torn(directory.to_owned()));
        }
        let issuer = Issuer::from_ca_cert_pem(&certificate, key)?;
        Ok(Self { directory: directory.to_owned(), issuer })
    }

    /// Puts another one in its place, and goes on trusting this one and all before: so what it has issued stays good until it
    /// is issued anew. That is done once every process has heard of the new one, which takes it a second.
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    pub fn rotate(self) -> Result<Self, CannotIssue> {
        Self::make(&self.directory, &read(&self.directory.join(TRUSTED))?)
    }

    /// Trusts no other than itself any more.
    ///
    /// # Errors
    /// When the directory cannot be read or written.
    pub fn retire_others(&self) -> Result<(), CannotIssue> {
        write(&self.directory.join(TRUSTED), &read(&self.directory.join(CERTIFICATE))?, 0o644)
    }

    /// A new authority beside those that are trusted already. What is trusted is written first, so that nobody meets a
    /// certificate of an authority that he has not heard of.
    fn make(directory: &Path, trusted: &str) -> Result<Self, CannotIssue> {
        let mut params = CertificateParams::new(Vec::new())?;
        let now = OffsetDateTime::from(SystemTime::now());
        (params.not_before, params.not_after) = (now - BEFORE, now + Duration::days(AUTHORITY_DAYS));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let name = format!("Rialto development authority {}", now.unix_timestamp());
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        write(&directory.join(TRUSTED), &format!("{certificate}{trusted}"), 0o644)?;
        write(&directory.join(KEY), &key.serialize_pem(), 0o600)?;
        write(&directory.join(CERTIFICATE), &certificate, 0o644)?;
        Ok(Self { directory: directory.to_owned(), issuer: Issuer::new(params, key) })
    }

    /// Issues a certificate under which a process is found at these hosts (names and addresses), and writes it over the last
    /// one of that identity.
    ///
    /// # Errors
    /// When a host is none, or the directory cannot be written.
    pub fn issue(&self, identity: &Identity, hosts: &[String], days: u16) -> Result<Issued, CannotIssue> {
        let mut params = CertificateParams::new(hosts)?;
        params.subject_alt_names.push(SanType::URI(identity.to_string().try_into()?));
        params.distinguished_name.push(DnType::CommonName, identity.account());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let now = OffsetDateTime::from(SystemTime::now());
        (params.not_before, params.not_after) = (now - BEFORE, now + Duration::days(days.into()));
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        let files = self.files(identity);
        write(&files.key, &key.serialize_pem(), 0o600)?;
        write(&files.certificate, &certificate, 0o644)?;
        Ok(Issued { files, until: params.not_after })
    }

    /// Where what is issued to that identity is, or will be.
    #[must_use]
    pub fn files(&self, identity: &Identity) -> Files {
        let account = identity.account();
        Files {
            certificate: self.directory.join(format!("{account}.pem")),
            key: self.directory.join(format!("{account}-key.pem")),
            authorities: self.directory.join(TRUSTED),
        }
    }
}

/// Whether a certificate is about that key.
fn is_of(certificate: &str, key: &KeyPair) -> bool {
    let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(certificate.as_bytes()) else { return false };
    pem.parse_x509().is_ok_and(|parsed| parsed.public_key().raw == key.subject_public_key_info())
}

fn read(path: &Path) -> Result<String, CannotIssue> {
    fs::read_to_string(path).map_err(|why| CannotIssue::Io { path: path.to_owned(), why })
}

/// Whole or not at all.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), CannotIssue> {
    let beside = path.with_extension("new");
    let written = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    written().map_err(|why| CannotIssue::Io { path: path.to_owned(), why })
}
