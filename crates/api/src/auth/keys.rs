//! The key that signs tokens: an Ed25519 key in a file of its own, made at first start.
//!
//! Invariant: the file is there whole or not at all, it is never overwritten, and nobody but its owner may read it.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use sha2::{Digest, Sha256};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Its name in the data directory.
const FILE: &str = "token-signing-key.pem";
const LABEL: &str = "PRIVATE KEY";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read or written.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// The file is not such a key.
    #[error("{path}: is not an Ed25519 private key in PKCS #8 (PEM)")]
    NotAKey {
        /// Which.
        path: PathBuf,
    },
    /// Others can read the file.
    #[error("{path}: others than its owner may read it; run chmod 600 on it, or remove it to make a new one")]
    Exposed {
        /// Which.
        path: PathBuf,
    },
}

/// A private key, its public half, and the name of the pair.
pub struct SigningKey {
    pub(super) private_pkcs8: Vec<u8>,
    pub(super) public: Vec<u8>,
    pub(super) key_id: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.key_id)
    }
}

impl SigningKey {
    /// The key in `data_dir`, made if there is none.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be read or made, or is exposed.
    pub fn open(data_dir: &Path) -> Result<Self, KeyError> {
        let path = data_dir.join(FILE);
        if !path.exists() {
            make(&path).map_err(|why| KeyError::File { path: path.clone(), why })?;
        }
        Self::read(&path)
    }

    /// Its name: what a token's header says it was signed with.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    fn read(path: &Path) -> Result<Self, KeyError> {
        let failed = |why| KeyError::File { path: path.to_owned(), why };
        if is_exposed(path).map_err(failed)? {
            return Err(KeyError::Exposed { path: path.to_owned() });
        }
        let text = fs::read(path).map_err(failed)?;
        let parsed = pem::parse(text).ok().filter(|block| block.tag() == LABEL);
        let pair = parsed.as_ref().and_then(|block| Ed25519KeyPair::from_pkcs8(block.contents()).ok());
        let (Some(block), Some(pair)) = (parsed, pair) else {
            return Err(KeyError::NotAKey { path: path.to_owned() });
        };
        let public = pair.public_key().as_ref().to_vec();
        let key_id = Sha256::digest(&public).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { private_pkcs8: block.into_contents(), public, key_id })
    }
}

/// Written aside and then linked, so that two starts at once end with one key.
fn make(path: &Path) -> io::Result<()> {
    let rng = aws_lc_rs::rand::SystemRandom::new();
    let key = Ed25519KeyPair::generate_pkcs8(&rng).map_err(|_| io::Error::other("no random numbers"))?;
    let text = pem::encode(&pem::Pem::new(LABEL, key.as_ref()));
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(unix)]
fn is_exposed(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_exposed(_: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let first = SigningKey::open(dir.path()).unwrap();
        let second = SigningKey::open(dir.path()).unwrap();
        assert_eq!(first.key_id(), second.key_id());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        SigningKey::open(dir.path()).unwrap();
        let path = dir.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(SigningKey::open(dir.path()), Err(KeyError::Exposed { .. })));
    }

    #[test]
    fn a_damaged_key_is_refused_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        SigningKey::open(dir.path()).unwrap();
        let path = dir.path().join(FILE);
        fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
        assert!(matches!(SigningKey::open(dir.path()), Err(KeyError::NotAKey { .. })));
        assert!(fs::read_to_string(&path).unwrap().contains("AAAA"));
    }
}
