//! The real server as a process of its own, with a market that takes any number of orders.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running server. Stopped when dropped.
pub(crate) struct Server {
    child: Child,
    data: tempfile::TempDir,
    binary: PathBuf,
    base: String,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts the `rialto` that was built beside this program.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let binary = std::env::current_exe()?.with_file_name("rialto");
        anyhow::ensure!(
            binary.exists(),
            "{} is not built: cargo build --release -p rialto",
            binary.display()
        );
        let data = tempfile::tempdir()?;
        let mut command = Command::new(&binary);
        command.args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(data.path()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or_else(|| anyhow::anyhow!("the server has no output"))?;
        let first = BufReader::new(output)
            .lines()
            .next()
            .ok_or_else(|| anyhow::anyhow!("the server did not start"))??;
        let (_, address) =
            first.split_once("http://").ok_or_else(|| anyhow::anyhow!("no address in {first:?}"))?;
        let address = address.trim();
        Ok(Self { child, data, binary, base: format!("http://{address}"), address: address.parse()? })
    }

    /// A token for a role.
    pub(crate) fn token(&self, user: &str, role: &str) -> anyhow::Result<String> {
        let mut command = Command::new(&self.binary);
        let output = command
            .args(["token", "--user", user, "--role", role, "--data"])
            .arg(self.data.path())
            .output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    fn post(&self, token: &str, path: &str, body: &Value) -> anyhow::Result<()> {
        let request =
            ureq::post(format!("{}{path}", self.base)).header("authorization", format!("Bearer {token}"));
        request.header("content-type", "application/json").send(body.to_string())?;
        Ok(())
    }

    /// One instrument, and so many accounts with funds that every order can be paid. Owners are `owner-N`.
    pub(crate) fn open_market(&self, accounts: usize) -> anyhow::Result<()> {
        let operator = self.token("bench", "operator")?;
        let compliance = self.token("bench", "compliance")?;
        let post = |path: &str, body: Value| self.post(&operator, path, &body);
        post("/trading/assets", json!({"asset": "EUR", "kind": "currency", "scale": 2}))?;
        post("/trading/assets", json!({"asset": "ACME", "kind": "security", "scale": 0}))?;
        let instrument = json!({
            "instrument": "ACME", "market": "MAIN", "base": "ACME", "quote": "EUR", "price_scale": 2,
            "tick": "0.01", "lot": "1", "reference_price": "100.00", "settlement_days": 0, "calendar": "DAYS",
        });
        post("/trading/instruments", instrument)?;
        post("/trading/business-day", json!({"date": "2023-02-07"}))?;
        post("/trading/participants", json!({"participant": "NORTH"}))?;
        post(
            "/settlement/quotas",
            json!({"participant": "NORTH", "asset": "EUR", "quota": "1000000000000.00"}),
        )?;
        for number in 0..accounts {
            let account = format!("A-{number}");
            let owner = format!("owner-{number}");
            post("/trading/accounts", json!({"account": account, "participant": "NORTH", "owner": owner}))?;
            let deposits = format!("/trading/accounts/{account}/deposits");
            post(&deposits, json!({"asset": "EUR", "amount": "1000000000.00"}))?;
            post(&deposits, json!({"asset": "ACME", "amount": "1000000000"}))?;
        }
        post("/trading/instruments/ACME/phase", json!({"phase": "continuous"}))?;
        self.lift_limits(&compliance)
    }

    fn lift_limits(&self, compliance: &str) -> anyhow::Result<()> {
        let url = format!("{}/compliance/policies", self.base);
        let request = ureq::get(url).header("authorization", format!("Bearer {compliance}"));
        let policy: Value = serde_json::from_str(&request.call()?.body_mut().read_to_string()?)?;
        let limits = json!({"finance": {"limits": {
            "base": {"single_order": 1_000_000_000, "orders_per_hour": 1_000_000_000}, "markets": {}}}});
        self.post(compliance, "/compliance/policies", &json!({"modules": policy["modules"], "data": limits}))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        // It may have ended by itself.
        drop(Command::new("kill").args(["-TERM", &id]).status());
        drop(self.child.wait());
    }
}
