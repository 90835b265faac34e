//! A running server in a directory of its own, with a small made-up market.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// The binary under test.
pub(crate) fn rialto() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rialto"))
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    rialto().args(arguments).output().unwrap()
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

/// A running server. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) base: String,
    pub(crate) data: PathBuf,
    agent: ureq::Agent,
}

impl Server {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    pub(crate) fn start_with(data: &Path, more: &[&str]) -> Self {
        let mut command = rialto();
        command.args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(more);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let first = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let base = first.split_once("http").map(|(_, rest)| format!("http{rest}")).unwrap();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)));
        Self { child, base, data: data.to_owned(), agent: config.build().new_agent() }
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

    /// Waits for its end and gives its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
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

    /// Any request; the body is sent as it is.
    pub(crate) fn request(&self, token: &str, method: &str, path: &str, body: Option<&str>) -> (u16, Value) {
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        let request = request.header("authorization", format!("Bearer {token}"));
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

    fn must(&self, token: &str, path: &str, body: &Value) -> Value {
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

    /// An order that rests.
    pub(crate) fn order(client_order_id: &str) -> Value {
        json!({"account": "ANN", "instrument": "ACME", "side": "buy", "price": "1.00", "quantity": "1",
               "time_in_force": "good_till_cancel", "client_order_id": client_order_id})
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
