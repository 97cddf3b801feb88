//! Where publishers' schemas are compiled and configurations checked against them: on
//! threads of their own, a few at once.
//!
//! What a check takes is bounded (`config.work`) and still a stranger's choice. So it
//! never holds a thread that answers, and one organization's checks leave a place to
//! others.
use std::sync::Arc;

use tokio::{sync::Semaphore, task::JoinError};
use venn_domain::id::OrganizationId;

use crate::{
    error::{ApiError, Code},
    turns::Turns,
};

/// Checks at once.
const AT_ONCE: usize = 2;
/// Of one organization, with those that wait.
const OF_ONE: usize = 8;

/// Where it happens.
pub struct Checking {
    working: Arc<Semaphore>,
    turns: Arc<Turns>,
}

impl Default for Checking {
    fn default() -> Self {
        Self { working: Arc::new(Semaphore::new(AT_ONCE)), turns: Turns::new(OF_ONE) }
    }
}

impl Checking {
    /// What an organization asks for, and waits for.
    pub async fn asked<T: Send + 'static>(
        &self,
        organization: &OrganizationId,
        check: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = self.turns.take(organization).ok_or_else(|| {
            let detail = format!("{OF_ONE} checks of your organization are under way.");
            ApiError::new(Code::Busy, detail, "Wait until one of them is done and try again.")
        })?;
        // Held by the check, not by who waits for it: who hangs up and comes again
        // gets no more.
        let check = move || {
            let _turn = turn;
            check()
        };
        self.done(check).await.map_err(ApiError::internal)
    }

    /// What the host does for itself.
    pub async fn done<T: Send + 'static>(
        &self,
        check: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let working = self.working.clone().acquire_owned().await;
        let check = move || {
            // Nobody closes it.
            let _working = working;
            check()
        };
        tokio::task::spawn_blocking(check).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::{future::Future, pin::pin, sync::mpsc, task::Poll};

    use super::*;

    fn organization(number: u32) -> OrganizationId {
        format!("org_{number:026}").parse().unwrap()
    }

    /// Lets what is asked begin.
    async fn begun<T>(mut asked: std::pin::Pin<&mut impl Future<Output = T>>) {
        std::future::poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx).is_pending())).await;
    }

    #[tokio::test]
    async fn checks_leave_the_threads_that_answer_and_a_place_to_others() {
        let checking = Checking::default();
        let (go, wait) = mpsc::channel::<()>();
        let wait = Arc::new(std::sync::Mutex::new(wait));
        let (ours, theirs) = (organization(1), organization(2));
        let mut asked: Vec<_> = (0..OF_ONE)
            .map(|_| {
                let wait = Arc::clone(&wait);
                let answering = std::thread::current().id();
                Box::pin(checking.asked(&ours, move || {
                    wait.lock().unwrap().recv().unwrap();
                    std::thread::current().id() != answering
                }))
            })
            .collect();
        for one in &mut asked {
            begun(one.as_mut()).await;
        }
        // The one thread that answers goes on, and says so.
        let refused = checking.asked(&ours, || ()).await.unwrap_err();
        assert_eq!(refused.code, Code::Busy);
        let mut other = pin!(checking.asked(&theirs, || "done"));
        begun(other.as_mut()).await;
        for _ in 0..OF_ONE {
            go.send(()).unwrap();
        }
        for one in asked {
            assert!(one.await.unwrap(), "checked on the thread that answers");
        }
        assert_eq!(other.await.unwrap(), "done");
        assert!(checking.asked(&ours, || true).await.unwrap());
    }
}
