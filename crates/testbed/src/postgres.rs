//! PostgreSQL on a socket in a directory of its own.

use crate::ends::{doing, ends_within, output_within};
use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long the server may take to come up.
const START: Duration = Duration::from_secs(60);
/// How long what it is told to do may take. Longer than a promotion may.
const STATEMENT: Duration = Duration::from_secs(90);
/// How often it is asked whether it is up.
const POLL: Duration = Duration::from_millis(20);
/// Where Debian keeps the programs, by version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Its superuser.
const OWNER: &str = "owner";

/// A server. Stopped, and its data deleted, when dropped.
pub struct Postgres {
    programs: PathBuf,
    settings: Vec<String>,
    child: Child,
    directory: TempDir,
}

impl Postgres {
    /// Whether PostgreSQL is installed here.
    #[must_use]
    pub fn is_installed() -> bool {
        programs().is_some()
    }

    /// Makes a server with settings such as `shared_buffers=1GB`, beside those that it has by default: durable, and on a
    /// socket only. Comes back when it takes connections.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not come up.
    pub fn start(settings: &[&str]) -> anyhow::Result<Self> {
        let programs = programs().with_context(|| {
            format!("PostgreSQL is not installed: there is nothing in {VERSIONS} (Debian: postgresql)")
        })?;
        let directory = tempfile::tempdir()?;
        let mut init = command(&programs, "initdb", directory.path())?;
        init.args(["--auth", "trust", "--username", OWNER, "--encoding", "UTF8", "--no-sync", "--pgdata"]);
        let made = output_within(init.arg(data(directory.path())), START)?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        Self::over(programs, directory, settings)
    }

    /// The settings of a server that keeps all that it writes, to be [restored](Self::restore) from.
    pub const ARCHIVE: [&str; 2] = [
        "archive_mode=on",
        "archive_command=mkdir -p ../archive && test ! -f ../archive/%f && cp %p ../archive/%f",
    ];

    /// Copies all of it while it runs.
    ///
    /// # Errors
    /// What `pg_basebackup` says.
    pub fn base_backup(&self) -> anyhow::Result<TempDir> {
        self.copy(&[])
    }

