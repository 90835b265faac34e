//! Tokens that must not be taken, at the real server: refused, and on record in the audit log.

use crate::server::{Server, token};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

const PATH: &str = "/trading/orders";

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The server's own key: what it signs is good in all but what a test changes.
struct Forge {
    key: EncodingKey,
    header: Header,
}

impl Forge {
    fn of(data: &Path) -> Self {
        let good = token(data, "ann", "trader");
        let text = std::fs::read(data.join("token-signing-key.pem")).unwrap();
        let key = EncodingKey::from_ed_der(pem::parse(text).unwrap().contents());
        Self { key, header: jsonwebtoken::decode_header(good).unwrap() }
    }

    fn with(&self, changes: &Value) -> String {
        let now = now_s();
        let mut claims = json!({"iss": "rialto", "aud": "rialto-gateway", "sub": "ann", "iat": now, "nbf": now,
            "exp": now + 600, "jti": "j-1", "roles": ["trader"]});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        encode(&self.header, &claims, &self.key).unwrap()
    }

    /// Good claims under another header, which the signature does not cover.
    fn under(&self, header: &str) -> String {
        let good = self.with(&json!({}));
        let (claims, signature) = good.split_once('.').unwrap().1.split_once('.').unwrap();
        let signature = if header == NONE { "" } else { signature };
        format!("{header}.{claims}.{signature}")
    }
}

/// `{"alg":"none","typ":"JWT"}` in base64.
const NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
/// `{"alg":"HS256","typ":"JWT"}` in base64.
const HS256: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// The one line that the audit log has gained by the refusal, which must name who, what and why.
fn assert_on_record(server: &Server, refusal: &Value, actor: &str, operation: &str) {
    let position = server.position();
    let line = server.audit_lines(position..=position).pop().unwrap();
    assert_eq!(line["correlation"], refusal["instance"], "{line}");
    assert_eq!((&line["actor"], &line["outcome"]), (&json!(actor), &json!("refused")), "{line}");
    assert_eq!(line["code"], refusal["code"], "{line}");
    let access = &line["command"]["RecordAccess"];
    assert_eq!((&access["operation"], &access["status"]), (&json!(operation), &refusal["status"]), "{line}");
}

#[test]
fn fault_18_every_kind_of_bad_token_is_401_and_in_the_audit_log() {
    let (directory, server) = Server::trading();
    let (forge, now) = (Forge::of(directory.path()), now_s());
    assert_eq!(server.get(&forge.with(&json!({})), PATH).0, 200, "with nothing changed it is good");

    let good = forge.with(&json!({}));
    let (head, signature) = good.rsplit_once('.').unwrap();
    let tampered = forge.with(&json!({"sub": "bob"}));
    let tampered = format!("{}.{signature}", tampered.rsplit_once('.').unwrap().0);
    let by_another_key = Header { kid: forge.header.kid.clone(), ..Header::new(Algorithm::HS256) };
    let claims = json!({"iss": "rialto", "aud": "rialto-gateway", "sub": "ann", "iat": now, "nbf": now,
        "exp": now + 600, "jti": "j-1", "roles": ["operator"]});
    let by_another_key = encode(&by_another_key, &claims, &EncodingKey::from_secret(b"guessed")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let cases = [
        ("no token", String::new(), "auth.missing-token"),
        ("no algorithm", forge.under(NONE), "auth.invalid-token"),
        ("another algorithm", forge.under(HS256), "auth.invalid-token"),
        ("another algorithm, signed", by_another_key, "auth.invalid-token"),
        ("another server's", token(elsewhere.path(), "ann", "trader"), "auth.invalid-token"),
        ("for another audience", forge.with(&json!({"aud": "another-service"})), "auth.invalid-token"),
        ("of another issuer", forge.with(&json!({"iss": "somebody"})), "auth.invalid-token"),
        ("not yet valid", forge.with(&json!({"nbf": now + 600})), "auth.invalid-token"),
        (
            "expired",
            forge.with(&json!({"iat": now - 90, "nbf": now - 90, "exp": now - 30})),
            "auth.expired-token",
        ),
        ("tampered with", tampered, "auth.invalid-token"),
        ("cut", head.to_owned(), "auth.invalid-token"),
    ];
    for (what, token, code) in cases {
        let before = server.position();
        let (status, refusal) = server.get(&token, PATH);
        assert_eq!((status, &refusal["code"]), (401, &json!(code)), "{what}: {refusal}");
        // That somebody was turned away is written down without his waiting for it.
        while server.position() == before {
            std::thread::yield_now();
        }
        assert_on_record(&server, &refusal, "anonymous", &format!("GET {PATH}"));
    }
}

#[test]
fn fault_18_a_token_replayed_after_its_revocation_is_401_also_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path());
    let (stolen, expires_s) = (Forge::of(directory.path()), now_s() + 600);
    let stolen = stolen.with(&json!({"jti": "stolen", "exp": expires_s}));
    assert_eq!(server.get(&stolen, PATH).0, 200);
    let operator = token(directory.path(), "operator-1", "operator");
    server.must(&operator, "/operations/revoked-tokens", &json!({"id": "stolen", "expires_s": expires_s}));
    for restart in [false, true] {
        if restart {
            server.kill();
            server = Server::start(directory.path());
        }
        let before = server.position();
        let (status, refusal) = server.get(&stolen, PATH);
        assert_eq!((status, &refusal["code"]), (401, &json!("auth.revoked-token")), "{refusal}");
        while server.position() == before {
            std::thread::yield_now();
        }
        assert_on_record(&server, &refusal, "anonymous", &format!("GET {PATH}"));
    }
}

#[test]
fn fault_18_somebody_elses_object_is_404_a_foreign_role_403_and_both_are_in_the_audit_log() {
    let (directory, server) = Server::trading();
    let (ann, eve) = (token(directory.path(), "ann", "trader"), token(directory.path(), "eve", "trader"));
    let order = server.must(&ann, PATH, &Server::order("c-1"))["order"].clone();
    let cases = [
        ("GET", format!("{PATH}/{order}"), 404),
        ("GET", format!("{PATH}/{order}/trace"), 404),
        ("DELETE", format!("{PATH}/{order}"), 404),
        ("GET", "/trading/accounts/ANN/balances".into(), 404),
        ("POST", PATH.into(), 404),
        ("GET", "/risk/limits".into(), 403),
        ("POST", "/settlement/process".into(), 403),
    ];
    for (method, path, wanted) in cases {
        let operation = format!("{method} {path}");
        let before = server.position();
        let body = match path.as_str() {
            PATH => Some(Server::order("c-2").to_string()),
            "/settlement/process" => Some(json!({"date": "2023-02-07"}).to_string()),
            _ => None,
        };
        let joint = if method == "GET" { format!("{path}?at_least={before}") } else { path };
        let (status, refusal) = server.request(&eve, method, &joint, body.as_deref());
        assert_eq!(status, wanted, "{operation}: {refusal}");
        while server.position() == before {
            std::thread::yield_now();
        }
        assert_on_record(&server, &refusal, "eve", &operation);
    }
    assert_eq!(server.get(&ann, &format!("{PATH}/{order}")).1["status"], "open", "nobody has touched it");
}
