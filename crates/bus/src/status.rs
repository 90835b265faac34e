//! How far the relay is and what the reconciler has found, for those who watch them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Shared between the relay and those who watch it.
#[derive(Debug, Default)]
pub struct RelayStatus {
    relayed: AtomicU64,
    published: AtomicU64,
    trouble: Mutex<Option<String>>,
}

impl RelayStatus {
    /// Everything up to this position is on Kafka, as far as this process knows; 0 before it has led.
    pub fn relayed_position(&self) -> u64 {
        self.relayed.load(Ordering::Acquire)
    }

    /// Events that this process has published.
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Why it cannot go on now, if it cannot.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[cfg(feature = "kafka")]
    pub(crate) fn reached(&self, position: u64, published: u64) {
        self.published.fetch_add(published, Ordering::Relaxed);
        self.relayed.store(position, Ordering::Release);
    }

    /// True when it is news.
    #[cfg(feature = "kafka")]
    pub(crate) fn is_in_trouble(&self, why: Option<String>) -> bool {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = trouble.is_some() != why.is_some();
        *trouble = why;
        is_news
    }
}

/// What is open in a reconciliation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// Pairs of statements that agreed, ever.
    pub matched: u64,
    /// What has no counterpart yet, or another one.
    pub open: u64,
    /// Of these, what has another one.
    pub contradictions: u64,
    /// When the oldest of them was first stated: UTC, nanoseconds since 1970-01-01.
    pub since_ns: Option<u64>,
}

/// Shared between the reconciler and those who watch it.
#[derive(Debug, Default)]
pub struct ReconcilerStatus(Mutex<(Open, Option<String>)>);

impl ReconcilerStatus {
    /// What is open, as far as this process knows; nothing before it has led.
    pub fn open(&self) -> Open {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Why it cannot go on now, if it cannot.
    pub fn trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    #[cfg(feature = "kafka")]
    pub(crate) fn stands(&self, open: Open) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = open;
    }

    /// True when it is news.
    #[cfg(feature = "kafka")]
    pub(crate) fn is_in_trouble(&self, why: Option<&str>) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = known.1.is_some() != why.is_some();
        known.1 = why.map(str::to_owned);
        is_news
    }
}
