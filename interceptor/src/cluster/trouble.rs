//! What goes wrong between us and an API server, and how long to wait then.
//! Knows the client's errors and the API's statuses. Does not know what was asked.

use std::time::Duration;

use tokio::time::sleep;

use crate::source::Trouble;
use crate::telemetry::chain;

/// There is no such collection, or no such object.
pub(super) const NOT_FOUND: u16 = 404;
/// Attempts that fail follow one another after so long, twice as long each time, with up to as much again by chance, so
/// that a thousand nodes do not come at once.
const SOONEST: Duration = Duration::from_millis(500);
const LATEST: Duration = Duration::from_secs(30);

/// How long to wait before the next attempt.
pub(super) struct Pause(Duration);

impl Pause {
    pub(super) fn new() -> Self {
        Self(SOONEST)
    }

    pub(super) async fn wait(&mut self) {
        let mut chance = [0];
        // Without randomness, all come at once.
        let _ = aws_lc_rs::rand::fill(&mut chance);
        sleep(self.0 + self.0.mul_f64(f64::from(chance[0]) / 255.0)).await;
        self.0 = (self.0 * 2).min(LATEST);
    }
}

/// What an error of the client means, in a word and in a line.
pub fn failure(error: &kube::Error) -> (Trouble, String) {
    match error {
        kube::Error::Api(status) => {
            let trouble = match status.code {
                401 => Trouble::Unauthorized,
                403 => Trouble::Forbidden,
                NOT_FOUND => Trouble::Missing,
                _ => Trouble::Failed,
            };
            (trouble, format!("{} {}: {}", status.code, status.reason, status.message))
        }
        kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => {
            (Trouble::Unreachable, chain(error))
        }
        other => (Trouble::Failed, chain(other)),
    }
}

/// The status that the API answers with, if that is what it is.
pub(super) fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_up_to_a_bound() {
        let mut pause = Pause::new();
        let mut last = Duration::ZERO;
        for _ in 0..12 {
            let before = Instant::now();
            pause.wait().await;
            last = before.elapsed();
            assert!(last >= SOONEST && last <= 2 * LATEST + SOONEST, "{last:?}");
        }
        assert!(last >= LATEST, "{last:?}");
    }
}
