//! Bearer tokens: JSON Web Tokens (RFC 7519) signed with EdDSA, and with nothing else.
//!
//! Invariant: the algorithm is ours to choose and not the token's; issuer, audience, expiry, beginning, id and subject
//! are all required. A token costs one signature check while it is good: what was verified is remembered, by the
//! SHA-256 of its text, until it expires. Tokens themselves are never kept or logged.

use super::Principal;
use super::keys::{KeyError, SigningKey};
use super::revoked::Revoked;
use super::roles::{Role, Roles};
use crate::correlation;
use crate::remembered::Remembered;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use vocabulary::UserId;

/// Who makes our tokens.
pub(super) const ISSUER: &str = "rialto";
/// Whom they are for.
pub(super) const AUDIENCE: &str = "rialto-gateway";
/// The longest token looked at, in bytes.
const TOKEN_SIZE_MAX: usize = 4_096;
/// The longest life of a token: 31 days.
const LIFE_S_MAX: u64 = 31 * 24 * 3_600;
/// How far the clocks of issuer and gateway may be apart.
const LEEWAY_S: u64 = 2;
/// How many verified tokens are remembered.
const VERIFIED_MAX: usize = 65_536;

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: String,
    roles: Vec<String>,
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Not one of ours, or not yet good.
    #[error("the token is not valid here")]
    Invalid,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It was revoked.
    #[error("the token was revoked")]
    Revoked,
}

/// A new token.
#[derive(Clone, Debug, Serialize)]
pub struct Minted {
    /// What to send as bearer.
    pub token: String,
    /// Its id: by this it can be revoked.
    pub id: String,
    /// When it ends, in seconds of Unix time.
    pub expires_s: u64,
}

/// Makes tokens.
pub struct TokenIssuer {
    key: EncodingKey,
    key_id: String,
}

impl TokenIssuer {
    /// An issuer with that key.
    pub fn new(key: &SigningKey) -> Self {
        Self { key: EncodingKey::from_ed_der(&key.private_pkcs8), key_id: key.key_id.clone() }
    }

    /// A token for `user` with these roles, good from now for so many seconds (at most 31 days).
    pub fn mint(&self, user: UserId, roles: Roles, life_s: u64) -> Minted {
        let now = now_s();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user,
            iat: now,
            nbf: now,
            exp: now + life_s.min(LIFE_S_MAX),
            jti: correlation::made().to_string(),
            roles: roles.iter().map(|role| role.as_str().to_owned()).collect(),
        };
        let token = self.sign(&claims);
        Minted { token, id: claims.jti, expires_s: claims.exp }
    }

    fn sign(&self, claims: &Claims) -> String {
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, claims, &self.key).expect("the key was read as an Ed25519 key")
    }
}

struct Verified {
    principal: Arc<Principal>,
    expires_s: u64,
}

struct Checks {
    key: DecodingKey,
    key_id: String,
    validation: Validation,
    verified: Remembered<[u8; 32], Verified>,
    revoked: Revoked,
}

/// Verifies tokens. Cheap to clone.
#[derive(Clone)]
pub struct TokenVerifier(Arc<Checks>);

impl TokenVerifier {
    /// A verifier with the public half of that key, and the list of revoked tokens in `data_dir`.
    ///
    /// # Errors
    /// [`KeyError`] when that list cannot be read.
    pub fn new(key: &SigningKey, data_dir: &Path) -> Result<Self, KeyError> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_S;
        Ok(Self(Arc::new(Checks {
            key: DecodingKey::from_ed_der(&key.public),
            key_id: key.key_id.clone(),
            validation,
            verified: Remembered::new(VERIFIED_MAX),
            revoked: Revoked::open(data_dir, now_s())?,
        })))
    }

    /// Who the token stands for.
    ///
    /// # Errors
    /// [`TokenFault`] when it is not good.
    pub fn verify(&self, token: &str) -> Result<Arc<Principal>, TokenFault> {
        let Checks { verified, revoked, .. } = &*self.0;
        if token.len() > TOKEN_SIZE_MAX {
            return Err(TokenFault::Invalid);
        }
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let known = verified.get(&digest, |known| (Arc::clone(&known.principal), known.expires_s));
        if let Some((principal, expires_s)) = known {
            return if now_s() < expires_s { Ok(principal) } else { Err(TokenFault::Expired) };
        }
        let (principal, expires_s, id) = self.check(token)?;
        let principal = Arc::new(principal);
        let now = now_s();
        let remember = Verified { principal: Arc::clone(&principal), expires_s };
        verified.insert(digest, remember, |known| known.expires_s <= now);
        // One that was revoked since it was checked may have come in after those remembered were forgotten.
        if revoked.contains(&id) {
            verified.clear();
            return Err(TokenFault::Revoked);
        }
        Ok(principal)
    }

    /// Refuses the token of that id from now on, here and after a restart.
    ///
    /// # Errors
    /// When that cannot be written down.
    pub fn revoke(&self, id: &str, until_s: u64) -> io::Result<()> {
        self.0.revoked.add(id, until_s, now_s())?;
        // Which of the remembered tokens has this id is not known: each is checked once more.
        self.0.verified.clear();
        Ok(())
    }

    /// Who it stands for, when it ends, and its id.
    fn check(&self, token: &str) -> Result<(Principal, u64, String), TokenFault> {
        let Checks { key, key_id, validation, revoked, .. } = &*self.0;
        let header = decode_header(token).map_err(|_| TokenFault::Invalid)?;
        if header.alg != Algorithm::EdDSA || header.kid.as_deref() != Some(key_id) {
            return Err(TokenFault::Invalid);
        }
        let claims = decode::<Claims>(token, key, validation).map_err(|error| {
            if matches!(error.kind(), ErrorKind::ExpiredSignature) {
                TokenFault::Expired
            } else {
                TokenFault::Invalid
            }
        })?;
        let claims = claims.claims;
        if claims.exp <= now_s() {
            return Err(TokenFault::Expired);
        }
        if claims.exp.saturating_sub(claims.iat) > LIFE_S_MAX || claims.iat > now_s() + LEEWAY_S {
            return Err(TokenFault::Invalid);
        }
        if revoked.contains(&claims.jti) {
            return Err(TokenFault::Revoked);
        }
        // A role that this version does not know grants nothing.
        let roles = Roles::of(claims.roles.iter().filter_map(|role| role.parse::<Role>().ok()));
        Ok((Principal { user: claims.sub, roles }, claims.exp, claims.jti))
    }
}

/// Seconds of Unix time.
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
