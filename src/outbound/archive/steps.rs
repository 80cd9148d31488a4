//! Steps on a disk that may hang: a mount whose server is away holds whoever asks it, and nothing ends such a step.
//!
//! Invariant: nobody waits for a step for longer than he says, and while one hangs no other is begun. So a disk that never answers holds one
//! thread, however often it is asked.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio::time::timeout;

#[derive(Debug, thiserror::Error)]
pub enum Late {
    #[error("did not answer within {} s: is its disk or its server there?", .0.as_secs())]
    Silent(Duration),
    #[error("has not answered yet what it was asked before: is its disk there? It is asked nothing more until then")]
    Hangs,
    #[error("cannot be asked: {0}")]
    Ended(#[from] JoinError),
}

pub struct Steps(Arc<Semaphore>);

impl Default for Steps {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Steps {
    /// A step for which nobody waits any more goes on by itself.
    pub async fn take<T: Send + 'static>(&self, patience: Duration, step: impl Future<Output = T> + Send + 'static) -> Result<T, Late> {
        let alone = self.0.clone().try_acquire_owned().map_err(|_| Late::Hangs)?;
        let going = tokio::spawn(async move {
            let done = step.await;
            drop(alone);
            done
        });
        Ok(timeout(patience, going).await.map_err(|_| Late::Silent(patience))??)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn behind_a_step_that_hangs_none_is_begun_until_it_has_ended() {
        let steps = Steps::default();
        let (answer, hung) = oneshot::channel::<()>();
        assert!(matches!(steps.take(SHORT, hung).await, Err(Late::Silent(_))));
        let begun = steps.take(SHORT, async { unreachable!("it was begun") });
        assert!(matches!(begun.await, Err::<(), _>(Late::Hangs)));
        answer.send(()).unwrap();
        drop(steps.0.acquire().await.unwrap());
        assert_eq!(steps.take(Duration::from_mins(1), async { 7 }).await.unwrap(), 7);
    }
}
