//! Tokens that must and must not be taken (fault 18).

use super::*;
use serde_json::{Value, json};
use tempfile::TempDir;

struct Desk {
    dir: TempDir,
    issuer: TokenIssuer,
    verifier: TokenVerifier,
}

fn desk() -> Desk {
    let dir = tempfile::tempdir().unwrap();
    let key = SigningKey::open(dir.path()).unwrap();
    let verifier = TokenVerifier::new(&key, dir.path()).unwrap();
    Desk { issuer: TokenIssuer::new(&key), verifier, dir }
}

fn user() -> UserId {
    "u-1".parse().unwrap()
}

fn traders() -> Roles {
    Roles::of([Role::Trader])
}

impl Desk {
    /// A token with good claims but for those given; null takes one out.
    fn with(&self, changes: Value) -> String {
        let now = now_s();
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "u-1", "iat": now, "nbf": now, "exp": now + 60,
            "jti": "j-1", "roles": ["trader"],
        });
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        self.signed(&self.header(), &claims)
    }

    fn header(&self) -> Header {
        Header { kid: Some(self.issuer.key_id.clone()), ..Header::new(Algorithm::EdDSA) }
    }

    fn signed(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.issuer.key).unwrap()
    }

    fn fault(&self, token: &str) -> TokenFault {
        self.verifier.verify(token).unwrap_err()
    }
}

/// Header and claims in base64, with whatever signature.
fn unsigned(header: &str, like: &str) -> String {
    let parts: Vec<&str> = like.split('.').collect();
    let encoded = base64_url(header.as_bytes());
    format!("{encoded}.{}.", parts[1])
}

fn base64_url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| (group << 8) | u32::from(*byte));
        let group = group << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(group >> (18 - 6 * at)) as usize & 63]));
        }
    }
    text
}

#[test]
fn a_minted_token_tells_who_and_what() {
    let desk = desk();
    let roles = Roles::of([Role::Trader, Role::Auditor]);
    let minted = desk.issuer.mint(user(), roles, 60);
    let principal = desk.verifier.verify(&minted.token).unwrap();
    assert_eq!(*principal, Principal { user: user(), roles });
    assert!(Arc::ptr_eq(&principal, &desk.verifier.verify(&minted.token).unwrap()), "checked once");
}

#[test]
fn fault_18_no_algorithm_but_ours_is_taken() {
    let desk = desk();
    let good = desk.with(json!({}));
    for header in [
        format!(r#"{{"alg":"none","typ":"JWT","kid":"{}"}}"#, desk.issuer.key_id),
        format!(r#"{{"alg":"None","typ":"JWT","kid":"{}"}}"#, desk.issuer.key_id),
        format!(r#"{{"alg":"HS256","typ":"JWT","kid":"{}"}}"#, desk.issuer.key_id),
    ] {
        assert_eq!(desk.fault(&unsigned(&header, &good)), TokenFault::Invalid, "{header}");
    }
    // The public key, which is no secret, used as the secret of an HMAC.
    let key = SigningKey::open(desk.dir.path()).unwrap();
    let header = Header { kid: Some(desk.issuer.key_id.clone()), ..Header::new(Algorithm::HS256) };
    let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "u-1", "iat": now_s(), "nbf": now_s(),
        "exp": now_s() + 60, "jti": "j", "roles": ["operator"]});
    let forged = encode(&header, &claims, &EncodingKey::from_secret(&key.public)).unwrap();
    assert_eq!(desk.fault(&forged), TokenFault::Invalid);
}

#[test]
fn fault_18_every_claim_is_required_and_checked() {
    let desk = desk();
    let now = now_s();
    assert!(desk.verifier.verify(&desk.with(json!({}))).is_ok());
    for name in ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "roles"] {
        assert_eq!(desk.fault(&desk.with(json!({name: null}))), TokenFault::Invalid, "{name}");
    }
    for changes in [
        json!({"aud": "another-service"}),
        json!({"iss": "somebody-else"}),
        json!({"sub": "not an id, and much too long to be one of ours"}),
        json!({"nbf": now + 600}),
        json!({"iat": now + 600, "exp": now + 1_200}),
        json!({"exp": now + 400 * 24 * 3_600}),
    ] {
        assert_eq!(desk.fault(&desk.with(changes.clone())), TokenFault::Invalid, "{changes}");
    }
    assert_eq!(desk.fault(&desk.with(json!({"exp": now - 1}))), TokenFault::Expired);
    assert_eq!(desk.fault(&desk.with(json!({"exp": now - 3_600}))), TokenFault::Expired);
}

#[test]
fn fault_18_another_key_or_a_changed_token_is_not_taken() {
    let (desk, other) = (desk(), self::desk());
    let foreign = other.issuer.mint(user(), traders(), 60).token;
    assert_eq!(desk.fault(&foreign), TokenFault::Invalid);
    let good = desk.issuer.mint(user(), traders(), 60).token;
    let parts: Vec<&str> = good.split('.').collect();
    let claims = base64_url(br#"{"sub":"u-2"}"#);
    assert_eq!(desk.fault(&format!("{}.{claims}.{}", parts[0], parts[2])), TokenFault::Invalid);
    for bad in ["", ".", "..", "a.b.c", &"a".repeat(100_000)] {
        assert_eq!(desk.fault(bad), TokenFault::Invalid);
    }
}

#[test]
fn fault_18_a_revoked_token_replayed_is_refused_at_once_and_after_a_restart() {
    let desk = desk();
    let minted = desk.issuer.mint(user(), traders(), 60);
    assert!(desk.verifier.verify(&minted.token).is_ok());
    desk.verifier.revoke(&minted.id, minted.expires_s).unwrap();
    assert_eq!(desk.fault(&minted.token), TokenFault::Revoked);
    let key = SigningKey::open(desk.dir.path()).unwrap();
    let again = TokenVerifier::new(&key, desk.dir.path()).unwrap();
    assert_eq!(again.verify(&minted.token).unwrap_err(), TokenFault::Revoked);
    let other = desk.issuer.mint(user(), traders(), 60);
    assert!(desk.verifier.verify(&other.token).is_ok());
}

#[test]
fn a_remembered_token_ends_with_its_time() {
    let desk = desk();
    let minted = desk.issuer.mint(user(), traders(), 1);
    assert!(desk.verifier.verify(&minted.token).is_ok());
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    assert_eq!(desk.fault(&minted.token), TokenFault::Expired);
}

#[test]
fn unknown_roles_grant_nothing() {
    let desk = desk();
    let principal = desk.verifier.verify(&desk.with(json!({"roles": ["root", "auditor"]}))).unwrap();
    assert_eq!(principal.roles, Roles::of([Role::Auditor]));
}
