//! The network between services, which can be cut: what is under way hangs, and nobody is told.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Mutex;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Wires from services to others, each of which can be cut.
pub(crate) struct Wires {
    runtime: Runtime,
    cuts: Mutex<BTreeMap<Way, Vec<watch::Sender<bool>>>>,
}

/// From a service to another.
type Way = (String, String);

impl Wires {
    pub(crate) fn new() -> Self {
        Self { runtime: Runtime::new().unwrap(), cuts: Mutex::default() }
    }

    /// Where a service finds an address of another.
    pub(crate) fn lay(&self, from: &str, to: &str, address: &str) -> String {
        let (cut, is_cut) = watch::channel(false);
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let near = listener.local_addr().unwrap();
        let address = address.to_owned();
        self.runtime.spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                tokio::spawn(carry(near, address.clone(), is_cut.clone()));
            }
        });
        self.cuts.lock().unwrap().entry((from.to_owned(), to.to_owned())).or_default().push(cut);
        near.to_string()
    }

    /// Cuts the wires between two services, or mends them.
    pub(crate) fn cut(&self, one: &str, other: &str, is_cut: bool) {
        let cuts = self.cuts.lock().unwrap();
        for way in [(one, other), (other, one)] {
            for cut in &cuts[&(way.0.to_owned(), way.1.to_owned())] {
                cut.send_replace(is_cut);
            }
        }
    }
}

/// Carries what goes over one connection. Once it was cut it carries nothing any more, and ends when it is mended.
async fn carry(mut near: TcpStream, address: String, mut is_cut: watch::Receiver<bool>) {
    let mut through = pin!(async move {
        if let Ok(mut far) = TcpStream::connect(address).await {
            // Whoever ends it, ends both.
            drop(copy_bidirectional(&mut near, &mut far).await);
        }
    });
    tokio::select! {
        biased;
        _ = is_cut.wait_for(|is_cut| *is_cut) => {}
        () = &mut through => return,
    }
    let _ = is_cut.wait_for(|is_cut| !*is_cut).await;
}
