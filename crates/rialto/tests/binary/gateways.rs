//! Several gateways before one cluster hold a principal to one rate, and orders do not need what they share it over. Needs
//! Redis (`redis-server`), and for orders PostgreSQL.

use crate::cluster::Cluster;
use crate::load::{await_that, away_for};
use crate::server::{Server, rialto, run, token};
use std::fs;
use std::path::Path;
use std::time::Instant;
use tempfile::TempDir;
use testbed::Redis;

/// So many at once, and then hardly any.
const BURST: usize = 40;

fn config(directory: &Path, name: &str, more: &str) -> String {
    let keys = directory.join("keys");
    let services: String = ["trading", "settlement", "risk", "compliance"]
        .map(|service| format!("{service} = [\"http://127.0.0.1:1\"]\n"))
        .concat();
    let data = directory.join(name);
    let text = format!(
        "data = {data:?}\nkeys = {keys:?}\nlisten = \"127.0.0.1:0\"\n{more}\n\
         [rate]\nper_second = 1\nburst = {BURST}\n[services]\n{services}"
    );
    let path = directory.join(format!("{name}.toml"));
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn gateway(directory: &Path, name: &str, redis: &str) -> Server {
    let mut command = rialto();
    command.args([
        "serve",
        "gateway",
        "--config",
        &config(directory, name, &format!("redis_url = {redis:?}")),
    ]);
    Server::try_command(command, &directory.join("keys")).unwrap_or_else(|refused| panic!("{refused:?}"))
}

/// What a gateway lets in until it does no more. There is no service behind it.
fn let_in(gateway: &Server, token: &str, most: usize) -> usize {
    let is_let_in = || match gateway.get(token, "/trading/orders") {
        (503, problem) if problem["code"] == "gateway.no-leader" => true,
        (429, problem) if problem["code"] == "rate.exceeded" => false,
        other => panic!("{other:?}"),
    };
    (0..most).take_while(|_| is_let_in()).count()
}

/// Whether a gateway shares rates now, by its own account.
fn is_shared(gateway: &Server, auditor: &str) -> bool {
    let (status, text) = gateway.get(auditor, "/metrics");
    assert_eq!(status, 200, "{text}");
    let text = text.as_str().unwrap();
    let line = text.lines().find(|line| line.starts_with("gateway_rates_shared ")).unwrap();
    line.ends_with(" 1")
}

fn two(redis: &Redis) -> (TempDir, [Server; 2]) {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("keys")).unwrap();
    token(&directory.path().join("keys"), "first", "auditor");
    let gateways = ["a", "b"].map(|name| gateway(directory.path(), name, &redis.url()));
    (directory, gateways)
}

#[test]
fn what_one_gateway_lets_in_counts_at_the_other_and_each_goes_on_alone_while_redis_is_away() {
    let mut redis = Redis::start().unwrap();
    let (directory, [one, other]) = two(&redis);
    let token = |user: &str| token(&directory.path().join("keys"), user, "auditor");
    let watcher = token("watcher");
    let both = |shared: bool| [&one, &other].iter().all(|gateway| is_shared(gateway, &watcher) == shared);
    await_that("both gateways to hear each other", || both(true).then_some(()));
    let ann = token("ann");
    assert!(let_in(&one, &ann, BURST) == BURST);
    await_that("the other one to have heard of it", || (let_in(&other, &ann, 1) == 0).then_some(()));
    assert_eq!(let_in(&other, &token("bob"), BURST), BURST, "nobody else pays for it");
    // Without Redis each holds him to it by itself, and nobody is kept waiting.
    redis.kill().unwrap();
    await_that("both gateways to know that they are alone", || both(false).then_some(()));
    let carl = token("carl");
    assert!(let_in(&one, &carl, 2 * BURST) >= BURST);
    assert!(let_in(&other, &carl, 2 * BURST) >= BURST);
    assert_eq!(let_in(&other, &carl, 1), 0);
    redis.restart().unwrap();
    await_that("both gateways to hear each other again", || both(true).then_some(()));
    let dora = token("dora");
    assert!(let_in(&other, &dora, BURST) == BURST);
    await_that("the other one to have heard of it", || (let_in(&one, &dora, 1) == 0).then_some(()));
}

#[test]
fn no_order_fails_while_redis_is_away() {
    let mut redis = Redis::start().unwrap();
    let cluster = Cluster::with_redis(&redis);
    cluster.gateway.open_market();
    let clients = cluster.clients();
    let auditor = cluster.token("auditor-1", "auditor");
    let await_shared = |shared: bool| {
        let what = if shared { "rates to be shared" } else { "the gateway to know that it is alone" };
        await_that(what, || (is_shared(&cluster.gateway, &auditor) == shared).then_some(()));
    };
    await_shared(true);
    let given_up = clients.under_load("Redis is away", || {
        let away = Instant::now();
        redis.kill().unwrap();
        await_shared(false);
        clients.await_more(50);
        std::thread::sleep(away_for().saturating_sub(away.elapsed()));
        redis.restart().unwrap();
        await_shared(true);
        clients.await_more(50);
    });
    assert_eq!(given_up, 0, "orders do not need Redis");
    clients.assert_sound();
    cluster.verify();
}

#[test]
fn what_is_wrong_with_rates_is_said_before_anything_begins() {
    let directory = tempfile::tempdir().unwrap();
    let check = |more: &str| {
        let config = config(directory.path(), "a", more);
        let output = run(&["config", "check", "gateway", "--config", &config]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check("redis_url = \"redis://127.0.0.1:6379\"").0, Some(0));
    for wrong in ["nonsense", "http://127.0.0.1:6379", "rediss://127.0.0.1:6379"] {
        let (code, said) = check(&format!("redis_url = {wrong:?}"));
        assert_eq!(code, Some(2));
        assert!(said.starts_with("rialto: redis_url: ") && said.lines().count() == 1, "{said}");
    }
}
