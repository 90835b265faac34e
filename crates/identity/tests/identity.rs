//! Two processes that prove to one another who they are, and others that cannot.

#![allow(clippy::unwrap_used, reason = "what does not come out as expected ends the test")]

use identity::{Authority, Credentials, Identity, Unusable};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn named(account: &str) -> Identity {
    Identity::of(account).unwrap()
}

fn hosts() -> Vec<String> {
    ["localhost", "127.0.0.1"].map(str::to_owned).to_vec()
}

fn authority() -> (TempDir, Authority) {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::init(directory.path()).unwrap();
    (directory, authority)
}

fn issue(authority: &Authority, account: &str) -> Arc<Credentials> {
    Credentials::open(authority.issue(&named(account), &hosts(), 30).unwrap().files).unwrap()
}

/// One connects to the other, says something, and gets it back. Who the one that was connected to has seen.
async fn exchange(server: &Credentials, client: &Credentials, expected: &str) -> std::io::Result<Identity> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let answering = async {
        let (stream, peer) = server.accept(listener.accept().await?.0).await?;
        let (mut read, mut write) = tokio::io::split(stream);
        tokio::io::copy(&mut read, &mut write).await?;
        write.shutdown().await?;
        Ok(peer)
    };
    let asking = async {
        let mut stream = client.connect("127.0.0.1", port, &named(expected)).await?;
        stream.write_all(b"hello").await?;
        stream.shutdown().await?;
        let mut told = Vec::new();
        stream.read_to_end(&mut told).await?;
        assert_eq!(told, b"hello");
        Ok(())
    };
    let (peer, asked): (std::io::Result<Identity>, std::io::Result<()>) = tokio::join!(answering, asking);
    asked?;
    peer
}

#[tokio::test]
async fn sec_1_each_end_knows_who_the_other_is() {
    let (_directory, authority) = authority();
    let (risk, gateway) = (issue(&authority, "risk-service"), issue(&authority, "order-service"));
    let seen = exchange(&risk, &gateway, "risk-service").await.unwrap();
    assert_eq!(seen, named("order-service"));
}

#[tokio::test]
async fn sec_1_somebody_else_than_expected_is_not_talked_to() {
    let (_directory, authority) = authority();
    let (risk, gateway) = (issue(&authority, "risk-service"), issue(&authority, "order-service"));
    let refused = exchange(&risk, &gateway, "settlement-service").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
    assert!(refused.to_string().contains("risk-service, and not"), "{refused}");
}

#[tokio::test]
async fn sec_1_a_certificate_of_another_authority_is_worth_nothing() {
    let ((_one, authority), (_other, elsewhere)) = (authority(), self::authority());
    let risk = issue(&authority, "risk-service");
    for stranger in [issue(&elsewhere, "order-service"), issue(&elsewhere, "risk-service")] {
        assert!(exchange(&risk, &stranger, "risk-service").await.is_err(), "it trusts nobody here");
        assert!(exchange(&stranger, &risk, "risk-service").await.is_err(), "nobody here trusts it");
    }
}

#[tokio::test]
async fn sec_1_without_a_certificate_there_is_no_connection() {
    let (_directory, authority) = authority();
    let risk = issue(&authority, "risk-service");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let plain = async {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut told = Vec::new();
        // It may be cut off while it is read.
        drop(stream.read_to_end(&mut told).await);
        assert!(!told.starts_with(b"HTTP"), "{told:?}");
    };
    let taken = async { risk.accept(listener.accept().await.unwrap().0).await.is_err() };
    assert!(tokio::join!(plain, taken).1);
}

#[tokio::test]
async fn an_authority_is_replaced_while_everybody_talks() {
    let (directory, authority) = authority();
    let (risk, gateway) = (issue(&authority, "risk-service"), issue(&authority, "order-service"));
    let authority = authority.rotate().unwrap();
    for credentials in [&risk, &gateway] {
        credentials.reload().unwrap();
    }
    exchange(&risk, &gateway, "risk-service").await.expect("both are still of the old one");
    authority.issue(&named("risk-service"), &hosts(), 30).unwrap();
    risk.reload().unwrap();
    exchange(&risk, &gateway, "risk-service").await.expect("one is of the new one");
    let old = Credentials::open(authority.files(&named("order-service"))).unwrap();
    authority.issue(&named("order-service"), &hosts(), 30).unwrap();
    Authority::open(directory.path()).unwrap().retire_others().unwrap();
    risk.reload().unwrap();
    gateway.reload().unwrap();
    exchange(&risk, &gateway, "risk-service").await.expect("both are of the new one");
    assert!(exchange(&risk, &old, "risk-service").await.is_err(), "the old one is not trusted any more");
}

fn refusal(files: identity::Files) -> Unusable {
    Credentials::open(files).err().expect("they cannot be used")
}

#[test]
fn credentials_that_cannot_be_used_are_named_and_the_last_good_ones_stay() {
    let (_directory, authority) = authority();
    let risk = authority.issue(&named("risk-service"), &hosts(), 30).unwrap().files;
    let credentials = Credentials::open(risk.clone()).unwrap();
    let until = credentials.until();
    let other = authority.issue(&named("order-service"), &hosts(), 30).unwrap().files;
    let why = refusal(identity::Files { key: other.key, ..risk.clone() }).to_string();
    assert!(why.contains("order-service-key.pem: cannot be used with"), "{why}");
    let why = refusal(identity::Files { key: Path::new("/nowhere").to_owned(), ..risk.clone() }).to_string();
    assert!(why.starts_with("/nowhere: "), "{why}");
    let why = refusal(identity::Files { certificate: risk.authorities.clone(), ..risk.clone() }).to_string();
    assert!(why.contains("names one identity") && why.ends_with("has none"), "{why}");
    std::fs::write(&risk.certificate, "not PEM").unwrap();
    let why = credentials.reload().unwrap_err().to_string();
    assert!(why.contains("nothing in it"), "{why}");
    assert_eq!((credentials.until(), credentials.identity()), (until, named("risk-service")));
}

#[test]
fn an_expired_certificate_is_refused() {
    let (_directory, authority) = authority();
    let files = authority.issue(&named("risk-service"), &hosts(), 0).unwrap().files;
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    assert!(matches!(refusal(files), Unusable::OutOfTime { .. }));
}

#[test]
fn an_authority_is_not_made_over_another() {
    let (directory, _authority) = authority();
    let why = Authority::init(directory.path()).err().unwrap().to_string();
    assert!(why.ends_with("holds an authority already"), "{why}");
    let empty = tempfile::tempdir().unwrap();
    let why = Authority::open(empty.path()).err().unwrap().to_string();
    assert!(why.contains("rialto certs init"), "{why}");
}
