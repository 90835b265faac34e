//! Any body to any operation that changes something comes to a good answer or to a problem with a code, and never to a
//! failure of the gateway or of the node.
//!
//! An input is a request: a line with method and path, and then the body.

#![no_main]

#[path = "bodies/house.rs"]
mod house;
#[path = "bodies/memory.rs"]
mod memory;

use axum::http::Method;
use house::{House, Reply};
use libfuzzer_sys::{Corpus, fuzz_target};
use std::cell::RefCell;
use std::str::FromStr;

thread_local! {
    /// Kept from one input to the next as long as none has changed anything, so that each finds the same market.
    static HOUSE: RefCell<Option<House>> = const { RefCell::new(None) };
}

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some((method, path, body)) = request(data) else { return Corpus::Reject };
    HOUSE.with_borrow_mut(|kept| {
        let house = kept.take().unwrap_or_else(House::open);
        let reply = house.send(&method, path, body.to_vec());
        check(&reply);
        *kept = house.unchanged();
    });
    Corpus::Keep
});

/// Reads are left out: they have no body, and streams do not end.
fn request(data: &[u8]) -> Option<(Method, &str, &[u8])> {
    let end = data.iter().position(|byte| *byte == b'\n')?;
    let (method, path) = std::str::from_utf8(&data[..end]).ok()?.split_once(' ')?;
    let method = Method::from_str(method).ok().filter(|method| !method.is_safe())?;
    let is_path = path.starts_with('/') && axum::http::Uri::from_str(path).is_ok();
    is_path.then_some((method, path, &data[end + 1..]))
}

fn check(reply: &Reply) {
    let text = String::from_utf8_lossy(&reply.body);
    if reply.status < 400 {
        assert!(text.is_empty() || serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
        return;
    }
    let problem: serde_json::Value = serde_json::from_slice(&reply.body).expect("a problem is JSON");
    assert_eq!(problem["status"], reply.status, "{text}");
    assert!(problem["code"].as_str().is_some_and(|code| code.contains('.')), "{text}");
    // Nobody writes the views here, so what reads them first waits in vain.
    assert!(reply.status < 500 || problem["code"] == "node.position-not-reached", "{text}");
}