    fn copy(&self, more: &[&str]) -> anyhow::Result<TempDir> {
        let directory = tempfile::tempdir()?;
        let mut copy = command(&self.programs, "pg_basebackup", directory.path())?;
        copy.args(["--checkpoint", "fast", "--no-sync", "--username", OWNER, "--host"]);
        copy.arg(self.directory.path()).arg("--pgdata").arg(data(directory.path())).args(more);
        let copied = output_within(&mut copy, START)?;
        ensure!(copied.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&copied.stderr));
        Ok(directory)
    }

    /// Puts a base backup in the place of what it has, and all that it has archived up to a time, in PostgreSQL's words.
    /// Something must have been committed after that time, and be archived.
    ///
    /// # Errors
    /// When it does not come up, or does not reach that time.
    pub fn restore(&mut self, backup: &TempDir, until: &str) -> anyhow::Result<()> {
        // What it was writing last is archived when it is full, or when this is asked for.
        let last = self.sql("postgres", "SELECT pg_walfile_name(pg_switch_wal())")?;
        let deadline = Instant::now() + START;
        while !self.directory.path().join("archive").join(&last).exists() {
            ensure!(Instant::now() < deadline, "{last} is not archived");
            std::thread::sleep(POLL);
        }
        self.kill()?;
        fs::rename(data(self.directory.path()), self.directory.path().join("lost"))?;
        fs::rename(data(backup.path()), data(self.directory.path()))?;
        fs::write(data(self.directory.path()).join("recovery.signal"), "")?;
        self.settings.extend([
            "restore_command=cp ../archive/%f %p".to_owned(),
            "recovery_target_action=promote".to_owned(),
            format!("recovery_target_time={until}"),
        ]);
        self.restart()?;
        let deadline = Instant::now() + START;
        while self.sql("postgres", "SELECT pg_is_in_recovery()")? != "f" {
            ensure!(Instant::now() < deadline, "it does not come to {until}");
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Makes a second server that follows this one, which from now on commits nothing that the other has not written too.
    ///
    /// # Errors
    /// When it does not come up or does not follow.
    pub fn synchronous_replica(&self) -> anyhow::Result<Self> {
        let directory = self.copy(&["--write-recovery-conf"])?;
        let settings: Vec<&str> = self.settings.iter().map(String::as_str).collect();
        let replica = Self::over(self.programs.clone(), directory, &settings)?;
        self.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")?;
        self.sql("postgres", "SELECT pg_reload_conf()")?;
        let deadline = Instant::now() + START;
        while self.sql("postgres", "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")?
            != "1"
        {
            ensure!(Instant::now() < deadline, "the replica does not follow");
            std::thread::sleep(POLL);
        }
        Ok(replica)
    }

    /// Makes a replica a server that takes writes.
    ///
    /// # Errors
    /// What it says.
    pub fn promote(&self) -> anyhow::Result<()> {
        let is_promoted = self.sql("postgres", "SELECT pg_promote(true, 60)")?;
        ensure!(is_promoted == "t", "the replica was not promoted within a minute");
        // It has the other one's settings, and nobody follows it.
        self.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names")?;
        self.sql("postgres", "SELECT pg_reload_conf()").map(drop)
    }

    fn over(programs: PathBuf, directory: TempDir, settings: &[&str]) -> anyhow::Result<Self> {
        let settings: Vec<_> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let child = spawn(&programs, directory.path(), &settings)?;
        let server = Self { programs, settings, child, directory };
        server.wait()?;
        Ok(server)
    }

    /// Stops all its work where it is (SIGSTOP to its processes), or lets it go on (SIGCONT).
    ///
    /// # Errors
    /// When the system does not do it.
    pub fn pause(&self, paused: bool) -> anyhow::Result<()> {
        let signal = if paused { Signal::STOP } else { Signal::CONT };
        // The main one first, so that none is born behind our back.
        self.signal(signal)?;
        for process in descendants(self.child.id())? {
            // One that has ended meanwhile need not be stopped.
            let _ = kill_process(process, signal);
        }
        Ok(())
    }

    /// Where the socket is.
    #[must_use]
    pub fn socket_directory(&self) -> &Path {
        self.directory.path()
    }

    /// How to connect to a database as somebody, in libpq's keys and values. The role `owner` may do everything, and
    /// the database `postgres` is always there.
    #[must_use]
    pub fn address(&self, user: &str, database: &str) -> String {
        format!("host={} user={user} dbname={database}", self.directory.path().display())
    }

    /// Runs SQL as the owner, and gives what it prints, a line a row.
    ///
    /// # Errors
    /// What `psql` says.
    pub fn sql(&self, database: &str, statements: &str) -> anyhow::Result<String> {
        let mut psql = command(&self.programs, "psql", self.directory.path())?;
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]);
        psql.args(["--dbname", &self.address(OWNER, database), "--command", statements]);
        let done = output_within(&mut psql, STATEMENT)?;
        ensure!(done.status.success(), "psql: {}", String::from_utf8_lossy(&done.stderr));
        Ok(String::from_utf8_lossy(&done.stdout).trim_end().to_owned())
    }

    /// Kills it without warning (SIGKILL), and waits until none of its processes is left: one that serves a connection
    /// would go on for a while without the main one.
    ///
    /// # Errors
    /// When the system does not do it.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        // The main one is stopped first, so that none is born behind our back.
        self.signal(Signal::STOP)?;
        let processes = descendants(self.child.id())?;
        for process in &processes {
            // One that has ended meanwhile need not be killed.
            let _ = kill_process(*process, Signal::KILL);
        }
        self.child.wait()?;
        let deadline = Instant::now() + START;
        while processes.iter().any(|process| is_running(process.as_raw_nonzero().get())) {
            ensure!(Instant::now() < deadline, "a process of PostgreSQL does not end");
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// Starts it again after it was killed.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        loop {
            self.child = spawn(&self.programs, self.directory.path(), &self.settings)?;
            match self.wait() {
                // The processes of the killed server may still be on their way out.
                Err(_) if Instant::now() < deadline => {
                    drop(self.signal(Signal::KILL));
                    drop(self.child.wait());
                    std::thread::sleep(POLL);
                }
                came_up => return came_up,
            }
        }
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = i32::try_from(self.child.id())?;
        let pid = Pid::from_raw(id).context("a process has an id")?;
        Ok(kill_process(pid, signal)?)
    }

    fn wait(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START;
        loop {
            let mut ask = command(&self.programs, "pg_isready", self.directory.path())?;
            ask.arg("--quiet").arg("--host").arg(self.directory.path());
            if ask.status()?.success() {
                return Ok(());
            }
            let is_there = i32::try_from(self.child.id()).is_ok_and(is_running);
            ensure!(Instant::now() < deadline && is_there, "PostgreSQL did not come up");
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Its fast shutdown, for which it must not be paused.
            drop(self.pause(false));
            drop(self.signal(Signal::INT));
            if !matches!(ends_within(&mut self.child, START), Ok(Some(_))) {
                eprintln!("PostgreSQL does not shut down:\n{}", doing(self.child.id()));
                drop(self.kill());
            }
        }
    }
}

/// The newest installed version's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.filter_map(Result::ok);
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions.map(|version| version.path()).max_by_key(number).map(|version| version.join("bin"))
}

/// Whether there is such a process, and it has not ended: a zombie has no memory map any more.
fn is_running(process: i32) -> bool {
    fs::read_to_string(format!("/proc/{process}/maps")).is_ok_and(|maps| !maps.is_empty())
}

/// A process and those that it has started.
fn descendants(process: u32) -> anyhow::Result<Vec<Pid>> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
    let children = children.split_whitespace().map(str::parse::<i32>).collect::<Result<Vec<_>, _>>()?;
    let all = children.into_iter().chain([i32::try_from(process)?]);
    Ok(all.filter_map(Pid::from_raw).collect())
}

fn data(directory: &Path) -> PathBuf {
    directory.join("data")
}

fn spawn(programs: &Path, directory: &Path, settings: &[String]) -> anyhow::Result<Child> {
    let mut server = command(programs, "postgres", directory)?;
    server.arg("-D").arg(data(directory)).arg("-k").arg(directory);
    let usual = ["listen_addresses=", "fsync=on", "synchronous_commit=on", "logging_collector=off"];
    for setting in usual.into_iter().chain(settings.iter().map(String::as_str)) {
        server.args(["-c", setting]);
    }
    let log = fs::OpenOptions::new().create(true).append(true).open(directory.join("log"))?;
    Ok(server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?)
}

/// PostgreSQL refuses to run as root, so root runs it as the user that its package made.
fn command(programs: &Path, program: &str, directory: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(programs.join(program));
    command.current_dir(directory);
    if rustix::process::geteuid().is_root() {
        let users = fs::read_to_string("/etc/passwd")?;
        let line =
            users.lines().find(|line| line.starts_with("postgres:")).context("there is no user postgres")?;
        let mut ids = line.split(':').skip(2).map_while(|id| id.parse::<u32>().ok());
        let (user, group) = ids.next().zip(ids.next()).context("the user postgres has no ids")?;
        chown(directory, Some(user), Some(group))?;
        command.uid(user).gid(group);
    }
    Ok(command)
}
