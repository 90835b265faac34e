//! A running server in a directory of its own, with a small made-up market.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use testbed::{doing, ends_within, output_within};

/// The binary under test.
pub(crate) fn rialto() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rialto"))
}

/// How long what must come to an end may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    output_within(rialto().args(arguments), PATIENCE).unwrap()
}

/// What it printed.
pub(crate) fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A token for a role, minted by the binary.
pub(crate) fn token(data: &Path, user: &str, role: &str) -> String {
    let data = data.to_str().unwrap();
    printed(&run(&["token", "--data", data, "--user", user, "--role", role])).trim().to_owned()
}

/// A server that did not come up: its exit code, and what it said about it.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
}

/// A running server. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: tempfile::NamedTempFile,
    pub(crate) base: String,
    pub(crate) data: PathBuf,
    agent: ureq::Agent,
}

impl Server {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// In a directory of its own, with a [market](Self::open_market) that trades.
    pub(crate) fn trading() -> (tempfile::TempDir, Self) {
        let directory = tempfile::tempdir().unwrap();
        let server = Self::start(directory.path());
        server.open_market();
        (directory, server)
    }

    pub(crate) fn start_with(data: &Path, more: &[&str]) -> Self {
        Self::try_start(rialto(), data, more).unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    /// Under a limit on the size of each file, of so many times 512 bytes, which a write beyond it meets as an error.
    pub(crate) fn start_limited(data: &Path, file_blocks_max: u32) -> Self {
        let mut command = Command::new("sh");
        let limited = format!("trap '' XFSZ; ulimit -f {file_blocks_max}; exec \"$@\"");
        command.args(["-c", &limited, "sh", env!("CARGO_BIN_EXE_rialto")]);
        Self::try_start(command, data, &[]).unwrap_or_else(|refused| panic!("{refused:?}"))
    }

    /// Starts it, if it will.
    pub(crate) fn try_start(mut command: Command, data: &Path, more: &[&str]) -> Result<Self, Refused> {
        command.args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(more);
        Self::try_command(command, data)
    }

    /// Starts what the command says, which serves and keeps what it keeps in `data`.
    pub(crate) fn try_command(mut command: Command, data: &Path) -> Result<Self, Refused> {
        let log = tempfile::NamedTempFile::new().unwrap();
        command.stdout(Stdio::piped()).stderr(log.reopen().unwrap());
        let mut child = command.spawn().unwrap();
        let Some(first) = first_line(&mut child, &log) else {
            let code = child.wait().unwrap().code();
            return Err(Refused { code, said: std::fs::read_to_string(&log).unwrap() });
        };
        let base = first.split_once("http").map(|(_, rest)| format!("http{rest}")).unwrap();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(180)));
        Ok(Self { child, log, base, data: data.to_owned(), agent: config.build().new_agent() })
    }

    /// What it has written to standard error so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Where it listens, without the scheme.
    pub(crate) fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// SIGKILL: no time to say goodbye.
    pub(crate) fn kill(&mut self) {
        // It may have been killed already.
        drop(self.child.kill());
        self.wait();
    }

    /// SIGTERM, and its exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.wait()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it ends within that time.
    #[cfg(feature = "cluster")]
    pub(crate) fn has_ended_within(&mut self, time: Duration) -> bool {
        ends_within(&mut self.child, time).unwrap().is_some()
    }

    /// Waits for its end and gives its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let Some(status) = ends_within(&mut self.child, PATIENCE).unwrap() else {
            panic!("it does not end:\n{}{}", doing(self.id()), self.log());
        };
        status.code()
    }

    pub(crate) fn post(&self, token: &str, path: &str, body: &Value) -> Result<(u16, Value), ureq::Error> {
        let request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {token}"));
        let mut answer = request.header("content-type", "application/json").send(body.to_string())?;
        let text = answer.body_mut().read_to_string()?;
        Ok((answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// A POST with all of its answer.
    pub(crate) fn exchange(
        &self,
        token: &str,
        path: &str,
        body: &str,
    ) -> (u16, ureq::http::HeaderMap, Value) {
        let request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {token}"));
        let mut answer = request.header("content-type", "application/json").send(body).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (answer.status().as_u16(), answer.headers().clone(), body)
    }

    /// What the system says of its memory: `VmRSS` now, `VmHWM` at its peak.
    pub(crate) fn memory_kib(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(what)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Any request; the body is sent as it is.
    pub(crate) fn request(&self, token: &str, method: &str, path: &str, body: Option<&str>) -> (u16, Value) {
        self.keyed(token, None, method, path, body)
    }

    /// Any request, under an idempotency key.
    pub(crate) fn keyed(
        &self,
        token: &str,
        key: Option<&str>,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> (u16, Value) {
        self.headed(token, key.map(|key| ("idempotency-key", key)), method, path, body)
    }

    /// Any request, with another header.
    pub(crate) fn headed(
        &self,
        token: &str,
        header: Option<(&str, &str)>,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> (u16, Value) {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        let mut request = request.header("authorization", format!("Bearer {token}"));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let answer = match body {
            Some(body) => {
                let request =
                    request.header("content-type", "application/json").body(body.to_owned()).unwrap();
                self.agent.run(request)
            }
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut answer = answer.unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(crate) fn get(&self, token: &str, path: &str) -> (u16, Value) {
        self.request(token, "GET", path, None)
    }

    pub(crate) fn must(&self, token: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(token, path, body).unwrap();
        assert!(status < 300, "{path}: {status} {answer}");
        answer
    }

    /// Two assets, one instrument, one account with funds; open for trading.
    pub(crate) fn open_market(&self) {
        let operator = token(&self.data, "operator-1", "operator");
        let compliance = token(&self.data, "compliance-1", "compliance");
        self.must(&operator, "/trading/assets", &json!({"asset": "EUR", "kind": "currency", "scale": 2}));
        self.must(&operator, "/trading/assets", &json!({"asset": "ACME", "kind": "security", "scale": 0}));
        let instrument = json!({
            "instrument": "ACME", "market": "MAIN", "base": "ACME", "quote": "EUR", "price_scale": 2,
            "tick": "0.01", "lot": "1", "reference_price": "100.00", "settlement_days": 0, "calendar": "DAYS",
        });
        self.must(&operator, "/trading/instruments", &instrument);
        self.must(&operator, "/trading/participants", &json!({"participant": "NORTH"}));
        self.must(
            &operator,
            "/trading/accounts",
            &json!({"account": "ANN", "participant": "NORTH", "owner": "ann"}),
        );
        self.must(
            &operator,
            "/trading/accounts/ANN/deposits",
            &json!({"asset": "EUR", "amount": "1000000.00"}),
        );
        self.must(&operator, "/trading/business-day", &json!({"date": "2023-02-07"}));
        self.must(
            &operator,
            "/settlement/quotas",
            &json!({"participant": "NORTH", "asset": "EUR", "quota": "1000000000.00"}),
        );
        self.must(&operator, "/trading/instruments/ACME/phase", &json!({"phase": "continuous"}));
        let (_, policy) = self.get(&compliance, "/compliance/policies");
        let limits = json!({"finance": {"limits": {
            "base": {"single_order": 1_000_000, "orders_per_hour": 1_000_000}, "markets": {}}}});
        let bundle = json!({"modules": policy["modules"], "data": limits});
        self.must(&compliance, "/compliance/policies", &bundle);
    }

    /// Bob, of another participant, with shares to sell.
    pub(crate) fn open_seller(&self) {
        let operator = token(&self.data, "operator-1", "operator");
        let must = |path: &str, body: Value| self.must(&operator, path, &body);
        must("/trading/participants", json!({"participant": "SOUTH"}));
        must("/trading/accounts", json!({"account": "BOB", "participant": "SOUTH", "owner": "bob"}));
        must("/trading/accounts/BOB/deposits", json!({"asset": "ACME", "amount": "1000000"}));
        let quota = json!({"participant": "SOUTH", "asset": "EUR", "quota": "1000000000.00"});
        must("/settlement/quotas", quota);
    }

    /// The last durable position.
    pub(crate) fn position(&self) -> u64 {
        let answer = self.agent.get(format!("{}/healthz", self.base)).call().unwrap();
        answer.headers()["x-rialto-position"].to_str().unwrap().parse().unwrap()
    }

    /// A list that has seen everything so far, all pages of it.
    pub(crate) fn list(&self, token: &str, path: &str) -> Vec<Value> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let first = format!("{path}{joint}limit=1000&at_least={}", self.position());
        let (mut items, mut next) = (Vec::new(), first.clone());
        loop {
            let (status, page) = self.get(token, &next);
            assert_eq!(status, 200, "{page}");
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["next"].as_str() else { return items };
            next = format!("{first}&cursor={cursor}");
        }
    }

    /// The audit log's lines of these positions; waits until the log has come so far.
    pub(crate) fn audit_lines(&self, positions: std::ops::RangeInclusive<u64>) -> Vec<Value> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let lines = audit_log(&self.data);
            if lines.iter().any(|line| line["position"].as_u64() == Some(*positions.end())) {
                let wanted = |line: &Value| positions.contains(&line["position"].as_u64().unwrap());
                return lines.into_iter().filter(wanted).collect();
            }
            assert!(Instant::now() < deadline, "the audit log does not reach position {}", positions.end());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// An order that rests.
    pub(crate) fn order(client_order_id: &str) -> Value {
        json!({"account": "ANN", "instrument": "ACME", "side": "buy", "price": "1.00", "quantity": "1",
               "time_in_force": "good_till_cancel", "client_order_id": client_order_id})
    }
}

/// What a server says first; none if it ended without a word.
fn first_line(child: &mut Child, log: &tempfile::NamedTempFile) -> Option<String> {
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (say, said) = mpsc::channel();
    thread::spawn(move || drop(say.send(stdout.lines().next())));
    let Ok(first) = said.recv_timeout(PATIENCE) else {
        let doing = doing(child.id());
        child.kill().unwrap();
        panic!("it does not come up:\n{doing}{}", std::fs::read_to_string(log).unwrap());
    };
    first.map(Result::unwrap)
}

/// All whole lines of the audit log.
fn audit_log(data: &Path) -> Vec<Value> {
    let Ok(entries) = std::fs::read_dir(data.join("audit")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("audit-")));
    files.sort();
    let texts: Vec<String> = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let lines = texts.iter().flat_map(|text| text.split_inclusive('\n'));
    lines.filter(|line| line.ends_with('\n')).map(|line| serde_json::from_str(line).unwrap()).collect()
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
