//! Who looks at the audit finds what was read before.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::sync::{
    PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
    mpsc,
};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use venn_domain::{id::IdSource, time::Clock};
use venn_store::{Database, Settings, Unobserved, audit::AuditFilter};

use super::*;
use crate::auth::first_token;

/// Ids in order; once armed, the next one is waited for, in the middle of the
/// transaction that needs it.
struct Gate {
    number: AtomicU64,
    is_armed: AtomicBool,
    arrived: UnboundedSender<()>,
    open: Mutex<mpsc::Receiver<()>>,
}

impl IdSource for Gate {
    fn next(&self) -> (u64, u128) {
        if self.is_armed.swap(false, Ordering::SeqCst) {
            self.arrived.send(()).unwrap();
            self.open.lock().unwrap_or_else(PoisonError::into_inner).recv().unwrap();
        }
        (1_764_000_000_000, u128::from(self.number.fetch_add(1, Ordering::SeqCst)))
    }
}

impl Clock for Gate {
    fn now(&self) -> Timestamp {
        Timestamp(1_764_000_000_000_000)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_look_at_the_audit_waits_for_reads_that_are_being_written() {
    let folder = tempfile::tempdir().unwrap();
    let ((arrived, mut has_arrived), (opens, open)) = (unbounded_channel(), mpsc::channel());
    let gate = Arc::new(Gate {
        number: AtomicU64::new(1),
        is_armed: AtomicBool::new(false),
        arrived,
        open: Mutex::new(open),
    });
    let settings = Settings {
        folder: folder.path().to_owned(),
        database: Database::Embedded,
        clock: gate.clone(),
        ids: gate.clone(),
        observer: Arc::new(Unobserved),
    };
    let store = Store::open(settings).await.unwrap();
    first_token(&store, folder.path()).await.unwrap();
    let organization = store.platform().await.unwrap();

    let accesses = Accesses::default();
    let sum = Sum {
        organization: organization.clone(),
        actor: "usr_reader".to_owned(),
        token: String::new(),
        action: "accounts.read",
        subject: "all".to_owned(),
    };
    add(&mut accesses.kept.lock().unwrap(), sum, Amount { requests: 1, ..Amount::default() });
    gate.is_armed.store(true, Ordering::SeqCst);
    let flush = || {
        let (accesses, store) = (accesses.clone(), store.clone());
        tokio::spawn(async move { accesses.flush(&store).await })
    };
    let writing = flush();
    has_arrived.recv().await.unwrap();
    // Nothing is kept any more, and nothing is in the audit yet.
    assert!(accesses.kept.lock().unwrap().is_empty());
    let looking = flush();
    // Whoever does not wait is through long before all of these are.
    for _ in 0..1_000 {
        tokio::spawn(tokio::task::yield_now()).await.unwrap();
    }
    assert!(!looking.is_finished(), "it looks while the reads are in nobody's hands");
    opens.send(()).unwrap();
    looking.await.unwrap().unwrap();
    let filter = AuditFilter::of_action("accounts.read");
    let page = store.audit_page(&organization, &filter, None, 10).await.unwrap();
    assert_eq!(page.items.len(), 1);
    writing.await.unwrap().unwrap();
}
