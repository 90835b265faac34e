//! Disks that fill up and directories that cannot be written to.

use crate::server::{Refused, Server, printed, rialto, run, token};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Places orders until one is not taken; gives those that were, by number, and the answer to the one that was not.
fn fill_up(server: &Server, trader: &str) -> (Vec<Value>, (u16, Value)) {
    let mut acknowledged = Vec::new();
    for number in 0..100_000 {
        let order = Server::order(&format!("order-{number}"));
        let (status, answer) = server.post(trader, "/trading/orders", &order).unwrap();
        if status != 201 {
            return (acknowledged, (status, answer));
        }
        acknowledged.push(answer["order"].clone());
    }
    panic!("the disk does not fill up");
}

/// What the row asks of a server whose disk fills up, from the first refusal to the restart with room.
fn stops_when_full_and_recovers(mut server: Server, restart: impl FnOnce() -> Server) {
    let data = server.data.clone();
    let trader = token(&data, "ann", "trader");
    let (acknowledged, (status, refusal)) = fill_up(&server, &trader);
    assert!(!acknowledged.is_empty());
    assert_eq!((status, &refusal["code"]), (503, &json!("node.halted")), "{refusal}");
    let (status, refusal) = server.post(&trader, "/trading/orders", &Server::order("later")).unwrap();
    assert_eq!((status, &refusal["code"]), (503, &json!("node.halted")), "it is not tried again: {refusal}");
    let (status, probe) = server.get("", "/readyz");
    assert_eq!((status, &probe["code"]), (503, &json!("node.halted")), "{probe}");
    let said = server.log();
    assert!(said.contains("the node has halted") && said.contains("journal.db"), "{said}");
    assert_eq!(server.terminate(), Some(1), "it did not end in order, and says so");
    let last = server.log().lines().last().unwrap().to_owned();
    assert!(last.starts_with("rialto: ") && last.contains("journal.db"), "{last}");

    let mut server = restart();
    for (number, order) in acknowledged.iter().enumerate() {
        let order_again = Server::order(&format!("order-{number}"));
        let (_, again) = server.post(&trader, "/trading/orders", &order_again).unwrap();
        assert_eq!(again["order"], *order, "order-{number} was acknowledged");
    }
    // Nobody was told what became of the next one: its retry makes it exactly one.
    let number = acknowledged.len();
    let order = Server::order(&format!("order-{number}"));
    assert_eq!(server.post(&trader, "/trading/orders", &order).unwrap().0, 201);
    assert_eq!(server.list(&trader, "/trading/orders").len(), number + 1);
    assert_eq!(server.terminate(), Some(0));
    let data = data.to_str().unwrap();
    printed(&run(&["journal", "verify", "--data", data]));
    printed(&run(&["audit", "verify", "--data", data]));
}

#[test]
fn fault_9_failing_writes_stop_the_server_and_a_restart_has_all_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start_limited(directory.path(), 2_048);
    server.open_market();
    stops_when_full_and_recovers(server, || Server::start(directory.path()));
}

/// Set where this program runs in namespaces of its own.
const APART: &str = "RIALTO_TEST_APART";

/// Runs the test of this name once more, in user and mount namespaces of its own, in which anybody may mount. False if
/// that is where it runs already, or if the system gives no such namespaces: then it is to go on here.
fn ran_apart(test: &str) -> bool {
    let apart = |program: &Path| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount"]).arg(program);
        command
    };
    let possible = || apart(Path::new("true")).output().is_ok_and(|output| output.status.success());
    if std::env::var_os(APART).is_some() || !possible() {
        return false;
    }
    let program = std::env::current_exe().unwrap();
    let output = apart(&program).args([test, "--exact", "--nocapture"]).env(APART, "1").output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.contains("1 passed"), "{test} in namespaces of its own: {said}");
    true
}

/// A small file system of its own; none where the system does not allow that.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(directory.path())
            .output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        mounted.then_some(Self(directory))
    }

    fn remount(&self, option: &str) {
        let options = format!("remount,{option}");
        let status = Command::new("mount").args(["-o", &options]).arg(self.0.path()).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.0.path()).status());
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "a test that skips itself says so")]
fn fault_9_a_full_disk_stops_the_server_and_a_restart_with_room_has_all_that_was_acknowledged() {
    if ran_apart(
        "disk::fault_9_a_full_disk_stops_the_server_and_a_restart_with_room_has_all_that_was_acknowledged",
    ) {
        return;
    }
    let Some(disk) = SmallDisk::mount("2m") else {
        eprintln!("skipped: this system does not let the test mount a small file system");
        return;
    };
    let server = Server::start(disk.0.path());
    server.open_market();
    let make_room = || {
        disk.remount("size=256m");
        Server::start(disk.0.path())
    };
    stops_when_full_and_recovers(server, make_room);
}

fn refused(data: &Path) -> Refused {
    match Server::try_start(rialto(), data, &[]) {
        Ok(_) => panic!("it started on {}", data.display()),
        Err(refused) => refused,
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "a test that skips itself says so")]
fn fault_9_a_data_directory_that_cannot_be_written_to_is_refused_with_one_line() {
    if ran_apart("disk::fault_9_a_data_directory_that_cannot_be_written_to_is_refused_with_one_line") {
        return;
    }
    // An administrator may write to any directory but those that the kernel makes up.
    let Refused { code, said } = refused(Path::new("/proc/self/data"));
    assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.starts_with("rialto: cannot use the data directory /proc/self/data: "), "{said}");

    let Some(disk) = SmallDisk::mount("64m") else {
        eprintln!("skipped in part: this system does not let the test mount a small file system");
        return;
    };
    let mut server = Server::start(disk.0.path());
    server.open_market();
    let position = server.position();
    assert_eq!(server.terminate(), Some(0));
    disk.remount("ro");
    let Refused { code, said } = refused(disk.0.path());
    assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains(disk.0.path().to_str().unwrap()) && said.contains("Read-only"), "{said}");
    disk.remount("rw");
    assert_eq!(Server::start(disk.0.path()).position(), position, "nothing was lost by it");
}

#[test]
fn fault_9_a_disk_without_room_for_a_journal_is_refused_with_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    let limited = "trap '' XFSZ; ulimit -f 8; exec \"$@\"";
    command.args(["-c", limited, "sh", env!("CARGO_BIN_EXE_rialto")]);
    let refused = Server::try_start(command, directory.path(), &[]).err().expect("there is no room");
    assert_eq!((refused.code, refused.said.lines().count()), (Some(2), 1), "{refused:?}");
    assert!(refused.said.contains("journal.db"), "{refused:?}");
    Server::start(directory.path());
}
