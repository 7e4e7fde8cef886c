//! The place where requests meet the threads that analyse: ask for a recommendation, or for another analysis.
//!
//! Between handlers, which must not wait, and `run_loop.rs`, whose analysis lives on one thread and cannot be shared. It knows
//! who is in charge at the moment and passes messages on; it computes nothing.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use leastwise::analysis::Analysis;
use leastwise::recommend::Basis;
use tokio::sync::oneshot;

use crate::store::RecommendationError;

/// What becomes of a request for a recommendation: AWS's `recommendedSteps`, `null` where its words cannot say them, and our own
/// report, both JSON; or why not.
pub type Advice = Result<(String, String), RecommendationError>;

/// A question to the analysis itself, with what recommendations stand on.
pub(crate) type Question = Box<dyn FnOnce(&Analysis<'_>, &Basis<'_>) + Send>;

/// A message to the thread that holds the current analysis.
pub(crate) enum Message {
    /// A recommendation for a principal, over a period of so many days.
    Recommend {
        /// The ARN.
        resource: String,
        /// The tracking period.
        days: u32,
        /// Where the answer goes.
        reply: oneshot::Sender<Advice>,
    },
    /// Something else, over a period of so many days.
    Ask {
        /// The tracking period.
        days: u32,
        /// What is asked.
        question: Question,
    },
    /// Write the findings of analyzers that are pending.
    Analyse {
        /// Told when it is done.
        reply: oneshot::Sender<()>,
    },
}

#[derive(Debug, Default)]
struct InCharge {
    thread: Option<mpsc::Sender<Message>>,
}

/// The place. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AnalysisHandle {
    in_charge: Arc<Mutex<InCharge>>,
    wake: Arc<tokio::sync::Notify>,
}

impl Default for AnalysisHandle {
    fn default() -> AnalysisHandle {
        AnalysisHandle { in_charge: Arc::default(), wake: Arc::new(tokio::sync::Notify::new()) }
    }
}

impl AnalysisHandle {
    /// Asks for an analysis of what is pending: call it after an analyzer was made or changed. Returns at once.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Asks for a recommendation about a role or user, and waits for it.
    ///
    /// # Errors
    /// When there is none; the code says why.
    pub async fn recommend(&self, resource: &str, days: u32) -> Advice {
        let (reply, answer) = oneshot::channel();
        let message = Message::Recommend { resource: resource.to_owned(), days, reply };
        let sent = {
            let in_charge = self.in_charge.lock().unwrap_or_else(PoisonError::into_inner);
            in_charge.thread.as_ref().is_some_and(|thread| thread.send(message).is_ok())
        };
        let failed = |code: &str, message: &str| RecommendationError { code: code.to_owned(), message: message.to_owned() };
        if !sent {
            return Err(failed("NOT_ANALYSED", "no analysis is complete yet; ask again in a moment"));
        }
        answer.await.unwrap_or_else(|_| Err(failed("INTERRUPTED", "the analysis was replaced meanwhile; ask again")))
    }

    /// Asks the current analysis anything, over a tracking period that an analyzer has; none when there is no such analysis. The
    /// question runs on the thread of the analysis, where others wait for it.
    pub async fn ask<T: Send + 'static>(
        &self,
        days: u32,
        question: impl FnOnce(&Analysis<'_>, &Basis<'_>) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |analysis, basis| {
            reply.send(question(analysis, basis)).ok();
        });
        {
            let in_charge = self.in_charge.lock().unwrap_or_else(PoisonError::into_inner);
            in_charge.thread.as_ref()?.send(Message::Ask { days, question }).ok()?;
        }
        answer.await.ok()
    }

    /// Asks whoever is in charge to write the findings of analyzers that are pending; none when nobody is.
    pub(crate) fn analyse(&self) -> Option<oneshot::Receiver<()>> {
        let (reply, written) = oneshot::channel();
        let in_charge = self.in_charge.lock().unwrap_or_else(PoisonError::into_inner);
        in_charge.thread.as_ref()?.send(Message::Analyse { reply }).ok()?;
        Some(written)
    }

    /// Whether nobody is in charge.
    pub(crate) fn is_vacant(&self) -> bool {
        self.in_charge.lock().unwrap_or_else(PoisonError::into_inner).thread.is_none()
    }

    /// Puts a thread in charge; whoever was before comes to an end when it has answered what it was asked.
    pub(crate) fn hand_over(&self, thread: Option<mpsc::Sender<Message>>) {
        self.in_charge.lock().unwrap_or_else(PoisonError::into_inner).thread = thread;
    }
}
